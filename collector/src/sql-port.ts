import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import { isDeepStrictEqual } from 'node:util';
import type { DuckDBInstance } from '@duckdb/node-api';
import { PgServer } from '@spanledger/pgwire';
import type { Logger } from 'pino';
import type { ReaderConfig, ReaderTls } from './config-readers.ts';
import { SpanledgerError } from './errors.ts';
import { notListening } from './listen.ts';
import {
  CATALOGUE_FUNCTIONS,
  CATALOGUE_SCHEMAS,
  CATALOGUE_TABLE_FUNCTIONS,
  createCatalogue,
  SETTINGS,
} from './reader/catalogue/index.ts';
import { DATABASE, ledgerBackend } from './reader/postgres/index.ts';
import type { Readers } from './reader/readers.ts';
import type { ClientCatalogue } from './reader/roles.ts';

export interface SqlPortOptions {
  readonly readers: Readers;
  /** Resolves when clients find what they look for before they read anything (`makeCatalogue`). */
  readonly catalogue: Promise<void>;
  readonly config: ReaderConfig;
  readonly host: string;
  readonly port: number;
  readonly log: Logger;
}

/** How long a statement may go on when the service ends: somebody waits for its restart. */
const CLOSE_GRACE_MS = 1000;

/** Where clients of PostgreSQL read the ledger. */
export class SqlPort {
  readonly #server: PgServer;
  #config: ReaderConfig;
  #secureContext: SecureContext | null;

  private constructor(options: SqlPortOptions, secureContext: SecureContext | null) {
    this.#config = options.config;
    this.#secureContext = secureContext;
    this.#server = new PgServer({
      backend: ledgerBackend({
        users: () => this.#config.users,
        otherwise: { role: 'analyst' },
        isReady: () => options.catalogue,
        openSession: (reader, client) => options.readers.openSession(reader, { client }),
      }),
      settings: Object.fromEntries(SETTINGS.map(({ name, value }) => [name, value])),
      ...(secureContext === null ? {} : { secureContext: () => this.#secureContext ?? secureContext }),
      requireEncryption: options.config.tls?.isRequired ?? false,
      onUnexpected: (error) => options.log.error({ err: error }, 'a reader met a mistake of ours'),
    });
  }

  /**
   * Listens at once; whoever connects waits for the catalogue.
   *
   * @throws {SpanledgerError} SL_PORT_IN_USE; SL_CONFIG_INVALID where certificate or key cannot be used
   */
  static async open(options: SqlPortOptions): Promise<SqlPort> {
    const { config, host, port } = options;
    const opened = new SqlPort(options, config.tls === null ? null : await readSecureContext(config.tls));
    try {
      await opened.#server.listen({ host, port });
    } catch (error) {
      throw notListening(error, host, port, 'listen.sql_port');
    }
    return opened;
  }

  get port(): number {
    return this.#server.address.port;
  }

  /**
   * Takes over who may log in, and the certificate. What encrypts at all, and limits, need a start.
   *
   * @throws {SpanledgerError} SL_CONFIG_INVALID; everything stays as it was
   */
  async useConfig(config: ReaderConfig): Promise<void> {
    if (config.tls !== null && this.#secureContext !== null)
      this.#secureContext = await readSecureContext(config.tls);
    const before = this.#config.users;
    this.#config = config;
    // Also whoever was believed before there were users, and whoever is somebody else from now on.
    this.#server.endSessionsOf(
      (user) =>
        !isDeepStrictEqual(before.get(user), config.users.get(user)) ||
        (before.size === 0 && config.users.size > 0),
    );
  }

  close(): Promise<void> {
    return this.#server.close({ graceMs: CLOSE_GRACE_MS });
  }
}

/** Makes what clients look for before they read, once for the engine. */
export async function makeCatalogue(instance: DuckDBInstance, { users }: ReaderConfig): Promise<void> {
  const connection = await instance.connect();
  try {
    await createCatalogue(connection, { database: DATABASE, roles: [...users.keys()] });
  } finally {
    connection.closeSync();
  }
}

/** What statements of clients may name of it. */
export const CLIENT_CATALOGUE: ClientCatalogue = {
  schemas: CATALOGUE_SCHEMAS,
  functions: CATALOGUE_FUNCTIONS,
  tableFunctions: CATALOGUE_TABLE_FUNCTIONS,
};

async function readSecureContext({ certFile, keyFile }: ReaderTls): Promise<SecureContext> {
  try {
    return createSecureContext({ cert: await readFile(certFile), key: await readFile(keyFile) });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpanledgerError(
      'SL_CONFIG_INVALID',
      `reader.tls: the certificate ${certFile} with the key ${keyFile} cannot be used: ${reason}`,
      { cause },
    );
  }
}
