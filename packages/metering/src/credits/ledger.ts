import type { MicroCredits } from '../amount.ts';
import type { Charge, Chargeable } from './rate.ts';

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
  readonly kind: TransferKind;
}

/**
 * `usage`: a call burned credits. `usage_correction`: the difference by which more is known of it now.
 * `usage_reversal`: everything that was booked for it, given back, because another customer pays or nobody does.
 */
export type TransferKind = 'usage' | 'usage_correction' | 'usage_reversal';

/**
 * `used`: what the customer burned. `overdraft`: what no allowance covered (convention C13, policy allow); until
 * plans and lots exist that is all of it.
 */
export type Account = 'used' | 'overdraft';

/** Books a charge on the customer's account. */
export function post(usage: Chargeable, charge: Charge): Transfer | null {
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

/** What is booked for one usage so far, all its transfers together. */
export interface Booked {
  readonly customer: string;
  readonly amount: MicroCredits;
}

/** The transfers that turn what is booked into what should be: nothing that was posted is ever changed. */
export function difference(
  booked: Booked | null,
  due: Transfer | null,
  effectiveAtMicros: number,
): readonly Transfer[] {
  if (booked === null) return due === null ? [] : [due];
  if (due?.customer === booked.customer) {
    const more = due.amount - booked.amount;
    if (more === 0n) return [];
    return more > 0n
      ? [{ ...due, kind: 'usage_correction', amount: more }]
      : [{ ...due, kind: 'usage_correction', from: due.to, to: due.from, amount: -more }];
  }
  const reversal: Transfer = {
    customer: booked.customer,
    from: 'used',
    to: 'overdraft',
    amount: booked.amount,
    effectiveAtMicros,
    kind: 'usage_reversal',
  };
  return due === null ? [reversal] : [reversal, due];
}
