import { Value } from 'typebox/value';
import { expect } from 'vitest';
import { PriceFile } from '../../price-file.ts';
import { readPriceFile } from '../../read-price-file.ts';
import { importPrices } from '../import.ts';

/** A list, imported; what comes of it always fits the schema of price files, and is read without a problem. */
export function importedFrom(list: unknown) {
  const outcome = importPrices(JSON.stringify(list), 'auto');
  if (outcome.kind !== 'imported') throw new Error(`expected an import, got ${JSON.stringify(outcome)}`);
  expect([...Value.Errors(PriceFile, outcome.file)]).toEqual([]);
  expect(readPriceFile(outcome.file, 'feed')).toHaveProperty('kind', 'layer');
  return { ...outcome, cards: outcome.file.cards ?? [] };
}
