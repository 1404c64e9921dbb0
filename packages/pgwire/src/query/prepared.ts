import type { Field, Statement } from '../backend.ts';
import { SQLSTATE, SqlError } from '../errors.ts';
import { type Command, parseCommand } from '../session/command.ts';
import { splitStatements } from '../sql/split.ts';
import { OID } from '../types/table.ts';
import type { Dialogue } from './dialogue.ts';
import type { Holding } from './portals.ts';

/** What a statement has turned out to be. */
export type Prepared =
  /** Blanks and comments: answered with EmptyQueryResponse. */
  | { readonly kind: 'empty' }
  | { readonly kind: 'query'; readonly shared: SharedStatement }
  | { readonly kind: 'command'; readonly command: Exclude<Command, Declare> }
  /** A command that has a query in it. */
  | { readonly kind: 'declare'; readonly command: Declare; readonly shared: SharedStatement };

export type Declare = Extract<Command, { kind: 'declare' }>;

/**
 * A statement of the backend, and how many still need it: a portal may go on with one that the client has closed.
 */
export class SharedStatement {
  readonly statement: Statement;
  #users = 1;

  constructor(statement: Statement) {
    this.statement = statement;
  }

  retain(): this {
    this.#users++;
    return this;
  }

  async release(): Promise<void> {
    this.#users--;
    if (this.#users === 0) await this.statement.close?.();
  }
}

/**
 * Finds out what a statement is; for a query, what the backend says of it.
 *
 * @throws {SqlError} 25P02 for anything but the end of a transaction that has failed
 */
export async function prepare(
  dialogue: Dialogue,
  sql: string,
  parameterOids: readonly number[],
): Promise<Prepared> {
  const command = parseCommand(sql);
  if (dialogue.transaction.status === 'E' && !endsTransaction(command)) throw failedTransaction();
  if (command === undefined) return { kind: 'query', shared: await ask(dialogue, sql, parameterOids) };
  if (command.kind !== 'declare') return { kind: 'command', command };
  if (parseCommand(command.sql) !== undefined)
    throw new SqlError(SQLSTATE.syntaxError, 'a cursor is declared for a query');
  return { kind: 'declare', command, shared: await ask(dialogue, command.sql, parameterOids) };
}

/** One statement, as Parse wants it (54.2.3, "Extended Query"). */
export async function prepareOne(
  dialogue: Dialogue,
  sql: string,
  parameterOids: readonly number[],
): Promise<Prepared> {
  const [piece, ...more] = splitStatements(sql, dialogue.limits.maxStatementsPerQuery);
  if (more.length > 0)
    throw new SqlError(SQLSTATE.syntaxError, 'cannot insert multiple commands into a prepared statement');
  return piece === undefined ? { kind: 'empty' } : prepare(dialogue, piece.sql, parameterOids);
}

async function ask(
  { session, interrupts, settings, notify }: Dialogue,
  sql: string,
  parameterOids: readonly number[],
): Promise<SharedStatement> {
  const controller = new AbortController();
  const { signal } = controller;
  const statement = await interrupts.during(controller, settings.timeoutMs('statement_timeout'), () =>
    session.prepare(sql, parameterOids, { signal, notify }),
  );
  return new SharedStatement(statement);
}

export function failedTransaction(): SqlError {
  return new SqlError(
    SQLSTATE.inFailedSqlTransaction,
    'current transaction is aborted, commands ignored until end of transaction block',
  );
}

function endsTransaction(command: Command | undefined): boolean {
  return command?.kind === 'commit' || command?.kind === 'rollback' || command?.kind === 'rollback to';
}

/** Whether it may run in a transaction that has failed. */
export function runsAfterFailure(prepared: Prepared): boolean {
  return prepared.kind === 'empty' || (prepared.kind === 'command' && endsTransaction(prepared.command));
}

export function parameterOidsOf(prepared: Prepared): readonly number[] {
  return prepared.kind === 'query' || prepared.kind === 'declare'
    ? prepared.shared.statement.parameterOids
    : [];
}

/** The columns that it gives, `null` when it gives no rows. A fetch gives what its cursor does. */
export function fieldsOf(dialogue: Dialogue, prepared: Prepared): readonly Field[] | null {
  if (prepared.kind === 'query') return prepared.shared.statement.fields;
  if (prepared.kind !== 'command') return null;
  const { command } = prepared;
  if (command.kind === 'fetch' && !command.isMove)
    return dialogue.portals.get(command.cursor)?.fields ?? null;
  if (command.kind !== 'show') return null;
  if (command.name === 'all')
    return ['name', 'setting', 'description'].map((name) => ({ name, oid: OID.text }));
  // Nothing is described that cannot be shown.
  dialogue.settings.show(command.name);
  return [{ name: dialogue.settings.nameOf(command.name), oid: OID.text }];
}

/** The prepared statements of one connection, by the names that the client has given them. */
export class PreparedStatements {
  readonly #statements = new Map<string, { readonly prepared: Prepared; readonly bytes: number }>();
  readonly #holding: Holding;
  readonly #max: number;

  constructor(holding: Holding, max: number) {
    this.#holding = holding;
    this.#max = max;
  }

  /** @throws {SqlError} 26000 */
  find(name: string): Prepared {
    const found = this.#statements.get(name);
    if (found === undefined)
      throw new SqlError(
        SQLSTATE.invalidSqlStatementName,
        name === ''
          ? 'unnamed prepared statement does not exist'
          : `prepared statement "${name}" does not exist`,
      );
    return found.prepared;
  }

  /** Whether there is room for one more of that name; asked before it is prepared, which is the work. */
  expectFree(name: string): void {
    if (name === '') return;
    if (this.#statements.has(name))
      throw new SqlError(SQLSTATE.duplicatePreparedStatement, `prepared statement "${name}" already exists`);
    if (this.#statements.size >= this.#max)
      throw new SqlError(
        SQLSTATE.configurationLimitExceeded,
        `at most ${this.#max} prepared statements may exist in a session`,
        { hint: 'Close what is not used any more.' },
      );
  }

  async add(name: string, prepared: Prepared, bytes: number): Promise<void> {
    if (name === '') await this.close(name);
    try {
      this.#holding.take(bytes);
    } catch (error) {
      await closePrepared(prepared);
      throw error;
    }
    this.#statements.set(name, { prepared, bytes });
  }

  async close(name: string): Promise<void> {
    const found = this.#statements.get(name);
    if (found === undefined) return;
    this.#statements.delete(name);
    this.#holding.give(found.bytes);
    await closePrepared(found.prepared);
  }

  async closeAll(): Promise<void> {
    for (const name of [...this.#statements.keys()]) await this.close(name);
  }
}

/** One user less of what the backend keeps for a statement. */
export async function closePrepared(prepared: Prepared): Promise<void> {
  if (prepared.kind === 'query' || prepared.kind === 'declare') await prepared.shared.release();
}
