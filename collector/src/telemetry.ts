import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Committed } from './ledger/ledger.ts';
import type { ReceiverState } from './messages.ts';
import type { StatementCounts } from './reader/statement-counts.ts';

/** The metrics of both processes, kept by the ledger process, which serves them. */
export class Metrics {
  private readonly registry = new Registry();
  private readonly committed = {
    usage: this.counter('spanledger_usage_records_total', 'Usage records posted.'),
    spans: this.counter('spanledger_spans_total', 'Spans read from the journal.'),
    bodies: this.counter('spanledger_bodies_total', 'Request bodies read from the journal.'),
    duplicates: this.counter('spanledger_duplicate_spans_total', 'Repeated spans ignored.'),
    corrections: this.counter(
      'spanledger_corrections_total',
      'Usage records that took the place of earlier ones, because more was known of their trace.',
    ),
    conflicts: this.counter(
      'spanledger_conflicting_spans_total',
      'Repeated spans with other content, quarantined.',
    ),
    commits: this.counter('spanledger_commits_total', 'Commits to the ledger file.'),
  };
  private readonly commitSeconds = new Histogram({
    name: 'spanledger_commit_duration_seconds',
    help: 'Duration of a commit.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [this.registry],
  });
  private readonly refused = new Gauge({
    name: 'spanledger_requests_refused',
    help: 'OTLP requests refused since the receiver started, by error code.',
    labelNames: ['code'],
    registers: [this.registry],
  });
  private readonly receiver = {
    requests: this.gauge('spanledger_requests', 'OTLP requests since the receiver started.'),
    spans: this.gauge('spanledger_received_spans', 'Spans acknowledged since the receiver started.'),
    rejectedSpans: this.gauge(
      'spanledger_rejected_spans',
      'Malformed spans set aside since the receiver started.',
    ),
    logRecords: this.gauge(
      'spanledger_received_log_records',
      'Log records acknowledged since the receiver started, also those that say nothing of model calls.',
    ),
    bodyBytes: this.gauge('spanledger_received_bytes', 'Body bytes acknowledged since the receiver started.'),
    journalLagBytes: this.gauge('spanledger_journal_lag_bytes', 'Journal bytes not yet in the ledger.'),
    journalWaitingSeconds: this.gauge(
      'spanledger_journal_waiting_seconds',
      'How long the oldest journal bytes not yet in the ledger have been on disk.',
    ),
    journalKeptBytes: this.gauge('spanledger_journal_kept_bytes', 'Journal bytes on disk.'),
    journalSyncs: this.gauge('spanledger_journal_syncs', 'Journal syncs since the receiver started.'),
    residentBytes: this.gauge('spanledger_receiver_resident_bytes', 'Resident memory of the receiver.'),
    ledgerRestarts: this.gauge('spanledger_ledger_restarts', 'Restarts of the ledger process.'),
  };
  private readonly ledgerEnds = new Gauge({
    name: 'spanledger_ledger_ends',
    help: 'Ends of the ledger process since the receiver started, by reason; memory and overdue are for statements of readers.',
    labelNames: ['reason'],
    registers: [this.registry],
  });
  private readonly readingPaused = this.gauge(
    'spanledger_reading_paused',
    '1 while nobody may query, because the ledger process has ended several times.',
  );
  private readonly statements = new Gauge({
    name: 'spanledger_reader_statements',
    help: 'Statements of readers since the ledger process started, by what came of them; ended: cancelled, or by a limit.',
    labelNames: ['outcome'],
    registers: [this.registry],
  });
  private readonly catalogueAgeDays = this.gauge(
    'spanledger_catalogue_age_days',
    'Days since prices were last read: by the feed if there is one, else by us.',
  );
  private readonly openTraces = this.gauge('spanledger_open_traces', 'Traces in memory.');
  private readonly openSpans = this.gauge('spanledger_open_spans', 'Spans of the traces in memory.');
  private readonly residentBytes = this.gauge(
    'spanledger_ledger_resident_bytes',
    'Resident memory of the ledger.',
  );

  recordReadingPause(isPaused: boolean): void {
    this.readingPaused.set(isPaused ? 1 : 0);
  }

  recordStatements({ all, failed, ended }: StatementCounts): void {
    // Those that run count as good until they are not.
    this.statements.set({ outcome: 'ok' }, all - failed - ended);
    this.statements.set({ outcome: 'failed' }, failed);
    this.statements.set({ outcome: 'ended' }, ended);
  }

  recordCatalogueAge(days: number): void {
    this.catalogueAgeDays.set(days);
  }

  recordCommit(commit: Committed): void {
    this.committed.usage.inc(commit.posted);
    this.committed.spans.inc(commit.spans);
    this.committed.bodies.inc(commit.bodies);
    this.committed.duplicates.inc(commit.duplicates);
    this.committed.corrections.inc(commit.corrected);
    this.committed.conflicts.inc(commit.conflicts);
    this.committed.commits.inc();
    this.commitSeconds.observe(commit.durationMs / 1000);
  }

  recordReceiver(state: ReceiverState): void {
    this.receiver.requests.set(state.requests);
    this.receiver.spans.set(state.spans);
    this.receiver.rejectedSpans.set(state.rejectedSpans);
    this.receiver.logRecords.set(state.logRecords);
    this.receiver.bodyBytes.set(state.bodyBytes);
    this.receiver.journalLagBytes.set(state.journalLagBytes);
    this.receiver.journalWaitingSeconds.set(state.journalWaitingMs / 1000);
    this.receiver.journalKeptBytes.set(state.journalKeptBytes);
    this.receiver.journalSyncs.set(state.journalSyncs);
    this.receiver.residentBytes.set(state.residentBytes);
    this.receiver.ledgerRestarts.set(state.ledgerRestarts);
    for (const [code, count] of Object.entries(state.refused)) this.refused.set({ code }, count);
    for (const [reason, count] of Object.entries(state.ledgerEnds)) this.ledgerEnds.set({ reason }, count);
  }

  recordOpenTraces({ traces, spans }: { readonly traces: number; readonly spans: number }): void {
    this.openTraces.set(traces);
    this.openSpans.set(spans);
  }

  render(): Promise<string> {
    this.residentBytes.set(process.memoryUsage.rss());
    return this.registry.metrics();
  }

  private counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers: [this.registry] });
  }

  private gauge(name: string, help: string): Gauge {
    return new Gauge({ name, help, registers: [this.registry] });
  }
}
