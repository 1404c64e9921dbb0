import { randomUUID } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  attributesRead,
  type Book,
  type CreditRules,
  logAttributesRead,
  observeSettings,
} from '@spanledger/metering';
import type { Logger } from 'pino';
import { buildApi } from './api/api.ts';
import type { CreditsParts } from './api/credits.ts';
import { MISTAKE_OF_OURS } from './api/failure.ts';
import { API_VERSION } from './api/openapi.ts';
import { Teller, tellWithAnswers } from './api/teller.ts';
import { traceReport } from './api/trace.ts';
import { USAGE_ROW_COLUMNS, usageRowsOf } from './api/usage-row.ts';
import {
  endingPromotions,
  type FeedOutcome,
  feedStateFile,
  overlay,
  type PriceCatalogue,
  PriceFeed,
  parsePriceFile,
} from './catalogue/index.ts';
import { CommandJournalFolder } from './command-journal.ts';
import { type Config, readConfig, readServiceConfig } from './config.ts';
import {
  COMMANDS_FOLDER,
  EXPORT_FOLDER,
  JOURNAL_FOLDER,
  LEDGER_FILE,
  PRICE_FEED_FILE,
} from './data-folder.ts';
import { SpanledgerError } from './errors.ts';
import { EXPORT_LIMITS, Exporter } from './export/exporter.ts';
import { addExportRoute } from './export/route.ts';
import { JournalReader } from './journal/index.ts';
import { LEDGER_LIMITS, Ledger } from './ledger/ledger.ts';
import { listen } from './listen.ts';
import { createLogger } from './log.ts';
import { LOOK_AT_MARGINS_EVERY_MS, runningCosts } from './margins.ts';
import { machineBytes, memoryBounds } from './memory-bounds.ts';
import type { FromLedger, ReceiverState, ToLedger } from './messages.ts';
import { SCAN_LIMITS, WantedAttributes } from './otlp/index.ts';
import { databaseBytes, PipelineHealth } from './pipeline-health.ts';
import { answerOf } from './reader/answer.ts';
import { READER_LIMITS } from './reader/limits.ts';
import { Readers } from './reader/readers.ts';
import { readinessOf } from './readiness.ts';
import { rerating } from './rerating.ts';
import { addSnapshotRoutes } from './snapshot/route.ts';
import { Snapshots } from './snapshot/snapshots.ts';
import { CLIENT_CATALOGUE, makeCatalogue, SqlPort } from './sql-port.ts';
import { readAccountSums } from './store/account-sums.ts';
import { writeBudgets } from './store/budgets.ts';
import { DuckDbDeliveries } from './store/deliveries.ts';
import { PipelineSamples } from './store/pipeline-samples.ts';
import { loadPrices } from './store/prices.ts';
import { QueryRunner } from './store/query.ts';
import { loadRules, noteRules } from './store/rules.ts';
import { DuckDbStore } from './store/store.ts';
import { readObservations } from './store/traces.ts';
import { Metrics } from './telemetry.ts';
import { httpSend, WebhookWorker, wait } from './webhooks/index.ts';

/** Who writes a journal; one machine is one node. */
const NODE = 'n1';
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
  const config = readServiceConfig(start.configText, start.environment);
  const log = createLogger(config.log_level, 'ledger');
  const store = await openStore(config, start.create, log);
  const feed = new PriceFeed({
    settings: config.prices.refresh,
    overrides: config.prices.layer,
    similarModels: config.prices.similarModels,
    stateFile: feedStateFile(join(config.data_dir, PRICE_FEED_FILE)),
    now: () => new Date(),
    async onCatalogue(refreshed) {
      await useBook(refreshed, book.rules);
    },
    onOutcome: (outcome) => sayOutcome(log, outcome, feed.ageDays()),
  });
  const catalogue = await feed.load();
  await loadPrices(store.instance, catalogue, Date.now());
  let book: Book = { catalogue, rules: config.rules };
  await noteRules(store.instance, config.rules.version, config.credits, Date.now());
  await writeBudgets(store.instance, config.budgets);
  const observing = observeSettings(config.labels);
  const metrics = new Metrics();
  const queryLimits = {
    maxRows: config.query.max_rows,
    timeoutMs: config.query.timeout_ms,
    maxConcurrent: config.query.max_concurrent,
  };
  const queries = new QueryRunner(store.instance, queryLimits);
  const readers = await Readers.open(store.instance, {
    limits: config.reader.limits,
    catalogue: CLIENT_CATALOGUE,
    pauseMs: start.readingPauseMs,
    memory: {
      maxBytes: memoryBounds(config.store, machineBytes()).readersBytes,
      onSurprise: (error) => log.warn({ err: error }, 'the memory of readers could not be looked at'),
    },
    onOverdue({ role, sql }) {
      log.error({ role, sql }, 'a statement does not end although it was interrupted');
      channel.send({ type: 'overdue' });
    },
  });
  const asking = readers.openSession(
    { role: 'admin' },
    { whenBusy: 'refuse', limits: { ...READER_LIMITS.admin, ...queryLimits } },
  );
  const journal = new JournalReader({ directory: join(config.data_dir, JOURNAL_FOLDER) });
  const commands = await CommandJournalFolder.open({
    directory: join(config.data_dir, COMMANDS_FOLDER),
    node: NODE,
    minFreeBytes: config.journal.min_free_bytes,
    nowMillis: Date.now,
  });
  let lastCommitAt: string | null = null;
  let receiver: ReceiverState | null = null;

  const deliveries = await DuckDbDeliveries.open(store.instance);
  const webhooks = new WebhookWorker(config.webhooks, {
    store: deliveries,
    send: httpSend(),
    nowMillis: Date.now,
    wait,
    random: Math.random,
    onTrouble: (error) => log.error({ err: error }, 'an alert could not be handed to its webhook'),
  });

  const ledger = new Ledger({
    journal,
    store,
    book,
    bookVersion: catalogue.version,
    pastRules: await loadRules(store.instance),
    plans: config.plans,
    commands,
    newId: randomUUID,
    wanted: new WantedAttributes(attributesRead(observing)),
    wantedOfLogs: new WantedAttributes(logAttributesRead(observing)),
    observing,
    attribution: config.attribution,
    limits: {
      ...LEDGER_LIMITS,
      openSpans: config.traces.max_open_spans,
      openAccounts: config.accounts.max_open,
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
    onAlerts(alerts) {
      if (alerts.length === 0) return;
      webhooks
        .announce(alerts.map(({ tenant, customer, alert }) => ({ tenant, customer, ...alert })))
        .catch((error: unknown) =>
          log.error({ err: error }, 'alerts wait for the next start to be handed over'),
        );
    },
    onTrouble({ kind, detail, cause }) {
      log.error({ kind, err: cause }, detail);
    },
  });

  const credits: CreditsParts = {
    ledger,
    query: (sql, params) => queries.query(sql, params),
    sums: (question) => readAccountSums((sql, params) => queries.query(sql, params), question),
    openReader: () => store.openReader(),
    nowMillis: Date.now,
  };
  const teller = new Teller(credits, (news) => channel.send({ type: 'news', news }));
  ledger.accounts.onChanged((key) => teller.noteChange(key));
  const api = buildApi({
    query: (sql, params) => answerOf(asking, sql, params),
    trace: async (traceId) => {
      const observations = await readObservations((sql) => queries.query(sql), traceId);
      const traceIds = [...new Set([traceId, ...observations.map((observation) => observation.traceId)])];
      const places = traceIds.map((_, index) => `$${index + 1}`).join(', ');
      const columns = USAGE_ROW_COLUMNS.join(', ');
      // A trace id is text for readers alone; by its time it is found without making text of all the others.
      const micros = observations.map(({ endTimeMicros }) => endTimeMicros);
      const [from, to] = [micros.reduce(min, Infinity), micros.reduce(max, -Infinity)];
      const when =
        micros.length === 0
          ? ''
          : `AND event_time BETWEEN make_timestamptz(${from}) AND make_timestamptz(${to})`;
      const rows = await queries.query(
        `SELECT ${columns} FROM usage WHERE trace_id IN (${places}) ${when}`,
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
        return feed.catalogueWith(read.layer);
      },
      onSurprise: (error) => log.error({ err: error }, 'a dry run failed'),
    }),
    credits,
    redeliver: (deliveries) => webhooks.redeliver(deliveries),
    readiness: () => readinessOf(receiver, lastCommitAt, config.journal),
    metrics: () => {
      metrics.recordOpenTraces(ledger.openTraces);
      metrics.recordCatalogueAge(feed.ageDays());
      metrics.recordReadingPause(readers.isPaused);
      metrics.recordStatements(readers.counts);
      return metrics.render();
    },
    onSurprise: (error) => log.error({ err: error }, 'a request failed in a way that it should not'),
  });
  const exporter = new Exporter(store.instance, join(config.data_dir, EXPORT_FOLDER), {
    ...EXPORT_LIMITS,
    minFreeBytes: config.journal.min_free_bytes,
  });
  await exporter.prepare();
  addExportRoute(api, (request) => exporter.export(request));
  const snapshots = new Snapshots({
    ...config.snapshots,
    ledger: store.instance,
    ledgerFile: join(config.data_dir, LEDGER_FILE),
    // Twice, so that the receiver need not refuse anything because of a copy.
    minFreeBytes: 2 * config.journal.min_free_bytes,
    version: API_VERSION,
    nowMillis: Date.now,
    wait: (millis, signal) => delay(millis, undefined, { signal }),
    onPublished({ name, database, parquet }, tookMs) {
      const { bytes } = database;
      const files = parquet?.files.length ?? 0;
      log.info({ name, bytes, files, carriedOver: parquet?.carried_over, tookMs }, 'a snapshot is there');
    },
    onFailed: (name, error) => log.error({ name, err: error }, 'a snapshot could not be made'),
  });
  await snapshots.prepare();
  addSnapshotRoutes(api, snapshots);
  tellWithAnswers(api, teller);
  // The main process serves the API to the world, and hands on here what it cannot answer by itself.
  const apiPort = await listen(api, config.listen.host, 0, 'listen.host');

  const clientCatalogue = Promise.withResolvers<void>();
  const sql = await SqlPort.open({
    readers,
    catalogue: clientCatalogue.promise,
    config: config.reader,
    host: config.listen.sql_host ?? config.listen.host,
    port: start.sqlPort ?? config.listen.sql_port,
    log,
  });

  async function useBook(changed: PriceCatalogue, rules: CreditRules): Promise<void> {
    await loadPrices(store.instance, changed, Date.now());
    book = { catalogue: changed, rules };
    ledger.useBook(book, changed.version);
  }

  /** The main process has checked it; what else has changed in it waits for the next start. */
  async function reload(configText: string | null): Promise<void> {
    try {
      const changed = readConfig(configText, start.environment);
      await sql.useConfig(changed.reader);
      await noteRules(store.instance, changed.rules.version, changed.credits, Date.now());
      await writeBudgets(store.instance, changed.budgets);
      const { layer, similarModels } = changed.prices;
      await useBook(feed.useOverrides(layer, similarModels), changed.rules);
      ledger.accounts.usePlans(changed.plans);
      log.info(
        { book: ledger.currentBook.version, rules: book.rules.version },
        'changed prices, rules, budgets and readers are in use',
      );
    } catch (error) {
      log.error({ err: error }, 'the changed configuration is not taken over; the last good one holds on');
    }
  }

  const samples = await PipelineSamples.open(store.instance);
  const health = new PipelineHealth({
    samples,
    statements: readers.counts,
    databaseBytes: () => databaseBytes(join(config.data_dir, LEDGER_FILE)),
    memoryBytes: () => process.memoryUsage.rss(),
    isReadingPaused: () => readers.isPaused,
    nowMillis: Date.now,
    wait: (millis, signal) => delay(millis, undefined, { signal }),
    onFailed: (error) =>
      log.warn({ err: error }, 'a sample of the pipeline could not be written; the next one counts for it'),
  });

  channel.onMessage((message) => {
    switch (message.type) {
      case 'durable':
        ledger.advance(message.end);
        return;
      case 'receiver':
        receiver = message.state;
        metrics.recordReceiver(message.state);
        health.hear(message.state);
        return;
      case 'reload':
        void reload(message.configText);
        return;
      case 'ask':
        teller
          .answer(message.question)
          .then((reply) => channel.send({ type: 'reply', id: message.id, reply }))
          .catch((error: unknown) => {
            log.error({ err: error }, 'a question of the main process failed in a way that it should not');
            const failed = { kind: 'failed', code: 'SL_INTERNAL', message: MISTAKE_OF_OURS } as const;
            channel.send({ type: 'reply', id: message.id, reply: failed });
          });
        return;
      case 'forget':
        teller.forget(message.customers);
        return;
      case 'drain':
        ledger.drain();
        return;
      case 'start':
        throw new Error('a ledger process is started once');
    }
  });
  if (start.durableEnd !== null) ledger.advance(start.durableEnd);
  channel.send({ type: 'ready', position: store.position, apiPort, sqlPort: sql.port });
  // It takes a moment, in which spans are posted and requests answered already.
  clientCatalogue.resolve(makeCatalogue(store.instance, config.reader));
  clientCatalogue.promise.catch((error: unknown) =>
    log.error({ err: error }, 'clients of PostgreSQL cannot be served: their catalogue could not be made'),
  );

  sayWhatIsOld(log, feed.ageDays());
  feed.start();
  webhooks.start();
  snapshots.start();
  health.start();
  const margins = setInterval(() => {
    runningCosts((sql) => queries.query(sql))
      .then((costs) => ledger.margins.look(costs, Date.now() * 1000))
      .catch((error: unknown) =>
        log.warn({ err: error }, 'margins could not be looked at; the next look is later'),
      );
  }, LOOK_AT_MARGINS_EVERY_MS);
  await ledger.run();
  clearInterval(margins);
  await snapshots.stop();
  await feed.stop();
  await clientCatalogue.promise.catch(() => {});
  await sql.close();
  await api.close();
  await asking.close();
  // After the last statement of a reader.
  await health.stop();
  samples.close();
  await journal.close();
  await webhooks.stop();
  await deliveries.close();
  await commands.close();
  await store.close();
}

const min = (a: number, b: number) => Math.min(a, b);
const max = (a: number, b: number) => Math.max(a, b);

/** Prices older than this are worth a word: what came since has none. */
const OLD_CATALOGUE_DAYS = 30;

/** What is wrong about prices only because time has passed; nobody else would notice. */
function sayWhatIsOld(log: Logger, ageDays: number): void {
  if (ageDays > OLD_CATALOGUE_DAYS) {
    log.warn({ ageDays }, 'the price book is old; update Spanledger, or set prices.refresh');
  }
  const ended = endingPromotions(overlay().cards, Date.now() * 1000).filter(
    ({ state }) => state === 'expired',
  );
  if (ended.length > 0) {
    const cards = ended.map(({ card }) => card.id);
    log.warn(
      { cards },
      'promotional prices are in use after their promised end; see what the provider says now',
    );
  }
}

function sayOutcome(log: Logger, outcome: FeedOutcome, ageDays: number): void {
  switch (outcome.kind) {
    case 'refreshed': {
      const { added, changed, announced, withdrawn, disputed } = outcome;
      log.info(
        { added, changed, announced, withdrawn, disputed },
        'the price feed has changed the price book',
      );
      return;
    }
    case 'unchanged':
      log.debug('the price feed says what it said');
      return;
    case 'rejected':
      log.warn(
        { reason: outcome.reason, detail: outcome.detail, ageDays },
        'the price feed is not believed; the last good prices hold on',
      );
      return;
    case 'unreachable':
    case 'state_damaged':
    case 'failed': {
      const cause = 'cause' in outcome ? outcome.cause : undefined;
      const old = ageDays > OLD_CATALOGUE_DAYS ? `, ${ageDays} days old` : '';
      log.warn(
        { reason: outcome.kind, detail: outcome.detail, err: cause },
        `the price feed gave nothing; the last good prices hold on${old}`,
      );
      return;
    }
  }
}

async function openStore(config: Config, create: boolean, log: Logger): Promise<DuckDbStore> {
  const patienceEnds = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await DuckDbStore.open({
        path: join(config.data_dir, LEDGER_FILE),
        writableFolders: [join(config.data_dir, EXPORT_FOLDER), config.snapshots.folder],
        create,
        memoryLimit: `${Math.floor(memoryBounds(config.store, machineBytes()).engineBytes / 1000)} KB`,
        threads: config.store.threads ?? Math.max(1, availableParallelism() - 1),
        checkpointAtWal: config.store.checkpoint_at_wal,
        maxIdentities: config.store.max_identities,
        onFoldFailed: (err) =>
          log.warn(
            { err },
            'sums could not be brought up to date; views are exact, and slower until they are',
          ),
      });
    } catch (error) {
      const isLocked = error instanceof SpanledgerError && error.code === 'SL_STORE_LOCKED';
      if (!isLocked || performance.now() > patienceEnds) throw error;
      await delay(100);
    }
  }
}
