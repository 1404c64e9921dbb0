-- The price book as facts: which card is valid when, and since when we know it. Only ever added to: a card that a later
-- book no longer has gets a retraction, and one that comes back a new row.

DROP VIEW IF EXISTS public.price_changes;
DROP VIEW IF EXISTS public.prices;
DROP TABLE ledger.price;

CREATE TABLE ledger.rate_card (
  entry_key BIGINT NOT NULL, -- of the card, its time and its scope
  card_key BIGINT NOT NULL, -- of what the card charges
  card VARCHAR NOT NULL,
  provider VARCHAR NOT NULL,
  model VARCHAR NOT NULL,
  tenant VARCHAR, -- a contract of this tenant or customer; NULL: everybody
  customer VARCHAR,
  valid_from TIMESTAMPTZ NOT NULL,
  valid_to TIMESTAMPTZ,
  hours VARCHAR,
  content VARCHAR NOT NULL,
  known_from TIMESTAMPTZ NOT NULL,
  book_version VARCHAR NOT NULL
);

CREATE TABLE ledger.rate_card_retraction (
  entry_key BIGINT NOT NULL,
  known_to TIMESTAMPTZ NOT NULL,
  book_version VARCHAR NOT NULL
);

-- What one US dollar is in other currencies, fixed for each period: as configured, for reports.
CREATE TABLE ledger.currency_rate (
  currency VARCHAR NOT NULL,
  valid_from TIMESTAMPTZ NOT NULL,
  valid_to TIMESTAMPTZ,
  per_usd DECIMAL(20, 9) NOT NULL
);

-- What a card charges, one row per service tier, context tier and class; the same for ever under one key.
CREATE TABLE ledger.rate_line (
  card_key BIGINT NOT NULL,
  service_tier VARCHAR NOT NULL,
  token_class VARCHAR NOT NULL,
  input_tokens_above BIGINT NOT NULL,
  usd_per_million DECIMAL(20, 9),
  usd_each DECIMAL(38, 15)
);
