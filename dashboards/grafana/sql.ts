import type pg from 'pg';
import { type Frame, type Framing, frameOf, type QueryRows } from './frames.ts';
import { interpolate, type Lookup, variableUsesIn } from './interpolate.ts';
import { type ExpandedSql, expandMacros } from './macros.ts';
import { lookupIn, type Scope } from './variables.ts';

/** One query as the data source sends it, and what comes of it. */

export interface Query {
  readonly refId: string;
  readonly rawSql: string;
  readonly format: Framing['format'];
}

export interface QueryOutcome {
  readonly refId: string;
  /** As it was sent; as it was written when it could not be. */
  readonly sql: string;
  readonly frame: Frame;
  readonly problems: readonly string[];
  /** From the moment a connection was free for it until its last row. */
  readonly elapsedMs: number;
  readonly rows: number;
}

const NOTHING: Frame = { fields: [], length: 0 };

/** Whatever goes wrong becomes a problem of the outcome: the other queries of a dashboard go on, as in Grafana. */
export async function runQuery(
  pool: pg.Pool,
  query: Query,
  scope: Scope & { readonly intervalMs: number },
): Promise<QueryOutcome> {
  const { refId, rawSql, format } = query;
  const failed = (sql: string, problem: string): QueryOutcome => ({
    refId,
    sql,
    frame: NOTHING,
    problems: [problem],
    elapsedMs: 0,
    rows: 0,
  });
  const lookup = lookupIn(scope);
  const unknown = unknownVariablesIn(rawSql, lookup);
  if (unknown.length > 0) return failed(rawSql, `nothing is known to put in place of ${unknown.join(', ')}`);
  let expanded: ExpandedSql;
  try {
    expanded = expandMacros(interpolate(rawSql, lookup, 'glob'), {
      range: scope.range,
      intervalMs: scope.intervalMs,
    });
  } catch (error) {
    return failed(rawSql, messageOf(error));
  }
  const { sql, fill } = expanded;
  try {
    const { rows, elapsedMs } = await ask(pool, sql);
    const framed = frameOf(rows, { format, range: scope.range, ...(fill === undefined ? {} : { fill }) });
    return { refId, sql, ...framed, elapsedMs, rows: rows.rows.length };
  } catch (error) {
    return failed(sql, messageOf(error));
  }
}

/** Macros are not among them: those that nobody knows are refused when they are expanded. */
function unknownVariablesIn(rawSql: string, lookup: Lookup): readonly string[] {
  const isGlobalMacro = (name: string) => name === '__interval' || name === '__interval_ms';
  return variableUsesIn(rawSql)
    .filter(({ name, path, isCall }) => !isCall && !isGlobalMacro(name) && lookup(name, path) === undefined)
    .map(({ match }) => match);
}

/** Values stay the text that was sent: what they are is for the frame to say. */
const AS_TEXT = { getTypeParser: () => (text: string) => text };

async function ask(pool: pg.Pool, sql: string): Promise<{ rows: QueryRows; elapsedMs: number }> {
  const client = await pool.connect();
  const startedAt = performance.now();
  try {
    // Without parameters and a name this is the simple protocol, as both drivers of Grafana use it.
    const answer: AnyAnswer = await client.query({ text: sql, rowMode: 'array', types: AS_TEXT });
    const elapsedMs = performance.now() - startedAt;
    return { rows: rowsOf(Array.isArray(answer) ? answer : [answer]), elapsedMs };
  } finally {
    client.release();
  }
}

interface Answer {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  readonly rows: readonly (readonly (string | null)[])[];
}

/** Of several statements node-postgres gives several answers. */
type AnyAnswer = Answer | readonly Answer[];

/** Statements without columns (`SET`) are passed over; the others have to agree in their columns. */
function rowsOf(answers: readonly Answer[]): QueryRows {
  const [first, ...others] = answers.filter(({ fields }) => fields.length > 0);
  if (first === undefined) return { columns: [], rows: [] };
  const namesOf = ({ fields }: Answer) => fields.map(({ name }) => name).join();
  if (others.some((other) => namesOf(other) !== namesOf(first)))
    throw new Error('the statements of a query answer with other columns');
  return {
    columns: first.fields.map(({ name, dataTypeID }) => ({ name, oid: dataTypeID })),
    rows: [first, ...others].flatMap(({ rows }) => rows),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
