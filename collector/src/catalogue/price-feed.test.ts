import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { PriceCatalogue } from './catalogue.ts';
import { type FeedOutcome, PriceFeed } from './price-feed.ts';
import { feedStateFile } from './refresh/index.ts';

const folders: string[] = [];

afterEach(async () => {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
});

/** A price list in the format of models.dev with one model that nobody else knows. */
function listing(input: number): string {
  const cost = { input, output: 8 };
  return JSON.stringify({
    openai: { id: 'openai', models: { 'gpt-99': { id: 'gpt-99', name: 'GPT-99', cost } } },
  });
}

interface Running {
  readonly feed: PriceFeed;
  readonly catalogues: PriceCatalogue[];
  readonly outcomes: FeedOutcome[];
  readonly file: string;
}

async function aFeed(folder?: string): Promise<Running> {
  const own = folder ?? (await mkdtemp(join(tmpdir(), 'price-feed-')));
  if (folder === undefined) folders.push(own);
  const file = join(own, 'list.json');
  const catalogues: PriceCatalogue[] = [];
  const outcomes: FeedOutcome[] = [];
  const feed = new PriceFeed({
    settings: { source: file, format: 'auto', everyHours: 24 },
    overrides: { kind: 'override', cards: [], aliases: [], currencies: [] },
    similarModels: 'unpriced',
    stateFile: feedStateFile(join(own, 'price-feed.json')),
    now: () => new Date('2026-11-22T12:00:00Z'),
    onCatalogue: async (catalogue) => {
      catalogues.push(catalogue);
    },
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  return { feed, catalogues, outcomes, file };
}

function priceOf(catalogue: PriceCatalogue | undefined, at = '2026-11-22T12:00:00.001Z'): string | undefined {
  const match = catalogue?.find({
    provider: 'openai',
    model: 'gpt-99',
    isDeploymentName: false,
    atMicros: Date.parse(at) * 1000,
    tenant: 'default',
    customer: null,
  });
  return match?.kind === 'found' ? String(match.card.standard.rates.input) : match?.reason;
}

describe('a price feed', () => {
  it('gives a price to what had none, from the moment it was first seen on', async () => {
    const { feed, catalogues, outcomes, file } = await aFeed();
    expect(priceOf(await feed.load())).toBe('unknown_model');
    await writeFile(file, listing(3));
    await feed.refresh();
    expect(outcomes.map(({ kind }) => kind)).toEqual(['refreshed']);
    expect(priceOf(catalogues[0])).toBe('3000000000');
    expect(priceOf(catalogues[0], '2026-11-22T11:59:59.999Z')).toBe('no_card_at_time');
    expect(feed.ageDays()).toBe(0);
  });

  it('is remembered: the next process begins with what was believed, and asks without changing anything', async () => {
    const first = await aFeed();
    await first.feed.load();
    await writeFile(first.file, listing(3));
    await first.feed.refresh();

    const { feed, catalogues, outcomes } = await aFeed(folders.at(-1));
    expect(priceOf(await feed.load())).toBe('3000000000');
    await feed.refresh();
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unchanged']);
    expect(catalogues).toEqual([]);
  });

  it('that makes no sense, or is not there, changes nothing', async () => {
    const { feed, catalogues, outcomes, file } = await aFeed();
    await feed.load();
    await feed.refresh();
    await writeFile(file, '<html>');
    await feed.refresh();
    await writeFile(file, listing(3));
    await feed.refresh();
    await writeFile(file, listing(300));
    await feed.refresh();
    expect(outcomes.map(({ kind }) => kind)).toEqual(['unreachable', 'rejected', 'refreshed', 'rejected']);
    expect(catalogues).toHaveLength(1);
  });

  it('whose memory is damaged says so, and the rest of the book holds', async () => {
    const { feed, outcomes } = await aFeed();
    await writeFile(join(String(folders.at(-1)), 'price-feed.json'), '{');
    const catalogue = await feed.load();
    expect(outcomes.map(({ kind }) => kind)).toEqual(['state_damaged']);
    expect(catalogue.cards().length).toBeGreaterThan(1000);
  });
});
