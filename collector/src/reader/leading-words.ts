/** Where the first word of a statement begins: behind white space and comments, which nest. */
export function startOf(sql: string): number {
  let at = 0;
  for (;;) {
    const space = /^[\s;]+|^--[^\n]*/.exec(sql.slice(at, at + MAX_LOOK))?.[0];
    if (space !== undefined) at += space.length;
    else if (sql.startsWith('/*', at)) at = endOfComment(sql, at);
    else return at;
  }
}

/** In steps, so that a long comment is not copied over and over. */
const MAX_LOOK = 4096;

function endOfComment(sql: string, start: number): number {
  let depth = 0;
  for (let at = start; at < sql.length; at++) {
    if (sql.startsWith('/*', at)) {
      depth++;
      at++;
    } else if (sql.startsWith('*/', at)) {
      depth--;
      at++;
      if (depth === 0) return at + 1;
    }
  }
  return sql.length;
}

/** The statement without EXPLAIN and its options, if that is what it begins with. */
export function explained(sql: string): { readonly explain: string; readonly select: string } | null {
  const text = sql.slice(startOf(sql));
  const words = /^EXPLAIN(?:\s+(ANALYZE))?(?:\s*\(([a-z\s,]*)\))?(?=[\s(])/i.exec(text);
  if (words === null) return null;
  const options = (words[2] ?? '').split(/[\s,]+/).filter((word) => word !== '');
  if (!options.every((word) => OPTIONS.has(word.toLowerCase()))) return null;
  const explain = `EXPLAIN ${words[1] ?? ''} ${options.length === 0 ? '' : `(${words[2]})`}`
    .replace(/\s+/g, ' ')
    .trim();
  return { explain, select: text.slice(words[0].length) };
}

const OPTIONS: ReadonlySet<string> = new Set([
  'analyze',
  'format',
  'json',
  'text',
  'html',
  'graphviz',
  'yaml',
]);

/** The first word of a statement in capitals, for people. */
export function firstWord(sql: string): string {
  const start = startOf(sql);
  return (/^[a-z_]+/i.exec(sql.slice(start, start + 40))?.[0] ?? '').toUpperCase();
}
