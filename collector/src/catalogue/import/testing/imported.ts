import { Value } from 'typebox/value';
import { expect } from 'vitest';
import { PriceFile } from '../../price-file.ts';
import { importPrices } from '../import.ts';

/** A list, imported; the file that comes of it is always one that the schema of price files takes. */
export function importedFrom(list: unknown) {
  const outcome = importPrices(JSON.stringify(list), 'auto');
  if (outcome.kind !== 'imported') throw new Error(`expected an import, got ${JSON.stringify(outcome)}`);
  expect([...Value.Errors(PriceFile, outcome.file)]).toEqual([]);
  return { ...outcome, cards: outcome.file.cards ?? [] };
}
