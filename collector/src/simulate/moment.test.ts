import { describe, expect, it } from 'vitest';
import { atOf, durationMicros, momentOf } from './moment.ts';

const HOUR = 3_600_000_000;

describe('a time in a scenario', () => {
  it.each([
    ['3d', 72 * HOUR],
    ['1d12h', 36 * HOUR],
    ['90m', 1.5 * HOUR],
    ['10s', 10_000_000],
    ['-2h', -2 * HOUR],
  ])('%s is a stretch of time, in days of 24 hours', (text, micros) => {
    expect(durationMicros(text)).toBe(micros);
    expect(momentOf(text)).toEqual({ kind: 'from_now', micros });
  });

  it.each(['', '-', '3', '3 days', 'd', '1h1d', '1.5h', '2026'])('%o is none', (text) => {
    expect(durationMicros(text)).toBeNull();
    expect(momentOf(text)).toBeNull();
  });

  it('is an instant, or counts from now', () => {
    const noon = Date.UTC(2026, 10, 3, 12) * 1000;
    const atNoon = momentOf('2026-11-03T12:00:00Z');
    expect(atNoon).toEqual({ kind: 'instant', atMicros: noon });
    expect(atOf({ kind: 'instant', atMicros: noon }, 0)).toBe(noon);
    expect(atOf({ kind: 'from_now', micros: -HOUR }, noon)).toBe(noon - HOUR);
  });
});
