export { DATABASE, type KnownUser, type LedgerBackendOptions, ledgerBackend } from './backend.ts';
