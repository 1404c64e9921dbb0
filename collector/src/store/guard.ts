import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { SpanledgerError } from '../errors.ts';

/**
 * Table functions that a query may call. Some others are statements in disguise: `SELECT * FROM enable_logging()` or
 * `checkpoint()` act on the whole database, and no setting forbids them. What is not listed is refused.
 */
const ALLOWED_FUNCTIONS: ReadonlySet<string> = new Set([
  'DUCKDB_COLUMNS',
  'DUCKDB_CONSTRAINTS',
  'DUCKDB_FUNCTIONS',
  'DUCKDB_INDEXES',
  'DUCKDB_KEYWORDS',
  'DUCKDB_SCHEMAS',
  'DUCKDB_SEQUENCES',
  'DUCKDB_TABLES',
  'DUCKDB_TYPES',
  'DUCKDB_VIEWS',
  'GENERATE_SERIES',
  'JSON_EACH',
  'JSON_TREE',
  'PG_TIMEZONE_NAMES',
  'PRAGMA_SHOW',
  'PRAGMA_TABLE_INFO',
  'PRAGMA_VERSION',
  'RANGE',
  'REPEAT',
  'REPEAT_ROW',
  'SEQ_SCAN',
  'SUMMARY',
  'UNNEST',
]);

interface PlanNode {
  readonly name: string;
  readonly children?: readonly PlanNode[];
  readonly extra_info?: { readonly Function?: string };
}

/**
 * Refuses a SELECT that calls a table function beyond the list. The plan is looked at, not the text: it shows what a
 * view, a macro or `query('…' || '…')` comes to, and making it executes nothing.
 *
 * @throws {SpanledgerError} SL_QUERY_REFUSED
 */
export async function refuseForeignFunctions(
  connection: DuckDBConnection,
  select: string,
  params: readonly DuckDBValue[],
): Promise<void> {
  const explain = await connection.prepare(`EXPLAIN (FORMAT json) ${select}`);
  if (params.length > 0) explain.bind([...params]);
  const rows = (await explain.runAndReadAll()).getRows();
  // The shape of EXPLAIN's JSON is the engine's; a test holds it to what is read here.
  const plan = JSON.parse(String(rows[0]?.[1])) as PlanNode[];
  for (const name of functionsOf(plan)) {
    if (!ALLOWED_FUNCTIONS.has(name)) {
      throw new SpanledgerError(
        'SL_QUERY_REFUSED',
        `The function ${name.toLowerCase()} is not for queries on the ledger: it reads or changes something else.`,
      );
    }
  }
}

function* functionsOf(nodes: readonly PlanNode[]): Iterable<string> {
  for (const { extra_info: extra, children } of nodes) {
    if (extra?.Function !== undefined) yield extra.Function.toUpperCase();
    if (children !== undefined) yield* functionsOf(children);
  }
}
