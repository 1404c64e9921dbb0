import { describe, expect, it } from 'vitest';
import { endingPromotions } from './promotions.ts';
import { readPriceFile } from './read-price-file.ts';

/** An entry whose promotion ends at 2026-12-31. */
function states(today: string, effectiveTo?: string): readonly string[] {
  const read = readPriceFile(
    {
      cards: [
        {
          id: 'promo',
          match: { provider: 'openai', model: 'm' },
          effective_from: '2026-08-01',
          ...(effectiveTo === undefined ? {} : { effective_to: effectiveTo }),
          promotional_until: '2026-12-31',
          rates: { input: '1', output: '2' },
        },
      ],
    },
    'overlay',
  );
  if (read.kind === 'problems') throw new Error(read.problems.map(({ expected }) => expected).join());
  return endingPromotions(read.layer.cards, Date.parse(today) * 1000).map(({ state }) => state);
}

describe('a promotional price', () => {
  it('is quiet while its end is far', () => {
    expect(states('2026-12-16')).toEqual([]);
  });

  it('gives notice two weeks before its end, and is expired after it', () => {
    expect(states('2026-12-17')).toEqual(['ending']);
    expect(states('2026-12-31')).toEqual(['ending']);
    expect(states('2027-01-01')).toEqual(['expired']);
  });

  it('needs no look where the entry ends with it, because what follows is written down', () => {
    expect(states('2027-01-01', '2026-12-31')).toEqual([]);
    expect(states('2027-01-01', '2027-06-01')).toEqual(['expired']);
  });
});
