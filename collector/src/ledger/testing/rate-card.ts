import { NO_FACTORS, type RateCard } from '@spanledger/metering';

/** 1000 tokens in and 100 out cost 0.0035 USD. */
export const GPT_4O: RateCard = {
  id: 'openai/gpt-4o',
  provider: 'openai',
  model: 'gpt-4o',
  standard: {
    rates: { input: 2_500_000_000n, cache_read: 1_250_000_000n, output: 10_000_000_000n },
    tiers: [],
  },
  serviceTiers: new Map(),
  regions: NO_FACTORS,
  inferenceGeos: NO_FACTORS,
  discount: null,
  units: {},
  cacheWritesAsInput: true,
  imagesAsText: true,
  isFree: false,
  isImputed: false,
};
