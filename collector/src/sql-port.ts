import { readFile } from 'node:fs/promises';
import { createSecureContext, type SecureContext } from 'node:tls';
import type { DuckDBInstance } from '@duckdb/node-api';
import { PgServer } from '@spanledger/pgwire';
import type { Logger } from 'pino';
import type { ReaderConfig, ReaderTls } from './config-readers.ts';
import { SpanledgerError } from './errors.ts';
import { notListening } from './listen.ts';
import { createCatalogue, SETTINGS } from './reader/catalogue/index.ts';
import { DATABASE, ledgerBackend } from './reader/postgres/index.ts';
import type { Readers } from './reader/readers.ts';

export interface SqlPortOptions {
  readonly instance: DuckDBInstance;
  readonly readers: Readers;
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
  readonly #instance: DuckDBInstance;
  readonly #log: Logger;
  readonly #catalogue = Promise.withResolvers<void>();
  #config: ReaderConfig;
  #secureContext: SecureContext | null;

  private constructor(options: SqlPortOptions, secureContext: SecureContext | null) {
    this.#instance = options.instance;
    this.#log = options.log;
    this.#config = options.config;
    this.#secureContext = secureContext;
    // Whoever waits for it is told; without anybody waiting it is no surprise.
    this.#catalogue.promise.catch(() => {});
    this.#server = new PgServer({
      backend: ledgerBackend({
        users: () => this.#config.users,
        otherwise: { role: 'analyst' },
        isReady: () => this.#catalogue.promise,
        openSession: (reader, client) => options.readers.openSession(reader, { client }),
      }),
      settings: Object.fromEntries(SETTINGS.map(({ name, value }) => [name, value])),
      ...(secureContext === null ? {} : { secureContext: () => this.#secureContext ?? secureContext }),
      requireEncryption: options.config.tls?.isRequired ?? false,
      onUnexpected: (error) => options.log.error({ err: error }, 'a reader met a mistake of ours'),
    });
  }

  /**
   * Listens at once; who connects waits until `fillCatalogue` is through.
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

  /** Makes what clients look for before they read. It takes a moment, in which spans can be posted already. */
  async fillCatalogue(): Promise<void> {
    const connection = await this.#instance.connect();
    try {
      await createCatalogue(connection, {
        database: DATABASE,
        roles: [...this.#config.users.keys()],
      });
      this.#catalogue.resolve();
    } catch (error) {
      this.#log.error({ err: error }, 'clients of PostgreSQL cannot be served: their catalogue was not made');
      this.#catalogue.reject(error);
    } finally {
      connection.closeSync();
    }
  }

  /**
   * Takes over who may log in, and the certificate. What encrypts at all, and limits, need a start.
   *
   * @throws {SpanledgerError} SL_CONFIG_INVALID; everything stays as it was
   */
  async useConfig(config: ReaderConfig): Promise<void> {
    if (config.tls !== null && this.#secureContext !== null)
      this.#secureContext = await readSecureContext(config.tls);
    this.#config = config;
  }

  close(): Promise<void> {
    return this.#server.close({ graceMs: CLOSE_GRACE_MS });
  }
}

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
