import { type AccountFact, type PlanTerms, periodsFrom } from '@spanledger/metering';
import type { DuckDbStore } from '../../collector/src/store/store.ts';

/** A customer of the large ledger. The first is the largest. */
export interface LargeCustomer {
  readonly id: string;
  readonly usageClass: 'customer' | 'trial' | 'internal';
  /** Half-open, in microseconds; empty for who has no plan. */
  readonly periods: readonly { readonly startMicros: number; readonly endMicros: number }[];
}

const DAY_MICROS = 24 * 3600 * 1_000_000;

/** Who buys from a middling product: some try it, the house itself uses it, and a few have no plan. */
export function largeCustomers(count: number, fromMicros: number, toMicros: number): LargeCustomer[] {
  return Array.from({ length: count }, (_, rank) => {
    const usageClass = rank % 33 === 32 ? 'internal' : rank % 8 === 7 ? 'trial' : 'customer';
    const zone = rank % 3 === 0 ? 'UTC' : rank % 3 === 1 ? 'Europe/Berlin' : 'Asia/Kolkata';
    const since = fromMicros - ((rank * 7919) % (27 * 86_400)) * 1_000_000 - DAY_MICROS;
    const hasPlan = usageClass !== 'internal' && rank % 15 !== 14;
    const periods = periodsFrom({ day: 1 + (rank % 28), zone }, since, 6);
    return {
      id: `cus_${String(rank + 1).padStart(4, '0')}`,
      usageClass,
      periods: hasPlan ? periods.filter(({ startMicros }) => startMicros < toMicros) : [],
    };
  });
}

/** The lot of the allowance of a period, as its transfers name it. */
export function allowanceLot(customer: string, period: number): string {
  return `${customer}:allowance:${period}`;
}

/** What happened to the accounts besides usage, written by the store itself. */
export async function writeAccounts(
  store: DuckDbStore,
  customers: readonly LargeCustomer[],
  nowMicros: number,
): Promise<void> {
  for (const { id, periods } of customers) {
    for (const [index, bounds] of periods.entries()) bookPeriod(store, id, index + 1, bounds, nowMicros);
  }
  const none = {
    bodies: 0,
    spans: 0,
    notModelCalls: 0,
    posted: 0,
    corrected: 0,
    duplicates: 0,
    conflicts: 0,
  };
  await store.commit(null, none, nowMicros / 1000);
}

const TERMS: PlanTerms = {
  plan: 'team',
  version: 'team-1',
  fee: 99n * 10n ** 15n,
  allowance: 500_000n * 10n ** 6n,
  creditValue: { numerator: 99n * 10n ** 15n, denominator: 500_000n },
  multiplier: { numerator: 1n, denominator: 1n },
  overage: { policy: 'charge', price: 10n ** 12n, limit: null, repaysOverdraft: false },
  rollover: null,
  trial: null,
  restoredDays: null,
  thresholds: [50, 80, 100],
};

function bookPeriod(
  store: DuckDbStore,
  customer: string,
  period: number,
  bounds: LargeCustomer['periods'][number],
  nowMicros: number,
): void {
  const { startMicros, endMicros } = bounds;
  const lot = allowanceLot(customer, period);
  const base = { atMicros: startMicros, recordedMicros: startMicros, actor: null, reason: null };
  const opened: AccountFact = {
    ...base,
    kind: 'period_opened',
    id: `${customer}:period:${period}`,
    period,
    bounds,
    isTrial: false,
    terms: TERMS,
    anchor: { day: 1, zone: 'UTC' },
  };
  const granted: AccountFact = {
    ...base,
    kind: 'granted',
    id: lot,
    lot: {
      id: lot,
      kind: 'allowance',
      amount: TERMS.allowance,
      priority: 0,
      effectiveMicros: startMicros,
      expiresMicros: endMicros,
      source: `${period}`,
      paidUsd: TERMS.fee,
    },
  };
  const alerts: AccountFact[] = TERMS.thresholds.map((threshold, nth) => ({
    ...base,
    atMicros: startMicros + (nth + 5) * DAY_MICROS,
    kind: 'alert',
    id: `${customer}:alert:${period}:${threshold}`,
    period,
    alert: `threshold:${threshold}`,
    detail: { used: `${threshold}` },
  }));
  const account = { tenant: 'default', customer };
  store.book({
    ...account,
    facts: [opened, ...alerts.filter(({ atMicros }) => atMicros < nowMicros)],
    movements: [],
    recordedAtMillis: startMicros / 1000,
  });
  store.book({
    ...account,
    facts: [granted],
    movements: [
      {
        from: 'issued',
        fromLot: null,
        to: 'available',
        toLot: lot,
        amount: TERMS.allowance,
        kind: 'grant',
        isCorrection: false,
        effectiveMicros: startMicros,
        stepMicros: startMicros,
        hold: null,
        period,
        belongsToPeriod: null,
      },
    ],
    recordedAtMillis: startMicros / 1000,
  });
  if (endMicros > nowMicros) return;
  const closed: AccountFact = {
    ...base,
    atMicros: endMicros,
    recordedMicros: endMicros,
    kind: 'period_closed',
    id: `${customer}:closed:${period}`,
    period,
    hash: lot,
  };
  store.book({ ...account, facts: [closed], movements: [], recordedAtMillis: endMicros / 1000 });
}
