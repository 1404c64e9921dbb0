import type { CardEntry } from '../price-file.ts';
import type { ListedAmount } from './listed-amount.ts';

export type Rates = NonNullable<CardEntry['rates']>;
export type TokenClass = keyof Rates;
export type Units = NonNullable<CardEntry['units']>;
export type Tier = NonNullable<CardEntry['tiers']>[number];

/** What a card says of prices, without whom and when it is for. */
export type CardPrice = Pick<
  CardEntry,
  | 'rates'
  | 'tiers'
  | 'units'
  | 'service_tiers'
  | 'regions'
  | 'inference_geos'
  | 'cache_writes_as_input'
  | 'images_as_text'
  | 'free'
>;

/** One model of a foreign list, in our words, before names that mean the same model are brought together. */
export interface ListedModel {
  readonly path: string;
  readonly provider: string;
  readonly model: string;
  /** In the order of time; each holds until the next. */
  readonly dated: readonly DatedPrice[];
  /** Parts of the entry that are left out because nothing is priced wrongly without them. */
  readonly leftOut: readonly Skipped[];
}

export interface DatedPrice {
  /** Null: the list gives no date. */
  readonly from: string | null;
  readonly price: CardPrice;
}

/**
 * Something that was not imported, and why. `zero`: nothing but zeros where a price should be. `inexpressible`: the
 * price depends on something that a card cannot say. `ambiguous`: stated twice and not alike. `left_out`: a part of a
 * model that was imported.
 */
export interface Skipped {
  readonly path: string;
  readonly cause: 'zero' | 'empty' | 'inexpressible' | 'malformed' | 'ambiguous' | 'left_out';
  readonly reason: string;
  /** The model it would have been; null when the entry does not even say that. */
  readonly match: CardEntry['match'] | null;
}

export type ListedEntry =
  | { readonly kind: 'model'; readonly model: ListedModel }
  | { readonly kind: 'skipped'; readonly skipped: Skipped };

/** A table of amounts by name, or what is wrong with one of them. Zeros are named, not kept. */
export type Table<Name extends string> =
  | {
      readonly kind: 'table';
      readonly amounts: Readonly<Partial<Record<Name, string>>>;
      readonly zeros: readonly string[];
    }
  | { readonly kind: 'problem'; readonly problem: string };

/** Brings amounts together; the same name twice is right only if both say the same. */
export function table<Name extends string>(
  entries: Iterable<{ readonly name: Name; readonly key: string; readonly amount: ListedAmount }>,
): Table<Name> {
  const amounts: Partial<Record<Name, string>> = {};
  const zeros: string[] = [];
  for (const { name, key, amount } of entries) {
    if (amount.kind === 'malformed') return { kind: 'problem', problem: `${key}: ${amount.problem}` };
    if (amount.kind === 'zero') {
      zeros.push(key);
      continue;
    }
    const other = amounts[name];
    if (other !== undefined && other !== amount.text) {
      return { kind: 'problem', problem: `${key} says ${amount.text} for what is ${other} elsewhere` };
    }
    amounts[name] = amount.text;
  }
  return { kind: 'table', amounts, zeros };
}

export function isEmpty(table: object): boolean {
  return Object.keys(table).length === 0;
}

/** Free by its own name, as OpenRouter marks them; anything else without a price is only not filled in. */
export function saysFree(model: string): boolean {
  return model.endsWith(':free');
}

/** Every token class at nothing, said aloud. */
export const FREE: CardPrice = { rates: { input: '0', output: '0' }, free: true };
