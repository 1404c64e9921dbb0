import { TYPES } from '@spanledger/pgwire';
import { type Token, tokensOf } from '../catalogue/index.ts';
import { mistake } from '../errors.ts';

/**
 * The statement with casts around its parameters.
 *
 * @param castsOf what `$1`, `$2`, … are cast to, the first one first
 */
export function castParameters(sql: string, castsOf: readonly (readonly string[])[]): string {
  return mapParameters(sql, (parameter, index) =>
    (castsOf[index] ?? []).reduce((inner, type) => `CAST(${inner} AS ${type})`, parameter),
  );
}

/** The statement with something else in the place of `$1`, `$2`, …. */
export function replaceParameters(sql: string, replacements: readonly string[]): string {
  return mapParameters(sql, (parameter, index) => replacements[index] ?? parameter);
}

function mapParameters(sql: string, replace: (parameter: string, index: number) => string): string {
  return tokensOf(sql)
    .map(({ kind, text }) => (kind === 'parameter' ? replace(text, Number(text.slice(1)) - 1) : text))
    .join('');
}

/** Where `= ANY($1)` stands, in which the client may send a list without saying so. */
export function listParameters(sql: string): ReadonlySet<number> {
  const tokens = tokensOf(sql).filter(({ kind }) => kind !== 'space');
  const lists = new Set<number>();
  for (const [at, { kind, text }] of tokens.entries()) {
    const isAnyOf =
      tokens[at - 1]?.text === '(' && ['any', 'all', 'some'].includes(tokens[at - 2]?.value ?? '');
    if (kind === 'parameter' && isAnyOf && tokens[at + 1]?.text === ')') lists.add(Number(text.slice(1)) - 1);
  }
  return lists;
}

/**
 * What casts say that parameters are, as in `$1::oid[]` and `CAST($2 AS int)`; of several the first, as in PostgreSQL. The
 * engine would tell another type where it has none of that name, or none at all where the cast is within another.
 */
export function declaredOids(sql: string): ReadonlyMap<number, number> {
  const tokens = tokensOf(sql).filter(({ kind }) => kind !== 'space');
  const declared = new Map<number, number>();
  for (const [at, { kind, text }] of tokens.entries()) {
    if (kind !== 'parameter') continue;
    const isCast =
      tokens[at + 1]?.text === '::' ||
      (tokens[at + 1]?.value === 'as' && tokens[at - 1]?.text === '(' && tokens[at - 2]?.value === 'cast');
    const oid = isCast ? typeAt(tokens, at + 2) : undefined;
    const index = Number(text.slice(1)) - 1;
    if (oid !== undefined && !declared.has(index)) declared.set(index, oid);
  }
  return declared;
}

const MAX_WORDS_OF_TYPE = 4;

/** The type whose name begins there; undefined for one that values are not sent of. */
function typeAt(tokens: readonly Token[], at: number): number | undefined {
  const start = tokens[at]?.value === 'pg_catalog' && tokens[at + 1]?.text === '.' ? at + 2 : at;
  for (let count = MAX_WORDS_OF_TYPE; count > 0; count--) {
    const words = tokens.slice(start, start + count);
    const type = TYPES_BY_NAME.get(words.map(({ value }) => value).join(' '));
    if (type === undefined || words.some(({ kind }) => kind !== 'word')) continue;
    let end = start + count;
    if (tokens[end]?.text === '(')
      end = tokens.findIndex(({ text }, place) => place > end && text === ')') + 1;
    // `timestamp(3) with time zone`: the name goes on behind its size.
    if (tokens[end]?.value === 'with' || tokens[end]?.value === 'without') return undefined;
    return tokens[end]?.text === '[' && tokens[end + 1]?.text === ']' ? type.arrayOid : type.oid;
  }
  return undefined;
}

/** The short names of types that `TYPES` has by the names of the standard. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  bool: 'boolean',
  int2: 'smallint',
  int: 'integer',
  int4: 'integer',
  int8: 'bigint',
  decimal: 'numeric',
  float4: 'real',
  float8: 'double precision',
  varchar: 'character varying',
  bpchar: 'character',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
};

/** Names of objects are left to the engine, which looks them up. */
const TYPES_BY_NAME = new Map(
  TYPES.filter(({ name }) => !name.startsWith('reg')).map((type) => [type.name, type]),
);
for (const [short, name] of Object.entries(SHORT_NAMES)) {
  const type = TYPES_BY_NAME.get(name);
  if (type !== undefined) TYPES_BY_NAME.set(short, type);
}

/**
 * Parameters are numbered without a gap, or nobody could say what the missing ones are.
 *
 * @throws {ReaderError} 42P18
 */
export function expectEveryParameter(sql: string, count: number): void {
  const numbers = new Set(
    tokensOf(sql).flatMap(({ kind, text }) => (kind === 'parameter' ? [Number(text.slice(1))] : [])),
  );
  for (let number = 1; number <= Math.max(count, ...numbers); number++) {
    if (numbers.size > 0 && !numbers.has(number))
      throw mistake(
        'indeterminateDatatype',
        `The type of parameter $${number} is not known: it stands nowhere in the statement.`,
      );
  }
}
