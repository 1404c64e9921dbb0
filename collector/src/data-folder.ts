/** What lies in the data folder; both processes need the names. */
export const JOURNAL_FOLDER = 'journal';
export const COMMANDS_FOLDER = 'commands';
/** DuckDB names the database after the file: clients connect to `spanledger`. */
export const LEDGER_FILE = 'spanledger.duckdb';
/** What the price feed said last. */
export const PRICE_FEED_FILE = 'price-feed.json';
/** Files that are made for somebody to fetch; empty but for that moment. */
export const EXPORT_FOLDER = 'exports';
/** Consistent copies of the ledger for others to read, where the configuration names no other folder. */
export const SNAPSHOT_FOLDER = 'snapshots';
