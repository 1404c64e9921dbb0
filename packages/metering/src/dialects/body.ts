import { at, type Json, type JsonObject, recentJsonObject, scalar } from '../json.ts';
import { label } from '../label.ts';
import { count } from '../tokens.ts';
import type { SpanCounts } from './common.ts';
import { geoOf, isStandardTier, type Served, tierOf } from './served.ts';
import { NO_UNITS, someOf } from './units.ts';

const TIER = /"service_tier"\s*:\s*"([^"\\]*)"/g;
/** What stands in a body only where it changes the price; zeros and the ordinary words do not. */
const REMARKABLE =
  /"(?:speed"\s*:\s*"fast"|inference_geo"\s*:\s*"(?!not_available")|(?:ephemeral_\d+[mh]_input_tokens|web_search_requests)"\s*:\s*[1-9])/;

/**
 * What the body of a provider's answer says of its price, where an emitter copies it whole: `service_tier` as OpenAI
 * and Anthropic write it, and the finer parts of Anthropic's `usage`. Bodies are long and most say nothing out of the
 * ordinary, so they are parsed only where one look shows that they do. A word in a text of the model is escaped there
 * and so is not met.
 */
export interface ProviderBody {
  readonly served: Partial<Served> | null;
  readonly counts: Partial<SpanCounts> | null;
}

const NOTHING: ProviderBody = { served: null, counts: null };

export function providerBody(text: unknown): ProviderBody {
  if (typeof text !== 'string' || !text.includes('"service_tier"')) return withoutTier(text);
  const tiers = [...text.matchAll(TIER)].map(([, tier]) => tier ?? '');
  if (tiers.every(isStandardTier) && !REMARKABLE.test(text)) {
    return { served: { responseTier: tiers[0] ?? null }, counts: null };
  }
  return said(recentJsonObject(text));
}

function withoutTier(text: unknown): ProviderBody {
  return typeof text === 'string' && text.includes('"usage"') && REMARKABLE.test(text)
    ? said(recentJsonObject(text))
    : NOTHING;
}

function said(body: JsonObject | null): ProviderBody {
  if (body === null) return NOTHING;
  const usage = at(body, 'usage');
  const tier = textAt(body.service_tier) ?? textAt(at(usage, 'service_tier'));
  return {
    served: {
      responseTier: tierOf(tier, textAt(at(usage, 'speed'))),
      inferenceGeo: geoOf(textAt(at(usage, 'inference_geo'))),
    },
    counts: anthropicParts(usage),
  };
}

/** The parts of Anthropic's usage that the conventions have no names for. */
export function anthropicParts(usage: Json | undefined): Partial<SpanCounts> {
  const number = (...path: readonly string[]) => count(scalar(at(usage, ...path)));
  return {
    cacheWrite5m: number('cache_creation', 'ephemeral_5m_input_tokens'),
    cacheWrite1h: number('cache_creation', 'ephemeral_1h_input_tokens'),
    cacheWrite12h: number('cache_creation', 'ephemeral_12h_input_tokens'),
    units: someOf({ ...NO_UNITS, webSearches: number('server_tool_use', 'web_search_requests') }),
  };
}

export function textAt(value: Json | undefined): string | null {
  return label(scalar(value))?.trim() ?? null;
}
