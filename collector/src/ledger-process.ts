import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { attributesRead, type Book, logAttributesRead, observeSettings } from '@spanledger/metering';
import { buildApi } from './api/api.ts';
import { traceReport } from './api/trace.ts';
import { USAGE_ROW_COLUMNS, usageRowsOf } from './api/usage-row.ts';
import { catalogueWith, overlay, parsePriceFile } from './catalogue/index.ts';
import { type Config, readConfig } from './config.ts';
import { JOURNAL_FOLDER, LEDGER_FILE } from './data-folder.ts';
import { SpanledgerError } from './errors.ts';
import { JournalReader } from './journal/index.ts';
import { LEDGER_LIMITS, Ledger } from './ledger/ledger.ts';
import { listen } from './listen.ts';
import type { FromLedger, ReceiverState, ToLedger } from './messages.ts';
import { SCAN_LIMITS, WantedAttributes } from './otlp/index.ts';
import { rerating } from './rerating.ts';
import { loadPrices } from './store/prices.ts';
import { QueryRunner } from './store/query.ts';
import { loadRules, noteRules } from './store/rules.ts';
import { DuckDbStore } from './store/store.ts';
import { readObservations } from './store/traces.ts';
import { createLogger, Metrics } from './telemetry.ts';

/** How long a held lock is waited for: the process of a killed service needs a moment to notice and let go. */
const LOCK_PATIENCE_MS = 5000;

/** The main process as the ledger process sees it. */
export interface Channel {
  send(message: FromLedger): void;
  onMessage(listener: (message: ToLedger) => void): void;
}

/**
 * The ledger process: open the file, follow the journal, answer queries; until it is told to drain. It may be ended
 * at any instant: whatever was not committed is still in the journal.
 */
export async function runLedgerProcess(
  start: Extract<ToLedger, { type: 'start' }>,
  channel: Channel,
): Promise<void> {
  const config = readConfig(start.configText, start.environment);
  const log = createLogger(config.log_level, 'ledger');
  const store = await openStore(config, start.create);
  const catalogue = catalogueWith([overlay(), config.prices.layer], config.prices.similarModels);
  await loadPrices(store.instance, catalogue, Date.now());
  const book: Book = { catalogue, rules: config.rules };
  await noteRules(store.instance, config.rules.version, config.credits, Date.now());
  const observing = observeSettings(config.labels);
  const metrics = new Metrics();
  const queries = new QueryRunner(store.instance, {
    maxRows: config.query.max_rows,
    timeoutMs: config.query.timeout_ms,
    maxConcurrent: config.query.max_concurrent,
  });
  const journal = new JournalReader({ directory: join(config.data_dir, JOURNAL_FOLDER) });
  let lastCommitAt: string | null = null;
  let receiver: ReceiverState | null = null;

  const ledger = new Ledger({
    journal,
    store,
    book,
    bookVersion: catalogue.version,
    pastRules: await loadRules(store.instance),
    newId: randomUUID,
    wanted: new WantedAttributes(attributesRead(observing)),
    wantedOfLogs: new WantedAttributes(logAttributesRead(observing)),
    observing,
    attribution: config.attribution,
    limits: {
      ...LEDGER_LIMITS,
      openSpans: config.traces.max_open_spans,
      graceMs: config.traces.grace_ms,
      maxInflatedBytes: config.receiver.max_inflated_bytes,
      scan: { ...SCAN_LIMITS, maxAttributeValueBytes: config.receiver.max_attribute_value_bytes },
    },
    nowMillis: Date.now,
    onCommit(committed) {
      metrics.recordCommit(committed);
      lastCommitAt = new Date().toISOString();
      channel.send({ type: 'committed', position: committed.position });
      log.debug(committed, 'committed');
    },
    onRerated(job) {
      if (job.state === 'open') log.debug(job, 'rated a part of the past again');
      else log.info(job, 'the past is rated again');
    },
    onTrouble({ kind, detail, cause }) {
      log.error({ kind, err: cause }, detail);
    },
  });

  const api = buildApi({
    query: (sql, params) => queries.query(sql, params),
    trace: async (traceId) => {
      const observations = await readObservations((sql) => queries.query(sql), traceId);
      const traceIds = [...new Set([traceId, ...observations.map((observation) => observation.traceId)])];
      const places = traceIds.map((_, index) => `$${index + 1}`).join(', ');
      const columns = USAGE_ROW_COLUMNS.join(', ');
      const rows = await queries.query(
        `SELECT ${columns} FROM usage WHERE trace_id IN (${places})`,
        traceIds,
      );
      return traceReport(observations, usageRowsOf(rows), traceId);
    },
    rerating: rerating({
      ledger,
      openReader: () => store.openReader(),
      query: (sql, params) => queries.query(sql, params),
      catalogueWith(prices) {
        const read = parsePriceFile(prices, 'prices', 'override');
        if (read.kind === 'problems') return read.problems;
        return catalogueWith([overlay(), config.prices.layer, read.layer], config.prices.similarModels);
      },
      onSurprise: (error) => log.error({ err: error }, 'a dry run failed'),
    }),
    readiness: () => ({
      isReady: receiver !== null && receiver.journalLagBytes < config.journal.max_lag_bytes,
      lagBytes: receiver?.journalLagBytes ?? 0,
      lastCommitAt,
    }),
    metrics: () => {
      metrics.recordOpenTraces(ledger.openTraces);
      return metrics.render();
    },
    onSurprise: (error) => log.error({ err: error }, 'a request failed in a way that it should not'),
  });
  const apiPort = await listen(
    api,
    config.listen.host,
    start.apiPort ?? config.listen.api_port,
    'listen.api_port',
  );

  channel.onMessage((message) => {
    switch (message.type) {
      case 'durable':
        ledger.advance(message.end);
        return;
      case 'receiver':
        receiver = message.state;
        metrics.recordReceiver(message.state);
        return;
      case 'drain':
        ledger.drain();
        return;
      case 'start':
        throw new Error('a ledger process is started once');
    }
  });
  if (start.durableEnd !== null) ledger.advance(start.durableEnd);
  channel.send({ type: 'ready', position: store.position, apiPort });

  await ledger.run();
  await api.close();
  await journal.close();
  await store.close();
}

async function openStore(config: Config, create: boolean): Promise<DuckDbStore> {
  const patienceEnds = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await DuckDbStore.open({
        path: join(config.data_dir, LEDGER_FILE),
        create,
        memoryLimit: config.store.memory_limit,
        threads: config.store.threads,
        checkpointAtWal: config.store.checkpoint_at_wal,
        maxIdentities: config.store.max_identities,
      });
    } catch (error) {
      const isLocked = error instanceof SpanledgerError && error.code === 'SL_STORE_LOCKED';
      if (!isLocked || performance.now() > patienceEnds) throw error;
      await delay(100);
    }
  }
}
