import type { Story } from './story.ts';

/** What one call used. Input includes what the cache had or took, output the reasoning. */
export interface CallUsage {
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  readonly pages: number;
}

export const NO_USAGE: CallUsage = {
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  pages: 0,
};

/** What the shop pays: a card of its configuration. Amounts are decimal texts, USD per million tokens or for one. */
export interface PriceCard {
  readonly id: string;
  readonly provider: string;
  readonly model: string;
  readonly fromMicros: number | null;
  readonly rates: Partial<Record<'input' | 'cache_read' | 'cache_write_5m' | 'output', string>>;
  readonly pageUsd: string | null;
}

/** The contract of the month, whatever the public lists say by then; Claude Sonnet becomes cheaper on the way. */
export function priceCards({ priceCutMicros }: Story): readonly PriceCard[] {
  const card = (provider: string, model: string, rates: PriceCard['rates']): PriceCard => ({
    id: `contract/${model}`,
    provider,
    model,
    fromMicros: null,
    rates,
    pageUsd: null,
  });
  const sonnet = { input: '3', cache_read: '0.3', cache_write_5m: '3.75', output: '15' };
  const cheaperSonnet = { input: '2.4', cache_read: '0.24', cache_write_5m: '3', output: '12' };
  return [
    card('openai', 'gpt-4.1', { input: '2', cache_read: '0.5', output: '8' }),
    card('openai', 'gpt-5-mini', { input: '0.25', cache_read: '0.025', output: '2' }),
    card('openai', 'text-embedding-3-small', { input: '0.02' }),
    card('anthropic', 'claude-haiku-4-5', {
      input: '1',
      cache_read: '0.1',
      cache_write_5m: '1.25',
      output: '5',
    }),
    card('anthropic', 'claude-sonnet-4-5', sonnet),
    {
      ...card('anthropic', 'claude-sonnet-4-5', cheaperSonnet),
      id: 'contract/claude-sonnet-4-5/price-cut',
      fromMicros: priceCutMicros,
    },
    card('gcp.gemini', 'gemini-2.5-pro', { input: '1.25', cache_read: '0.125', output: '10' }),
    card('gcp.gemini', 'gemini-2.5-flash', { input: '0.3', cache_read: '0.03', output: '2.5' }),
    { ...card('mistral_ai', 'mistral-ocr', {}), pageUsd: '0.001' },
  ];
}

/** Exact cost in 10⁻¹⁵ USD; null for a model that no card has. */
export type CostOf = (model: string, atMicros: number, usage: CallUsage) => bigint | null;

export function costBy(cards: readonly PriceCard[]): CostOf {
  return (model, atMicros, usage) => {
    const card = cards.findLast(
      (candidate) => candidate.model === model && (candidate.fromMicros ?? 0) <= atMicros,
    );
    if (card === undefined) return null;
    const { rates, pageUsd } = card;
    const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens, pages } = usage;
    // A millionth of 10⁻⁹ USD is 10⁻¹⁵ USD, so a rate in 10⁻⁹ USD times tokens needs no division.
    return (
      BigInt(inputTokens - cacheReadTokens - cacheWriteTokens) * scaled(rates.input, 9) +
      BigInt(cacheReadTokens) * scaled(rates.cache_read, 9) +
      BigInt(cacheWriteTokens) * scaled(rates.cache_write_5m, 9) +
      BigInt(outputTokens) * scaled(rates.output, 9) +
      BigInt(pages) * scaled(pageUsd ?? undefined, 15)
    );
  };
}

const USD_DIGITS = 15;

/** 10⁻¹⁵ USD as a decimal text with all its digits. */
export function usdText(femto: bigint): string {
  const digits = femto.toString().padStart(USD_DIGITS + 1, '0');
  return `${digits.slice(0, -USD_DIGITS)}.${digits.slice(-USD_DIGITS)}`;
}

const parsed = new Map<string, bigint>();

function scaled(decimal: string | undefined, digits: number): bigint {
  if (decimal === undefined) return 0n;
  const key = `${decimal} ${digits}`;
  const known = parsed.get(key);
  if (known !== undefined) return known;
  const [whole = '', fraction = ''] = decimal.split('.');
  const value = BigInt(whole + fraction.padEnd(digits, '0'));
  parsed.set(key, value);
  return value;
}
