import { describe, expect, it } from 'vitest';
import { binaryStep, ticks, timeTicks, valueRange, valueStep } from './scale.ts';

const DAY_MS = 86_400_000;

describe('the ends of an axis', () => {
  it.each([
    [0, 95, { min: 0, max: 105 }],
    [90, 95, { min: 89.5, max: 95.5 }],
    [-5, 10, { min: -7, max: 12 }],
    [0, 0, { min: 0, max: 100 }],
  ])(
    'of values from %s to %s leave a tenth of room, and begin at zero where they come near it',
    (low, high, scale) => {
      const range = valueRange(low, high, {});
      expect(range.min).toBeCloseTo(scale.min, 0);
      expect(range.max).toBeGreaterThanOrEqual(high);
      expect(range.min).toBeLessThanOrEqual(low);
    },
  );

  it('are those that the dashboard says', () => {
    expect(valueRange(0.2, 0.4, { min: 0, max: 1 })).toEqual({ min: 0, max: 1 });
    expect(valueRange(20, 40, { softMin: 0, softMax: 100 })).toEqual({ min: 0, max: 100 });
  });
});

describe('ticks', () => {
  it('are round, and as far apart as texts need', () => {
    const scale = { min: 0, max: 105 };
    expect(ticks(scale, valueStep(scale, 200, 32))).toEqual([0, 20, 40, 60, 80, 100]);
  });

  it('of bytes are powers of two', () => {
    expect(binaryStep({ min: 0, max: 300 * 2 ** 20 }, 200, 32)).toBe(64 * 2 ** 20);
  });

  it('of time fall on whole days in a month, and on whole hours in a day', () => {
    const to = Date.UTC(2026, 10, 23, 11, 20);
    const month = timeTicks({ min: to - 30 * DAY_MS, max: to }, 600);
    expect(month.map(({ timeMs }) => timeMs % DAY_MS)).toEqual(month.map(() => 0));
    expect(month[0]?.text).toMatch(/^\d\d\/\d\d$/);
    const day = timeTicks({ min: to - DAY_MS, max: to }, 600);
    expect(day.length).toBeGreaterThan(5);
    expect(day.map(({ text }) => text)).toContain('00:00');
  });
});
