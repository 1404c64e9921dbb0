/**
 * What is asked of a client, and what it answers: the harness writes one `Conversation` as JSON to the standard input of
 * a client's program, and reads one `Answer` a line from its standard output. Each program does the same things in the
 * way of its library; none of them knows what is right.
 */
export interface Conversation {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password: string;
  /** PEM file of the certificate that the server shows. */
  readonly certificateFile: string;
  readonly asks: readonly (Ask & { readonly id: string })[];
}

/** All but `log in` and `share a pool` are asked on one connection, which is kept from the first to the last. */
export type Ask =
  /** A connection of its own, which asks who it is. Over TLS the certificate is checked. */
  | { readonly do: 'log in'; readonly user: string; readonly password: string; readonly tls: boolean }
  /** As the library or its pool does to see whether a connection lives. */
  | { readonly do: 'ping' }
  /** One statement with its values; `times` over, so that drivers go over to prepared statements and binary values. */
  | {
      readonly do: 'ask';
      readonly sql: string;
      readonly values?: readonly Value[];
      readonly times?: number;
    }
  /** Several statements in one text. */
  | { readonly do: 'ask several'; readonly sql: string }
  /** One statement after the other; what fails does not keep the next from being asked. */
  | { readonly do: 'ask in turn'; readonly statements: readonly string[] }
  /** Begins a statement and cancels it after `afterMs`, as a user of the library would. */
  | { readonly do: 'cancel'; readonly sql: string; readonly afterMs: number }
  /** Two cursors of the library's own kind, read by turns; the second is left half read. */
  | { readonly do: 'read with cursors'; readonly sql: string; readonly pieceRows: number }
  /** The library's own transactions: read only, with a savepoint, and a failure inside it. */
  | { readonly do: 'transact'; readonly failing: string }
  /** Reads everything, and says how many rows, the sum of the first column and the last row. */
  | { readonly do: 'read all'; readonly sql: string }
  | {
      readonly do: 'share a pool';
      readonly connections: number;
      readonly sql: string;
      readonly asked: number;
    }
  /** What the library itself finds out about schemas, tables and columns. */
  | { readonly do: 'look around' };

export type ValueType =
  | 'int4'
  | 'int8'
  | 'numeric'
  | 'bool'
  | 'float8'
  | 'text'
  | 'timestamptz'
  | 'date'
  | 'text[]'
  | 'int8[]';

/** A parameter: what stands for `$1`, `$2`, … in order, each once. The text is as PostgreSQL would write it. */
export interface Value {
  readonly type: ValueType;
  readonly value: string | number | boolean | null | readonly (string | number)[];
}

/**
 * A value as a program writes it: integers and decimals as text with all their digits, floats as numbers, instants as
 * `2026-07-01T12:34:56.789012Z`, times without a zone the same without `Z`, dates as `2026-07-01`.
 */
export type Cell = string | number | boolean | null | readonly Cell[];

export interface Result {
  readonly columns: readonly string[];
  /** Names or OIDs of types, where the library tells them. */
  readonly types: readonly (string | number)[] | null;
  readonly rows: readonly (readonly Cell[])[];
}

export interface Failure {
  /** SQLSTATE, or what the library says instead. */
  readonly error: string;
  readonly message: string;
  /** What `SELECT 1` then answers on the same connection: `1`, or how it fails. */
  readonly after?: string;
  /** From the beginning of the statement to its end. */
  readonly tookMs?: number;
}

export type Answer = { readonly id: string } & (
  | { readonly results: readonly Result[] }
  /** Of `ask in turn` and `transact`: a cell, an SQLSTATE, or the word for a statement without rows. */
  | { readonly outcomes: readonly Cell[] }
  | { readonly ok: true }
  | Failure
  | { readonly readRows: number; readonly sum: string; readonly last: readonly Cell[] }
  | { readonly pieces: readonly (readonly Cell[])[] }
  | { readonly found: Readonly<Record<string, unknown>> }
);
