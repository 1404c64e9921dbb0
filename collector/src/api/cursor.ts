import { aProblem, InvalidRequest } from './problems.ts';

/**
 * Where a page ended, in a text that says nothing to whoever gets it: what it is made of may change.
 */
export function cursorOf(last: string): string {
  return Buffer.from(last, 'utf8').toString('base64url');
}

/** @throws {InvalidRequest} when it is none of ours */
export function lastOf(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const last = Buffer.from(cursor, 'base64url').toString('utf8');
  if (cursorOf(last) === cursor) return last;
  throw new InvalidRequest([aProblem('query.cursor', '`next` of another page', cursor)]);
}

/** @param rows one more than fit the page where there are more */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  itemOf: (row: Row) => Item,
  keyOf: (row: Row) => string,
): { readonly items: Item[]; readonly next: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(itemOf),
    next: rows.length > limit && last !== undefined ? cursorOf(keyOf(last)) : null,
  };
}
