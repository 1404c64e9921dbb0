import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Config } from './config.ts';
import { JOURNAL_FOLDER } from './data-folder.ts';
import { Front } from './front.ts';
import { JOURNAL_DEFAULTS, JournalWriter } from './journal/index.ts';
import { LedgerChild } from './ledger-child.ts';
import { listen } from './listen.ts';
import type { ReceiverState } from './messages.ts';
import { SCAN_LIMITS } from './otlp/index.ts';
import { buildReceiver, type ReceiverCounters } from './receiver/receiver.ts';
import { Waiting } from './waiting.ts';

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
  /** Where clients of PostgreSQL read. */
  readonly sqlPort: number;
  /**
   * Takes over prices, credit rules, budgets and readers of a configuration that has been checked; all else needs a start.
   */
  reload(configText: string | null): void;
  /** Stops accepting, posts what was accepted, closes the ledger file. True: everything ended by itself. */
  stop(): Promise<boolean>;
}

/** Written once into the data directory, so that a missing ledger file is noticed and not replaced by an empty one. */
const MARKER = 'spanledger.json';
/** Who wrote a journal segment; one machine is one node. */
const NODE = 'n1';
const STATE_EVERY_MS = 1000;
const RETENTION_EVERY_MS = 60_000;
const DRAIN_GRACE_MS = 60_000;

/**
 * The service, in order: the ledger process opens its file (whoever holds that lock owns the data directory), then the
 * journal is opened, then requests are accepted. From then on the receiver goes on whatever happens to the ledger.
 *
 * @throws {SpanledgerError} SL_STORE_…, SL_JOURNAL_…, SL_PORT_IN_USE; nothing is left running
 */
export async function startService(options: ServiceOptions): Promise<Service> {
  const { config, log } = options;
  await mkdir(config.data_dir, { recursive: true });
  const isUsed = await hasMarker(config.data_dir);
  const ledger = new LedgerChild(options, options.newLedger || !isUsed);
  const front = new Front({
    start: { configText: options.configText, environment: options.environment },
    ask: (id, question) => ledger.send({ type: 'ask', id, question }),
    forget: (customers) => ledger.send({ type: 'forget', customers }),
    log,
  });
  try {
    await ledger.ready();
    if (!isUsed) await writeMarker(config.data_dir);
    const journal = await openJournal(config, log);
    ledger.assertFollows(journal.durableEnd);
    const waiting = follow(ledger, journal, log);
    const { server, counters } = receiverInto(journal, config, log);
    const { host, otlp_http_port: port } = config.listen;
    ledger.serveBehind(front);
    const apiPort = await front.listen();
    const otlpPort = await listen(server, host, port, 'listen.otlp_http_port');
    const stopClocks = startClocks(ledger, journal, waiting, counters);
    return {
      otlpPort,
      apiPort,
      sqlPort: ledger.sqlPort,
      reload(configText) {
        front.reload(configText);
        ledger.reload(configText);
      },
      async stop() {
        await server.close();
        await journal.close();
        stopClocks();
        const isDrained = await ledger.drain(DRAIN_GRACE_MS);
        await front.close();
        return isDrained;
      },
    };
  } catch (error) {
    await front.close();
    await ledger.stop(0);
    throw error;
  }
}

async function openJournal(config: Config, log: Logger): Promise<JournalWriter> {
  const journal = await JournalWriter.open({
    directory: join(config.data_dir, JOURNAL_FOLDER),
    node: NODE,
    segmentBytes: config.journal.segment_bytes,
    maxPendingBytes: config.journal.max_pending_bytes,
    maxBytes: config.journal.max_lag_bytes,
    minFreeBytes: await freeSpaceToKeep(config),
    freeBytesPerLagByte: JOURNAL_DEFAULTS.freeBytesPerLagByte,
    retention: { maxAgeMs: config.journal.retention_ms, maxBytes: config.journal.retention_bytes },
    nowMillis: Date.now,
  });
  if (journal.recovery.tornBytes > 0) {
    log.warn(journal.recovery, 'the last write of the journal was torn; its unacknowledged end was cut off');
  }
  return journal;
}

/** Ties the two: what is durable is told to the ledger, what it has committed may leave the journal. */
function follow(ledger: LedgerChild, journal: JournalWriter, log: Logger): Waiting {
  const waiting = new Waiting();
  // What the run before has left; the ledger says next how much of it it has.
  if (journal.lagBytes > 0) waiting.durable(journal.durableEnd, performance.now());
  ledger.followJournal({
    durableEnd: () => journal.durableEnd,
    committed: (position) => {
      journal.committed(position).catch((error: unknown) => {
        log.error({ err: error }, 'a posted journal segment could not be removed');
      });
      waiting.committed(position, journal.lagBytes);
    },
  });
  journal.onDurable((end) => {
    waiting.durable(end, performance.now());
    ledger.send({ type: 'durable', end });
  });
  return waiting;
}

function receiverInto(journal: JournalWriter, config: Config, log: Logger) {
  const { receiver } = config;
  return buildReceiver({
    append: (entry) => journal.append(entry),
    limits: {
      maxBodyBytes: receiver.max_body_bytes,
      maxInflatedBytes: receiver.max_inflated_bytes,
      maxInFlightBytes: receiver.max_in_flight_bytes,
      requestTimeoutMs: receiver.request_timeout_ms,
      scan: { ...SCAN_LIMITS, maxAttributeValueBytes: receiver.max_attribute_value_bytes },
    },
    nowMillis: Date.now,
    onSurprise: (error) => log.error({ err: error }, 'a request failed in a way that it should not'),
  });
}

/** What returns ends them, after the counts were told a last time. */
function startClocks(
  ledger: LedgerChild,
  journal: JournalWriter,
  waiting: Waiting,
  counters: ReceiverCounters,
): () => void {
  const run = randomUUID();
  const tellState = () => {
    const state: ReceiverState = {
      run,
      ...counters,
      refused: Object.fromEntries(counters.refused),
      journalLagBytes: journal.lagBytes,
      journalWaitingMs: journal.lagBytes === 0 ? 0 : Math.round(waiting.ageMs(performance.now())),
      journalKeptBytes: journal.keptBytes,
      journalSyncs: journal.counters.syncs,
      residentBytes: process.memoryUsage.rss(),
      ledgerRestarts: ledger.restarts,
      ledgerEnds: { ...ledger.ends },
    };
    ledger.send({ type: 'receiver', state });
  };
  tellState();
  const clocks = [
    setInterval(tellState, STATE_EVERY_MS),
    // Segments also expire when nothing comes in any more.
    setInterval(() => ledger.repeatCommitted(), RETENTION_EVERY_MS),
  ];
  return () => {
    for (const clock of clocks) clearInterval(clock);
    tellState();
  };
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

/** The configured reserve, but on a small disk no more than a tenth of it. */
async function freeSpaceToKeep(config: Config): Promise<number> {
  const { blocks, bsize } = await statfs(config.data_dir);
  return Math.min(config.journal.min_free_bytes, Math.floor((blocks * bsize) / 10));
}
