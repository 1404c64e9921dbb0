import type { DuckDBPreparedStatement } from '@duckdb/node-api';
import { mistake, pastLimit, type ReaderError, refusal } from './errors.ts';
import { guard } from './guard.ts';
import { explained, firstWord } from './leading-words.ts';
import type { Reach } from './reach.ts';

/** A statement that may run, exactly as it is to be handed to the engine. */
export interface ExaminedStatement {
  readonly kind: 'SELECT' | 'EXPLAIN';
  readonly sql: string;
}

/** Takes the text of statements, gives what the engine's parser makes of it. Binds nothing, runs nothing. */
export const PARSE =
  'SELECT json_serialize_sql($1::VARCHAR, skip_null := true, skip_empty := true, skip_default := true)';

/**
 * Longer than what people and their tools write, with lists of some thousand names in it. Parsing and planning do not
 * hear the interrupt, and for the worst kind take time that grows with the square of the length: 2 s for a GROUP BY of
 * this length, 8 s for one of twice the length.
 */
export const MAX_STATEMENT_LENGTH = 128 * 1024;

/**
 * Before anything else is done with it: whatever looks at it takes time from those who post and answer.
 *
 * @throws {ReaderError} SL_QUERY_LIMIT
 */
export function expectReadableLength(sql: string): void {
  if (sql.length <= MAX_STATEMENT_LENGTH) return;
  throw pastLimit(
    'programLimitExceeded',
    `The statement has ${sql.length} characters, the most is ${MAX_STATEMENT_LENGTH}.`,
  );
}

/**
 * What may be run of a text: one SELECT, or EXPLAIN of one, that stays within reach.
 *
 * @param parse the statement `PARSE`, prepared
 * @throws {ReaderError} SL_QUERY_REFUSED, SL_QUERY_FAILED for what cannot be read, SL_QUERY_LIMIT for what is too long
 */
export async function examine(
  parse: DuckDBPreparedStatement,
  sql: string,
  reach: Reach,
): Promise<ExaminedStatement> {
  expectReadableLength(sql);
  // The engine takes statements up to the first NUL, and its parser all of it: they would see two different ones.
  if (sql.includes('\0') || !sql.isWellFormed()) {
    throw mistake('syntaxError', 'The statement has characters that no text may have.');
  }
  const explain = explained(sql);
  if (explain !== null && !reach.mayExplain) {
    throw refusal('insufficientPrivilege', 'EXPLAIN is not for this role: plans tell of the data of others.');
  }
  const select = explain?.select ?? sql;
  await expectAllowed(parse, select, sql, reach);
  return explain === null
    ? { kind: 'SELECT', sql: select }
    : { kind: 'EXPLAIN', sql: `${explain.explain} ${select}` };
}

/** What was found to be in reach lately: pools and panels send the same statements again and again. */
const ALLOWED = new WeakMap<Reach, Set<string>>();
const MAX_REMEMBERED = 500;
/** Longer ones are hardly sent twice. */
const MAX_REMEMBERED_LENGTH = 4096;

async function expectAllowed(
  parse: DuckDBPreparedStatement,
  select: string,
  sql: string,
  reach: Reach,
): Promise<void> {
  const allowed = ALLOWED.get(reach) ?? new Set();
  ALLOWED.set(reach, allowed);
  if (allowed.has(select)) return;
  guard(await treeOf(parse, select, sql), reach);
  if (select.length > MAX_REMEMBERED_LENGTH) return;
  const [oldest] = allowed;
  if (allowed.size >= MAX_REMEMBERED && oldest !== undefined) allowed.delete(oldest);
  allowed.add(select);
}

async function treeOf(parse: DuckDBPreparedStatement, select: string, sql: string): Promise<unknown> {
  parse.bindVarchar(1, select);
  const answer = await parse.run();
  // The border to the engine: its own JSON, whose shape `guard` takes nothing for granted of.
  const parsed: { error: boolean; error_type?: string; error_message?: string; statements?: unknown[] } =
    JSON.parse(String(answer.getChunk(0).getRows()[0]?.[0]));
  if (parsed.error) throw unreadable(parsed.error_type, parsed.error_message, sql);
  const { statements = [] } = parsed;
  if (statements.length !== 1) {
    throw refusal(
      'syntaxError',
      `One statement was expected, ${statements.length === 0 ? 'none' : statements.length} came. Send one SELECT.`,
    );
  }
  return statements[0];
}

const WRITES: ReadonlySet<string> = new Set(
  'INSERT UPDATE DELETE MERGE TRUNCATE CREATE DROP ALTER COMMENT VACUUM ANALYZE CHECKPOINT'.split(' '),
);

/** What begins like this is refused only for what stands behind its end. */
const READS: ReadonlySet<string> = new Set('SELECT FROM VALUES TABLE DESCRIBE SUMMARIZE SHOW'.split(' '));

function unreadable(type: string | undefined, message: string | undefined, sql: string): ReaderError {
  if (type !== 'not implemented') return mistake('syntaxError', `Parser Error: ${message ?? 'not readable'}`);
  const word = firstWord(sql);
  if (word === 'PIVOT') {
    return refusal('featureNotSupported', 'PIVOT needs the values it makes columns of: PIVOT … ON x IN (…).');
  }
  if (READS.has(word)) {
    return refusal(
      'syntaxError',
      'One statement was expected, several came, and not all of them SELECTs. Send one SELECT.',
    );
  }
  return refusal(
    WRITES.has(word) ? 'readOnlySqlTransaction' : 'insufficientPrivilege',
    `Only SELECT is allowed here, this is ${word === '' ? 'another statement' : word}. ` +
      'The ledger is written by metering alone.',
  );
}
