import { type Token, tokensOf } from './tokens.ts';

/**
 * What the columns of a result are called. A column that its statement does not name has the text of its expression in
 * DuckDB (`count_star()`, `CAST(max(x) AS BIGINT)`); PostgreSQL calls it by the function, or by what is cast, or
 * `?column?` (documentation, chapter 7.3.2), and there are clients that ask for `count`.
 *
 * A name with brackets that the statement itself has in quotes was given by somebody, and stays. What a PIVOT makes columns
 * of is data, so that its names stay as well.
 */
export function resultNames(sql: string, names: readonly string[]): readonly string[] {
  if (!names.some(isExpression)) return names;
  const given = new Set<string>();
  for (const { kind, value } of tokensOf(sql)) {
    if (kind === 'word' && MAKES_COLUMNS.has(value)) return names;
    if (kind === 'quoted' || kind === 'string') given.add(value);
  }
  return names.map((name) => (isExpression(name) && !given.has(name) ? nameOf(name) : name));
}

const MAKES_COLUMNS: ReadonlySet<string> = new Set(['pivot', 'pivot_wider', 'unpivot', 'unnest', 'columns']);

/** Names that are given are words, as a rule; an expression is never one, but for constants. */
function isExpression(name: string): boolean {
  return !/^[\p{L}_][\p{L}\p{N}_ ]*$/u.test(name) || /^(?:CASE |NULL$)/.test(name);
}

const NOTHING = '?column?';

/** Longer ones are of no use to anybody, and what is nested in them is looked at again. */
const MAX_LENGTH = 4096;

function nameOf(expression: string): string {
  if (expression.length > MAX_LENGTH) return NOTHING;
  const tokens = tokensOf(expression).filter(({ kind }) => kind !== 'space');
  return nameOfTokens(tokens) ?? NOTHING;
}

/** PostgreSQL's names for what DuckDB calls otherwise. */
const RENAMED: Readonly<Record<string, string>> = {
  count_star: 'count',
  list_value: 'array',
  struct_pack: 'row',
  list_extract: NOTHING,
  array_extract: NOTHING,
};

/** Types by the words that DuckDB writes them with; PostgreSQL calls a constant by the type that it is cast to. */
const TYPES: Readonly<Record<string, string>> = {
  bigint: 'int8',
  boolean: 'bool',
  decimal: 'numeric',
  double: 'float8',
  float: 'float4',
  integer: 'int4',
  smallint: 'int2',
  'time with time zone': 'timetz',
  'timestamp with time zone': 'timestamptz',
  uinteger: 'oid',
  varchar: 'text',
};

/** Undefined where it is `?column?`. */
function nameOfTokens(tokens: readonly Token[]): string | undefined {
  const [first, second] = tokens;
  if (first?.text === '(' && second?.value === 'select') return nameOfQuery(tokens.slice(2, -1));
  if (first?.text === '(' && second?.value === 'array') return 'array';
  if (first === undefined || (first.kind !== 'word' && first.kind !== 'quoted')) return undefined;
  if (first.kind === 'word' && first.value === 'case') return nameOfCase(tokens);
  if (first.kind === 'word' && (first.value === 'cast' || first.value === 'try_cast'))
    return nameOfCast(tokens);
  let at = 0;
  while (tokens[at + 1]?.text === '.') at += 2;
  const name = tokens[at];
  if (name === undefined || (name.kind !== 'word' && name.kind !== 'quoted')) return undefined;
  if (tokens[at + 1]?.text === '[') return constantOr(name);
  if (tokens[at + 1]?.text !== '(') return at === tokens.length - 1 ? constantOr(name) : undefined;
  return RENAMED[name.value] ?? OBJECTS.exec(name.value)?.[1] ?? name.value;
}

/** What the rewriter has put in the place of a cast (rewrite.ts): the type is the name of a constant, here of all. */
const OBJECTS = /^(reg[a-z]+)_(?:oid|name)$/;

function constantOr({ kind, value }: Token): string | undefined {
  return kind === 'word' && /^(?:null|true|false)$/.test(value) ? undefined : value;
}

/** `(SELECT x FROM …)` is called as `x` is. */
function nameOfQuery(tokens: readonly Token[]): string | undefined {
  let depth = 0;
  let end = 0;
  for (; end < tokens.length; end++) {
    const token = tokens[end];
    if (token?.text === '(' || token?.text === '[') depth++;
    if (token?.text === ')' || token?.text === ']') depth--;
    if (depth === 0 && (token?.text === ',' || (token?.kind === 'word' && token.value === 'from'))) break;
  }
  const item = tokens.slice(0, end);
  return item.at(-2)?.value === 'as' ? item.at(-1)?.value : nameOfTokens(item);
}

/** `CASE … ELSE x END` is called as `x` is, else `case`. */
function nameOfCase(tokens: readonly Token[]): string {
  let depth = 0;
  for (let at = tokens.length - 1; at > 0; at--) {
    const token = tokens[at];
    if (token?.text === ')' || (token?.kind === 'word' && token.value === 'end')) depth++;
    if (token?.text === '(' || (token?.kind === 'word' && token.value === 'case')) depth--;
    if (depth === 1 && token?.kind === 'word' && token.value === 'else')
      return nameOfTokens(tokens.slice(at + 1, -1)) ?? 'case';
  }
  return 'case';
}

/** `CAST(x AS type)` is called as `x` is, else by the type. */
function nameOfCast(tokens: readonly Token[]): string | undefined {
  let depth = 0;
  for (let at = 1; at < tokens.length; at++) {
    const token = tokens[at];
    if (token?.text === '(') depth++;
    if (token?.text === ')') depth--;
    if (depth === 0) return undefined;
    if (depth !== 1 || token?.kind !== 'word' || token.value !== 'as') continue;
    const type = tokens[at + 1]?.value.toLowerCase() ?? '';
    return nameOfTokens(tokens.slice(2, at)) ?? TYPES[type] ?? type;
  }
  return undefined;
}
