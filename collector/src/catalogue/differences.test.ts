import { NO_FACTORS, type RateCard } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { priceDifferences } from './differences.ts';
import type { DatedCard } from './price-book.ts';
import type { Hours } from './timeline.ts';

const USD_PER_MILLION = 1_000_000_000n;

function aCard(parts: Partial<RateCard> = {}): RateCard {
  return {
    id: 'list/m',
    provider: 'list',
    model: 'm',
    standard: { rates: { input: 2n * USD_PER_MILLION, output: 8n * USD_PER_MILLION }, tiers: [] },
    serviceTiers: new Map(),
    regions: NO_FACTORS,
    inferenceGeos: NO_FACTORS,
    discount: null,
    units: {},
    cacheWritesAsInput: false,
    imagesAsText: false,
    isFree: false,
    isImputed: false,
    ...parts,
  };
}

function dated(
  card: RateCard,
  fromMicros = 0,
  toMicros: number | null = null,
  hours: Hours[] = [],
): DatedCard {
  return { provider: card.provider, card, fromMicros, toMicros, hours, scope: null };
}

function aWindow(weekdays: readonly number[]): Hours {
  return { fromMinute: 60, toMinute: 240, weekdays: new Set(weekdays), utcOffsetMinutes: 0 };
}

/** Model and instants are asked for where they matter. */
function said(theirs: readonly DatedCard[], ours: readonly DatedCard[]): readonly string[] {
  return priceDifferences(theirs, ours).map(
    ({ item, theirs: their, ours: our, fromMicros, toMicros }) =>
      `${fromMicros}-${toMicros ?? ''} ${item}: ${their ?? 'none'} → ${our ?? 'none'}`,
  );
}

const dearer = aCard({
  id: 'list/m+fix',
  standard: { rates: { input: 2n * USD_PER_MILLION, output: 9n * USD_PER_MILLION }, tiers: [] },
});

describe('differences between two catalogues', () => {
  it('are none where both say the same', () => {
    expect(said([dated(aCard())], [dated(aCard())])).toEqual([]);
    expect(said([dated(aCard())], [dated(aCard(), 0, 100), dated(aCard(), 100)])).toEqual([]);
  });

  it('name the class, their price and ours, for the time in which they differ', () => {
    expect(said([dated(aCard())], [dated(aCard(), 0, 100), dated(dearer, 100)])).toEqual([
      '100- output: 8 → 9',
    ]);
  });

  it('are one where an entry begins and nothing changes', () => {
    expect(said([dated(aCard())], [dated(dearer, 0, 100), dated(dearer, 100)])).toEqual(['0- output: 8 → 9']);
  });

  it('tell what the other lacks, in time or altogether', () => {
    const other = aCard({ model: 'new' });
    expect(said([dated(aCard(), 100)], [dated(aCard())])).toEqual([
      '0-100 input: none → 2',
      '0-100 output: none → 8',
    ]);
    expect(said([dated(aCard())], [dated(aCard()), dated(other)])).toEqual([
      '0- input: none → 2',
      '0- output: none → 8',
    ]);
  });

  it('tell what we lack', () => {
    expect(said([dated(aCard())], [dated(aCard(), 0, 100)])).toEqual(['100- card: list/m → none']);
  });

  it('see tiers with their operator, units, service tiers and factors', () => {
    const rates = { input: 4n * USD_PER_MILLION };
    const tenth = { numerator: 11n, denominator: 10n };
    const ours = aCard({
      standard: { ...aCard().standard, tiers: [{ threshold: 200_000, operator: 'gte', rates }] },
      units: { web_search: 10n ** 13n },
      serviceTiers: new Map([['batch', { kind: 'table', rates, tiers: [] }]]),
      regions: { byName: new Map(), others: tenth },
    });
    expect(said([dated(aCard())], [dated(ours)])).toEqual([
      '0- input from 200000: none → 4',
      '0- web_search: none → 0.01',
      '0- service tier batch: none → input 4',
      '0- region *: none → × 11/10',
    ]);
  });

  it('hold hours against the same hours, and their weekdays are a difference', () => {
    const everyDay = aWindow([0, 1, 2, 3, 4, 5, 6]);
    const workdays = aWindow([1, 2, 3, 4, 5]);
    const theirs = [dated(aCard()), dated(dearer, 0, null, [everyDay])];
    expect(said(theirs, [dated(aCard()), dated(dearer, 0, null, [workdays])])).toEqual([
      '0- weekdays: Sun Mon Tue Wed Thu Fri Sat → Mon Tue Wed Thu Fri',
    ]);
    expect(said(theirs, [dated(aCard())])).toEqual(['0- hours: list/m+fix → list/m']);
  });
});
