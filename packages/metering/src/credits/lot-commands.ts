import { CREDIT_SCALE, formatDecimal, type MicroCredits, USD_SCALE, type UsdFemto } from '../amount.ts';
import type { CustomerAccount } from './account.ts';
import { type CommandBase, type Decided, decided, factBase, type Refused, refused } from './commands.ts';
import { DEFAULT_PRIORITY, type LotKind } from './lot.ts';

/** Credits that were sold. */
export interface TopUpCommand extends CommandBase {
  readonly amount: MicroCredits;
  /** For all of it. */
  readonly paidUsd: UsdFemto;
  readonly expiresMicros: number | null;
  /** Lots of a smaller number burn first; null: as all others do. */
  readonly priority: number | null;
}

/** Credits that are given away. */
export interface GrantCommand extends CommandBase {
  readonly amount: MicroCredits;
  readonly expiresMicros: number | null;
  readonly priority: number | null;
}

/** Credits that are given or taken by hand, by somebody and for a reason. */
export interface AdjustCommand extends CommandBase {
  /** Signed; never 0. */
  readonly amount: MicroCredits;
  /** Of what is given; null for what is taken. */
  readonly expiresMicros: number | null;
}

export function decideTopUp(command: TopUpCommand, nowMicros: number): Decided {
  const { paidUsd } = command;
  if (paidUsd < 0n) {
    return refused(
      'INVALID_AMOUNT',
      `Expected a price of 0 or more, got ${formatDecimal(paidUsd, USD_SCALE)} USD.`,
    );
  }
  return lotOf(command, { kind: 'purchased', paidUsd, priority: command.priority }, nowMicros);
}

export function decideGrant(command: GrantCommand, nowMicros: number): Decided {
  return lotOf(command, { kind: 'promotional', paidUsd: null, priority: command.priority }, nowMicros);
}

/** No more can be taken than is available; what is held, or was used, is not touched. */
export function decideAdjust(
  account: Pick<CustomerAccount, 'balance'>,
  command: AdjustCommand,
  nowMicros: number,
): Decided {
  const { amount, actor, reason } = command;
  if (isBlank(actor) || isBlank(reason)) {
    return refused(
      'REASON_REQUIRED',
      'Expected who adjusts the account and why: an adjustment must be explained.',
    );
  }
  if (amount > 0n) return lotOf(command, { kind: 'promotional', paidUsd: null, priority: null }, nowMicros);
  if (amount === 0n) return invalidAmount(amount, 'other than 0');
  const { available } = account.balance(nowMicros);
  if (-amount > available) {
    return refused(
      'INSUFFICIENT_CREDITS',
      `Expected at most the ${credits(available)} that are available, got ${credits(-amount)} to be taken.`,
    );
  }
  return decided({ ...factBase(command, nowMicros, nowMicros), kind: 'withdrawn', amount: -amount });
}

interface LotTerms {
  readonly kind: LotKind;
  readonly paidUsd: UsdFemto | null;
  readonly priority: number | null;
}

function lotOf(
  command: CommandBase & { readonly amount: MicroCredits; readonly expiresMicros: number | null },
  { kind, paidUsd, priority }: LotTerms,
  nowMicros: number,
): Decided {
  const { amount, expiresMicros } = command;
  if (amount <= 0n) return invalidAmount(amount, 'above 0');
  if (expiresMicros !== null && expiresMicros <= nowMicros) {
    return refused(
      'INVALID_EXPIRY',
      'Expected an expiry in the future, or none. Nobody could use these credits.',
    );
  }
  const base = factBase(command, nowMicros, nowMicros);
  const lot = {
    id: `${kind}:${command.id}`,
    kind,
    amount,
    priority: priority ?? DEFAULT_PRIORITY,
    effectiveMicros: nowMicros,
    expiresMicros,
    source: base.id,
    paidUsd,
  };
  return decided({ ...base, kind: 'granted', lot });
}

function invalidAmount(amount: MicroCredits, expectation: string): Refused {
  return refused('INVALID_AMOUNT', `Expected an amount ${expectation}, got ${credits(amount)}.`);
}

function isBlank(text: string | null): boolean {
  return text === null || text.trim() === '';
}

function credits(amount: MicroCredits): string {
  return `${formatDecimal(amount, CREDIT_SCALE)} credits`;
}
