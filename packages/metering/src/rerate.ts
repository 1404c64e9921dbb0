import type { MicroCredits } from './amount.ts';
import type { Catalogue } from './catalogue.ts';
import { post } from './credits/ledger.ts';
import { type Charge, charge } from './credits/rate.ts';
import type { CreditRules } from './credits/rule.ts';
import type { Metered, RatableUsage } from './meter.ts';
import { price, type Rating } from './price.ts';

/**
 * What a corrected price does to credits that are settled (convention C17). `customer_favourable`: they may fall, never
 * rise. `neutral`: they follow the price, both ways. Cost is corrected under both, and a charge that waited for a price
 * is made under both: it was never settled.
 */
export type ReratePolicy = 'customer_favourable' | 'neutral';

/** What the ledger says was charged for a usage. */
export interface RecordedCharge {
  readonly charge: Charge;
  /** The rules that made it. */
  readonly rulesVersion: string;
}

/** What usage is rated by when it is rated again. */
export interface RerateBook {
  readonly catalogue: Catalogue;
  /** The rules in use: for charges that waited under rules that nobody has any more. */
  readonly rules: CreditRules;
  /**
   * The rules of a version; null where they are not known. A price that is corrected must not charge old usage by the
   * rules of today (conventions C9, C16).
   */
  readonly rulesOf: (version: string) => CreditRules | null;
}

/** A usage rated again, and the version of the rules that its charge is by. */
export interface RatedAgain<Usage extends RatableUsage> extends Metered<Usage> {
  readonly rulesVersion: string;
}

/**
 * The price of today for a usage of the past, and its charge under the rules that it was charged by. Pure: once what it
 * gives is recorded, it gives the same again (I9).
 */
export function rateAgain<Usage extends RatableUsage>(
  usage: Usage,
  recorded: RecordedCharge,
  book: RerateBook,
  policy: ReratePolicy,
  tenant: string,
): RatedAgain<Usage> {
  const rating = price(usage, book.catalogue, tenant);
  const due = chargeAgain(usage, rating, recorded, book);
  const { charge: charged, rulesVersion } = mayTakeThePlace(due.charge, recorded.charge, policy)
    ? due
    : recorded;
  return { usage, rating, charge: charged, transfer: post(usage, charged), rulesVersion };
}

function chargeAgain(
  usage: RatableUsage,
  rating: Rating,
  recorded: RecordedCharge,
  book: RerateBook,
): RecordedCharge {
  const pinned = book.rulesOf(recorded.rulesVersion);
  // Without its rules a charge stays as it is; one that waits has no amount yet that others could contradict.
  if (pinned === null && recorded.charge.kind !== 'pending') return recorded;
  const rules = pinned ?? book.rules;
  return { charge: charge(usage, rating, rules), rulesVersion: rules.version };
}

function mayTakeThePlace(due: Charge, recorded: Charge, policy: ReratePolicy): boolean {
  if (policy === 'neutral' || recorded.kind === 'pending') return true;
  return creditsOf(due) <= creditsOf(recorded);
}

function creditsOf(charged: Charge): MicroCredits {
  return charged.kind === 'charged' ? charged.credits : 0n;
}
