import type { AlertGroup, AlertRule } from './rule.ts';
import { single, THIS_HOUR } from './sql.ts';

const NO_DATA_MINUTES = 15;

const silence: AlertRule = {
  name: 'no-data',
  title: 'No usage comes in',
  // The rows of the last hours, else the last hour there was; a ledger that has never had usage has not stopped.
  sql: single(
    `SELECT greatest(0, extract(epoch FROM now() - coalesce(
  (SELECT max(received_at) FROM usage WHERE event_time >= now() - INTERVAL '2 hours'),
  (SELECT max(hour) + INTERVAL '1 hour' FROM usage_hourly WHERE hour >= ${THIS_HOUR} - INTERVAL '7 days')
)) / 60)`,
    0,
  ),
  fires: { above: NO_DATA_MINUTES },
  forDuration: '0s',
  severity: 'critical',
  team: 'platform',
  summary:
    'No usage has come in for {{ printf "%.0f" .Values.B.Value }} minutes, or the ledger cannot be read.',
  description: `No gen-ai span was received for more than ${NO_DATA_MINUTES} minutes, though there was usage in the last seven days; or the query failed. This is the one rule that fires when the ledger cannot be read.`,
  panel: { dashboard: 'quality', title: 'Spans read' },
  whenUnreadable: 'Alerting',
};

/** Samples are one a minute; the last few may not be there yet. */
const MINUTES = (minutes: number) => `sampled_at >= now() - INTERVAL '${minutes} minutes'`;

const lag: AlertRule = {
  name: 'pipeline-lag',
  title: 'The ledger is behind its journal',
  sql: single(`SELECT max(journal_waiting_seconds)\nFROM pipeline_health\nWHERE ${MINUTES(5)}`, 0),
  fires: { above: 60 },
  forDuration: '5m',
  severity: 'warning',
  team: 'platform',
  summary: 'Spans wait {{ printf "%.0f" .Values.B.Value }} seconds for the ledger.',
  description:
    'Spans that are on disk wait for more than a minute until they are in the ledger. Nothing is lost; everything read from it is as old as that, checks of credits too.',
  panel: { dashboard: 'quality', title: 'Lag' },
};

const deferred: AlertRule = {
  name: 'spans-deferred',
  title: 'Spans are turned away',
  sql: single(`SELECT sum(requests_deferred)\nFROM pipeline_health\nWHERE ${MINUTES(10)}`, 0),
  fires: { above: 0 },
  forDuration: '5m',
  severity: 'critical',
  team: 'platform',
  summary: '{{ printf "%.0f" .Values.B.Value }} requests were answered with 503 in the last ten minutes.',
  description:
    'The receiver cannot take more (disk, journal, memory) and asks senders to try again. Senders that give up lose spans, and with them usage.',
  panel: { dashboard: 'quality', title: 'Requests' },
};

const restarts: AlertRule = {
  name: 'ledger-restarts',
  title: 'The ledger process is restarted again and again',
  sql: single(`SELECT sum(ledger_restarts)\nFROM pipeline_health\nWHERE ${MINUTES(30)}`, 0),
  fires: { above: 2 },
  forDuration: '0s',
  severity: 'critical',
  team: 'platform',
  summary: 'The ledger process was started again {{ printf "%.0f" .Values.B.Value }} times in half an hour.',
  description:
    'The process that posts and answers ended three times or more within 30 minutes. Spans are still accepted; connections of readers break each time.',
  panel: { dashboard: 'quality', title: 'Restarts' },
};

const saturated: AlertRule = {
  name: 'readers-saturated',
  title: 'The SQL endpoint is saturated',
  sql: single(
    // From 20 statements on, or else one slow query of one person is a share of all.
    `SELECT CASE
  WHEN bool_or(reading_paused AND ${MINUTES(3)}) OR sum(reader_kills) > 0 THEN 1
  WHEN sum(statements) >= 20 THEN sum(statements_ended)::DOUBLE / sum(statements)
END
FROM pipeline_health
WHERE ${MINUTES(15)}`,
    0,
  ),
  fires: { above: 0.1 },
  forDuration: '5m',
  severity: 'warning',
  team: 'platform',
  summary:
    '{{ humanizePercentage .Values.B.Value }} of the statements of readers are ended before they answer.',
  description:
    'In the last 15 minutes more than a tenth of the statements of readers were cancelled or ended by a limit, or a reader had the ledger process ended (counted as 100 %). Dashboards have gaps, and so may alerts.',
  panel: { dashboard: 'quality', title: 'Queries' },
};

export const pipelineRules: AlertGroup = {
  name: 'Spanledger pipeline',
  everyMinutes: 1,
  rules: [silence, lag, deferred, restarts, saturated],
};
