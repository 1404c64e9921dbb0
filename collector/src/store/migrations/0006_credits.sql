-- Actions, accounts and lots.

-- How the attempt ended that a call was made in; whether it came with a batch of the past.
ALTER TABLE ledger.usage_record ADD COLUMN outcome INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN import_batch VARCHAR;
ALTER TABLE ledger.usage_record ADD COLUMN import_mode INTEGER;
-- A hash of the action id where an app gave one, to find the other calls of the action by.
ALTER TABLE ledger.usage_record ADD COLUMN action_link BIGINT;
-- By which rule, in which version, and under which terms of a plan the call was charged.
ALTER TABLE ledger.usage_record ADD COLUMN credit_rule INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN plan_terms INTEGER;

ALTER TABLE ledger.superseded_usage ADD COLUMN outcome INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN import_batch VARCHAR;
ALTER TABLE ledger.superseded_usage ADD COLUMN import_mode INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN action_link BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN credit_rule INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN plan_terms INTEGER;

-- What moved because of a fact (a grant, an expiry, a hold) has no usage.
ALTER TABLE ledger.credit_transfer ALTER COLUMN trace_id DROP NOT NULL;
ALTER TABLE ledger.credit_transfer ALTER COLUMN span_id DROP NOT NULL;
ALTER TABLE ledger.credit_transfer ALTER COLUMN credit_rules_version DROP NOT NULL;
ALTER TABLE ledger.credit_transfer ADD COLUMN entry BIGINT;
ALTER TABLE ledger.credit_transfer ADD COLUMN from_lot VARCHAR;
ALTER TABLE ledger.credit_transfer ADD COLUMN to_lot VARCHAR;
ALTER TABLE ledger.credit_transfer ADD COLUMN step_at TIMESTAMPTZ;
ALTER TABLE ledger.credit_transfer ADD COLUMN hold VARCHAR;
ALTER TABLE ledger.credit_transfer ADD COLUMN period BIGINT;
ALTER TABLE ledger.credit_transfer ADD COLUMN belongs_to_period BIGINT;
ALTER TABLE ledger.credit_transfer ADD COLUMN fact VARCHAR;

-- Until now nobody had a plan: the steps of their accounts are the calendar months.
UPDATE ledger.credit_transfer SET
  entry = rowid + 1,
  step_at = date_trunc('month', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC';

-- Whatever happened to an account besides usage, as it was decided; never changed (packages/metering, `fact.ts`).
CREATE TABLE ledger.account_fact (
  tenant INTEGER NOT NULL,
  customer VARCHAR NOT NULL,
  id VARCHAR NOT NULL,
  kind VARCHAR NOT NULL,
  effective_at TIMESTAMPTZ NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  actor VARCHAR,
  reason VARCHAR,
  content VARCHAR NOT NULL -- all of it, as JSON; amounts are integers of millionths or 10⁻¹⁵ USD, written `123n`
);

-- What is known of a customer besides; the last row of each is what holds.
CREATE TABLE ledger.customer_profile (
  tenant INTEGER NOT NULL,
  customer VARCHAR NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  actor VARCHAR,
  content VARCHAR NOT NULL
);

-- Commands that named a key, and what they were answered: said again, they get the same answer and do nothing.
CREATE TABLE ledger.command (
  tenant INTEGER NOT NULL,
  command_key VARCHAR NOT NULL,
  fingerprint VARCHAR NOT NULL,
  recorded_at TIMESTAMPTZ NOT NULL,
  status INTEGER NOT NULL,
  answer VARCHAR NOT NULL
);

-- The number of the last command that is in the tables above; one row.
CREATE TABLE ledger.command_position (
  command BIGINT NOT NULL
);
INSERT INTO ledger.command_position VALUES (0);
