-- What every span says, for ever: who bills and who pays is decided from it, again whenever a trace grows.
CREATE TABLE ledger.span (
  tenant INTEGER NOT NULL,
  trace_id UHUGEINT NOT NULL,
  span_id UBIGINT NOT NULL,
  parent_span_id UBIGINT,
  event_time TIMESTAMPTZ NOT NULL,
  duration_us BIGINT NOT NULL, -- negative where a clock was set back
  received_at TIMESTAMPTZ NOT NULL,
  shape INTEGER NOT NULL,
  detail VARCHAR NOT NULL,
  -- Hashes of the names under which spans of other traces may tell of the same call.
  link_1 BIGINT,
  link_2 BIGINT,
  link_3 BIGINT
);

-- What recurs among spans (emitter, model, names of labels), once. A content may have several codes: the writer
-- remembers the most recent only.
CREATE TABLE ledger.span_shape (
  code INTEGER NOT NULL,
  content VARCHAR NOT NULL
);

-- Traces of which time alone will change something: a container waits for calls below it.
CREATE TABLE ledger.trace_due (
  tenant INTEGER NOT NULL,
  trace_id UHUGEINT NOT NULL,
  due_at TIMESTAMPTZ NOT NULL
);

ALTER TABLE ledger.usage_record ADD COLUMN superseded_by_trace_id UHUGEINT;
ALTER TABLE ledger.usage_record ADD COLUMN superseded_by_span_id UBIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN dialect_evidence INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN cache_semantics INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN reasoning_semantics INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN cache_write_5m_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN cache_write_1h_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN audio_input_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN audio_output_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN image_input_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN image_output_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN request_id VARCHAR;
ALTER TABLE ledger.usage_record ADD COLUMN gateway VARCHAR;
ALTER TABLE ledger.usage_record ADD COLUMN reported_cost_usd VARCHAR; -- as sent
ALTER TABLE ledger.usage_record ADD COLUMN customer_source INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN feature_source INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN user_source INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN session_source INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN usage_class_source INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN revision BIGINT DEFAULT 1;
ALTER TABLE ledger.usage_record ADD COLUMN digest BIGINT DEFAULT 0;

-- Usage records that later ones have taken the place of: nothing that was ever said is lost.
CREATE TABLE ledger.superseded_usage AS
SELECT *, NULL::TIMESTAMPTZ AS superseded_at FROM ledger.usage_record LIMIT 0;

ALTER TABLE ledger.credit_transfer ADD COLUMN revision BIGINT DEFAULT 1;
ALTER TABLE ledger.ingest_hour ADD COLUMN corrections BIGINT DEFAULT 0;
