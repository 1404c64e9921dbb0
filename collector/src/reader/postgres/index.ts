export { type KnownUser, type LedgerBackendOptions, ledgerBackend } from './backend.ts';
export { DATABASE } from './database.ts';
