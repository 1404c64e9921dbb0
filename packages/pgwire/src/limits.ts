/** Every bound of the package. The reasons are with the defaults. */
export interface Limits {
  readonly maxConnections: number;
  readonly maxConnectionsPerUser: number;
  readonly maxOpening: number;
  readonly startupBytes: number;
  readonly saslBytes: number;
  readonly messageBytes: number;
  readonly outboundBytes: number;
  readonly maxStatementsPerQuery: number;
  readonly maxPreparedStatements: number;
  readonly maxPortals: number;
  readonly heldBytes: number;
  readonly maxSettings: number;
  readonly settingBytes: number;
  readonly maxSavepoints: number;
  readonly authenticationTimeoutMs: number;
  readonly authenticationFailureDelayMs: number;
  readonly idleTimeoutMs: number;
  readonly idleInTransactionTimeoutMs: number;
  readonly stalledClientTimeoutMs: number;
  readonly lingerMs: number;
}

export const DEFAULT_LIMITS: Limits = {
  /** What PostgreSQL allows; a pool of a dashboard takes four to ten. */
  maxConnections: 100,
  /** One user with a runaway pool leaves room for the others. */
  maxConnectionsPerUser: 50,
  /** Connections that have not logged in yet. They cost little, but anybody can open them. */
  maxOpening: 64,
  /** As PostgreSQL: a startup packet is a handful of names and values. */
  startupBytes: 10_000,
  /** A SCRAM message is some hundred bytes. Before the login nobody may make us keep more. */
  saslBytes: 4_096,
  /** A statement, or the parameters of one. Generated statements of dashboards stay far below. */
  messageBytes: 1_048_576,
  /** Rows that wait for a client to read: enough to keep a link busy, little enough for every connection at once. */
  outboundBytes: 1_048_576,
  /** Semicolons are cheap to send, and every statement costs an answer. */
  maxStatementsPerQuery: 1_000,
  /** Drivers keep up to 512 (pgx) in their cache. */
  maxPreparedStatements: 1_000,
  /** Each may hold a running query open in the backend. */
  maxPortals: 64,
  /** The text of all prepared statements and the parameters of all portals of a connection. */
  heldBytes: 16_777_216,
  /** Names of a session's own, such as `myapp.tenant`. */
  maxSettings: 100,
  /** A `search_path` or an application's name; nothing that is set is a document. */
  settingBytes: 8_192,
  /** Drivers nest a few; each keeps the settings as they were. */
  maxSavepoints: 100,
  /** From the first byte to the end of the login. Clients ask for passwords before they connect. */
  authenticationTimeoutMs: 10_000,
  /** Makes guessing slow, and a wrong password and an unknown user take the same time. */
  authenticationFailureDelayMs: 1_000,
  /** Pools keep connections for minutes and open another when one is gone. */
  idleTimeoutMs: 3_600_000,
  /** An open transaction or cursor may hold a query in the backend, so nobody may go to lunch with one. */
  idleInTransactionTimeoutMs: 300_000,
  /** A client that takes nothing for this long will not come back; until then its query holds what it holds. */
  stalledClientTimeoutMs: 60_000,
  /** How long a closed connection may take to read its last message. */
  lingerMs: 2_000,
};
