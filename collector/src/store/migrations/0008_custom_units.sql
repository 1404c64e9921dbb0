-- What an app counts in a unit of its own, in thousandths of one.
ALTER TABLE ledger.usage_record ADD COLUMN custom_unit INTEGER;
ALTER TABLE ledger.usage_record ADD COLUMN custom_thousandths BIGINT;
ALTER TABLE ledger.superseded_usage ADD COLUMN custom_unit INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN custom_thousandths BIGINT;
