import type { Catalogue } from './catalogue.ts';
import { post, type Transfer } from './credits/ledger.ts';
import { type Charge, charge } from './credits/rate.ts';
import type { CreditRules } from './credits/rule.ts';
import { normalise } from './normalise.ts';
import { price, type Rating } from './price.ts';
import type { Span } from './span.ts';
import type { UsageRecord } from './usage.ts';

/** Everything outside the span that decides the result: prices and credit rules, each in a named version. */
export interface Book {
  readonly catalogue: Catalogue;
  readonly rules: CreditRules;
}

/** A model call, metered: the fact, what it cost, what it burned, and the transfer that books it. */
export interface Metered<Usage extends UsageRecord = UsageRecord> {
  readonly usage: Usage;
  readonly rating: Rating;
  readonly charge: Charge;
  /** Null when nothing is booked: no rule, a failed call, internal usage, no customer, or a charge of zero. */
  readonly transfer: Transfer | null;
}

/**
 * The life of a span: what was used, what it cost, what it burns, and who pays. Pure: the same span under the
 * same book always gives the same result, which is what makes replay after a crash safe.
 *
 * Returns null when the span is no model call.
 */
export function meter(span: Span, book: Book): Metered | null {
  const usage = normalise(span);
  return usage === null ? null : rate(usage, book);
}

/** What a usage cost, what it burns, and who pays. Pure, like all of metering. */
export function rate<Usage extends UsageRecord>(usage: Usage, book: Book): Metered<Usage> {
  const rating = price(usage, book.catalogue);
  const charged = charge(usage, rating, book.rules);
  return { usage, rating, charge: charged, transfer: post(usage, charged) };
}
