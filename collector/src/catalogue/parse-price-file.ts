import { Value } from 'typebox/value';
import { collectProblems, parseYaml, type SettingProblem, withScalars } from '../settings-file.ts';
import { PriceFile } from './price-file.ts';
import { type LayerKind, type ReadPrices, readPriceFile } from './read-price-file.ts';

/** A price file as text: what it means, or everything that is wrong with it. `name` is said where a place is not. */
export function parsePriceFile(text: string, name: string, kind: LayerKind): ReadPrices {
  const problems: SettingProblem[] = [];
  const tree = withScalars(PriceFile, parseYaml(text, name, problems));
  if (problems.length === 0 && Value.Check(PriceFile, tree)) return readPriceFile(tree, kind);
  if (problems.length === 0) collectProblems(PriceFile, tree, name, problems);
  return { kind: 'problems', problems };
}
