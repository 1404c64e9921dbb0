import type { DuckDBDataChunk } from '@duckdb/node-api';
import type { StoredRating } from '../ledger/stored-rating.ts';
import { Decimal64Column, Decimal128Column, WordColumn } from './columns.ts';
import { Decimal64Reader, Decimal128Reader, WordReader } from './read-columns.ts';
import type { Words } from './words.ts';

/**
 * The columns of a rating in `ledger.usage_record`, where the first and the later ones stand side by side: written with a new record, read and
 * replaced by a re-rating. All other columns of a record are what happened, and no re-rating looks at their names.
 */
export const FIRST_RATING_COLUMNS = [
  'cost_usd',
  'price_status',
  'price_card',
  'price_match',
  'book_version',
  'credits',
  'credit_status',
  'credit_rules_version',
] as const;

export const LATER_RATING_COLUMNS = ['price_note', 'cost_known_part'] as const;

export const CREDIT_RATING_COLUMNS = ['credit_rule', 'plan_terms'] as const;

export const RATING_COLUMNS = [
  ...FIRST_RATING_COLUMNS,
  ...LATER_RATING_COLUMNS,
  ...CREDIT_RATING_COLUMNS,
] as const;

export const RATING_DECLARATION = `cost_usd DECIMAL(38, 15), price_status INTEGER, price_card INTEGER,
  price_match INTEGER, book_version INTEGER, credits DECIMAL(18, 6), credit_status INTEGER,
  credit_rules_version INTEGER, price_note INTEGER, cost_known_part DECIMAL(38, 15), credit_rule INTEGER,
  plan_terms INTEGER`;

/** What each column is written or read by. */
interface Slots<Text, Money, Credits> {
  readonly cost_usd: Money;
  readonly price_status: Text;
  readonly price_card: Text;
  readonly price_match: Text;
  readonly book_version: Text;
  readonly credits: Credits;
  readonly credit_status: Text;
  readonly credit_rules_version: Text;
  readonly price_note: Text;
  readonly cost_known_part: Money;
  readonly credit_rule: Text;
  readonly plan_terms: Text;
}

export function ratingColumns(words: Words): Slots<WordColumn, Decimal128Column, Decimal64Column> {
  return {
    cost_usd: new Decimal128Column(),
    price_status: new WordColumn(words),
    price_card: new WordColumn(words),
    price_match: new WordColumn(words),
    book_version: new WordColumn(words),
    credits: new Decimal64Column(),
    credit_status: new WordColumn(words),
    credit_rules_version: new WordColumn(words),
    price_note: new WordColumn(words),
    cost_known_part: new Decimal128Column(),
    credit_rule: new WordColumn(words),
    plan_terms: new WordColumn(words),
  };
}

export function setRating(c: ReturnType<typeof ratingColumns>, row: number, rating: StoredRating): void {
  c.cost_usd.set(row, rating.cost);
  c.price_status.set(row, rating.priceStatus);
  c.price_card.set(row, rating.priceCard);
  c.price_match.set(row, rating.priceMatch);
  c.book_version.set(row, rating.bookVersion);
  c.credits.set(row, rating.credits);
  c.credit_status.set(row, rating.creditStatus);
  c.credit_rules_version.set(row, rating.rulesVersion);
  c.price_note.set(row, rating.priceNote);
  c.cost_known_part.set(row, rating.costKnownPart);
  c.credit_rule.set(row, rating.creditRule);
  c.plan_terms.set(row, rating.planTerms);
}

/** Reads the same columns back. */
export class RatingReaders {
  private readonly readers: Slots<WordReader, Decimal128Reader, Decimal64Reader>;

  constructor(words: Words) {
    this.readers = {
      cost_usd: new Decimal128Reader(),
      price_status: new WordReader(words),
      price_card: new WordReader(words),
      price_match: new WordReader(words),
      book_version: new WordReader(words),
      credits: new Decimal64Reader(),
      credit_status: new WordReader(words),
      credit_rules_version: new WordReader(words),
      price_note: new WordReader(words),
      cost_known_part: new Decimal128Reader(),
      credit_rule: new WordReader(words),
      plan_terms: new WordReader(words),
    };
  }

  /** @param first the column of the chunk with which the rating begins */
  load(chunk: DuckDBDataChunk, first: number): void {
    for (const [index, name] of RATING_COLUMNS.entries()) this.readers[name].load(chunk, first + index);
  }

  at(row: number): StoredRating {
    const r = this.readers;
    return {
      cost: r.cost_usd.orNull(row),
      priceStatus: r.price_status.required(row),
      priceCard: r.price_card.at(row),
      priceMatch: r.price_match.at(row),
      bookVersion: r.book_version.required(row),
      credits: r.credits.orNull(row),
      creditStatus: r.credit_status.required(row),
      rulesVersion: r.credit_rules_version.required(row),
      priceNote: r.price_note.orNull(row),
      costKnownPart: r.cost_known_part.orNull(row),
      creditRule: r.credit_rule.orNull(row),
      planTerms: r.plan_terms.orNull(row),
    };
  }
}
