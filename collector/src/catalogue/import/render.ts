import { stringify } from 'yaml';
import type { PriceFile } from '../price-file.ts';

/**
 * A price file as YAML for people to review and to put into their configuration; reading it gives the file again.
 * Amounts are quoted, so that no reader on the way takes them for floats.
 */
export function renderPriceFile(file: PriceFile): string {
  return stringify(file, { defaultStringType: 'PLAIN', lineWidth: 0, aliasDuplicateObjects: false });
}
