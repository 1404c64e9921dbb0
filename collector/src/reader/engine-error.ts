import { mistake, pastLimit, type ReaderError, refusal, type SQL_STATE } from './errors.ts';

/** What DuckDB calls a failure at the beginning of its message, and what PostgreSQL calls it. */
const KINDS: Readonly<Record<string, keyof typeof SQL_STATE>> = {
  Parser: 'syntaxError',
  Conversion: 'invalidTextRepresentation',
  'Mismatch Type': 'datatypeMismatch',
  'Out of Range': 'numericValueOutOfRange',
  Decimal: 'numericValueOutOfRange',
  'Invalid Input': 'dataException',
  Catalog: 'undefinedObject',
  Binder: 'syntaxError',
  'Not implemented': 'featureNotSupported',
  Permission: 'insufficientPrivilege',
  'Out of Memory': 'outOfMemory',
  INTERRUPT: 'queryCanceled',
  'Parameter Not Allowed': 'undefinedParameter',
  'Parameter Not Resolved': 'undefinedParameter',
};

/** Catalogue and binder errors say only in words what is missing. */
const WORDS: readonly (readonly [pattern: RegExp, condition: keyof typeof SQL_STATE])[] = [
  [/^Catalog Error: Table with name/, 'undefinedTable'],
  [/^Catalog Error: .*Function with name/, 'undefinedFunction'],
  [/^Binder Error: Referenced table/, 'undefinedTable'],
  [
    /^Binder Error: (Referenced column|(Table|Values list) .* does not have a column|.* not found in FROM)/,
    'undefinedColumn',
  ],
  [/^Binder Error: Ambiguous/, 'ambiguousColumn'],
  [/^Binder Error: No function matches/, 'undefinedFunction'],
  [/^Binder Error: .*(GROUP BY|aggregate)/, 'groupingError'],
  [/^Binder Error: (Cannot (mix|compare|cast)|.*type)/, 'datatypeMismatch'],
  [/out of range|can't be cast because the value/i, 'numericValueOutOfRange'],
  [/division by zero/i, 'divisionByZero'],
];

/** Failures that come of values, and tell them. */
const OF_VALUES: ReadonlySet<keyof typeof SQL_STATE> = new Set([
  'invalidTextRepresentation',
  'numericValueOutOfRange',
  'dataException',
  'divisionByZero',
  'datatypeMismatch',
]);

/**
 * What the engine threw, as readers are told of it.
 *
 * @param tellsValues whether its words may be passed on where they quote values. The engine decides in which order
 *   conditions are tried, and may have tried one on a row that its reader never gets to see.
 */
export function engineError(error: unknown, tellsValues: boolean): ReaderError {
  const message = wordsOf(error);
  const condition = conditionOf(message);
  const options = { cause: error };
  switch (condition) {
    case 'outOfMemory':
      return pastLimit(condition, 'The query needs more memory than the ledger may use. Narrow it.', options);
    case 'queryCanceled':
      return pastLimit(condition, 'The query was ended.', options);
    case 'insufficientPrivilege':
      return refusal(condition, 'The query reaches for something that is not for readers.');
    case 'internalError':
      return mistake(condition, tellsValues ? message : 'The query failed.', options);
    default: {
      const isTold = tellsValues || !OF_VALUES.has(condition);
      return mistake(condition, isTold ? message : (QUIET[condition] ?? QUIET_OTHERWISE), options);
    }
  }
}

/** Where the engine has made a mistake, it adds its stack, with the paths of this machine, and asks for a report. */
function wordsOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const [words = message] = message.split(/\n+Stack Trace:/);
  return words;
}

const QUIET: Partial<Record<keyof typeof SQL_STATE, string>> = {
  invalidTextRepresentation: 'A value could not be converted to the type asked for.',
  numericValueOutOfRange: 'A value is out of the range of its type.',
  divisionByZero: 'A value was divided by zero.',
};
const QUIET_OTHERWISE = 'The query cannot be run on these values.';

function conditionOf(message: string): keyof typeof SQL_STATE {
  for (const [pattern, condition] of WORDS) if (pattern.test(message)) return condition;
  const kind = /^([A-Za-z ]+) Error:/.exec(message)?.[1];
  return (kind === undefined ? undefined : KINDS[kind]) ?? 'internalError';
}
