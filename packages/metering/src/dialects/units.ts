import { SPANLEDGER_USAGE_QUANTITY, SPANLEDGER_USAGE_UNIT } from '@spanledger/semconv';
import { parseDecimal } from '../amount.ts';
import { isCustomUnit } from '../catalogue.ts';
import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../duration.ts';
import type { AttributeValue } from '../span.ts';
import { count } from '../tokens.ts';
import type { ConsumedUnits, Operation } from '../usage.ts';
import { countOf, durationOf, isTold, labelOf, newBit, type Readable, readingUnder } from './reading.ts';

const UNITS = newBit();
const REQUESTS = readingUnder(UNITS, 'gen_ai.usage.search_units');
const WEB_SEARCHES = readingUnder(
  UNITS,
  'gen_ai.usage.server_tool_use.web_search_requests',
  'gen_ai.usage.web_search_requests',
  'anthropic.usage.server_tool_use.web_search_requests',
  'gen_ai.usage.details.web_search_requests',
  'llm.token_count.prompt_details.web_search_requests',
  'gen_ai.usage.server_side_tool_usage_details.web_search_calls',
  'agento11y.gen_ai.usage.server_tool_use.web_search_requests',
  'sigil.gen_ai.usage.server_tool_use.web_search_requests',
);
const IMAGES = readingUnder(UNITS, 'gen_ai.response.image.count', 'gen_ai.usage.image_count');
const SECONDS = readingUnder(
  UNITS,
  'gen_ai.usage.audio_duration_seconds',
  'gen_ai.usage.audio_seconds',
  'gen_ai.usage.video_seconds',
  'gen_ai.request.audio_duration',
);
const PAGES = readingUnder(UNITS, 'gen_ai.usage.pages_processed');

const DECLARATION = newBit();
const UNIT = readingUnder(DECLARATION, SPANLEDGER_USAGE_UNIT);
const QUANTITY = readingUnder(DECLARATION, SPANLEDGER_USAGE_QUANTITY);

export const NO_UNITS: ConsumedUnits = {
  requests: null,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

/** What a span tells of pieces under the names that emitters use. None of a piece is nothing to tell. */
export function statedUnits(from: Readable): ConsumedUnits | null {
  if (!isTold(from, UNITS)) return null;
  return someOf({
    requests: countOf(from, REQUESTS),
    webSearches: countOf(from, WEB_SEARCHES),
    images: countOf(from, IMAGES),
    milliseconds: millisOf(durationOf(from, SECONDS, MICROS_PER_SECOND)),
    pages: countOf(from, PAGES),
    custom: null,
  });
}

/** Units of which at least one is more than none; the zeros that emitters send along are left out. */
export function someOf(units: ConsumedUnits): ConsumedUnits | null {
  const some = {
    requests: units.requests || null,
    webSearches: units.webSearches || null,
    images: units.images || null,
    milliseconds: units.milliseconds || null,
    pages: units.pages || null,
    custom: units.custom,
  };
  return Object.values(some).some((value) => value !== null) ? some : null;
}

export type DeclaredUnits =
  | { readonly kind: 'none' }
  | { readonly kind: 'counted'; readonly units: ConsumedUnits }
  | { readonly kind: 'unreadable'; readonly reason: string };

const NOT_DECLARED: DeclaredUnits = { kind: 'none' };

/** The unit and quantity that an app reports itself. One without the other is not read as nothing. */
export function declaredUnits(from: Readable): DeclaredUnits {
  if (!isTold(from, DECLARATION)) return NOT_DECLARED;
  const unit = labelOf(from, UNIT)?.trim().toLowerCase() ?? null;
  const read = unit === null ? null : unitsOf(unit, from);
  if (read !== null) return { kind: 'counted', units: read };
  const quantity = labelOf(from, QUANTITY);
  return {
    kind: 'unreadable',
    reason: `${SPANLEDGER_USAGE_UNIT} ${unit ?? 'none'}, ${SPANLEDGER_USAGE_QUANTITY} ${quantity ?? 'none'}: no count of a unit`,
  };
}

function unitsOf(unit: string, from: Readable): ConsumedUnits | null {
  switch (unit) {
    case 'request':
    case 'api_call':
      return counted(from, (requests) => ({ ...NO_UNITS, requests }));
    case 'web_search':
      return counted(from, (webSearches) => ({ ...NO_UNITS, webSearches }));
    case 'image':
      return counted(from, (images) => ({ ...NO_UNITS, images }));
    case 'page':
      return counted(from, (pages) => ({ ...NO_UNITS, pages }));
    case 'second':
      return timed(from, 1);
    case 'minute':
      return timed(from, 60);
    case 'hour':
      return timed(from, 3600);
    default:
      return isCustomUnit(unit) ? countedInParts(unit, from) : null;
  }
}

function counted(from: Readable, as: (whole: number) => ConsumedUnits): ConsumedUnits | null {
  const whole = countOf(from, QUANTITY);
  return whole === null ? null : as(whole);
}

function timed(from: Readable, seconds: number): ConsumedUnits | null {
  const milliseconds = millisOf(durationOf(from, QUANTITY, seconds * MICROS_PER_SECOND));
  return milliseconds === null ? null : { ...NO_UNITS, milliseconds };
}

function countedInParts(unit: string, from: Readable): ConsumedUnits | null {
  const thousandths = thousandthsOf(from.attributes.get(SPANLEDGER_USAGE_QUANTITY));
  return thousandths === null ? null : { ...NO_UNITS, custom: { unit, thousandths } };
}

const THOUSANDTHS_SCALE = 3;

/**
 * A text is read exactly, and one with more places is none: nobody could say what became of the rest. A binary number
 * stands for the thousandth that is nearest, because it cannot hold most of them.
 */
function thousandthsOf(value: AttributeValue | undefined): number | null {
  if (typeof value === 'number') return value >= 0 ? count(Math.round(value * 1000)) : null;
  if (typeof value !== 'string' && typeof value !== 'bigint') return null;
  const parsed = parseDecimal(String(value).trim(), THOUSANDTHS_SCALE);
  return parsed.kind === 'decimal' && parsed.value >= 0n ? count(parsed.value) : null;
}

function millisOf(micros: number | null): number | null {
  return micros === null ? null : count(Math.round(micros / MICROS_PER_MILLI));
}

/**
 * Of the pieces that emitters tell, those that are charged for: web searches always, on top of the tokens; all others
 * only where no tokens are counted, because next to tokens they say what the tokens stand for (the pictures in a
 * prompt, the length of a recording).
 */
export function chargedUnits(stated: ConsumedUnits | null, countsTokens: boolean): ConsumedUnits | null {
  if (stated === null || !countsTokens) return stated;
  return stated.webSearches === null ? null : { ...NO_UNITS, webSearches: stated.webSearches };
}

/** Two accounts of the same pieces as one: what the first does not tell, the second may. */
export function joinedUnits(one: ConsumedUnits | null, other: ConsumedUnits | null): ConsumedUnits | null {
  if (one === null || other === null) return one ?? other;
  return {
    requests: one.requests ?? other.requests,
    webSearches: one.webSearches ?? other.webSearches,
    images: one.images ?? other.images,
    milliseconds: one.milliseconds ?? other.milliseconds,
    pages: one.pages ?? other.pages,
    custom: one.custom ?? other.custom,
  };
}

/**
 * Whether pieces alone are a whole usage. A chat or an embedding is made of tokens whatever else it counts, so there
 * their absence means that they are not known, never that they are none.
 */
export function isUsageByPiece(units: ConsumedUnits | null, operation: Operation): boolean {
  if (units === null) return false;
  const { requests, images, milliseconds, pages, custom } = units;
  const counts = [requests, images, milliseconds, pages, custom];
  return counts.some((each) => each !== null) && CHARGED_BY_PIECE.has(operation);
}

const CHARGED_BY_PIECE: ReadonlySet<Operation> = new Set([
  'image',
  'speech',
  'transcription',
  'rerank',
  'other',
]);
