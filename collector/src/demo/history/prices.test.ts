import { describe, expect, it } from 'vitest';
import { costBy, NO_USAGE, priceCards, usdText } from './prices.ts';
import { storyOf } from './story.ts';

const story = storyOf(30, Date.UTC(2026, 10, 23, 12) * 1000);
const costOf = costBy(priceCards(story));
const USAGE = {
  ...NO_USAGE,
  inputTokens: 1000,
  cacheReadTokens: 300,
  cacheWriteTokens: 200,
  outputTokens: 50,
};

describe('the cost of a call', () => {
  it('is that of each class of its tokens, exactly', () => {
    // 500 × 3 + 300 × 0.3 + 200 × 3.75 + 50 × 15, in millionths.
    expect(usdText(costOf('claude-sonnet-4-5', story.priceCutMicros - 1, USAGE) ?? 0n)).toBe(
      '0.003090000000000',
    );
  });

  it('is a fifth less from the very instant of the price cut on', () => {
    expect(usdText(costOf('claude-sonnet-4-5', story.priceCutMicros, USAGE) ?? 0n)).toBe('0.002472000000000');
  });

  it('is by the page for what is read, and not known for a model without a card', () => {
    expect(usdText(costOf('mistral-ocr', 0, { ...NO_USAGE, pages: 12 }) ?? 0n)).toBe('0.012000000000000');
    expect(costOf('desk-router-7b', 0, USAGE)).toBeNull();
  });
});
