import type { Charge, Metered, MicroCredits, RatableUsage, UsdFemto } from '@spanledger/metering';

/**
 * What the ledger stores of how a usage was rated: everything that a re-rating may change, in one place. The columns of
 * the store are made from it, for a first posting and for a re-rating alike.
 */
export interface StoredRating {
  /** Null: not priced. */
  readonly cost: UsdFemto | null;
  readonly priceStatus: string;
  readonly priceCard: string | null;
  readonly priceMatch: string | null;
  readonly bookVersion: string;
  /** Null while a charge waits for a price: not known is not zero. */
  readonly credits: MicroCredits | null;
  readonly creditStatus: string;
  readonly rulesVersion: string;
  /** What was unusual about the price, for people. */
  readonly priceNote: string | null;
  /** Where the cost is not known: the part of it that is. */
  readonly costKnownPart: UsdFemto | null;
}

/** The price book and the credit rules by which something was rated. */
export interface RatedBy {
  readonly bookVersion: string;
  readonly rulesVersion: string;
}

export function storedRating({ rating, charge }: Metered<RatableUsage>, ratedBy: RatedBy): StoredRating {
  const card = rating.kind === 'priced' || rating.kind === 'partial' ? rating.card : null;
  return {
    cost: rating.kind === 'priced' ? rating.cost : null,
    priceStatus: rating.status,
    priceCard: card?.id ?? null,
    priceMatch: rating.kind === 'priced' || rating.kind === 'partial' ? rating.matchKind : null,
    bookVersion: ratedBy.bookVersion,
    credits: creditsOf(charge),
    creditStatus: charge.kind === 'charged' ? 'charged' : `${charge.kind}:${charge.reason}`,
    rulesVersion: ratedBy.rulesVersion,
    priceNote: rating.kind === 'not_billed' ? null : rating.note,
    costKnownPart: rating.kind === 'partial' ? rating.knownPart : null,
  };
}

/**
 * Whether two ratings say the same of the usage. By which version of a book, or under which name of a card, is no
 * difference: a new release of a price list would give every record a new revision.
 */
export function saysTheSame(one: StoredRating, other: StoredRating): boolean {
  return (
    one.cost === other.cost &&
    one.costKnownPart === other.costKnownPart &&
    one.credits === other.credits &&
    one.priceStatus === other.priceStatus &&
    one.creditStatus === other.creditStatus
  );
}

/** The charge that a stored rating stands for. */
export function recordedCharge({ credits, creditStatus, rulesVersion }: StoredRating): Charge {
  if (creditStatus === 'charged')
    return { kind: 'charged', credits: credits ?? 0n, ruleVersion: rulesVersion };
  if (creditStatus === 'pending:unpriced') return PENDING;
  for (const charge of NOT_CHARGED) if (creditStatus === `not_charged:${charge.reason}`) return charge;
  throw new Error(`no charge is stored as ${creditStatus}`);
}

const PENDING = { kind: 'pending', reason: 'unpriced' } as const;
const NOT_CHARGED = (
  ['no_rule', 'no_credit_value', 'failed', 'internal', 'unattributed', 'not_billed'] as const
).map((reason) => ({ kind: 'not_charged', reason }) as const);

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
