import { CREDIT_SCALE, formatDecimal, USD_SCALE } from '../amount.ts';
import { fingerprint } from '../fingerprint.ts';
import type { Balance, CustomerAccount, EndedPeriod } from './account.ts';
import type { AlertFact } from './fact.ts';
import { exhaustionForecast } from './forecast.ts';
import { type KnownCost, periodMargin } from './margin.ts';
import { periodAllowance } from './period-allowance.ts';
import type { PlanTerms } from './plan.ts';

/**
 * The alerts that are due now and have not fired in the running period (convention C19, invariant I26):
 *
 * - `threshold:80`: used ÷ allowance has reached the level. All use counts, also what other lots covered and what none
 *   did; the allowance is what the plan has given, so top-ups do not move the levels. Several reached at once all fire.
 * - `exhaustion_forecast`: at this pace the credits run out before the period ends.
 * - `negative_margin`: the known cost of the period is above the revenue value of its credits.
 *
 * `fired` holds the names of those that have fired in the period; a later correction does not arm them again, since
 * nothing ever leaves it. `cost` is that of the period. The account has been advanced to now.
 */
export function alertsDue(
  account: Pick<CustomerAccount, 'customer' | 'balance' | 'planFacts' | 'termsAt'>,
  cost: KnownCost,
  fired: ReadonlySet<string>,
  nowMicros: number,
): readonly AlertFact[] {
  const balance = account.balance(nowMicros);
  const { period } = balance;
  if (period === null) return [];
  const found = thresholdsReached(balance, account.termsAt(nowMicros));
  const { used } = balance.periodUsage;

  const exhaustedMicros = exhaustionForecast(balance);
  if (exhaustedMicros !== null) {
    found.push([
      'exhaustion_forecast',
      {
        used: credits(used),
        remaining: credits(balance.available + balance.held),
        exhausted_at: instant(exhaustedMicros),
        period_ends_at: instant(period.bounds.endMicros),
      },
    ]);
  }

  const { revenueValue, cost: known, unpricedCalls } = periodMargin(balance, account.planFacts, cost);
  if (revenueValue !== null && known !== null && known > revenueValue) {
    found.push([
      'negative_margin',
      { revenue_value_usd: usd(revenueValue), cost_usd: usd(known), unpriced_calls: String(unpricedCalls) },
    ]);
  }

  return factsOf(account.customer, period.period, notFired(found, fired), nowMicros);
}

/**
 * The same of a period that has ended and is not closed: usage that comes late may still reach a threshold of it (C16,
 * C19). Nothing is foreseen of it any more, and what it cost is not judged twice.
 */
export function lateAlertsDue(
  account: Pick<CustomerAccount, 'customer' | 'balance' | 'termsAt'>,
  period: EndedPeriod,
  fired: ReadonlySet<string>,
  nowMicros: number,
): readonly AlertFact[] {
  const lastMicros = period.endMicros - 1;
  const found = thresholdsReached(account.balance(lastMicros), account.termsAt(lastMicros));
  return factsOf(account.customer, period.number, notFired(found, fired), nowMicros);
}

type Finding = readonly [alert: string, detail: AlertFact['detail']];

function thresholdsReached(balance: Balance, terms: PlanTerms | null): Finding[] {
  const { used } = balance.periodUsage;
  const { amount: allowance } = periodAllowance(balance);
  const reached = (terms?.thresholds ?? []).filter(
    (percent) => allowance > 0n && used * 100n >= allowance * BigInt(percent),
  );
  return reached.map((percent) => [
    `threshold:${percent}`,
    { percent: String(percent), used: credits(used), allowance: credits(allowance) },
  ]);
}

function notFired(found: readonly Finding[], fired: ReadonlySet<string>): readonly Finding[] {
  return found.filter(([alert]) => !fired.has(alert));
}

function factsOf(
  customer: string,
  period: number,
  found: readonly Finding[],
  nowMicros: number,
): readonly AlertFact[] {
  return found.map(([alert, detail]) => ({
    kind: 'alert',
    // Webhooks go by it, so it tells customers apart, and is plain text whatever they are called.
    id: `alert:${fingerprint(customer)}:${period}:${alert}`,
    atMicros: nowMicros,
    recordedMicros: nowMicros,
    actor: null,
    reason: null,
    period,
    alert,
    detail,
  }));
}

function credits(amount: bigint): string {
  return formatDecimal(amount, CREDIT_SCALE);
}

function usd(amount: bigint): string {
  return formatDecimal(amount, USD_SCALE);
}

function instant(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}
