import {
  type CostLine,
  canonicalProvider,
  formatDecimal,
  instantMicros,
  price,
  RATE_SCALE,
  type Ratable,
  type Rating,
  type Ratio,
  USD_SCALE,
} from '@spanledger/metering';
import { Type } from 'typebox';
import { Value } from 'typebox/value';
import type { PriceCatalogue } from '../catalogue/index.ts';

/** The counts of `spanledger price`. `input_tokens` and `output_tokens` are totals that include all their parts. */
const COUNTS = [
  'input_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'cache_write_5m_tokens',
  'cache_write_1h_tokens',
  'cache_write_12h_tokens',
  'output_tokens',
  'total_tokens',
  'reasoning_tokens',
  'input_audio_tokens',
  'cache_read_audio_tokens',
  'output_audio_tokens',
  'input_image_tokens',
  'output_image_tokens',
  'requests',
  'web_searches',
  'images',
  'seconds',
  'pages',
] as const;
type Count = (typeof COUNTS)[number];

const Text = Type.Union([Type.String(), Type.Null()]);

export const PriceQuestion = Type.Object({
  provider: Type.Optional(Text),
  model: Type.Optional(Text),
  timestamp: Type.String({ minLength: 1 }),
  service_tier: Type.Optional(Text),
  region: Type.Optional(Text),
  inference_geo: Type.Optional(Text),
  tenant: Type.Optional(Text),
  customer: Type.Optional(Text),
  usage: Type.Optional(Type.Union([Type.Record(Type.String(), Type.Unknown()), Type.Null()])),
});

export interface Question {
  readonly provider: string | null;
  readonly model: string | null;
  readonly atMicros: number;
  readonly serviceTier: string | null;
  readonly region: string | null;
  readonly inferenceGeo: string | null;
  readonly tenant: string;
  readonly customer: string | null;
  readonly usage: Readonly<Record<string, unknown>>;
}

/** What is asked with one line of JSON, or what is wrong with it, in words for people. */
export function readQuestion(
  value: unknown,
):
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'mistake'; readonly expected: string } {
  if (!Value.Check(PriceQuestion, value)) {
    const [first] = Value.Errors(PriceQuestion, value);
    const path = first?.instancePath.slice(1).replaceAll('/', '.') ?? '';
    const expected = first?.message ?? 'an object';
    return { kind: 'mistake', expected: path === '' ? expected : `${path} ${expected}` };
  }
  const atMicros = instantMicros(value.timestamp);
  if (atMicros === null) {
    return { kind: 'mistake', expected: 'timestamp must be an RFC 3339 instant (2026-01-15T12:00:00Z)' };
  }
  return {
    kind: 'question',
    question: {
      provider: value.provider ?? null,
      model: value.model ?? null,
      atMicros,
      serviceTier: value.service_tier ?? null,
      region: value.region ?? null,
      inferenceGeo: value.inference_geo ?? null,
      tenant: value.tenant ?? 'default',
      customer: value.customer ?? null,
      usage: value.usage ?? {},
    },
  };
}

export function ratingOf(question: Question, catalogue: PriceCatalogue): Rating {
  const { provider, usage } = question;
  const counted = countsOf(usage);
  const call: Ratable = {
    billingRole: 'billed',
    provider: provider === null ? null : canonicalProvider(provider),
    requestModel: null,
    responseModel: question.model,
    eventTimeMicros: question.atMicros,
    customer: question.customer,
    serviceTier: question.serviceTier,
    region: question.region,
    inferenceGeo: question.inferenceGeo,
    ...counted.counts,
  };
  const rating = withMistake(price(call, catalogue, question.tenant), counted.mistake);
  const isHalf = counted.counts.tokens !== null && (usage.output_tokens ?? null) === null;
  // Vectors and scores have no output to count; of everything else, half a count is no usage.
  const isPriced = rating.kind === 'priced' || rating.kind === 'partial';
  if (isHalf && isPriced && rating.card.standard.rates.output !== undefined) {
    return price({ ...call, tokens: null, units: null, usageStatus: 'missing' }, catalogue, question.tenant);
  }
  return rating;
}

type Counted = Pick<
  Ratable,
  'tokens' | 'cacheWrite5m' | 'cacheWrite1h' | 'cacheWrite12h' | 'modalities' | 'units' | 'usageStatus'
>;

const INVALID: Counted = {
  tokens: null,
  cacheWrite5m: null,
  cacheWrite1h: null,
  cacheWrite12h: null,
  modalities: null,
  units: null,
  usageStatus: 'invalid',
};

/** From totals with their parts to disjoint classes. What contradicts itself, or is no count, is invalid as a whole. */
function countsOf(usage: Readonly<Record<string, unknown>>): {
  readonly counts: Counted;
  /** What is wrong with the counts, in words for people. */
  readonly mistake: string | null;
} {
  const given = new Map<Count, number>();
  for (const [name, value] of Object.entries(usage)) {
    if (value === null || value === undefined) continue;
    const count = COUNTS.find((known) => known === name);
    // A count that we do not know would be used for nothing, so the cost would lack it.
    if (count === undefined) return invalid(`${name} is no count that has a price`);
    const isWhole = typeof value === 'number' && (count === 'seconds' || Number.isSafeInteger(value));
    if (!isWhole || !(value >= 0 && value <= MAX_COUNT)) {
      return invalid(`${name} must be a ${count === 'seconds' ? '' : 'whole '}number of 0 or more`);
    }
    given.set(count, value);
  }
  const of = (count: Count) => given.get(count) ?? null;
  const [short, long, longest] = [
    of('cache_write_5m_tokens'),
    of('cache_write_1h_tokens'),
    of('cache_write_12h_tokens'),
  ];
  const cacheWrite = of('cache_write_tokens') ?? (short ?? 0) + (long ?? 0) + (longest ?? 0);
  const cacheRead = of('cache_read_tokens') ?? 0;
  const reasoning = of('reasoning_tokens') ?? 0;
  const input = of('input_tokens');
  const output = of('output_tokens');
  const uncachedInput = (input ?? 0) - cacheRead - cacheWrite;
  const visibleOutput = (output ?? 0) - reasoning;
  if (input !== null && uncachedInput < 0) return invalid('the cached parts are more than input_tokens');
  if (output !== null && visibleOutput < 0) return invalid('reasoning_tokens is more than output_tokens');
  const total = of('total_tokens');
  if (total !== null && total !== (input ?? 0) + (output ?? 0)) {
    return invalid('total_tokens is not input_tokens and output_tokens together');
  }
  const seconds = of('seconds');
  const units = {
    requests: of('requests'),
    webSearches: of('web_searches'),
    images: of('images'),
    milliseconds: seconds === null ? null : Math.round(seconds * 1000),
    pages: of('pages'),
    custom: null,
  };
  const counts: Counted = {
    tokens: input === null ? null : { uncachedInput, cacheRead, cacheWrite, visibleOutput, reasoning },
    cacheWrite5m: short,
    cacheWrite1h: long,
    cacheWrite12h: longest,
    modalities: {
      audioInput: of('input_audio_tokens'),
      audioOutput: of('output_audio_tokens'),
      imageInput: of('input_image_tokens'),
      imageOutput: of('output_image_tokens'),
      cacheReadAudio: of('cache_read_audio_tokens'),
    },
    units: Object.values(units).every((count) => count === null) ? null : units,
    usageStatus: input === null ? 'missing' : 'reported',
  };
  return { counts, mistake: null };
}

function invalid(mistake: string): { readonly counts: Counted; readonly mistake: string } {
  return { counts: INVALID, mistake };
}

function withMistake(rating: Rating, mistake: string | null): Rating {
  return rating.kind === 'unpriced' && mistake !== null ? { ...rating, note: mistake } : rating;
}

/** As for spans: the bound keeps every sum a safe integer. */
const MAX_COUNT = 1_000_000_000_000;

/** The answer for programs: exact decimals as text, null where there is no number. */
export function answerOf(rating: Rating) {
  const base = { lines: 'lines' in rating ? rating.lines.map(lineOf) : [] };
  switch (rating.kind) {
    case 'priced':
      return {
        cost_usd: formatDecimal(rating.cost, USD_SCALE),
        status: rating.status,
        match_kind: rating.matchKind,
        rate_card: rating.card.id,
        ...(rating.note === null ? {} : { note: rating.note }),
        ...base,
      };
    case 'partial':
      return {
        cost_usd: null,
        status: rating.status,
        reason: rating.note,
        cost_known_part_usd: formatDecimal(rating.knownPart, USD_SCALE),
        match_kind: rating.matchKind,
        rate_card: rating.card.id,
        ...base,
      };
    case 'unpriced':
      return {
        cost_usd: null,
        status: rating.status,
        reason: rating.reason,
        match_kind: null,
        rate_card: null,
        ...(rating.note === null ? {} : { note: rating.note }),
        ...base,
      };
    case 'not_billed':
      return { cost_usd: null, status: rating.status, match_kind: null, rate_card: null, ...base };
  }
}

function lineOf({ item, quantity, rate, fallback, factor, cost }: CostLine) {
  return {
    item,
    quantity: item === 'second' ? formatDecimal(BigInt(quantity), 3) : quantity,
    ...rateOf(item, rate),
    ...(fallback === null ? {} : { rate_of: fallback }),
    ...(factor === null ? {} : { factor: factorText(factor) }),
    cost_usd: cost === null ? null : formatDecimal(cost, USD_SCALE),
  };
}

function rateOf(item: CostLine['item'], rate: bigint | null) {
  switch (item) {
    case 'request':
    case 'web_search':
    case 'image':
    case 'page':
      return { usd_each: rate === null ? null : formatDecimal(rate, USD_SCALE) };
    case 'second':
      return { usd_per_hour: rate === null ? null : formatDecimal(rate, USD_SCALE) };
    default:
      return { usd_per_million: rate === null ? null : formatDecimal(rate, RATE_SCALE) };
  }
}

/** A decimal where the factor is one, else the fraction. */
export function factorText({ numerator, denominator }: Ratio): string {
  const scaled = numerator * 10n ** 18n;
  return scaled % denominator === 0n
    ? formatDecimal(scaled / denominator, 18)
    : `${numerator}/${denominator}`;
}
