import { readdirSync, readFileSync } from 'node:fs';
import { parseDecimal, RATE_SCALE } from '@spanledger/metering';
import { Value } from 'typebox/value';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { JOINED_OVERLAY_FILE, joinedOverlay } from './overlay.ts';
import { type CardEntry, PriceFile } from './price-file.ts';

const FOLDER = new URL('./overlay/', import.meta.url);
const NAMES = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
const FILES = NAMES.map((name) => ({ name, content: readPriceFile(name) }));
const CARDS = FILES.flatMap(({ content }) => (Value.Check(PriceFile, content) ? (content.cards ?? []) : []));
const ALIASES = FILES.flatMap(({ content }) =>
  Value.Check(PriceFile, content) ? (content.aliases ?? []) : [],
);

describe('the overlay', () => {
  it('is read from one file, which is current (npm run generate)', () => {
    expect(readFileSync(JOINED_OVERLAY_FILE, 'utf8')).toBe(joinedOverlay());
  });

  it.each(FILES)('is a price file in each of its files: $name', ({ content }) => {
    expect([...Value.Errors(PriceFile, content)]).toEqual([]);
  });

  it('has entries for every provider whose list needs correcting', () => {
    expect(NAMES.map((name) => name.replace('.yaml', ''))).toEqual(
      expect.arrayContaining([
        'anthropic',
        'azure',
        'bedrock',
        'deepseek',
        'google',
        'groq',
        'mistral',
        'openai',
        'perplexity',
        'xai',
      ]),
    );
    expect(CARDS.length).toBeGreaterThan(100);
  });

  it('names every card once', () => {
    const ids = CARDS.map(({ id }) => id);
    expect(ids.filter((id, index) => ids.indexOf(id) !== index)).toEqual([]);
  });

  it('says of every entry where it was read, when and by whom', () => {
    const silent = [...CARDS, ...ALIASES].filter(
      ({ source }) =>
        source === undefined ||
        !/^https:\/\/[^/]+\//.test(source.url) ||
        !isInstant(source.read) ||
        source.reader === undefined,
    );
    expect(silent).toEqual([]);
  });

  it('holds every entry for a time that begins before it ends', () => {
    const wrong = [...CARDS, ...ALIASES].filter(
      ({ effective_from: from, effective_to: to }) =>
        from === undefined ||
        !isInstant(from) ||
        (to !== undefined && (!isInstant(to) || micros(to) <= micros(from))),
    );
    expect(wrong).toEqual([]);
  });

  it('never prices a model that it does not name', () => {
    const wildcards = CARDS.filter(({ match }) => match.model.includes('*') || match.provider.includes('*'));
    expect(wildcards).toEqual([]);
  });

  it('has amounts that are exact and not negative', () => {
    const amounts = CARDS.flatMap((card) => amountsOf(card).map((amount) => ({ id: card.id, amount })));
    expect(amounts.length).toBeGreaterThan(CARDS.length);
    expect(amounts.filter(({ amount }) => !isExactAmount(amount))).toEqual([]);
  });

  it('says of every promotional price until when it is promised', () => {
    const promotional = CARDS.filter((card) => /promotional/i.test(card.note ?? '') || hasPromise(card));
    expect(promotional.length).toBeGreaterThan(0);
    const endless = promotional.filter(
      ({ promotional_until: until, effective_from: from, effective_to: to }) =>
        until === undefined ||
        !isInstant(until) ||
        micros(until) <= micros(from) ||
        (to !== undefined && micros(until) > micros(to)),
    );
    expect(endless).toEqual([]);
  });

  it('says the tiers again wherever a card of its own has a long-context price', () => {
    const vague = CARDS.flatMap((card) => [
      ...(card.tiers ?? []),
      ...Object.values(card.service_tiers ?? {}).flatMap((table) => table.tiers ?? []),
    ]).filter(
      ({ above, from, rates }) =>
        (above === undefined) === (from === undefined) ||
        // No rates at all: nothing is served there, so there is no price.
        (rates.input === undefined && Object.keys(rates).length > 0),
    );
    expect(vague).toEqual([]);
  });

  it('has one card for a model at a time, but for hours and for a later one', () => {
    const begun = CARDS.map(({ match, effective_from: from }) =>
      [match.provider, match.model, micros(from)].join(' '),
    );
    expect(begun.filter((start, index) => begun.indexOf(start) !== index)).toEqual([]);
  });

  it('lets cards without hours overlap only where a short one covers a lasting one', () => {
    const lasting = CARDS.filter(({ hours }) => hours === undefined);
    const clashes = lasting.flatMap((card) =>
      lasting
        .filter((other) => other !== card && sameModel(card, other) && startsWithin(card, other))
        .filter((other) => other.effective_to === undefined || micros(other.effective_to) > ends(card))
        .map((other) => `${other.id} begins in ${card.id} and outlasts it`),
    );
    expect(clashes).toEqual([]);
  });
});

/** Failsafe reads everything as text, so that no amount passes through a float; only counts become numbers. */
function readPriceFile(name: string): unknown {
  return parse(readFileSync(new URL(name, FOLDER), 'utf8'), countsAndFlags, {
    schema: 'failsafe',
    uniqueKeys: true,
  });
}

function countsAndFlags(key: unknown, value: unknown): unknown {
  if (typeof value !== 'string') return value;
  if (key === 'images_as_text' || key === 'cache_writes_as_input' || key === 'free') return value === 'true';
  const counts = key === 'version' || key === 'above' || key === 'from' || key === 'gpus';
  return counts && /^\d+$/.test(value) ? Number(value) : value;
}

function amountsOf(card: CardEntry): readonly string[] {
  const tables = Object.values(card.service_tiers ?? {});
  const tiers = [...(card.tiers ?? []), ...tables.flatMap((table) => table.tiers ?? [])];
  return [
    card.multiplier,
    ...tables.map(({ multiplier }) => multiplier),
    ...[card.rates, ...tables.map(({ rates }) => rates), ...tiers.map(({ rates }) => rates)].flatMap(
      (rates) => Object.values(rates ?? {}),
    ),
    ...Object.values(card.units ?? {}),
    ...Object.values(card.regions ?? {}),
    ...Object.values(card.inference_geos ?? {}),
  ].filter((amount) => amount !== undefined);
}

function isExactAmount(amount: string): boolean {
  const parsed = parseDecimal(amount, RATE_SCALE);
  return parsed.kind === 'decimal' && parsed.value >= 0n;
}

function hasPromise({ promotional_until: until }: CardEntry): boolean {
  return until !== undefined;
}

function isInstant(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}Z)?$/.test(text) && !Number.isNaN(micros(text));
}

function micros(instant: string): number {
  return Date.parse(instant) * 1000;
}

function ends({ effective_to: to }: CardEntry): number {
  return to === undefined ? Number.POSITIVE_INFINITY : micros(to);
}

function sameModel(card: CardEntry, other: CardEntry): boolean {
  return card.match.provider === other.match.provider && card.match.model === other.match.model;
}

function startsWithin(card: CardEntry, other: CardEntry): boolean {
  const start = micros(other.effective_from);
  return start > micros(card.effective_from) && start < ends(card);
}
