-- The facts. Base tables are private: readers use the views of views.sql.
-- No primary key on the facts: a unique index is rewritten at every checkpoint and its memory cannot be spilled;
-- identity is kept by the store (identity.ts) and checked inside the commit.

CREATE SCHEMA ledger;
CREATE SCHEMA public;

CREATE TABLE ledger.usage_record (
  tenant VARCHAR NOT NULL,
  trace_id UHUGEINT NOT NULL,
  span_id UBIGINT NOT NULL,
  parent_span_id UBIGINT,
  action_id VARCHAR, -- NULL: the trace id stands for the action
  event_time TIMESTAMPTZ NOT NULL,
  duration_us BIGINT NOT NULL,
  ttft_us BIGINT,
  customer VARCHAR,
  feature VARCHAR,
  user_id VARCHAR,
  session_id VARCHAR,
  usage_class VARCHAR NOT NULL,
  environment VARCHAR,
  service VARCHAR,
  provider VARCHAR,
  request_model VARCHAR,
  response_model VARCHAR,
  response_id VARCHAR,
  operation VARCHAR NOT NULL,
  uncached_input_tokens BIGINT,
  cache_read_tokens BIGINT,
  cache_write_tokens BIGINT,
  visible_output_tokens BIGINT,
  reasoning_tokens BIGINT,
  usage_status VARCHAR NOT NULL,
  usage_reason VARCHAR,
  billing_role VARCHAR NOT NULL,
  role_reason VARCHAR NOT NULL,
  dialect VARCHAR NOT NULL,
  status VARCHAR NOT NULL,
  -- The rating: what the fact cost under which card, and what it burned under which rules.
  received_at TIMESTAMPTZ NOT NULL,
  cost_usd DECIMAL(38, 15),
  price_status VARCHAR NOT NULL,
  price_card VARCHAR,
  price_match VARCHAR,
  book_version VARCHAR NOT NULL,
  credits DECIMAL(18, 6),
  credit_status VARCHAR NOT NULL,
  credit_rules_version VARCHAR NOT NULL
);

-- One row moves an amount between two accounts of one customer: debit and credit cannot differ.
CREATE TABLE ledger.credit_transfer (
  tenant VARCHAR NOT NULL,
  trace_id UHUGEINT NOT NULL,
  span_id UBIGINT NOT NULL,
  customer VARCHAR NOT NULL,
  from_account VARCHAR NOT NULL,
  to_account VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  amount DECIMAL(18, 6) NOT NULL,
  effective_at TIMESTAMPTZ NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  credit_rules_version VARCHAR NOT NULL
);

-- Spans that arrived but could not be metered, with the reason; never dropped without a trace.
CREATE TABLE ledger.rejected_span (
  tenant VARCHAR NOT NULL,
  received_at TIMESTAMPTZ NOT NULL,
  trace_id VARCHAR NOT NULL,
  span_id VARCHAR NOT NULL,
  name VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  detail VARCHAR NOT NULL
);

-- A copy of a known span with other content, or a span that broke an assertion: kept whole, not counted.
CREATE TABLE ledger.quarantined_span (
  tenant VARCHAR NOT NULL,
  received_at TIMESTAMPTZ NOT NULL,
  trace_id VARCHAR NOT NULL,
  span_id VARCHAR NOT NULL,
  reason VARCHAR NOT NULL,
  content VARCHAR NOT NULL
);

-- Damaged ranges of the journal that had to be skipped.
CREATE TABLE ledger.journal_damage (
  recorded_at TIMESTAMPTZ NOT NULL,
  segment BIGINT NOT NULL,
  from_offset BIGINT NOT NULL,
  bytes BIGINT NOT NULL,
  reason VARCHAR NOT NULL
);

-- How far the journal has been posted. One row; written in the same transaction as the rows it stands for.
CREATE TABLE ledger.journal_position (
  segment BIGINT NOT NULL,
  "offset" BIGINT NOT NULL
);

CREATE TABLE ledger.ingest_hour (
  hour TIMESTAMPTZ PRIMARY KEY,
  bodies BIGINT NOT NULL,
  spans BIGINT NOT NULL,
  usage_records BIGINT NOT NULL,
  not_model_calls BIGINT NOT NULL,
  duplicates BIGINT NOT NULL,
  quarantined BIGINT NOT NULL,
  rejected BIGINT NOT NULL,
  damaged_bytes BIGINT NOT NULL,
  commits BIGINT NOT NULL,
  last_commit_at TIMESTAMPTZ NOT NULL
);

-- The price list as it was loaded, one row per card and token class.
CREATE TABLE ledger.price (
  book_version VARCHAR NOT NULL,
  loaded_at TIMESTAMPTZ NOT NULL,
  card VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  token_class VARCHAR NOT NULL,
  input_tokens_above BIGINT NOT NULL,
  usd_per_million DECIMAL(20, 9) NOT NULL,
  valid_from TIMESTAMPTZ,
  valid_to TIMESTAMPTZ
);
