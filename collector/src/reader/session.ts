import {
  type DuckDBDataChunk,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBValue,
  StatementType,
} from '@duckdb/node-api';
import { engineError } from './engine-error.ts';
import { mistake, pastLimit, ReaderError, refusal } from './errors.ts';
import type { ExaminedStatement } from './examine.ts';
import type { ReaderLimits } from './limits.ts';
import type { MemoryFence } from './memory-fence.ts';
import type { Reach } from './reach.ts';
import type { ReadingConnection } from './reading-connection.ts';
import type { ReadyStatements } from './ready-statements.ts';
import { bytesOf } from './result-size.ts';
import type { StatementCounts } from './statement-counts.ts';
import { Watch } from './watch.ts';

/** What a session needs of whoever has opened it. */
export interface SessionParts {
  readonly reach: Reach;
  readonly limits: ReaderLimits;
  /** Whether failures may quote values: not to whom rows of others are hidden. */
  readonly tellsValues: boolean;
  readonly connect: () => Promise<ReadingConnection>;
  /**
   * A place among the statements that run, and what gives it back. Who goes on with a result always waits for one.
   *
   * @throws {ReaderError} SL_QUERY_BUSY, SL_QUERY_LIMIT when the signal came first
   */
  readonly takePlace: (signal: AbortSignal, goesOn: boolean) => Promise<() => void>;
  readonly onClose: () => void;
  /** The engine works on a statement long after its time: nothing but the end of the process will stop it. */
  readonly onOverdue: (sql: string) => void;
  readonly fence: MemoryFence | null;
  readonly ready: ReadyStatements;
  readonly counts: StatementCounts;
}

export interface ResultColumn {
  readonly name: string;
  readonly type: DuckDBType;
}

/** Rows, column by column, some thousand at most. The first one always comes, and is empty where there are no rows. */
export interface ResultBatch {
  /** Null: no rows. It is to be read before the next one is asked for. */
  readonly chunk: DuckDBDataChunk | null;
  /** As they are with the values that were bound, which may decide their types. */
  readonly columns: readonly ResultColumn[];
}

/** One reader's statements. Several may be open at once, each on a connection of its own. */
export class ReaderSession {
  readonly #parts: SessionParts;
  readonly #statements = new Set<ReaderStatement>();
  /** One is kept for the next statement: opening it takes longer than most statements. */
  #spare: ReadingConnection | null = null;
  #isClosed = false;

  constructor(parts: SessionParts) {
    this.#parts = parts;
  }

  /**
   * Checks a statement and says what it takes and gives.
   *
   * @throws {ReaderError} SL_QUERY_REFUSED, SL_QUERY_FAILED, SL_QUERY_LIMIT, SL_QUERY_BUSY
   */
  async prepare(sql: string, signal: AbortSignal): Promise<ReaderStatement> {
    const giveBack = await this.#parts.takePlace(signal, false);
    try {
      const connection = await this.connection();
      const watch = watchOf(this.#parts, connection, sql, signal);
      let prepared: DuckDBPreparedStatement | null = null;
      try {
        const examined = await watch.step(connection.examine(sql, this.#parts.reach));
        prepared = await watch.step(connection.duckdb.prepare(examined.sql));
        watch.expectGoingOn();
        expectRead(prepared, examined);
        const statement = new ReaderStatement(this, this.#parts, connection, examined, prepared);
        this.#statements.add(statement);
        return statement;
      } catch (error) {
        watch.stop();
        if (prepared !== null) connection.release(prepared);
        this.takeBack(connection);
        if (error instanceof ReaderError) throw error;
        watch.expectGoingOn(error);
        throw engineError(error, this.#parts.tellsValues);
      } finally {
        watch.stop();
      }
    } finally {
      giveBack();
    }
  }

  /** The statement that a reader has sent did not come to a run: which, only whoever has asked to prepare it knows. */
  noteUnprepared(error: unknown): void {
    this.#parts.counts.noteBegun();
    this.#parts.counts.noteError(error);
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const statement of this.#statements) await statement.close();
    await this.#spare?.close();
    this.#spare = null;
    this.#parts.onClose();
  }

  /** For its statements: the spare connection, or a new one. */
  async connection(): Promise<ReadingConnection> {
    const spare = this.#spare;
    this.#spare = null;
    await spare?.idle();
    return spare ?? (await this.#parts.connect());
  }

  takeBack(connection: ReadingConnection): void {
    if (this.#spare === null && !this.#isClosed) this.#spare = connection;
    else void connection.close();
  }

  forget(statement: ReaderStatement): void {
    this.#statements.delete(statement);
  }
}

/** A statement that may run, as often as its reader likes. */
export class ReaderStatement {
  readonly kind: ExaminedStatement['kind'];
  /** Null where they depend on what parameters are, which is open: the batches have them. */
  readonly columns: readonly ResultColumn[] | null;
  /** Those of `$1`, `$2`, …; null where the statement leaves it open. */
  readonly parameterTypes: readonly (DuckDBType | null)[];
  readonly #session: ReaderSession;
  readonly #parts: SessionParts;
  readonly #examined: ExaminedStatement;
  /** Where it is prepared, unless a run has it. */
  #ready: PreparedOn | null;
  readonly #running = new Set<AbortController>();
  #isClosed = false;

  constructor(
    session: ReaderSession,
    parts: SessionParts,
    connection: ReadingConnection,
    examined: ExaminedStatement,
    prepared: DuckDBPreparedStatement,
  ) {
    this.#session = session;
    this.#parts = parts;
    this.#examined = examined;
    this.#ready = { connection, prepared };
    parts.ready.add(this);
    this.kind = examined.kind;
    this.parameterTypes = Array.from({ length: prepared.parameterCount }, (_, index) =>
      prepared.parameterTypeId(index + 1) === DuckDBTypeId.INVALID ? null : prepared.parameterType(index + 1),
    );
    this.columns = describedColumns(prepared);
  }

  /**
   * Runs it in a read-only transaction of its own, which ends with the last row, or when the rest is not wanted.
   *
   * @param types of the values; without them, those that their kinds suggest
   * @throws {ReaderError} SL_QUERY_FAILED, SL_QUERY_LIMIT, SL_QUERY_BUSY
   */
  async *run(
    values: readonly DuckDBValue[],
    signal: AbortSignal,
    types?: readonly DuckDBType[],
  ): AsyncGenerator<ResultBatch> {
    this.#parts.counts.noteBegun();
    try {
      yield* this.#run(values, signal, types);
    } catch (error) {
      this.#parts.counts.noteError(error);
      throw error;
    }
  }

  async *#run(
    values: readonly DuckDBValue[],
    signal: AbortSignal,
    types: readonly DuckDBType[] | undefined,
  ): AsyncGenerator<ResultBatch> {
    if (values.length !== this.parameterTypes.length) {
      throw mistake(
        'undefinedParameter',
        `The statement has ${this.parameterTypes.length} parameters, ${values.length} values came.`,
      );
    }
    const closing = new AbortController();
    this.#running.add(closing);
    const anyEnd = AbortSignal.any([signal, closing.signal]);
    let place: PreparedOn | null = null;
    try {
      place = await this.#inPlace(anyEnd, () => this.#prepared(anyEnd));
      if (values.length > 0) place.prepared.bind([...values], types === undefined ? undefined : [...types]);
      yield* this.#batches(place, anyEnd);
    } finally {
      this.#running.delete(closing);
      if (place !== null) this.#putBack(place);
    }
  }

  async *#batches({ connection, prepared }: PreparedOn, signal: AbortSignal): AsyncGenerator<ResultBatch> {
    const { limits, tellsValues } = this.#parts;
    const watch = watchOf(this.#parts, connection, this.#examined.sql, signal);
    let rowCount = 0;
    let bytes = 0;
    try {
      const { result, chunk: first } = await this.#inPlace(signal, async () => {
        await connection.begin();
        const stream = await watch.step(prepared.stream());
        return { result: stream, chunk: await watch.step(stream.fetchChunk()) };
      });
      let chunk = first;
      const columns = columnsOf(result);
      const types = columns.map(({ type }) => type);
      for (let isFirst = true; ; isFirst = false) {
        watch.expectGoingOn();
        if (chunk === null || chunk.rowCount === 0) {
          if (isFirst) yield { chunk: null, columns };
          break;
        }
        rowCount += chunk.rowCount;
        bytes += bytesOf(chunk, types);
        expectWithin(limits, rowCount, bytes);
        // While its reader takes these rows, others may have the place.
        yield { chunk, columns };
        watch.expectGoingOn();
        chunk = await this.#inPlace(signal, () => watch.step(result.fetchChunk()), true);
      }
    } catch (error) {
      if (error instanceof ReaderError) throw error;
      watch.expectGoingOn(error);
      throw engineError(error, tellsValues);
    } finally {
      watch.stop();
      connection.end();
    }
  }

  async #inPlace<Result>(signal: AbortSignal, work: () => Promise<Result>, goesOn = false): Promise<Result> {
    const giveBack = await this.#parts.takePlace(signal, goesOn);
    try {
      return await work();
    } finally {
      giveBack();
    }
  }

  async #prepared(signal: AbortSignal): Promise<PreparedOn> {
    const ready = this.#takeReady();
    if (ready !== null) {
      await ready.connection.idle();
      return ready;
    }
    const connection = await this.#session.connection();
    const watch = watchOf(this.#parts, connection, this.#examined.sql, signal);
    try {
      return { connection, prepared: await watch.step(connection.duckdb.prepare(this.#examined.sql)) };
    } catch (error) {
      this.#session.takeBack(connection);
      watch.expectGoingOn(error);
      throw engineError(error, this.#parts.tellsValues);
    } finally {
      watch.stop();
    }
  }

  #putBack(place: PreparedOn): void {
    if (this.#ready === null && !this.#isClosed) {
      this.#ready = place;
      this.#parts.ready.add(this);
      return;
    }
    place.connection.release(place.prepared);
    this.#session.takeBack(place.connection);
  }

  /** What runs of it is ended. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const running of this.#running) running.abort();
    this.#session.forget(this);
    this.rest();
  }

  /** For `ReadyStatements`. */
  get length(): number {
    return this.#examined.sql.length;
  }

  /** Lets go of what the engine keeps of it; it is prepared again when it runs. */
  rest(): void {
    const ready = this.#takeReady();
    if (ready === null) return;
    ready.connection.release(ready.prepared);
    this.#session.takeBack(ready.connection);
  }

  #takeReady(): PreparedOn | null {
    const ready = this.#ready;
    this.#ready = null;
    this.#parts.ready.delete(this);
    return ready;
  }
}

function watchOf(
  { limits, onOverdue, fence }: SessionParts,
  { duckdb }: ReadingConnection,
  sql: string,
  signal: AbortSignal,
): Watch {
  return new Watch(duckdb, {
    timeoutMs: limits.timeoutMs,
    signal,
    onOverdue: () => onOverdue(sql),
    ...(fence === null ? {} : { fence }),
  });
}

interface PreparedOn {
  readonly connection: ReadingConnection;
  readonly prepared: DuckDBPreparedStatement;
}

function describedColumns(prepared: DuckDBPreparedStatement): ResultColumn[] | null {
  const columns: ResultColumn[] = [];
  for (let index = 0; index < prepared.columnCount; index++) {
    if (prepared.columnTypeId(index) === DuckDBTypeId.INVALID) return null;
    columns.push({ name: prepared.columnName(index), type: prepared.columnType(index) });
  }
  return columns;
}

function columnsOf(result: DuckDBResult): ResultColumn[] {
  return Array.from({ length: result.columnCount }, (_, index) => ({
    name: result.columnName(index),
    type: result.columnType(index),
  }));
}

/** The engine must see what the guard has seen; a difference would be a mistake of ours. */
function expectRead(prepared: DuckDBPreparedStatement, { kind }: ExaminedStatement): void {
  const expected = kind === 'SELECT' ? StatementType.SELECT : StatementType.EXPLAIN;
  if (prepared.statementType === expected) return;
  throw refusal('insufficientPrivilege', 'Only SELECT is allowed here, this is another statement.');
}

function expectWithin(limits: ReaderLimits, rowCount: number, bytes: number): void {
  if (rowCount > limits.maxRows) {
    throw pastLimit(
      'configurationLimitExceeded',
      `The result has more than ${limits.maxRows} rows. Aggregate, add a LIMIT, or page through it.`,
    );
  }
  if (bytes > limits.maxResultBytes) {
    throw pastLimit(
      'configurationLimitExceeded',
      `The result has more than ${limits.maxResultBytes} bytes. Choose fewer columns or rows.`,
    );
  }
}
