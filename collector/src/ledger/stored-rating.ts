import type { Charge, MicroCredits, Rating, UsdFemto } from '@spanledger/metering';

/** What a usage cost, as the ledger stores it. */
export interface StoredPrice {
  /** Null: not priced. */
  readonly cost: UsdFemto | null;
  readonly priceStatus: string;
  readonly priceCard: string | null;
  readonly priceMatch: string | null;
  readonly bookVersion: string;
  /** What was unusual about the price, for people. */
  readonly priceNote: string | null;
  /** Where the cost is not known: the part of it that is. */
  readonly costKnownPart: UsdFemto | null;
}

/** What a usage burned, as the ledger stores it. */
export interface StoredCharge {
  /** Its share of the credits of its action. Null while that waits for a price: not known is not zero. */
  readonly credits: MicroCredits | null;
  readonly creditStatus: string;
  /** The set of rules that the action is charged by. */
  readonly rulesVersion: string;
  /** The rule of it, in its version; null: there is none. */
  readonly creditRule: string | null;
  /** The version of the plan's terms that went into it; null: none did. */
  readonly planTerms: string | null;
}

/**
 * What the ledger stores of how a usage was rated: everything that a re-rating may change, in one place. The columns of
 * the store are made from it, for a first posting and for a re-rating alike.
 */
export interface StoredRating extends StoredPrice, StoredCharge {}

export function storedPrice(rating: Rating, bookVersion: string): StoredPrice {
  const card = rating.kind === 'priced' || rating.kind === 'partial' ? rating.card : null;
  return {
    cost: rating.kind === 'priced' ? rating.cost : null,
    priceStatus: rating.status,
    priceCard: card?.id ?? null,
    priceMatch: rating.kind === 'priced' || rating.kind === 'partial' ? rating.matchKind : null,
    bookVersion,
    priceNote: rating.kind === 'not_billed' ? null : rating.note,
    costKnownPart: rating.kind === 'partial' ? rating.knownPart : null,
  };
}

/** By which rule a charge was made. */
export interface ChargedBy {
  readonly rulesVersion: string;
  readonly creditRule: string | null;
  readonly planTerms: string | null;
}

export function storedCharge(charge: Charge, by: ChargedBy): StoredCharge {
  return {
    credits: creditsOf(charge),
    creditStatus: charge.kind === 'charged' ? 'charged' : `${charge.kind}:${charge.reason}`,
    rulesVersion: by.rulesVersion,
    creditRule: by.creditRule,
    planTerms: by.planTerms,
  };
}

/** Whether two charges say the same of the usage; by which version of the rules is no difference. */
export function chargesTheSame(one: StoredCharge, other: StoredCharge): boolean {
  return one.credits === other.credits && one.creditStatus === other.creditStatus;
}

/** Whether they were made by the same as well. */
export function isSameCharge(one: StoredCharge, other: StoredCharge): boolean {
  return (
    chargesTheSame(one, other) &&
    one.rulesVersion === other.rulesVersion &&
    one.creditRule === other.creditRule &&
    one.planTerms === other.planTerms
  );
}

/**
 * Whether two ratings say the same of the usage. By which version of a book, or under which name of a card, is no
 * difference: a new release of a price list would give every record a new revision.
 */
export function saysTheSame(one: StoredRating, other: StoredRating): boolean {
  return (
    one.cost === other.cost &&
    one.costKnownPart === other.costKnownPart &&
    one.priceStatus === other.priceStatus &&
    chargesTheSame(one, other)
  );
}

function creditsOf(charge: Charge): MicroCredits | null {
  switch (charge.kind) {
    case 'charged':
      return charge.credits;
    case 'not_charged':
      return 0n;
    case 'pending':
      return null;
  }
}
