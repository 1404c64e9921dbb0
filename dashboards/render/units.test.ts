import { describe, expect, it } from 'vitest';
import { dateText, fromNow } from './dates.ts';
import expected from './units.expected.json' with { type: 'json' };
import { formatUnit } from './units.ts';

const now = new Date('2026-11-23T12:00:00Z');

describe('values with a unit', () => {
  const units = Object.entries(expected.units);

  it('are compared for every unit that was recorded', () => {
    expect(units.length).toBeGreaterThan(25);
  });

  it.each(units)('are written as Grafana does: %s', (unit, rows) => {
    const written = rows.map(([value, texts]) => [
      value,
      expected.decimals
        .slice(0, Array.isArray(texts) ? texts.length : 0)
        .map((decimals) => formatUnit(unit, Number(value), decimals ?? undefined, { now })),
    ]);
    expect(written).toEqual(rows);
  });

  it('put an unknown unit behind the number', () => {
    expect(formatUnit('parsecs', 12, undefined, { now })).toBe('12 parsecs');
  });
});

describe('instants', () => {
  it('follow the pattern, with what stands in brackets as it is', () => {
    expect(dateText(Date.UTC(2026, 10, 3, 15, 4, 5), '[on] MMM D, h:mm a')).toBe('on Nov 3, 3:04 pm');
  });

  it.each([
    [-10, 'a few seconds ago'],
    [-50, 'a minute ago'],
    [-80, 'a minute ago'],
    [-3000, 'an hour ago'],
    [-80_000, 'a day ago'],
    [-100_000, 'a day ago'],
    [-20 * 86_400, '20 days ago'],
    [-40 * 86_400, 'a month ago'],
    [3 * 86_400, 'in 3 days'],
    [7200, 'in 2 hours'],
  ])('%s seconds from now are %s', (seconds, text) => {
    expect(fromNow(now.getTime() + seconds * 1000, now)).toBe(text);
  });
});
