import type { MicroCredits } from '../amount.ts';
import type { UsageRecord } from '../usage.ts';
import type { Charge } from './rate.ts';

/**
 * One movement of credits between two accounts of one customer. A transfer has one amount and two sides, so what
 * leaves one account arrives in the other by construction (invariant I1).
 */
export interface Transfer {
  readonly customer: string;
  readonly from: Account;
  readonly to: Account;
  /** Always positive. */
  readonly amount: MicroCredits;
  readonly effectiveAtMicros: number;
  readonly kind: 'usage';
}

/**
 * `used`: what the customer burned. `overdraft`: what no allowance covered (convention C13, policy allow); until
 * plans and lots exist that is all of it.
 */
export type Account = 'used' | 'overdraft';

/** Books a charge on the customer's account. */
export function post(usage: UsageRecord, charge: Charge): Transfer | null {
  if (charge.kind !== 'charged' || charge.credits === 0n || usage.customer === null) return null;
  return {
    customer: usage.customer,
    from: 'overdraft',
    to: 'used',
    amount: charge.credits,
    effectiveAtMicros: usage.eventTimeMicros,
    kind: 'usage',
  };
}
