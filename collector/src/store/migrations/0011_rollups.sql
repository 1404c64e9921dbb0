-- Rollups: sums that are kept, so that no reader adds up all usage (decision 16).

-- In which commit a record was written, and in which another took its place: what came after the sums were taken is
-- found by it. One number for all rows of a commit, so that it takes no room in the file. What is there already is
-- numbered as if each row group had been a commit, in the order of its rows: it is summed up in portions, too.
ALTER TABLE ledger.usage_record ADD COLUMN written_in BIGINT DEFAULT 0;
UPDATE ledger.usage_record SET written_in = rowid // 122880 WHERE rowid >= 122880;
ALTER TABLE ledger.usage_record ALTER COLUMN written_in DROP DEFAULT;

-- Those that were superseded before add nothing and take nothing away: both in commit 0.
ALTER TABLE ledger.superseded_usage ADD COLUMN written_in BIGINT DEFAULT 0;
ALTER TABLE ledger.superseded_usage ADD COLUMN superseded_in BIGINT DEFAULT 0;
ALTER TABLE ledger.superseded_usage ALTER COLUMN written_in DROP DEFAULT;
ALTER TABLE ledger.superseded_usage ALTER COLUMN superseded_in DROP DEFAULT;

-- The rollups that this file has; their tables are made from the declarations in rollups.ts.
CREATE TABLE ledger.rollup (
  name VARCHAR NOT NULL,
  definition VARCHAR NOT NULL, -- what it sums up; with another one it is made anew
  folded_to BIGINT NOT NULL -- the number of the last row of its source, or the last commit, that is in its sums
);
