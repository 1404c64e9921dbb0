-- `degraded` where the app took the smaller form of the feature; NULL for all other usage.
ALTER TABLE ledger.usage_record ADD COLUMN action_form INTEGER;
ALTER TABLE ledger.superseded_usage ADD COLUMN action_form INTEGER;
