import type { UsdFemto } from './amount.ts';
import type { Catalogue, MatchKind, RateCard, Rates, UnpricedReason } from './catalogue.ts';
import {
  billedModel,
  inputTokens,
  TOKEN_CLASSES,
  type TokenClass,
  type TokenClasses,
  type UsageRecord,
} from './usage.ts';

/** What a call cost, or why there is no cost. Never a silent zero. `status` is stored as `price_status`. */
export type Rating =
  | {
      readonly kind: 'priced';
      /** `estimated`: exact price of guessed counts. `free`: the card says that the model costs nothing. */
      readonly status: 'priced' | 'estimated' | 'free';
      /** Exact, in 10⁻¹⁵ USD. */
      readonly cost: UsdFemto;
      readonly card: RateCard;
      readonly matchKind: MatchKind;
      /** Classes without a rate of their own, priced at the rate of input or output instead (convention C2). */
      readonly fallbacks: readonly TokenClass[];
    }
  | {
      readonly kind: 'unpriced';
      readonly status: `unpriced:${UnpricedReason}`;
      readonly reason: UnpricedReason;
    }
  /** The cost of this usage is on another record, or it has none: containers, duplicates, tools, candidates. */
  | { readonly kind: 'not_billed'; readonly status: 'not_billed' };

/** One line of the explanation of a cost. */
export interface CostLine {
  readonly tokenClass: TokenClass;
  readonly tokens: number;
  /** 10⁻⁹ USD per million tokens. */
  readonly rate: bigint;
  /** The rate is not the class's own but that of input or output. */
  readonly fallback: boolean;
  readonly cost: UsdFemto;
}

/** Prices each token class at the rate card valid when the call ended. */
export function price(usage: UsageRecord, catalogue: Catalogue): Rating {
  if (usage.billingRole !== 'billed') return NOT_BILLED;
  const { tokens } = usage;
  if (tokens === null) return unpriced(usage.usageStatus === 'invalid' ? 'invalid_usage' : 'missing_usage');
  const model = billedModel(usage);
  if (model === null) return unpriced('unknown_model');
  const match = catalogue.find({ provider: usage.provider, model, atMicros: usage.eventTimeMicros });
  if (match.kind === 'unpriced') return unpriced(match.reason);

  const { card, matchKind } = match;
  const rates = ratesFor(card, tokens);
  let cost = 0n;
  let fallbacks = NO_FALLBACKS;
  for (const tokenClass of TOKEN_CLASSES) {
    if (tokens[tokenClass] === 0) continue;
    let rate = rates[tokenClass];
    if (rate === null) {
      rate = fallbackRate(tokenClass, rates, card);
      if (rate === null) return unpriced('missing_class_rate');
      fallbacks = [...fallbacks, tokenClass];
    }
    cost += BigInt(tokens[tokenClass]) * rate;
  }
  const status =
    cost === 0n && isFree(card) ? 'free' : usage.usageStatus === 'estimated' ? 'estimated' : 'priced';
  return { kind: 'priced', status, cost, card, matchKind, fallbacks };
}

/**
 * The lines of which a cost is the sum; null when a class has no rate (`missing_class_rate`). Computed when somebody
 * asks rather than kept with each of millions of ratings.
 */
export function explainCost(tokens: TokenClasses, card: RateCard): readonly CostLine[] | null {
  const rates = ratesFor(card, tokens);
  const lines: CostLine[] = [];
  for (const tokenClass of TOKEN_CLASSES) {
    const count = tokens[tokenClass];
    if (count === 0) continue;
    const own = rates[tokenClass];
    const rate = own ?? fallbackRate(tokenClass, rates, card);
    if (rate === null) return null;
    lines.push({ tokenClass, tokens: count, rate, fallback: own === null, cost: BigInt(count) * rate });
  }
  return lines;
}

/** The last tier reached reprices the whole request, and only what is strictly above its threshold reaches it (C3). */
function ratesFor(card: RateCard, tokens: TokenClasses): Rates {
  if (card.tiers.length === 0) return card.rates;
  const input = inputTokens(tokens);
  let rates = card.rates;
  for (const tier of card.tiers) {
    if (input > tier.inputTokensAbove) rates = tier.rates;
  }
  return rates;
}

/** What a class costs whose own rate the list does not give; null where guessing would be wrong (convention C2). */
function fallbackRate(tokenClass: TokenClass, rates: Rates, card: RateCard): bigint | null {
  switch (tokenClass) {
    case 'cacheRead':
      return rates.uncachedInput;
    case 'cacheWrite':
      return chargesMoreForCacheWrites(card) ? null : rates.uncachedInput;
    case 'reasoning':
      return rates.visibleOutput;
    case 'uncachedInput':
    case 'visibleOutput':
      return null;
  }
}

/** Claude models cost more to write to the cache than to read plainly, wherever they are hosted. */
function chargesMoreForCacheWrites(card: RateCard): boolean {
  return card.provider === 'anthropic' || card.model.includes('claude');
}

function isFree(card: RateCard): boolean {
  return TOKEN_CLASSES.every((tokenClass) => (card.rates[tokenClass] ?? 0n) === 0n);
}

const NO_FALLBACKS: readonly TokenClass[] = [];
const NOT_BILLED: Rating = { kind: 'not_billed', status: 'not_billed' };

function unpriced(reason: UnpricedReason): Rating {
  return { kind: 'unpriced', status: `unpriced:${reason}`, reason };
}
