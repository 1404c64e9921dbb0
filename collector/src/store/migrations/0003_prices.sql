-- What a price depends on besides model, time and the five token classes; and what is known of a cost besides the cost.
ALTER TABLE ledger.usage_record ADD COLUMN service_tier INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN region INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN inference_geo INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN cache_write_12h_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN cache_read_audio_tokens BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN requests BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN web_searches BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN images BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN milliseconds BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN pages BIGINT;
ALTER TABLE ledger.usage_record ADD COLUMN price_note INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN cost_known_part DECIMAL(38, 15);

-- The same, after `superseded_at`: rows are moved by the names of their columns.
ALTER TABLE ledger.superseded_usage ADD COLUMN service_tier INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN region INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN inference_geo INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN cache_write_12h_tokens BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN cache_read_audio_tokens BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN requests BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN web_searches BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN images BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN milliseconds BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN pages BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN price_note INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN cost_known_part DECIMAL(38, 15);
