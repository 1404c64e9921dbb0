import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { catalogueWith, parsePriceFile } from '../catalogue/index.ts';
import { countArgument, priceLines, printPrice, questionOf } from './price-command.ts';

const NOON = Date.UTC(2026, 5, 15, 12);

function aCatalogue() {
  const parsed = parsePriceFile(
    `
cards:
  - id: house-model
    match: {provider: acme, model: house-1}
    effective_from: 2026-01-01
    rates: {input: "2", cache_read: "0.5", output: "8"}
    units: {request: "0.005", second: "0.0001"}
    service_tiers: {batch: {multiplier: "0.5"}}
  - id: vectors
    match: {provider: acme, model: embed-1}
    effective_from: 2026-01-01
    rates: {input: "0.02"}
`,
    'prices.yaml',
    'override',
  );
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return catalogueWith([parsed.layer]);
}

class Collected extends Writable {
  text = '';

  override _write(chunk: unknown, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}

async function lines(...input: readonly string[]) {
  const out = new Collected();
  const isWell = await priceLines(Readable.from([`${input.join('\n')}\n`]), out, aCatalogue());
  const answers: readonly Record<string, unknown>[] = out.text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { isWell, answers };
}

function asked(usage: object, more: object = {}): string {
  return JSON.stringify({
    provider: 'acme',
    model: 'house-1',
    timestamp: '2026-06-15T12:00:00Z',
    usage,
    ...more,
  });
}

describe('lines of JSON', () => {
  it('give one line each: the question, the cost and what it is made of', async () => {
    const { answers, isWell } = await lines(
      asked(
        { input_tokens: 1000, cache_read_tokens: 400, output_tokens: 100 },
        { service_tier: 'batch', id: 7 },
      ),
    );
    expect(isWell).toBe(true);
    expect(answers).toEqual([
      {
        provider: 'acme',
        model: 'house-1',
        timestamp: '2026-06-15T12:00:00Z',
        usage: { input_tokens: 1000, cache_read_tokens: 400, output_tokens: 100 },
        service_tier: 'batch',
        id: 7,
        // (600 × 2 + 400 × 0.5 + 100 × 8) / 2 per million, and the fee for the request as it is
        cost_usd: '0.0061',
        status: 'priced',
        match_kind: 'exact',
        rate_card: 'house-model',
        lines: [
          { item: 'input', quantity: 600, usd_per_million: '2', factor: '0.5', cost_usd: '0.0006' },
          { item: 'cache_read', quantity: 400, usd_per_million: '0.5', factor: '0.5', cost_usd: '0.0001' },
          { item: 'output', quantity: 100, usd_per_million: '8', factor: '0.5', cost_usd: '0.0004' },
          { item: 'request', quantity: 1, usd_each: '0.005', cost_usd: '0.005' },
        ],
      },
    ]);
  });

  it('are priced at the instant they name, with any offset, and at UTC without one', async () => {
    const at = async (timestamp: string) =>
      (await lines(asked({ input_tokens: 1, output_tokens: 0 }, { timestamp }))).answers[0]?.status;
    expect(await at('2025-12-31T23:59:59.999Z')).toBe('unpriced:no_card_at_time');
    expect(await at('2026-01-01T01:59:59+02:00')).toBe('unpriced:no_card_at_time');
    expect(await at('2026-01-01T02:00:00+02:00')).toBe('priced');
    expect(await at('2026-01-01T00:00:00.123456789')).toBe('priced');
    expect(await at('2026-01-01')).toBe('priced');
  });

  it.each([
    ['a count that is below zero', { input_tokens: -1, output_tokens: 1 }, 'invalid_usage'],
    ['a count that is no whole number', { input_tokens: 1.5, output_tokens: 1 }, 'invalid_usage'],
    ['a count that is a text', { input_tokens: '1', output_tokens: 1 }, 'invalid_usage'],
    ['a count beyond all sense', { input_tokens: 1e15, output_tokens: 1 }, 'invalid_usage'],
    [
      'a count that we do not know',
      { input_tokens: 1, output_tokens: 1, input_video_tokens: 5 },
      'invalid_usage',
    ],
    [
      'parts that are more than the whole',
      { input_tokens: 1, cache_write_1h_tokens: 2, output_tokens: 1 },
      'invalid_usage',
    ],
    ['no output of a model that makes some', { input_tokens: 1 }, 'missing_usage'],
    ['no input', { output_tokens: 1 }, 'missing_usage'],
    ['nothing', {}, 'missing_usage'],
    ['nothing but nulls', { input_tokens: null, output_tokens: null }, 'missing_usage'],
  ])('have no price for %s', async (_, usage, reason) => {
    const { answers, isWell } = await lines(asked(usage));
    expect(answers[0]).toMatchObject({
      cost_usd: null,
      status: `unpriced:${reason}`,
      reason,
      rate_card: null,
    });
    expect(isWell).toBe(true);
  });

  it('say which count is the mistake', async () => {
    const { answers } = await lines(
      asked({ input_tokens: 1, output_tokens: 1, input_video_tokens: 5 }),
      asked({ input_tokens: 10, output_tokens: 5, total_tokens: 16 }),
    );
    expect(answers.map(({ note }) => note)).toEqual([
      'input_video_tokens is no count that has a price',
      'total_tokens is not input_tokens and output_tokens together',
    ]);
    const agreeing = await lines(asked({ input_tokens: 10, output_tokens: 5, total_tokens: 15 }));
    expect(agreeing.answers[0]?.status).toBe('priced');
  });

  it('may be what was answered before, and nothing of the old answer stays', async () => {
    const { answers } = await lines(
      `\uFEFF${asked({ input_tokens: 1, output_tokens: 0 }, { reason: 'old', note: 'old', cost_known_part_usd: '9' })}`,
    );
    expect(answers[0]).toMatchObject({ status: 'priced' });
    for (const field of ['reason', 'note', 'cost_known_part_usd'])
      expect(answers[0]).not.toHaveProperty(field);
  });

  it('without a model or without usage have no price', async () => {
    const { answers, isWell } = await lines(
      asked({ input_tokens: 1, output_tokens: 1 }, { model: null }),
      '{"provider":"acme","model":"house-1","timestamp":"2026-06-15T12:00:00Z"}',
    );
    expect(answers.map(({ status }) => status)).toEqual(['unpriced:unknown_model', 'unpriced:missing_usage']);
    expect(isWell).toBe(true);
  });

  it('need no output where the model makes none', async () => {
    const { answers } = await lines(asked({ input_tokens: 1_000_000 }, { model: 'embed-1' }));
    expect(answers[0]).toMatchObject({ cost_usd: '0.02', status: 'priced' });
  });

  it('that cannot be read are answered with what was expected, and the others go on', async () => {
    const { answers, isWell } = await lines(
      'not json',
      '[1]',
      '{"model":"house-1","usage":{}}',
      asked({ input_tokens: 1 }, { timestamp: 'yesterday' }),
      asked({ input_tokens: 1 }, { timestamp: '2026-06-31' }),
      '',
      asked({ input_tokens: 0, output_tokens: 0 }),
    );
    expect(isWell).toBe(false);
    expect(answers.map(({ status }) => status)).toEqual([
      'error',
      'error',
      'error',
      'error',
      'error',
      'priced',
    ]);
    expect(answers[0]).toMatchObject({ input: 'not json', cost_usd: null });
    expect(answers[2]?.reason).toContain('timestamp');
    expect(answers[3]?.reason).toBe('timestamp must be an RFC 3339 instant (2026-01-15T12:00:00Z)');
  });
});

describe('a price for people', () => {
  const plain = (_format: unknown, text: string) => text;

  it('shows its lines and where they come from', () => {
    const out = new Collected();
    const options = { provider: 'acme', input: 1_200_000, cacheRead: 200_000, output: 300, seconds: 90 };
    const isPriced = printPrice(out, questionOf('house-1', options, NOON), aCatalogue(), plain);
    expect(isPriced).toBe(true);
    expect(out.text).toBe(`house-1 of acme at 2026-06-15T12:00:00Z
rate card house-model, exact match
               quantity              USD  cost in USD
  input       1,000,000    2 per million            2
  cache read    200,000  0.5 per million          0.1
  output            300    8 per million       0.0024
  request             1       0.005 each        0.005
  second             90     0.36 an hour        0.009
total 2.1164 USD
`);
  });

  it('says why there is none', () => {
    const out = new Collected();
    const question = questionOf('house-1', { provider: 'acme', input: 5, webSearches: 2 }, NOON);
    expect(printPrice(out, question, aCatalogue(), plain)).toBe(false);
    expect(out.text).toContain('no price: no price for web_search; known part 0.00501 USD');
    expect(() => questionOf('house-1', { input: 1 }, NOON)).toThrow(/--provider/);
    expect(() => questionOf('gpt-4o', { input: 1, at: 'noon' }, NOON)).toThrow(/--at expects an instant/);
    expect(() => questionOf('gpt-4o', {}, NOON)).toThrow(/How much/);
  });

  it('takes counts as people write them', () => {
    expect([countArgument('250_000'), countArgument('1,200'), countArgument('12.5')]).toEqual([
      250_000, 1200, 12.5,
    ]);
    for (const text of ['-1', 'many', '', '1e3', ',', '1_2_'])
      expect(() => countArgument(text)).toThrow(/count/);
  });
});
