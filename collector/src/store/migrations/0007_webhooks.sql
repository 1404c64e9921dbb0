-- Alerts on their way to webhooks: a queue, not facts, so rows change in place. Only one connection changes them; others
-- may add rows in transactions of their own.
CREATE TABLE ledger.webhook_delivery (
  message_id VARCHAR NOT NULL,
  endpoint VARCHAR NOT NULL, -- fingerprint of the address, which is not kept: its path is often a secret
  url_host VARCHAR NOT NULL,
  tenant VARCHAR NOT NULL,
  customer VARCHAR NOT NULL,
  alert_id VARCHAR NOT NULL,
  event VARCHAR NOT NULL,
  payload VARCHAR NOT NULL,
  created_at TIMESTAMPTZ NOT NULL,
  state VARCHAR NOT NULL, -- pending, delivered, dead
  attempts INTEGER NOT NULL, -- all that were ever made
  failures INTEGER NOT NULL, -- since it was last put into the queue
  last_attempt_at TIMESTAMPTZ,
  last_status INTEGER, -- of HTTP; NULL where there was no answer
  problem VARCHAR,
  next_attempt_at TIMESTAMPTZ -- while pending
);
