import {
  OPENAI_REQUEST_SERVICE_TIER,
  OPENAI_RESPONSE_SERVICE_TIER,
  SERVER_ADDRESS,
} from '@spanledger/semconv';
import { regionOfHost, regionOfModelPath } from '../region.ts';
import { isTold, labelOf, newBit, type Readable, reading, readingUnder } from './reading.ts';

/** How and where a call was served, as far as a span says: what its price depends on besides model and time. */
export interface Served {
  /** The tier that the response names; where both are known it is the one that is charged. */
  readonly responseTier: string | null;
  /** The tier that was asked for; `auto` leaves the choice to the provider. */
  readonly requestTier: string | null;
  readonly region: string | null;
  readonly inferenceGeo: string | null;
}

const TIERS = newBit();
const RESPONSE_TIER = readingUnder(
  TIERS,
  OPENAI_RESPONSE_SERVICE_TIER,
  'gen_ai.openai.response.service_tier',
  'anthropic.response.service_tier',
  'gen_ai.response.service_tier',
  'gen_ai.service_tier',
);
const REQUEST_TIER = readingUnder(
  TIERS,
  OPENAI_REQUEST_SERVICE_TIER,
  'gen_ai.openai.request.service_tier',
  'anthropic.request.service_tier',
  'gen_ai.request.service_tier',
  'llm.request.service_tier',
);
const SPEEDS = newBit();
const RESPONSE_SPEED = readingUnder(
  SPEEDS,
  'anthropic.response.speed',
  'anthropic.usage.speed',
  'gen_ai.response.speed',
  'gen_ai.usage.speed',
);
const REQUEST_SPEED = readingUnder(SPEEDS, 'anthropic.request.speed', 'gen_ai.request.speed');

const INFERENCE_GEO = reading(
  'anthropic.response.inference_geo',
  'anthropic.usage.inference_geo',
  'gen_ai.response.inference_geo',
  'gen_ai.usage.inference_geo',
  'gen_ai.usage.details.inference_geo',
  'anthropic.request.inference_geo',
  'gen_ai.request.inference_geo',
);

/** Where the request went: a name of a host, or an address with it. */
const HOST = reading(SERVER_ADDRESS, 'gen_ai.openai.api_base', 'llm.openai.api_base');

const TOLD = TIERS | SPEEDS | INFERENCE_GEO.bit;

export const NOT_SERVED: Served = { responseTier: null, requestTier: null, region: null, inferenceGeo: null };

/** @param model as the span names it: some name a whole path, with the location in it */
export function servedBy(from: Readable, model: string | null, own: Partial<Served> | null): Served {
  const region = (model?.startsWith('projects/') ? regionOfModelPath(model) : null) ?? regionAsked(from);
  // Most spans tell a host at most, and that is of no region.
  if (own === null && !isTold(from, TOLD)) return region === null ? NOT_SERVED : { ...NOT_SERVED, region };
  return {
    responseTier: own?.responseTier ?? tierOf(labelOf(from, RESPONSE_TIER), labelOf(from, RESPONSE_SPEED)),
    requestTier: own?.requestTier ?? tierOf(labelOf(from, REQUEST_TIER), labelOf(from, REQUEST_SPEED)),
    region: own?.region ?? region,
    inferenceGeo: own?.inferenceGeo ?? geoOf(labelOf(from, INFERENCE_GEO)),
  };
}

function regionAsked(from: Readable): string | null {
  const address = labelOf(from, HOST);
  return address === null ? null : regionOfHost(address);
}

/**
 * Anthropic says beside the tier how fast the model ran. Fast has prices of its own, as a tier has, so it takes the
 * place of the standard tier, and of no other.
 */
export function tierOf(tier: string | null, speed: string | null): string | null {
  const stated = tier?.trim() ?? null;
  const isStandard = stated === null || isStandardTier(stated);
  return isStandard && speed?.trim().toLowerCase() === 'fast' ? 'fast' : stated;
}

const STANDARD_TIERS = /^(?:standard|standard_only|default|auto)$/i;

/** The words for the tier whose prices are the plain ones, or for leaving the choice to the provider. */
export function isStandardTier(tier: string): boolean {
  return STANDARD_TIERS.test(tier);
}

/** Anthropic's word for not saying is no place. */
export function geoOf(geo: string | null): string | null {
  const stated = geo?.trim() ?? null;
  return stated === 'not_available' ? null : stated;
}
