import { divideHalfEven, type Ratio, type UsdFemto } from './amount.ts';
import {
  type Catalogue,
  type Factors,
  isCustomUnit,
  type MatchKind,
  PRICE_CLASSES,
  type PriceClass,
  type RateCard,
  type Rates,
  type RateTable,
  type UnpricedReason,
} from './catalogue.ts';
import { type Consumption, type CountedUnit, consumptionOf } from './consumption.ts';
import { billedModel, type UsageRecord } from './usage.ts';

/** What a call cost, or why there is no cost. Never a silent zero. `status` is stored as `price_status`. */
export type Rating =
  | {
      readonly kind: 'priced';
      /** `estimated`: guessed counts or a guessed model. `free`: the card says that the model costs nothing. */
      readonly status: 'priced' | 'estimated' | 'free';
      /** Exact, in 10⁻¹⁵ USD: the sum of the lines. */
      readonly cost: UsdFemto;
      readonly card: RateCard;
      readonly matchKind: MatchKind;
      readonly lines: readonly CostLine[];
      /** What was unusual about it, in words for people; null when nothing was. */
      readonly note: string | null;
    }
  /** Something that is counted by the piece has no price, so the cost is not known, only a part of it. */
  | {
      readonly kind: 'partial';
      readonly status: 'partial';
      readonly knownPart: UsdFemto;
      readonly card: RateCard;
      readonly matchKind: MatchKind;
      readonly lines: readonly CostLine[];
      readonly note: string;
    }
  | {
      readonly kind: 'unpriced';
      readonly status: `unpriced:${UnpricedReason}`;
      readonly reason: UnpricedReason;
      /** What lacks or could be meant; null where the reason says all. */
      readonly note: string | null;
      /** Where a card was found: what it would have charged, and what it lacks. */
      readonly lines: readonly CostLine[];
    }
  /** The cost of this usage is on another record, or it has none: containers, duplicates, tools, candidates. */
  | { readonly kind: 'not_billed'; readonly status: 'not_billed' };

/** One line of a cost. */
export interface CostLine {
  readonly item: PriceClass | CountedUnit;
  /** Tokens, or pieces; of `second` and of units of the app's own thousandths. */
  readonly quantity: number;
  /** Of a class 10⁻⁹ USD per million tokens, of a unit as `UnitPrices` has it; before factors. Null where there is none. */
  readonly rate: bigint | null;
  /** The class whose rate stands in for a missing one. */
  readonly fallback: PriceClass | null;
  /** Everything that multiplies the rate (service tier, region, contract), in lowest terms; null for 1. */
  readonly factor: Ratio | null;
  /** Null where there is no rate. */
  readonly cost: UsdFemto | null;
}

/** What rating looks at in a usage record. */
export type Ratable = Pick<
  UsageRecord,
  | 'billingRole'
  | 'provider'
  | 'requestModel'
  | 'responseModel'
  | 'eventTimeMicros'
  | 'customer'
  | 'serviceTier'
  | 'region'
  | 'inferenceGeo'
  | 'tokens'
  | 'cacheWrite5m'
  | 'cacheWrite1h'
  | 'cacheWrite12h'
  | 'modalities'
  | 'units'
  | 'usageStatus'
>;

/**
 * Prices each token class and each counted unit at the card valid when the call ended:
 *
 * 1. the card of the model, at that instant, for that customer;
 * 2. the table of its service tier, and in it the tier of the request's input;
 * 3. each class at its own rate, or at the one that may stand in for it;
 * 4. times the factors of service tier, region and contract, rounded once for each line;
 * 5. and what is counted by the piece.
 */
export function price(usage: Ratable, catalogue: Catalogue, tenant: string): Rating {
  if (usage.billingRole !== 'billed') return NOT_BILLED;
  const consumed = consumptionOf(usage);
  if (consumed.kind === 'unknown') return unpriced(consumed.reason, consumed.detail);
  const model = billedModel(usage);
  if (model === null) return unpriced('unknown_model', 'no span of the call names a model');
  const match = catalogue.find({
    provider: usage.provider,
    model,
    isDeploymentName: usage.responseModel === null && isNamedByDeployment(usage.provider),
    atMicros: usage.eventTimeMicros,
    tenant,
    customer: usage.customer,
  });
  if (match.kind === 'unpriced') return unpriced(match.reason, match.detail);

  const { card, matchKind } = match;
  const tier = tierOf(card, usage.serviceTier, usage.provider);
  if (tier === null) return unpriced('unknown_service_tier', `its price list has ${tierNames(card)}`);
  const factor = product([
    tier.factor,
    factorOf(card.regions, match.region ?? usage.region),
    factorOf(card.inferenceGeos, usage.inferenceGeo),
    card.discount,
  ]);
  const tokens = tokenLines(consumed, card, ratesFor(tier.table, consumed.inputTokens), factor);
  const pieces = pieceLines(consumed, card, factor, tier.table === card.standard);
  const lines = pieces.length === 0 ? tokens : [...tokens, ...pieces];

  const classes = withoutPrice(tokens);
  if (classes !== null) return { ...unpriced('missing_class_rate', `no rate for ${classes}`), lines };
  if (isUnmeasured(consumed, card, pieces)) {
    return { ...unpriced('missing_usage', 'what the model is priced by is not counted'), lines };
  }
  const units = withoutPrice(pieces);
  const cost = sum(lines);
  if (units !== null) {
    const note = `no price for ${units}`;
    return { kind: 'partial', status: 'partial', knownPart: cost, card, matchKind, lines, note };
  }
  const isEstimate = usage.usageStatus === 'estimated' || matchKind === 'fuzzy';
  const status = card.isFree && cost === 0n ? 'free' : isEstimate ? 'estimated' : 'priced';
  return { kind: 'priced', status, cost, card, matchKind, lines, note: noteOn(lines, card) };
}

/** The name of an Azure call's request is that of a deployment, which may run any model. */
function isNamedByDeployment(provider: string | null): boolean {
  return provider === 'azure.ai.openai' || provider === 'azure.ai.inference';
}

const STANDARD_TIERS: ReadonlySet<string> = new Set(['', 'default', 'auto', 'standard']);
/** What Anthropic's requests say when they want no other tier. */
const ANTHROPIC_STANDARD = 'standard_only';

/** Null: the list has no price for that tier, and that of another would be wrong. */
function tierOf(
  card: RateCard,
  name: string | null,
  provider: string | null,
): { readonly table: RateTable; readonly factor: Ratio | null } | null {
  if (name === null) return { table: card.standard, factor: null };
  const key = name.trim().toLowerCase();
  const tier = card.serviceTiers.get(key);
  if (tier === undefined) {
    const isStandard = STANDARD_TIERS.has(key) || (key === ANTHROPIC_STANDARD && provider === 'anthropic');
    return isStandard ? { table: card.standard, factor: null } : null;
  }
  return tier.kind === 'table'
    ? { table: tier, factor: null }
    : { table: card.standard, factor: tier.factor };
}

function tierNames({ serviceTiers }: RateCard): string {
  return ['standard', ...serviceTiers.keys()].join(', ');
}

function factorOf({ byName, others }: Factors, name: string | null): Ratio | null {
  if (name === null || (byName.size === 0 && others === null)) return null;
  const key = name.trim().toLowerCase();
  return key === '' ? null : (byName.get(key) ?? others);
}

/** Null for 1, so that the common case multiplies nothing. */
function product(factors: readonly (Ratio | null)[]): Ratio | null {
  let all: Ratio | null = null;
  for (const factor of factors) {
    if (factor === null || factor.numerator === factor.denominator) continue;
    all =
      all === null
        ? factor
        : {
            numerator: all.numerator * factor.numerator,
            denominator: all.denominator * factor.denominator,
          };
  }
  return all;
}

/** The last tier reached reprices the whole request (C3). */
function ratesFor({ rates, tiers }: RateTable, inputTokens: number): Rates {
  let reached = rates;
  for (const tier of tiers) {
    const isReached = tier.operator === 'gt' ? inputTokens > tier.threshold : inputTokens >= tier.threshold;
    if (isReached) reached = tier.rates;
  }
  return reached;
}

function tokenLines(
  { classes }: Consumption,
  card: RateCard,
  rates: Rates,
  factor: Ratio | null,
): CostLine[] {
  const lines: CostLine[] = [];
  for (const [item, quantity] of classes) {
    const own = rates[item] ?? null;
    const fallback = own === null ? fallbackClass(item, card) : null;
    const rate = fallback === null ? own : (rates[fallback] ?? null);
    const cost = rate === null ? null : times(BigInt(quantity) * rate, factor);
    lines.push({ item, quantity, rate, fallback: rate === null ? null : fallback, factor, cost });
  }
  return lines;
}

/** Which class's rate holds where the list gives a class none; null where guessing would be wrong (prices 4.5, C2). */
function fallbackClass(item: PriceClass, card: RateCard): PriceClass | null {
  switch (item) {
    case 'cache_read':
      return 'input';
    case 'cache_read_audio':
      return 'input_audio';
    case 'cache_write_5m':
      return card.cacheWritesAsInput ? 'input' : null;
    case 'reasoning':
      return 'output';
    case 'input_image':
      return card.imagesAsText ? 'input' : null;
    // Sound is never priced as text, a long cache never as a short one.
    case 'input':
    case 'input_audio':
    case 'cache_write_1h':
    case 'cache_write_12h':
    case 'output':
    case 'output_audio':
    case 'output_image':
      return null;
  }
}

/** From the price of an hour to that of a millisecond. */
const PER_MILLISECOND: Ratio = { numerator: 1n, denominator: 3_600_000n };
const PER_THOUSANDTH: Ratio = { numerator: 1n, denominator: 1000n };

/**
 * A fee for a call or a search is what it is; what is made or read (images, pages, sound) is the model's work, which a
 * service tier, a region or a contract changes as it does tokens. Tables of service tiers have no such prices.
 */
function pieceLines(
  { units, isByRequest }: Consumption,
  card: RateCard,
  factor: Ratio | null,
  isStandardTable: boolean,
): CostLine[] {
  const lines: CostLine[] = [];
  for (const [item, quantity] of units) {
    const isFee = item === 'request' || item === 'web_search';
    const rate = isFee || isStandardTable ? priceOf(card, item) : null;
    // Every call is a request; only where a fee is listed, or nothing else is counted, is that worth a line.
    if (item === 'request' && rate === null && (card.isFree || !isByRequest)) continue;
    const ownFactor = isFee ? null : factor;
    const scale = product([partCounted(item), ownFactor]);
    const cost = rate === null ? null : times(BigInt(quantity) * rate, scale);
    lines.push({ item, quantity, rate, fallback: null, factor: ownFactor, cost });
  }
  return lines;
}

/** By its own name only: what every object has (`constructor`) is no price. */
function priceOf({ units }: RateCard, item: CountedUnit): bigint | null {
  return Object.hasOwn(units, item) ? (units[item] ?? null) : null;
}

/** Which part of what has the price is counted; null where it is one. */
function partCounted(item: CountedUnit): Ratio | null {
  if (item === 'second') return PER_MILLISECOND;
  return isCustomUnit(item) ? PER_THOUSANDTH : null;
}

/** Exact, but for one rounding half-even at 10⁻¹⁵ USD where a factor leaves more digits. */
function times(amount: bigint, factor: Ratio | null): UsdFemto {
  return factor === null ? amount : divideHalfEven(amount * factor.numerator, factor.denominator);
}

function sum(lines: readonly CostLine[]): UsdFemto {
  let total = 0n;
  for (const { cost } of lines) if (cost !== null) total += cost;
  return total;
}

function withoutPrice(lines: readonly CostLine[]): string | null {
  if (lines.every(({ cost }) => cost !== null)) return null;
  return lines
    .filter(({ cost }) => cost === null)
    .map(({ item }) => item)
    .join(', ');
}

/**
 * A model that is priced by something the call does not count would look free: a transcription by the second of which
 * only a span without counts is known, or a chat without token counts whose searches are counted.
 */
function isUnmeasured({ hasTokens }: Consumption, card: RateCard, pieces: readonly CostLine[]): boolean {
  if (card.isFree) return false;
  const isByToken = PRICE_CLASSES.some((item) => card.standard.rates[item] !== undefined);
  if (isByToken) return !hasTokens && !isPricedByWork(pieces);
  const { image, second, page } = card.units;
  const isByWork = image !== undefined || second !== undefined || page !== undefined;
  return isByWork && !isPricedByWork(pieces);
}

function isPricedByWork(pieces: readonly CostLine[]): boolean {
  return pieces.some(({ item, cost }) => cost !== null && item !== 'request' && item !== 'web_search');
}

/** Never anything that differs from call to call: it is stored as one of few recurring texts. */
function noteOn(lines: readonly CostLine[], card: RateCard): string | null {
  let note: string | null = card.isImputed ? 'imputed from the cost of the machine' : null;
  for (const { item, fallback } of lines) {
    if (fallback === null) continue;
    const stand = `${item} at the rate of ${fallback}`;
    note = note === null ? stand : `${note}, ${stand}`;
  }
  return note;
}

const NOT_BILLED: Rating = { kind: 'not_billed', status: 'not_billed' };
const NO_LINES: readonly CostLine[] = [];

function unpriced(reason: UnpricedReason, note: string | null): Rating & { readonly kind: 'unpriced' } {
  return { kind: 'unpriced', status: `unpriced:${reason}`, reason, note, lines: NO_LINES };
}
