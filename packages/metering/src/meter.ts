import type { Catalogue } from './catalogue.ts';
import { post, type Transfer } from './credits/ledger.ts';
import { type Charge, type Chargeable, charge } from './credits/rate.ts';
import type { CreditRules } from './credits/rule.ts';
import { price, type Ratable, type Rating } from './price.ts';
import type { UsageRecord } from './usage.ts';

/** Everything outside the spans that decides the result: prices and credit rules, each in a named version. */
export interface Book {
  readonly catalogue: Catalogue;
  readonly rules: CreditRules;
}

/** All that price, charge and transfer of a usage depend on: what has to be read back to rate it again. */
export type RatableUsage = Ratable & Chargeable;

/** A model call, metered: the fact, what it cost, what it burned, and the transfer that books it. */
export interface Metered<Usage extends RatableUsage = UsageRecord> {
  readonly usage: Usage;
  readonly rating: Rating;
  readonly charge: Charge;
  /** Null when nothing is booked: no rule, a failed call, internal usage, no customer, or a charge of zero. */
  readonly transfer: Transfer | null;
}

/**
 * What a usage cost, what it burns, and who pays: the last step in the life of a span.
 *
 * 1. `observe` (and `observeLog`, for tools that tell of their calls in log events): what one span says in its
 *    emitter's words, as an observation. Nothing is billed yet, because spans around a call repeat its numbers.
 * 2. `keep` and `recall`: the observation as it is stored until its trace is quiet, and back.
 * 3. `decide`: all observations of a trace, and of traces linked to it, become usage records: who bills, which
 *    tokens, for which customer, and why. When a later span changes the answer, it is decided again.
 * 4. `rate`: the price of the tokens, the credits of the price, and the transfer that books them. When a decision has
 *    changed, `difference` gives the transfers that correct what was booked.
 * 5. `rateAgain`: the same when the book has changed instead, under a policy for what is settled.
 *
 * All of it is pure: the same spans under the same book give the same result, in whatever order and however often they
 * come, which is what makes replay after a crash safe.
 */
export function rate<Usage extends RatableUsage>(usage: Usage, book: Book, tenant: string): Metered<Usage> {
  const rating = price(usage, book.catalogue, tenant);
  const charged = charge(usage, rating, book.rules);
  return { usage, rating, charge: charged, transfer: post(usage, charged) };
}
