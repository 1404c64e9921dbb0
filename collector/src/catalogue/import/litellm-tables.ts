import { isList, isObject, type JsonObject, type JsonValue } from './exact-json.ts';
import { type ListedAmount, perMillion, tokenCount } from './listed-amount.ts';
import {
  type CardPrice,
  isEmpty,
  type Rates,
  type Skipped,
  type Tier,
  type TokenClass,
  table,
} from './listed-model.ts';
import { isAboutMoney, readPriceKey } from './litellm-keys.ts';
import { namesOfServiceTier, tierAt } from './providers.ts';

/** A part of an entry that is not taken, and why nothing is priced wrongly without it. */
export interface LeftOut {
  readonly key: string;
  readonly reason: string;
}

/** Why an entry is not taken at all. */
export type Problem = { readonly kind: 'problem'; readonly cause: Skipped['cause']; readonly reason: string };

export function problem(cause: Skipped['cause'], reason: string): Problem {
  return { kind: 'problem', cause, reason };
}

export interface TokenTables {
  readonly kind: 'tables';
  readonly base: Rates;
  readonly zeros: readonly string[];
  readonly tiers: readonly Tier[];
  readonly serviceTiers: NonNullable<CardPrice['service_tiers']>;
}

type RateEntry = { readonly name: TokenClass; readonly key: string; readonly amount: ListedAmount };

/**
 * The tables of the standard tier and of each service tier. A table holds what the list states for it and nothing
 * that it does not: a class without a price in its table is unpriced there, not priced as elsewhere.
 */
export function tokenTables(entry: JsonObject, provider: string, leftOut: LeftOut[]): TokenTables | Problem {
  const ranges = rangesOf(entry.tiered_pricing);
  if (ranges === null) {
    return problem('inexpressible', 'its tiered_pricing has no ranges that follow one another from 0 on');
  }
  const stated = groupByTable(entry);
  const [lowest, ...higher] = ranges;
  if (lowest !== undefined) {
    const flat = stated.get('')?.get(0) ?? [];
    stated.set('', new Map([[0, [...flat, ...classesOf(lowest.prices)]]]));
    for (const { from, prices } of higher) stated.get('')?.set(from, [...classesOf(prices)]);
  }

  const tables = new Map<string, { rates: Rates; tiers: Tier[] }>();
  const zeros: string[] = [];
  for (const [serviceTier, byThreshold] of stated) {
    const own: { rates: Rates; tiers: Tier[] } = { rates: {}, tiers: [] };
    for (const [threshold, rates] of [...byThreshold].sort(([left], [right]) => left - right)) {
      const read = table(rates);
      if (read.kind === 'problem') return problem('malformed', read.problem);
      if (threshold === 0) {
        own.rates = read.amounts;
        if (serviceTier === '') zeros.push(...read.zeros);
      } else if (!isEmpty(read.amounts)) {
        if (read.amounts.input === undefined) {
          return problem('inexpressible', `above ${threshold} tokens it has no price for input`);
        }
        own.tiers.push({ ...tierAt(provider, threshold), rates: read.amounts });
      }
    }
    tables.set(serviceTier, own);
  }

  const standard = tables.get('');
  const serviceTiers: NonNullable<CardPrice['service_tiers']> = {};
  for (const [serviceTier, { rates, tiers }] of tables) {
    if (serviceTier === '' || (isEmpty(rates) && tiers.length === 0)) continue;
    if (isEmpty(rates)) {
      leftOut.push({ key: serviceTier, reason: 'this service tier has prices for long contexts only' });
      continue;
    }
    // It would have the price of short contexts at any length; without it, a call of this tier is unpriced.
    if (tiers.length === 0 && (standard?.tiers.length ?? 0) > 0) {
      leftOut.push({ key: serviceTier, reason: 'this service tier has no price for long contexts' });
      continue;
    }
    for (const name of namesOfServiceTier(provider, serviceTier)) {
      serviceTiers[name] = { rates, ...(tiers.length === 0 ? {} : { tiers }) };
    }
  }
  return { kind: 'tables', base: standard?.rates ?? {}, zeros, tiers: standard?.tiers ?? [], serviceTiers };
}

/** By service tier ('' is the standard one), then by threshold (0 is any length). */
function groupByTable(entry: JsonObject): Map<string, Map<number, RateEntry[]>> {
  const tables = new Map<string, Map<number, RateEntry[]>>([['', new Map()]]);
  for (const [key, value] of Object.entries(entry)) {
    const parts = value === null ? null : readPriceKey(key);
    if (parts === null || value === null) continue;
    const byThreshold = tables.get(parts.serviceTier ?? '') ?? new Map<number, RateEntry[]>();
    tables.set(parts.serviceTier ?? '', byThreshold);
    const rates = byThreshold.get(parts.aboveTokens ?? 0) ?? [];
    byThreshold.set(parts.aboveTokens ?? 0, rates);
    rates.push({ name: parts.tokenClass, key, amount: perMillion(value, 1n) });
  }
  return tables;
}

interface Range {
  readonly from: number;
  readonly prices: JsonObject;
}

/** `[{range: [0, 32000], …}, {range: [32000, 128000], …}]`; null when they leave gaps or start above 0. */
function rangesOf(tiered: JsonValue | undefined): readonly Range[] | null {
  if (tiered === undefined || tiered === null) return [];
  if (!isList(tiered)) return null;
  const ranges: (Range & { readonly to: number | null })[] = [];
  for (const entry of tiered) {
    if (!isObject(entry) || !isList(entry.range)) return null;
    const from = tokenCount(entry.range[0]);
    if (from === null) return null;
    if (
      Object.keys(entry).some((key) => key !== 'range' && isAboutMoney(key) && readPriceKey(key) === null)
    ) {
      return null;
    }
    ranges.push({ from, to: tokenCount(entry.range[1]), prices: entry });
  }
  ranges.sort((left, right) => left.from - right.from);
  const contiguous = ranges.every(({ from }, at) => from === (at === 0 ? 0 : ranges[at - 1]?.to));
  return contiguous ? ranges : null;
}

function* classesOf(prices: JsonObject): Generator<RateEntry> {
  for (const [key, value] of Object.entries(prices)) {
    const parts = readPriceKey(key);
    if (parts !== null && value !== null) {
      yield { name: parts.tokenClass, key, amount: perMillion(value, 1n) };
    }
  }
}
