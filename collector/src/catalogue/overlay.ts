import { readdirSync, readFileSync } from 'node:fs';
import { Value } from 'typebox/value';
import { parseYaml, type SettingProblem, withScalars } from '../settings-file.ts';
import { PriceFile } from './price-file.ts';
import { type PriceLayer, readPriceFile } from './read-price-file.ts';

const FOLDER = new URL('./overlay/', import.meta.url);
/** Written by `npm run generate`. */
export const JOINED_OVERLAY_FILE = new URL('overlay.json', FOLDER);

let read: PriceLayer | null = null;

/**
 * Our own dated prices with their sources, over the pinned list. Read once, and not from the files that people write:
 * reading YAML takes half a second, which every start of the ledger process would wait for.
 *
 * @throws {Error} when the joined file is no price file, which tests keep from happening
 */
export function overlay(): PriceLayer {
  read ??= readJoined();
  return read;
}

function readJoined(): PriceLayer {
  // Our own writing: `joinedOverlay` has checked it.
  const parsed = readPriceFile(JSON.parse(readFileSync(JOINED_OVERLAY_FILE, 'utf8')) as PriceFile, 'overlay');
  if (parsed.kind === 'layer') return parsed.layer;
  const [first] = parsed.problems;
  throw new Error(`the overlay: ${first?.path}: ${first?.expected}, found ${first?.value}`);
}

/**
 * What `npm run generate` writes: all files of the overlay as one price file in JSON.
 *
 * @throws {Error} when one of them is no price file
 */
export function joinedOverlay(): string {
  const files = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  const contents = files.sort().map((name) => {
    const problems: SettingProblem[] = [];
    const text = readFileSync(new URL(name, FOLDER), 'utf8');
    const content = withScalars(PriceFile, parseYaml(text, name, problems));
    if (problems.length > 0 || !Value.Check(PriceFile, content)) throw new Error(`${name} is no price file`);
    return content;
  });
  const joined: PriceFile = {
    version: 1,
    aliases: contents.flatMap(({ aliases }) => aliases ?? []),
    cards: contents.flatMap(({ cards }) => cards ?? []),
  };
  return `${JSON.stringify(joined, null, 1)}\n`;
}
