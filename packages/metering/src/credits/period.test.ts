import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Anchor,
  addLocalDays,
  isZone,
  localDays,
  type PeriodBounds,
  periodAt,
  periodsFrom,
  startOfLocalDay,
} from './period.ts';

const DAY_MICROS = 86_400_000_000;

function micros(text: string): number {
  return Date.parse(text) * 1000;
}

function instant(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** The date that a clock on the wall shows, asked from `Intl` in another way than the code under test does. */
function dateOnTheWall(zone: string, atMicros: number): string {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('sv-SE', { timeZone: zone, dateStyle: 'short' });
    formats.set(zone, format);
  }
  return format.format(atMicros / 1000);
}

/** Zones with every oddity there is, and as many ordinary ones. */
const zones = fc.constantFrom(
  'Europe/Berlin',
  'America/New_York',
  'America/Sao_Paulo',
  'Africa/Cairo',
  'Asia/Beirut',
  'Asia/Amman',
  'Asia/Gaza',
  'America/Havana',
  'America/Santiago',
  'America/Asuncion',
  'Asia/Tehran',
  'Africa/Casablanca',
  'Pacific/Apia',
  'Pacific/Chatham',
  'America/St_Johns',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'America/Scoresbysund',
  'Pacific/Kiritimati',
  'UTC',
);
const anyZone = fc.oneof(zones, fc.constantFrom(...Intl.supportedValuesOf('timeZone')));
const anchors = fc.record({ day: fc.integer({ min: 1, max: 31 }), zone: anyZone });
/** Zones that crossed the date line at the end of 2011. */
const SKIPPED_A_DAY = new Set(['Pacific/Apia', 'Pacific/Fakaofo']);
/** Ten years in which all of these zones have changed something. */
const instants = fc.integer({ min: micros('2005-01-01T00:00Z'), max: micros('2015-01-01T00:00Z') });

describe('billing periods', () => {
  it('I18: tile ten years without gap or overlap, and start on the anchor day or the last of the month', () => {
    fc.assert(
      fc.property(anchors, instants, (anchor, startMicros) => {
        const periods = periodsFrom(anchor, startMicros, 121);
        expect(periods[0]?.startMicros).toBe(startMicros);
        let previous: PeriodBounds | null = null;
        for (const period of periods) {
          expect(period.startMicros).toBeLessThan(period.endMicros);
          if (previous !== null) {
            expect(period.startMicros).toBe(previous.endMicros);
            expect(periodAt(anchor, period.startMicros)).toEqual(period);
            const [year = 0, month = 0, day] = dateOnTheWall(anchor.zone, period.startMicros)
              .split('-')
              .map(Number);
            const due = Math.min(anchor.day, new Date(Date.UTC(year, month, 0)).getUTCDate());
            // Samoa and Tokelau had no 30th of December 2011: what was due then begins with the 31st.
            expect(wasSkipped(anchor.zone, year, month, due) ? due + 1 : due).toBe(day);
          }
          previous = period;
        }
      }),
      { numRuns: 60 },
    );
  });

  it('I18: hold each instant in exactly one period', () => {
    fc.assert(
      fc.property(anchors, instants, (anchor, atMicros) => {
        const { startMicros, endMicros } = periodAt(anchor, atMicros);
        expect(startMicros).toBeLessThanOrEqual(atMicros);
        expect(atMicros).toBeLessThan(endMicros);
        expect(periodAt(anchor, startMicros)).toEqual({ startMicros, endMicros });
        expect(periodAt(anchor, endMicros - 1)).toEqual({ startMicros, endMicros });
        expect(periodAt(anchor, endMicros).startMicros).toBe(endMicros);
      }),
      { numRuns: 500 },
    );
  });

  it('are clamped to the last day of short months and never forget their anchor', () => {
    const starts = periodsFrom({ day: 31, zone: 'Europe/Berlin' }, micros('2028-01-30T23:00Z'), 5);
    expect(starts.map((period) => instant(period.startMicros))).toEqual([
      '2028-01-30T23:00:00.000Z',
      '2028-02-28T23:00:00.000Z',
      '2028-03-30T22:00:00.000Z',
      '2028-04-29T22:00:00.000Z',
      '2028-05-30T22:00:00.000Z',
    ]);
  });

  it('of the 29th begin on the 28th of February only where there is no 29th', () => {
    const anchor: Anchor = { day: 29, zone: 'UTC' };
    expect(instant(periodAt(anchor, micros('2027-03-01T00:00Z')).startMicros)).toBe(
      '2027-02-28T00:00:00.000Z',
    );
    expect(instant(periodAt(anchor, micros('2028-03-01T00:00Z')).startMicros)).toBe(
      '2028-02-29T00:00:00.000Z',
    );
  });
});

function wasSkipped(zone: string, year: number, month: number, day: number): boolean {
  return SKIPPED_A_DAY.has(zone) && year === 2011 && month === 12 && day === 30;
}

describe('local days', () => {
  it('begin when the clocks first show their date, in every zone', () => {
    fc.assert(
      fc.property(anyZone, instants, (zone, atMicros) => {
        const startMicros = startOfLocalDay(zone, atMicros);
        const date = dateOnTheWall(zone, startMicros);
        expect(startMicros).toBeLessThanOrEqual(atMicros);
        expect(dateOnTheWall(zone, atMicros) <= date).toBe(true);
        // Not once in the day before, looked at every quarter of an hour and in the last millisecond.
        for (let before = 1_000; before < DAY_MICROS; before += DAY_MICROS / 96) {
          expect(dateOnTheWall(zone, startMicros - before) < date).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['Europe/Berlin in spring', 'Europe/Berlin', '2026-03-29T12:00Z', '2026-03-28T23:00:00.000Z', 23],
    ['Europe/Berlin in autumn', 'Europe/Berlin', '2026-10-25T12:00Z', '2026-10-24T22:00:00.000Z', 25],
    ['no midnight in São Paulo', 'America/Sao_Paulo', '2018-11-04T12:00Z', '2018-11-04T03:00:00.000Z', 23],
    ['no midnight in Cairo', 'Africa/Cairo', '2026-04-24T12:00Z', '2026-04-23T22:00:00.000Z', 23],
    ['no midnight in Beirut', 'Asia/Beirut', '2026-03-29T12:00Z', '2026-03-28T22:00:00.000Z', 23],
    ['two midnights in Havana', 'America/Havana', '2025-11-02T12:00Z', '2025-11-02T04:00:00.000Z', 25],
    [
      'a minute of Sunday before an hour of Saturday in St. John’s',
      'America/St_Johns',
      '2006-10-29T03:00Z',
      '2006-10-29T02:30:00.000Z',
      25,
    ],
    [
      'the day after the skipped one in Samoa',
      'Pacific/Apia',
      '2011-12-30T12:00Z',
      '2011-12-30T10:00:00.000Z',
      24,
    ],
    ['a quarter of an hour in Nepal', 'Asia/Kathmandu', '2026-05-05T12:00Z', '2026-05-04T18:15:00.000Z', 24],
    ['seconds in Liberia', 'Africa/Monrovia', '1971-05-05T12:00Z', '1971-05-05T00:44:30.000Z', 24],
  ])('begin at their first instant: %s', (_title, zone, at, start, hours) => {
    expect(instant(startOfLocalDay(zone, micros(at)))).toBe(start);
    expect(addLocalDays(zone, micros(at), 1) - startOfLocalDay(zone, micros(at))).toBe(hours * 3_600_000_000);
  });

  it('are counted by date, whatever daylight saving does to their length', () => {
    const zone = 'Europe/Berlin';
    expect(localDays(zone, micros('2026-03-01T00:00+01:00'), micros('2026-04-01T00:00+02:00'))).toBe(31);
    expect(localDays(zone, micros('2026-03-28T23:59+01:00'), micros('2026-03-29T00:01+01:00'))).toBe(1);
    expect(localDays(zone, micros('2026-03-29T00:01+01:00'), micros('2026-03-28T23:59+01:00'))).toBe(-1);
  });

  it('are added so that counting them gives the number again', () => {
    fc.assert(
      fc.property(anyZone, instants, fc.integer({ min: -400, max: 400 }), (zone, atMicros, days) => {
        fc.pre(!SKIPPED_A_DAY.has(zone));
        expect(localDays(zone, atMicros, addLocalDays(zone, atMicros, days))).toBe(days);
      }),
    );
  });
});

describe('a zone', () => {
  it('is a name of the zone database', () => {
    expect(['UTC', 'Europe/Berlin', 'America/Argentina/Buenos_Aires'].every(isZone)).toBe(true);
    expect(['', 'Mars/Olympus', '+01:00', '-0330', 'Europe/Berlin '].filter(isZone)).toEqual([]);
  });
});
