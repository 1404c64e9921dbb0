import type { UsdFemto } from './amount.ts';
import type { Catalogue, PriceQuery } from './catalogue.ts';
import { price } from './price.ts';
import { canonicalProvider, providerOfModel } from './provider.ts';
import type { TokenClasses } from './usage.ts';

/** One call that somebody is about to make, as far as its price depends on it. */
export interface ExpectedCall {
  readonly tokens: TokenClasses;
  readonly model: string;
  /** By any of its names; null: the one whose model it is. */
  readonly provider: string | null;
  readonly customer: string;
  readonly atMicros: number;
}

/** What the catalogue is asked for the price of the call. */
export function expectedPriceQuery(
  { model, provider, customer, atMicros }: Omit<ExpectedCall, 'tokens'>,
  tenant: string,
): PriceQuery {
  return {
    provider: providerOf(provider, model),
    model,
    isDeploymentName: false,
    atMicros,
    tenant,
    customer,
  };
}

/** What the call would cost by the prices of then; null: nobody knows. */
export function expectedCost(
  { tokens, model, provider, customer, atMicros }: ExpectedCall,
  catalogue: Catalogue,
  tenant: string,
): UsdFemto | null {
  const rating = price(
    {
      billingRole: 'billed',
      provider: providerOf(provider, model),
      requestModel: null,
      responseModel: model,
      eventTimeMicros: atMicros,
      customer,
      serviceTier: null,
      region: null,
      inferenceGeo: null,
      tokens,
      cacheWrite5m: null,
      cacheWrite1h: null,
      cacheWrite12h: null,
      modalities: null,
      units: null,
      usageStatus: 'reported',
    },
    catalogue,
    tenant,
  );
  return rating.kind === 'priced' ? rating.cost : null;
}

function providerOf(named: string | null, model: string): string | null {
  return named === null ? providerOfModel(model) : canonicalProvider(named);
}
