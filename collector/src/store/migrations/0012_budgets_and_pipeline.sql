-- Budgets as configured, and how the service fared minute by minute (decision 20).

-- Settings, not facts: those of the configuration in use take the place of the earlier ones. NULL: any.
CREATE TABLE ledger.budget (
  budget VARCHAR NOT NULL,
  amount_usd DECIMAL(38, 15) NOT NULL, -- for each calendar month, UTC
  customer VARCHAR,
  feature VARCHAR,
  environment VARCHAR,
  usage_class VARCHAR,
  provider VARCHAR,
  model VARCHAR,
  tenant VARCHAR
);

-- One row a minute. Counts are those since the row before, so that those of any time can be added up.
CREATE TABLE ledger.pipeline_sample (
  sampled_at TIMESTAMPTZ NOT NULL,
  journal_lag_bytes BIGINT NOT NULL,
  journal_waiting_seconds DOUBLE NOT NULL,
  journal_kept_bytes BIGINT NOT NULL,
  requests BIGINT NOT NULL,
  requests_refused BIGINT NOT NULL,
  requests_deferred BIGINT NOT NULL,
  rejected_spans BIGINT NOT NULL,
  ledger_restarts BIGINT NOT NULL,
  reader_kills BIGINT NOT NULL,
  statements BIGINT NOT NULL,
  statements_failed BIGINT NOT NULL,
  statements_ended BIGINT NOT NULL,
  database_bytes BIGINT NOT NULL,
  ledger_memory_bytes BIGINT NOT NULL,
  receiver_memory_bytes BIGINT NOT NULL,
  reading_paused BOOLEAN NOT NULL
);

-- One row: which counts of the main process, which outlives ledger processes, are in the samples already.
CREATE TABLE ledger.pipeline_counted (
  receiver VARCHAR NOT NULL, -- the run of it: another one counts from 0
  requests BIGINT NOT NULL,
  requests_refused BIGINT NOT NULL,
  requests_deferred BIGINT NOT NULL,
  rejected_spans BIGINT NOT NULL,
  ledger_restarts BIGINT NOT NULL,
  reader_kills BIGINT NOT NULL
);
