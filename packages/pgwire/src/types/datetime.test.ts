import { describe, expect, it } from 'vitest';
import { Outgoing } from '../wire/outgoing.ts';
import { timestamptz } from './datetime.ts';
import { interval } from './interval.ts';
import { zoneOf } from './zone.ts';

function inZone(name: string, text: string): string {
  const zone = zoneOf(name);
  const out = new Outgoing();
  timestamptz.writeText(out, timestamptz.readText(text, zone), zone);
  return out.take().toString();
}

describe('times in the zone of a session', () => {
  it.each([
    ['Europe/Berlin', '2026-07-01', '2026-07-01 00:00:00+02', 'a day in summer'],
    ['Europe/Berlin', '2026-03-29 01:59', '2026-03-29 01:59:00+01', 'just before clocks go forward'],
    ['Europe/Berlin', '2026-03-29 02:30', '2026-03-29 03:30:00+02', 'a time that never comes'],
    ['Europe/Berlin', '2026-03-29 03:00', '2026-03-29 03:00:00+02', 'just after'],
    ['Europe/Berlin', '2026-10-25 02:30', '2026-10-25 02:30:00+01', 'a time that comes twice'],
    ['Europe/Berlin', '2026-10-25 03:30', '2026-10-25 03:30:00+01', 'after clocks have gone back'],
    ['Europe/Berlin', '1800-01-01 00:00', '1800-01-01 00:00:00+00:53:28', 'the time of the sun'],
    ['America/New_York', '2018-11-04 01:30', '2018-11-04 01:30:00-05', 'a time that comes twice'],
    ['America/New_York', '2018-03-11 02:30', '2018-03-11 03:30:00-04', 'a time that never comes'],
    ['Asia/Kathmandu', '2026-01-01 00:00Z', '2026-01-01 05:45:00+05:45', 'minutes of an offset'],
    ['-3.5', '2026-01-01 00:00Z', '2025-12-31 20:30:00-03:30', 'a fixed offset'],
  ])('in %s, %s is %s: %s (as in PostgreSQL 15)', (zone, text, written) => {
    expect(inZone(zone, text)).toBe(written);
  });

  it.each(['Mars/Base', '+02:00', '+99', 'CET-1CEST', ''])('%j is no zone', (name) => {
    expect(() => zoneOf(name)).toThrow(expect.objectContaining({ code: '22023' }));
  });
});

describe('a text that is no time', () => {
  const zone = zoneOf('UTC');
  it.each([
    ['2026-02-30', '22008'],
    ['2026-13-01', '22008'],
    ['2026-01-01 25:00', '22008'],
    ['2026-01-01 24:00:01', '22008'],
    ['2026-01-01 00:00+99', '22008'],
    ['0000-01-01', '22008'],
    ['9999999-01-01', '22008'],
    ['01/02/2026', '22007'],
    ['yesterday', '22007'],
    ['', '22007'],
  ])('%j is refused with %s', (text, code) => {
    expect(() => timestamptz.readText(text, zone)).toThrow(expect.objectContaining({ code }));
  });

  it.each(['', 'P', 'PT', '1 parsec', 'day', '1:2:3:4', 'P1Y2', 'x'.repeat(2_000)])(
    '%j is no interval',
    (text) => {
      expect(() => interval.readText(text, zone)).toThrow(expect.objectContaining({ code: '22007' }));
    },
  );

  it('an interval of more than fits is refused', () => {
    expect(() => interval.readText('999999999999 years', zone)).toThrow(
      expect.objectContaining({ code: '22003' }),
    );
  });
});
