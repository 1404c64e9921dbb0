import { randomBytes, randomInt, timingSafeEqual } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { Backend } from './backend.ts';
import { Connection } from './connection.ts';
import { SQLSTATE, SqlError } from './errors.ts';
import type { Admission, Host } from './host.ts';
import { DEFAULT_LIMITS, type Limits } from './limits.ts';
import { DEFAULT_ITERATIONS } from './login/verifier.ts';

export interface PgServerOptions {
  readonly backend: Backend;
  /**
   * The certificate and key for TLS (`tls.createSecureContext`), asked for at every connection, so that a renewed one
   * needs no restart. Without it, clients are told that there is no encryption.
   */
  readonly secureContext?: () => SecureContext;
  /** Turn away who does not encrypt. */
  readonly requireEncryption?: boolean;
  /**
   * Defaults of run-time parameters, such as `server_version` or `TimeZone`, and parameters that only this server has.
   */
  readonly settings?: Readonly<Record<string, string>>;
  /** Bounds other than the defaults. */
  readonly limits?: Partial<Limits>;
  /** The iterations of the verifiers of this server's users: what an unknown user is shown, too. */
  readonly scramIterations?: number;
  /**
   * What salts of unknown users are made of. Random at every start unless it is given, and an unknown user could be
   * told by a salt that changes.
   */
  readonly mockSecret?: Buffer;
  /** Hears of what nobody expected: mistakes here or in the backend. Clients are only told that there was one. */
  readonly onUnexpected?: (error: unknown) => void;
}

interface Session {
  readonly user: string;
  readonly secret: Buffer;
  readonly connection: Connection;
}

const MAX_PROCESS_ID = 2 ** 31;
/** Protocol 3.0 has four bytes for the key, which can be guessed; since 3.2 it may be longer. */
const SHORT_SECRET_BYTES = 4;
const LONG_SECRET_BYTES = 32;
const LONG_SECRET_SINCE = 2;
const KEEP_ALIVE_MS = 60_000;
const DEFAULT_GRACE_MS = 5_000;

/** Listens for clients of PostgreSQL and lets a backend answer them. */
export class PgServer {
  readonly #server: Server;
  readonly #host: Host;
  readonly #limits: Limits;
  readonly #connections = new Map<Connection, Promise<void>>();
  /** Those that have not logged in. */
  readonly #opening = new Set<Connection>();
  readonly #sessions = new Map<number, Session>();
  #isClosing = false;

  constructor(options: PgServerOptions) {
    this.#limits = { ...DEFAULT_LIMITS, ...options.limits };
    this.#host = {
      backend: options.backend,
      limits: this.#limits,
      secureContext: options.secureContext,
      requireEncryption: options.requireEncryption ?? false,
      settings: options.settings ?? {},
      mockIterations: options.scramIterations ?? DEFAULT_ITERATIONS,
      mockSecret: options.mockSecret ?? randomBytes(32),
      onUnexpected: options.onUnexpected ?? (() => {}),
      expectRoom: () => this.#expectRoom(),
      admit: (user, minorVersion, connection) => this.#admit(user, minorVersion, connection),
      cancel: (processId, secret) => this.#cancel(processId, secret),
    };
    // Half open: a client that has said its last word may still be answered.
    this.#server = createServer(
      { allowHalfOpen: true, noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_MS },
      (socket) => this.#accept(socket),
    );
    // Such as too many open files: those who are connected already need not suffer from it.
    this.#server.on('error', (error) => {
      if (this.#server.listening) this.#host.onUnexpected(error);
    });
  }

  /** Port 0 for any that is free; see `address`. Rejects when the port cannot be had. */
  async listen(options: { readonly port: number; readonly host?: string }): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ host: '127.0.0.1', ...options }, () => {
        this.#server.off('error', reject);
        resolve();
      });
    });
  }

  /** Where it listens. */
  get address(): AddressInfo {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new TypeError('the server does not listen');
    return address;
  }

  /** Those that have logged in. */
  get sessionCount(): number {
    return this.#sessions.size;
  }

  /** Ends the sessions of users who may not be here any more (57P01), once what each is running has been answered. */
  endSessionsOf(isGone: (user: string) => boolean): void {
    const reason = shutdown();
    for (const { user, connection } of this.#sessions.values()) if (isGone(user)) connection.retire(reason);
  }

  /**
   * Takes no more connections. Those that are idle are ended with 57P01; a statement that is running may finish within
   * `graceMs`. Resolves when nothing is left of any of them.
   */
  async close({ graceMs = DEFAULT_GRACE_MS }: { readonly graceMs?: number } = {}): Promise<void> {
    this.#isClosing = true;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const reason = shutdown();
    for (const connection of this.#connections.keys()) connection.retire(reason);
    const grace = setTimeout(() => {
      for (const connection of this.#connections.keys()) connection.terminate(reason);
    }, graceMs);
    await Promise.all(this.#connections.values());
    clearTimeout(grace);
    await closed;
  }

  #accept(socket: Socket): void {
    // Without a word: whoever opens so many connections at once is owed none.
    if (this.#isClosing || this.#opening.size >= this.#limits.maxOpening) {
      socket.destroy();
      return;
    }
    const connection = new Connection(socket, this.#host);
    this.#opening.add(connection);
    const served = connection
      .serve()
      .catch((error: unknown) => this.#host.onUnexpected(error))
      .finally(() => {
        this.#opening.delete(connection);
        this.#connections.delete(connection);
      });
    this.#connections.set(connection, served);
  }

  #expectRoom(): void {
    if (this.#sessions.size >= this.#limits.maxConnections) throw tooMany('sorry, too many clients already');
  }

  #admit(user: string, minorVersion: number, connection: Connection): Admission {
    this.#expectRoom();
    let ofUser = 0;
    for (const session of this.#sessions.values()) if (session.user === user) ofUser++;
    if (ofUser >= this.#limits.maxConnectionsPerUser)
      throw tooMany(`too many connections for role "${user}"`);

    let processId = randomInt(1, MAX_PROCESS_ID);
    while (this.#sessions.has(processId)) processId = randomInt(1, MAX_PROCESS_ID);
    const secret = randomBytes(minorVersion >= LONG_SECRET_SINCE ? LONG_SECRET_BYTES : SHORT_SECRET_BYTES);
    this.#opening.delete(connection);
    this.#sessions.set(processId, { user, secret, connection });
    return { processId, secret, release: () => this.#sessions.delete(processId) };
  }

  #cancel(processId: number, secret: Buffer): void {
    const session = this.#sessions.get(processId);
    if (session?.secret.length === secret.length && timingSafeEqual(session.secret, secret))
      session.connection.cancel();
  }
}

function shutdown(): SqlError {
  return new SqlError(SQLSTATE.adminShutdown, 'terminating connection due to administrator command', {
    severity: 'FATAL',
  });
}

function tooMany(message: string): SqlError {
  return new SqlError(SQLSTATE.tooManyConnections, message, { severity: 'FATAL' });
}
