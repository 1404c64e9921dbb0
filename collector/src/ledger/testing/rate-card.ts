import type { RateCard } from '@spanledger/metering';

/** 1000 tokens in and 100 out cost 0.0035 USD. */
export const GPT_4O: RateCard = {
  id: 'openai/gpt-4o',
  provider: 'openai',
  model: 'gpt-4o',
  rates: {
    uncachedInput: 2_500_000_000n,
    cacheRead: 1_250_000_000n,
    cacheWrite: null,
    visibleOutput: 10_000_000_000n,
    reasoning: null,
  },
  tiers: [],
};
