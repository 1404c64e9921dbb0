import type { MicroCredits } from '../amount.ts';
import type { PeriodClosedFact } from './fact.ts';
import { sha256 } from './sha256.ts';
import type { PeriodTotals } from './standing.ts';
import type { Period } from './timeline.ts';

/** How long a period stays open for late usage after its end (convention C16): a long weekend without deliveries. */
export const CLOSE_GRACE_MICROS = 72 * 3_600_000_000;

/**
 * The totals of a period as they are frozen, together with the hash of the period before: whoever changes one closed
 * period has to change all that follow (I20).
 */
function closingText(period: Period, totals: PeriodTotals, previousHash: string | null): string {
  const amount = (value: MicroCredits) => value.toString();
  return JSON.stringify({
    period: period.number,
    startMicros: period.startMicros,
    endMicros: period.endMicros,
    plan: period.fact.terms?.plan ?? null,
    terms: period.fact.terms?.version ?? null,
    granted: amount(totals.granted),
    used: amount(totals.used),
    overage: amount(totals.overage),
    overrun: amount(totals.overrun),
    overdraft: amount(totals.overdraft),
    repaid: amount(totals.repaid),
    expired: amount(totals.expired),
    rolledOver: amount(totals.rolledOver),
    lots: [...totals.lots]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([lot, granted]) => [lot, amount(granted)]),
    previous: previousHash,
  });
}

export function closePeriod(
  period: Period,
  totals: PeriodTotals,
  previous: PeriodClosedFact | null,
  recordedMicros: number,
  graceMicros: number,
): PeriodClosedFact {
  return {
    kind: 'period_closed',
    id: `period:${period.number}:closed`,
    atMicros: period.endMicros + graceMicros,
    recordedMicros,
    actor: null,
    reason: null,
    period: period.number,
    hash: sha256(closingText(period, totals, previous?.hash ?? null)),
  };
}
