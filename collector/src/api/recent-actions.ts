import type { RecentUse } from '@spanledger/metering';
import { microCredits } from './amounts.ts';
import type { CreditsParts } from './credits.ts';

/** So many actions of the last week are looked at: more would change little. */
const ACTIONS = 500;
/** Fewer say nothing of the next one. */
const MIN_ACTIONS = 5;
/** A customer's habits do not change by the minute, and a check is asked before every action. */
const FRESH_MS = 60_000;
/** Each a few hundred bytes. */
const MAX_KEPT = 20_000;

/**
 * What a customer's recent actions of a feature burned, in its full form: the smaller one tells nothing of that. Read once a minute at most, and only where somebody asks.
 */
export class RecentActions {
  readonly #parts: CreditsParts;
  /** The oldest first. */
  readonly #kept = new Map<
    string,
    { readonly readAtMillis: number; readonly use: Promise<RecentUse | null> }
  >();

  constructor(parts: CreditsParts) {
    this.#parts = parts;
  }

  /** Null: there were not enough of them. */
  async of(customer: string, feature: string | null): Promise<RecentUse | null> {
    const key = JSON.stringify([customer, feature]);
    const nowMillis = this.#parts.nowMillis();
    const kept = this.#kept.get(key);
    if (kept !== undefined && nowMillis - kept.readAtMillis < FRESH_MS) return await kept.use;
    const use = this.#read(customer, feature, nowMillis);
    this.#kept.delete(key);
    this.#kept.set(key, { readAtMillis: nowMillis, use });
    use.catch(() => this.#kept.delete(key));
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > MAX_KEPT && oldest !== undefined) this.#kept.delete(oldest);
    return await use;
  }

  async #read(customer: string, feature: string | null, nowMillis: number): Promise<RecentUse | null> {
    const since = new Date(nowMillis - 7 * 24 * 3_600_000).toISOString();
    const { rows } = await this.#parts.query(
      `SELECT quantile_disc(credits, 0.5), quantile_disc(credits, 0.9) FROM (
         SELECT sum(credits) AS credits FROM usage
         WHERE customer = $1 AND feature IS NOT DISTINCT FROM $2::VARCHAR AND event_time >= $3::TIMESTAMPTZ
           AND billing_role = 'billed' AND credit_status = 'charged'
         GROUP BY action_id HAVING NOT bool_or(is_degraded) ORDER BY max(event_time) DESC LIMIT ${ACTIONS}
       ) HAVING count(*) >= ${MIN_ACTIONS}`,
      [customer, feature, since],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const [median, high] = row.map((credits) => microCredits(String(credits)));
    return median === undefined || high === undefined ? null : { median, high };
  }
}
