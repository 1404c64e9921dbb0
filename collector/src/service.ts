import { mkdir, readFile, rename, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { SpanledgerError } from './errors.ts';
import { type JournalPosition, JournalWriter } from './journal/index.ts';
import { JOURNAL_FOLDER } from './ledger-process.ts';
import { listen } from './listen.ts';
import type { FromLedger, ReceiverState, ToLedger } from './messages.ts';
import { SCAN_LIMITS } from './otlp/index.ts';
import { buildReceiver } from './receiver/receiver.ts';
import { type ChildEnd, Supervisor } from './supervisor.ts';

export interface ServiceOptions {
  readonly config: Config;
  /** What `config` was read from; the ledger process reads the same. */
  readonly configText: string | null;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The program of the ledger process: module, arguments, Node's own arguments. */
  readonly ledgerProgram: { module: string; args: readonly string[]; execArgv: readonly string[] };
  /** Begin an empty ledger although the data directory has been used before. */
  readonly newLedger: boolean;
  readonly log: Logger;
}

export interface Service {
  readonly otlpPort: number;
  readonly apiPort: number;
  readonly ledgerPid: () => number | undefined;
  /** Stops accepting, posts what was accepted, closes the ledger file. True: everything ended by itself. */
  stop(): Promise<boolean>;
}

/** Written once into the data directory, so that a missing ledger file is noticed and not replaced by an empty one. */
const MARKER = 'spanledger.json';
const NODE = 'n1';
const STATE_EVERY_MS = 1000;
const DRAIN_GRACE_MS = 60_000;
/**
 * Running queries hold threads of the libuv pool, and commits wait behind them: with the default of 4, four dashboards
 * stopped a commit for 2.7 s. Must be set before Node starts.
 */
const LEDGER_THREAD_POOL = '16';

/**
 * The service, in order: the ledger process opens its file (whoever holds that lock owns the data directory), then the
 * journal is opened, then requests are accepted. From then on the receiver goes on whatever happens to the ledger.
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, log } = options;
  await mkdir(config.data_dir, { recursive: true });
  const isUsed = await hasMarker(config.data_dir);
  const ledger = await startLedger(options, options.newLedger || !isUsed);
  try {
    if (!isUsed) await writeMarker(config.data_dir);
    const journal = await JournalWriter.open({
      directory: join(config.data_dir, JOURNAL_FOLDER),
      node: NODE,
      segmentBytes: config.journal.segment_bytes,
      maxPendingBytes: config.journal.max_pending_bytes,
      maxBytes: config.journal.max_lag_bytes,
      minFreeBytes: await freeSpaceToKeep(config),
      retention: { maxAgeMs: config.journal.retention_ms, maxBytes: config.journal.retention_bytes },
      nowMillis: Date.now,
    });
    if (journal.recovery.tornBytes > 0) {
      log.warn(
        journal.recovery,
        'the last write of the journal was torn; its unacknowledged end was cut off',
      );
    }
    const { server, counters } = buildReceiver({
      append: (entry) => journal.append(entry),
      limits: {
        maxBodyBytes: config.receiver.max_body_bytes,
        maxInflatedBytes: config.receiver.max_inflated_bytes,
        maxInFlightBytes: config.receiver.max_in_flight_bytes,
        requestTimeoutMs: config.receiver.request_timeout_ms,
        scan: { ...SCAN_LIMITS, maxAttributeValueBytes: config.receiver.max_attribute_value_bytes },
      },
      nowMillis: Date.now,
      onSurprise: (error) => log.error({ err: error }, 'a request failed in a way that it should not'),
    });

    ledger.followJournal({
      durableEnd: () => journal.durableEnd,
      committed: (position) => {
        journal.committed(position).catch((error: unknown) => {
          log.error({ err: error }, 'a posted journal segment could not be removed');
        });
      },
    });
    journal.onDurable((end) => ledger.send({ type: 'durable', end }));
    const tellState = setInterval(() => {
      const state: ReceiverState = {
        ...counters,
        refused: Object.fromEntries(counters.refused),
        journalLagBytes: journal.lagBytes,
        journalKeptBytes: journal.keptBytes,
        journalSyncs: journal.counters.syncs,
        residentBytes: process.memoryUsage.rss(),
        ledgerRestarts: ledger.restarts,
      };
      ledger.send({ type: 'receiver', state });
    }, STATE_EVERY_MS);

    const otlpPort = await listen(
      server,
      config.listen.host,
      config.listen.otlp_http_port,
      'listen.otlp_http_port',
    );
    return {
      otlpPort,
      apiPort: ledger.apiPort,
      ledgerPid: () => ledger.pid,
      async stop() {
        await server.close();
        await journal.close();
        clearInterval(tellState);
        ledger.send({ type: 'durable', end: journal.durableEnd });
        ledger.send({ type: 'drain' });
        return ledger.stop(DRAIN_GRACE_MS);
      },
    };
  } catch (error) {
    await ledger.stop(0);
    throw error;
  }
}

/** What the main process does for the ledger process: tell it how far the journal is, hear how far it got. */
interface JournalTies {
  readonly durableEnd: () => JournalPosition;
  readonly committed: (position: JournalPosition) => void;
}

/** The ledger process as the main process sees it, through any number of restarts. */
class LedgerProcess {
  private readonly options: ServiceOptions;
  private readonly supervisor: Supervisor;
  private readonly firstReady = Promise.withResolvers<void>();
  private create: boolean;
  private position: JournalPosition | null = null;
  private port: number | null = null;
  private journal: JournalTies | null = null;
  private fatal: SpanledgerError | null = null;

  constructor(options: ServiceOptions, create: boolean) {
    this.options = options;
    this.create = create;
    this.supervisor = new Supervisor({
      ...options.ledgerProgram,
      environment: { ...options.environment, UV_THREADPOOL_SIZE: LEDGER_THREAD_POOL },
      maxRssBytes: options.config.store.max_rss_bytes,
      onStart: () => this.begin(),
      // Both ends are ours; the channel carries nothing else.
      onMessage: (message) => this.hear(message as FromLedger),
      onEnd: (end) => this.ended(end),
    });
  }

  get pid(): number | undefined {
    return this.supervisor.pid;
  }

  get restarts(): number {
    return this.supervisor.restarts;
  }

  get apiPort(): number {
    if (this.port === null) throw new Error('the ledger process is not ready');
    return this.port;
  }

  /** @throws {SpanledgerError} what the ledger process said when it could not start for the first time */
  async ready(): Promise<void> {
    try {
      await this.firstReady.promise;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
  }

  followJournal(journal: JournalTies): void {
    this.journal = journal;
    if (this.position !== null) journal.committed(this.position);
    this.send({ type: 'durable', end: journal.durableEnd() });
  }

  send(message: ToLedger): void {
    this.supervisor.send(message);
  }

  stop(graceMs: number): Promise<boolean> {
    return this.supervisor.stop(graceMs);
  }

  private begin(): void {
    // After the constructor: the supervisor starts its child while it is made.
    queueMicrotask(() => {
      this.send({
        type: 'start',
        configText: this.options.configText,
        environment: this.options.environment,
        create: this.create,
        apiPort: this.port,
        durableEnd: this.journal?.durableEnd() ?? null,
      });
    });
  }

  private hear(message: FromLedger): void {
    switch (message.type) {
      case 'ready':
        this.create = false;
        this.position = message.position;
        this.port = message.apiPort;
        this.fatal = null;
        // What became durable while it was starting.
        if (this.journal !== null) this.send({ type: 'durable', end: this.journal.durableEnd() });
        this.firstReady.resolve();
        return;
      case 'committed':
        this.position = message.position;
        this.journal?.committed(message.position);
        return;
      case 'fatal':
        this.fatal = new SpanledgerError(message.code, message.message);
        return;
    }
  }

  private ended({ pid, exitCode, signal, restartInMs }: ChildEnd): void {
    const isFirstStart = this.port === null;
    if (isFirstStart) {
      this.firstReady.reject(
        this.fatal ??
          new SpanledgerError(
            'SL_INTERNAL',
            `The ledger process ended while starting (${signal ?? `exit code ${exitCode}`}).`,
          ),
      );
    }
    if (restartInMs === null) return;
    const { log } = this.options;
    const why = this.fatal ?? undefined;
    log.error(
      { pid, exitCode, signal, restartInMs, err: why },
      'the ledger process ended; it is started again, requests are still accepted',
    );
  }
}

async function startLedger(options: ServiceOptions, create: boolean): Promise<LedgerProcess> {
  const ledger = new LedgerProcess(options, create);
  await ledger.ready();
  return ledger;
}

async function hasMarker(directory: string): Promise<boolean> {
  try {
    await readFile(join(directory, MARKER));
    return true;
  } catch {
    return false;
  }
}

async function writeMarker(directory: string): Promise<void> {
  const path = join(directory, MARKER);
  await writeFile(`${path}.new`, `${JSON.stringify({ node: NODE, created_at: new Date().toISOString() })}\n`);
  await rename(`${path}.new`, path);
}

/** The configured reserve, but on a small disk no more than a twentieth of it. */
async function freeSpaceToKeep(config: Config): Promise<number> {
  const { blocks, bsize } = await statfs(config.data_dir);
  return Math.min(config.journal.min_free_bytes, Math.floor((blocks * bsize) / 20));
}
