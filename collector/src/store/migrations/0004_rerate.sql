-- Rating again what is in the ledger. A job goes on where its last slice was committed, whoever was killed meanwhile.
CREATE TABLE ledger.rerate_job (
  id VARCHAR NOT NULL,
  reason VARCHAR NOT NULL, -- request: somebody asked for it; new_book: what had no price is tried again
  from_time TIMESTAMPTZ NOT NULL,
  to_time TIMESTAMPTZ NOT NULL,
  model VARCHAR,
  scope VARCHAR NOT NULL,
  policy VARCHAR NOT NULL,
  book_version VARCHAR NOT NULL,
  state VARCHAR NOT NULL,
  replaced_by VARCHAR,
  next_time TIMESTAMPTZ NOT NULL, -- all events before it are done
  total BIGINT NOT NULL,
  examined BIGINT NOT NULL,
  changed BIGINT NOT NULL,
  transfers BIGINT NOT NULL,
  requested_at TIMESTAMPTZ NOT NULL,
  finished_at TIMESTAMPTZ
);

-- What each slice of a job found and changed, summed by model and by customer; the result of a job is the sum.
CREATE TABLE ledger.rerate_tally (
  job VARCHAR NOT NULL,
  dimension VARCHAR NOT NULL,
  name VARCHAR,
  calls BIGINT NOT NULL,
  changed_calls BIGINT NOT NULL,
  recorded_unpriced_calls BIGINT NOT NULL,
  recorded_cost_usd DECIMAL(38, 15) NOT NULL,
  recorded_credits DECIMAL(38, 6) NOT NULL,
  unpriced_calls BIGINT NOT NULL,
  cost_usd DECIMAL(38, 15) NOT NULL,
  credits DECIMAL(38, 6) NOT NULL
);

-- The credit rules that were ever in use, as they were configured: a corrected price charges old usage by old rules.
CREATE TABLE ledger.credit_rules (
  version VARCHAR NOT NULL,
  configuration VARCHAR NOT NULL, -- JSON
  in_use_from TIMESTAMPTZ NOT NULL
);
