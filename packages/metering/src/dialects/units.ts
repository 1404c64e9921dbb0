import { SPANLEDGER_USAGE_QUANTITY, SPANLEDGER_USAGE_UNIT } from '@spanledger/semconv';
import { MICROS_PER_MILLI, MICROS_PER_SECOND } from '../duration.ts';
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
  const whole = countOf(from, QUANTITY);
  const read =
    unit === null ? null : unitsOf(unit, whole, () => durationOf(from, QUANTITY, MICROS_PER_SECOND));
  if (read !== null) return { kind: 'counted', units: read };
  const quantity = labelOf(from, QUANTITY);
  return {
    kind: 'unreadable',
    reason: `${SPANLEDGER_USAGE_UNIT} ${unit ?? 'none'}, ${SPANLEDGER_USAGE_QUANTITY} ${quantity ?? 'none'}: no count of a known unit`,
  };
}

function unitsOf(unit: string, whole: number | null, micros: () => number | null): ConsumedUnits | null {
  switch (unit) {
    case 'request':
      return whole === null ? null : { ...NO_UNITS, requests: whole };
    case 'web_search':
      return whole === null ? null : { ...NO_UNITS, webSearches: whole };
    case 'image':
      return whole === null ? null : { ...NO_UNITS, images: whole };
    case 'page':
      return whole === null ? null : { ...NO_UNITS, pages: whole };
    case 'second': {
      const milliseconds = millisOf(micros());
      return milliseconds === null ? null : { ...NO_UNITS, milliseconds };
    }
    default:
      return null;
  }
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
  };
}

/**
 * Whether pieces alone are a whole usage. A chat or an embedding is made of tokens whatever else it counts, so there
 * their absence means that they are not known, never that they are none.
 */
export function isUsageByPiece(units: ConsumedUnits | null, operation: Operation): boolean {
  if (units === null) return false;
  const { requests, images, milliseconds, pages } = units;
  if (requests === null && images === null && milliseconds === null && pages === null) return false;
  return CHARGED_BY_PIECE.has(operation);
}

const CHARGED_BY_PIECE: ReadonlySet<Operation> = new Set([
  'image',
  'speech',
  'transcription',
  'rerank',
  'other',
]);
