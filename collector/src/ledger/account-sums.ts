import type {
  Balance,
  BookedBalance,
  Breakdown,
  CustomerAccount,
  KnownCost,
  LotBalance,
  MicroCredits,
  PeriodOpenedFact,
  UsageTotals,
} from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';

/** What is asked about an account as it is committed. */
export interface SumsQuestion extends AccountKey {
  /** The period whose usage is asked for. */
  readonly period: PeriodOpenedFact;
  /** Without what belongs to steps of the account that begin then or later; null: all that is booked. */
  readonly untilMicros: number | null;
}

/** Sums over all that is committed of an account, read at one moment: they fit each other whatever is being posted. */
export interface AccountSums {
  /** By lot. */
  readonly lots: ReadonlyMap<string, LotSums>;
  readonly total: Balance['total'];
  /** Of the period, as is all that follows. */
  readonly periodUsage: UsageTotals;
  /** The part of its overage that belongs to closed periods, by their number. */
  readonly lateOverage: ReadonlyMap<number, MicroCredits>;
  readonly breakdown: Breakdown;
  readonly cost: KnownCost;
}

export interface LotSums extends Omit<LotBalance, 'lot'> {
  readonly received: MicroCredits;
}

/**
 * The balance of an account as it is committed. What its lots are is known from the account in memory, which is never
 * behind the file; every amount is from the file.
 */
export function committedBalance(
  account: Pick<CustomerAccount, 'balance' | 'period'>,
  { lots: sums, total, periodUsage, lateOverage }: AccountSums,
  period: PeriodOpenedFact,
  atMicros: number,
  nowMicros: number,
): BookedBalance {
  const lots: LotBalance[] = [];
  for (const { lot } of account.balance(nowMicros).lots) {
    const sum = sums.get(lot.id);
    if (sum === undefined || sum.received === 0n) continue;
    const { received: amount, ...parts } = sum;
    lots.push({ lot: { ...lot, amount }, ...parts });
  }
  return {
    atMicros,
    period,
    available: lots.reduce((sum, { available }) => sum + available, 0n),
    held: lots.reduce((sum, { held }) => sum + held, 0n),
    lots,
    periodUsage,
    lateOverage: [...lateOverage]
      .sort(([one], [other]) => one - other)
      .flatMap(([number, overage]) => {
        const closed = account.period(number);
        return closed === null || overage === 0n ? [] : { period: closed, overage };
      }),
    total,
  };
}
