/**
 * The journal: where a request body is safe before it is acked. The receiver appends (writer.ts, read it first); the
 * ledger follows in another process (reader.ts) and says what it has committed. Segment files (segment.ts) hold
 * records (record.ts); walk.ts finds the sound ones among damage, for the reader and for recovery (recover.ts) alike.
 */
export { type JournalFiles, nodeFiles, type SegmentFile } from './files.ts';
export { comparePositions, JOURNAL_START, type JournalPosition } from './position.ts';
export {
  type CorruptRange,
  type JournalItem,
  JournalReader,
  type JournalReaderOptions,
  type JournalRecord,
} from './reader.ts';
export type { JournalEntry } from './record.ts';
export { type JournalRecovery, journalExtent } from './recover.ts';
export type { JournalRetention } from './retention.ts';
export { JOURNAL_DEFAULTS, type JournalCounters, type JournalOptions, JournalWriter } from './writer.ts';
