import { readdirSync, readFileSync } from 'node:fs';
import { parsePriceFile } from './parse-price-file.ts';
import type { PriceLayer } from './read-price-file.ts';

const FOLDER = new URL('./overlay/', import.meta.url);

let read: PriceLayer | null = null;

/**
 * Our own dated prices with their sources, over the pinned list. Read once.
 *
 * @throws {Error} when a file is no price file, which tests keep from happening
 */
export function overlay(): PriceLayer {
  read ??= readOverlay();
  return read;
}

function readOverlay(): PriceLayer {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  const layers = files
    .sort()
    .map((name) => readPricesText(readFileSync(new URL(name, FOLDER), 'utf8'), name));
  return {
    kind: 'overlay',
    cards: layers.flatMap(({ cards }) => cards),
    aliases: layers.flatMap(({ aliases }) => aliases),
    currencies: layers.flatMap(({ currencies }) => currencies),
  };
}

function readPricesText(text: string, name: string): PriceLayer {
  const parsed = parsePriceFile(text, name, 'overlay');
  if (parsed.kind === 'layer') return parsed.layer;
  const [first] = parsed.problems;
  throw new Error(`${name}: ${first?.path}: ${first?.expected}, found ${first?.value}`);
}
