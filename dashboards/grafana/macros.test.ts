import { describe, expect, it } from 'vitest';
import { formatInterval, panelIntervalMs, parseIntervalMs, type TimeRange } from './interval.ts';
import { expandMacros } from './macros.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const range: TimeRange = {
  from: new Date('2026-11-01T00:00:00.000Z'),
  to: new Date('2026-11-02T12:30:00.250Z'),
};

const expand = (sql: string, timescaledb?: boolean) =>
  expandMacros(sql, {
    range,
    intervalMs: HOUR_MS,
    ...(timescaledb === undefined ? {} : { timescaledb }),
  });

describe('a macro', () => {
  it.each([
    ['$__time(hour)', 'hour AS "time"'],
    ['$__timeEpoch(hour)', 'extract(epoch from hour) as "time"'],
    ['$__timeFilter(hour)', "hour BETWEEN '2026-11-01T00:00:00Z' AND '2026-11-02T12:30:00.25Z'"],
    ['$__timeFrom()', "'2026-11-01T00:00:00Z'"],
    ['$__timeTo()::timestamptz', "'2026-11-02T12:30:00.25Z'::timestamptz"],
    ["$__timeGroup(hour,'5m')", "time_bucket('300.000s',hour)"],
    ["$__timeGroup( hour , '1d' )", "time_bucket('86400.000s',hour)"],
    ["$__timeGroup(hour,'20ms')", "time_bucket('0.020s',hour)"],
    ["$__timeGroup(hour,'$__interval')", "time_bucket('3600.000s',hour)"],
    ['$__timeGroup(hour,$__interval)', "time_bucket('3600.000s',hour)"],
    ["$__timeGroupAlias(hour,'1h')", 'time_bucket(\'3600.000s\',hour) AS "time"'],
    ['$__unixEpochFilter(at)', 'at >= 1793491200 AND at <= 1793622600'],
    ['$__unixEpochFrom() + $__unixEpochTo()', '1793491200 + 1793622600'],
    ['$__unixEpochNanoFilter(at)', 'at >= 1793491200000000000 AND at <= 1793622600250000000'],
    ['$__unixEpochNanoFrom()', '1793491200000000000'],
    ['$__unixEpochNanoTo()', '1793622600250000000'],
    ["$__unixEpochGroup(at+1,'5m')", 'floor((at+1)/300)*300'],
    ["$__unixEpochGroupAlias(at,'5m')", 'floor((at)/300)*300 AS "time"'],
    ["INTERVAL '$__interval'", "INTERVAL '1h'"],
    ['$__interval_ms / 2', '3600000 / 2'],
  ])('%s becomes %s', (written, sent) => {
    expect(expand(written)).toEqual({ sql: sent });
  });

  it('groups into numbers where the data source does not know of buckets', () => {
    expect(expand("$__timeGroup(hour,'5m')", false).sql).toBe('floor(extract(epoch from hour)/300)*300');
  });

  it('names a bucket "time" when a comma stands right behind it', () => {
    expect(expand("SELECT $__timeGroup(hour,'1h'), 1").sql).toBe(
      'SELECT time_bucket(\'3600.000s\',hour) AS "time", 1',
    );
    expect(expand("SELECT $__timeGroup(hour,'1h') AS time, 1").sql).toContain('hour) AS time, 1');
  });

  it('ends at the first closing bracket, so that its column can be no call', () => {
    expect(expand('$__timeFilter(date_trunc(hour))').sql).toMatch(/^date_trunc\(hour BETWEEN .*'\)$/);
  });

  it('says what to put into empty buckets', () => {
    const fillOf = (text: string) => expand(`$__timeGroup(hour,'1h',${text})`).fill;
    expect(fillOf('NULL')).toEqual({ intervalMs: HOUR_MS, with: { mode: 'null' } });
    expect(fillOf('previous')).toEqual({ intervalMs: HOUR_MS, with: { mode: 'previous' } });
    expect(fillOf('0.5')).toEqual({ intervalMs: HOUR_MS, with: { mode: 'value', value: 0.5 } });
    expect(() => fillOf('zero')).toThrow(/fill value zero/);
  });

  it('that nobody knows is refused', () => {
    expect(() => expand('$__timeFitler(hour)')).toThrow('unknown macro "__timeFitler"');
    expect(() => expand('$sum(cost)')).toThrow('unknown macro "sum"');
  });

  it('that lacks an argument is refused', () => {
    expect(() => expand('$__timeGroup(hour)')).toThrow(/needs time column and interval/);
    expect(() => expand("$__timeGroup(hour,'often')")).toThrow(/not an interval/);
  });
});

describe('the interval of a panel', () => {
  it.each([
    [HOUR_MS, 1800, undefined, 2000],
    [DAY_MS, 1800, undefined, 60_000],
    [30 * DAY_MS, 1800, undefined, 1_200_000],
    [30 * DAY_MS, 1800, '1h', HOUR_MS],
    [30 * DAY_MS, 100, '1h', 6 * HOUR_MS],
    [365 * DAY_MS, 100, '1h', DAY_MS],
    [0, 100, undefined, 1],
  ])('of %i ms over %i points, at least %s, is %i ms', (rangeMs, points, minimum, expected) => {
    const to = new Date(range.from.getTime() + rangeMs);
    expect(panelIntervalMs({ from: range.from, to }, points, minimum)).toBe(expected);
  });

  it('is written with the largest unit that fits', () => {
    const written = [1, 250, 2000, 1_200_000, HOUR_MS, 90 * 60_000, 7 * DAY_MS, 365 * DAY_MS];
    expect(written.map(formatInterval)).toEqual(['1ms', '250ms', '2s', '20m', '1h', '1h', '7d', '1y']);
  });

  it('is read from text, and nothing else is', () => {
    expect(['90s', '1h30m', '2w', '>1h'].map(parseIntervalMs)).toEqual([
      90_000,
      90 * 60_000,
      14 * DAY_MS,
      HOUR_MS,
    ]);
    for (const text of ['', 'h', '1', '1x', '1h '.repeat(2), '1M', '$__interval'])
      expect(() => parseIntervalMs(text)).toThrow(/not an interval/);
  });
});
