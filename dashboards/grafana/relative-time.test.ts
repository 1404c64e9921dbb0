import { expect, it } from 'vitest';
import { panelRange, resolveTime } from './relative-time.ts';

const now = new Date('2026-03-31T10:20:30.400Z');

it.each([
  ['now', 'from', '2026-03-31T10:20:30.400Z'],
  ['now-30d', 'from', '2026-03-01T10:20:30.400Z'],
  ['now-90m', 'from', '2026-03-31T08:50:30.400Z'],
  ['now-1M', 'from', '2026-02-28T10:20:30.400Z'],
  ['now/M', 'from', '2026-03-01T00:00:00.000Z'],
  ['now/M', 'to', '2026-03-31T23:59:59.999Z'],
  ['now-1M/M', 'to', '2026-02-28T23:59:59.999Z'],
  ['now/Q', 'from', '2026-01-01T00:00:00.000Z'],
  ['now/w', 'from', '2026-03-29T00:00:00.000Z'],
  ['now/d', 'to', '2026-03-31T23:59:59.999Z'],
  ['now+1h/h', 'from', '2026-03-31T11:00:00.000Z'],
] as const)('%s, as %s, is %s', (text, bound, expected) => {
  expect(resolveTime(text, now, bound).toISOString()).toBe(expected);
});

it('other texts are no relative times', () => {
  for (const text of ['', 'tomorrow', 'now-1x', 'now/', 'nowhere', '2026-01-01'])
    expect(() => resolveTime(text, now, 'from')).toThrow(/not a relative time/);
});

it('a panel may have a time of its own, and look back from it', () => {
  const range = { from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-02T00:00:00Z') };
  const iso = ({ from, to }: { from: Date; to: Date }) => [from.toISOString(), to.toISOString()];
  expect(panelRange(range, {}, now)).toBe(range);
  expect(iso(panelRange(range, { timeFrom: 'now/M' }, now))).toEqual([
    '2026-03-01T00:00:00.000Z',
    now.toISOString(),
  ]);
  expect(iso(panelRange(range, { timeFrom: '24h' }, now))[0]).toBe('2026-03-30T10:20:30.400Z');
  expect(iso(panelRange(range, { timeShift: '1d' }, now))[0]).toBe('2025-12-31T00:00:00.000Z');
  expect(() => panelRange(range, { timeShift: 'a while' }, now)).toThrow(/time shift/);
});
