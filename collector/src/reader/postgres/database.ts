/** What clients call the ledger. Beside the reader, because the main process says it, which knows nothing of the engine. */
export const DATABASE = 'spanledger';
