import { tokensOf } from '../catalogue/index.ts';
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
