import type { Notice } from './errors.ts';
import type { Value } from './types/codec.ts';

/**
 * The port: what whoever answers the queries implements. The package keeps the protocol, the login, settings,
 * transactions' states and cursors; a backend sees queries only.
 */
export interface Backend {
  /**
   * How this user proves who they are, or `null` for one who may not log in. The client cannot tell the two apart; what
   * is refused for other reasons (a database that does not exist) is thrown by `openSession`, after the login.
   */
  credentialOf(login: Login): Promise<Credential | null>;
  /** The user is who they say. What is thrown refuses the connection: an `SqlError` with its code. */
  openSession(client: Client): Promise<Session>;
}

export interface Login {
  readonly user: string;
  /** As the client named it; the user's name when it named none. */
  readonly database: string;
  readonly remoteAddress: string | undefined;
  readonly isEncrypted: boolean;
}

export type Credential =
  /** A verifier as `scramVerifier` makes them and PostgreSQL stores them. */
  | { readonly kind: 'scram-sha-256'; readonly verifier: string }
  /** Whoever reaches the port is believed. For tests on loopback. */
  | { readonly kind: 'trust' };

export interface Client extends Login {
  /** What the client sees as the id of its backend process; unique among the open connections of the server. */
  readonly processId: number;
  /** A setting of the session as it is now (`TimeZone`, `search_path`, `application_name`), or `undefined`. */
  readonly setting: (name: string) => string | undefined;
}

/**
 * One per connection. Its methods are called one after the other, but several executions may be open at once: a
 * suspended portal or a cursor stays, while the client asks for something else.
 */
export interface Session {
  /**
   * Checks one statement and says what it takes and gives. It is never empty and never more than one, unless the text
   * is something that no reader of SQL would split.
   *
   * @param parameterOids the types that the client knows of; 0, or too few of them, for the others
   */
  prepare(sql: string, parameterOids: readonly number[], context: StatementContext): Promise<Statement>;
  /** The connection has ended; nothing of the session is used any more. */
  close(): Promise<void>;
}

export interface StatementContext {
  /**
   * Aborted when the client cancels, when it is gone, when a timeout has passed or the server shuts down. What is
   * running must then end soon: the connection waits for it, since a session does one thing at a time. What it throws
   * is of no interest; the client is told the reason of the abort.
   */
  readonly signal: AbortSignal;
  /** Tells the client something beside the result. */
  readonly notify: (notice: Notice) => void;
}

export interface Statement {
  /** The types of all parameters, `$1` first. */
  readonly parameterOids: readonly number[];
  /** The columns of the result, or `null` for a statement that returns no rows at all. */
  readonly fields: readonly Field[] | null;
  /** What it does: `SELECT`, `INSERT`, `EXPLAIN`. The tag of the answer is made of it, with the number of rows. */
  readonly command: string;
  /**
   * Runs it. Batches are asked for when the client takes their rows, and `return()` is called on the iterator when it
   * does not want the rest. May be called again, with other values.
   */
  execute(values: readonly (Value | null)[], context: StatementContext): AsyncIterable<RowBatch>;
  /** The client has closed it, and nothing that runs needs it any more. */
  close?(): Promise<void>;
}

/** A column of a result (54.7, RowDescription). */
export interface Field {
  readonly name: string;
  readonly oid: number;
  /** Such as `numericModifier(38, 15)`; -1 or left out when the type has none. */
  readonly typeModifier?: number;
  /** Where the column comes from, when it is a column of a table. */
  readonly tableOid?: number;
  readonly tableColumn?: number;
}

/**
 * Rows, column by column, as engines have them. Some hundred to some thousand at a time: they are written in one go,
 * and nothing else is done in the meantime.
 */
export interface RowBatch {
  /** For a statement without fields: how many rows it has changed. */
  readonly rowCount: number;
  readonly columns: readonly Column[];
}

/** The values of one column, by row. Arrays of the platform's numbers will do, such as a `Float64Array`. */
export type Column = ArrayLike<Value | null>;
