/**
 * Every expected failure has a code. Codes are API: they appear in replies, logs and documentation, and do not
 * change once released. See README, "Error codes".
 */
export const ERRORS = {
  SL_OTLP_MALFORMED: 'The body could not be decoded as an OTLP request.',
  SL_OTLP_WRONG_SIGNAL: 'The body carries another signal than the path takes.',
  SL_OTLP_CONTENT_TYPE: 'The content type is neither application/x-protobuf nor application/json.',
  SL_OTLP_ENCODING: 'The content encoding is neither gzip, deflate nor identity, or does not decode.',
  SL_OTLP_TOO_LARGE: 'The body is larger than the limit, before or after inflating.',
  SL_OTLP_INTERRUPTED: 'The connection ended before the body did.',
  SL_OTLP_PATH: 'Nothing is served at this path, or not with this method.',
  SL_RECEIVER_BUSY: 'More is being received at once than the limit.',
  SL_JOURNAL_FULL: 'The journal cannot take more: disk, size or lag bound reached.',
  SL_JOURNAL_WRITE_FAILED: 'The journal could not be written or synced.',
  SL_JOURNAL_NEWER_FORMAT: 'A journal segment was written by a newer version.',
  SL_JOURNAL_UNREADABLE: 'The journal files cannot be read.',
  SL_JOURNAL_MISMATCH: 'The journal is not the one that the ledger has followed.',
  SL_STORE_MISSING: 'The ledger file is missing although this data directory has been used before.',
  SL_STORE_LOCKED: 'The ledger file is in use by another process.',
  SL_STORE_NEWER_SCHEMA: 'The ledger file was written by a newer version.',
  SL_STORE_UNREADABLE: 'The ledger file could not be opened.',
  SL_STORE_COMMIT_FAILED: 'A batch could not be committed to the ledger file.',
  SL_CONFIG_INVALID: 'The configuration has mistakes.',
  SL_PORT_IN_USE: 'A port that the service needs is taken.',
  SL_LEDGER_UNAVAILABLE: 'The ledger process is stopping, or being started again.',
  SL_SERVICE_UNREACHABLE: 'No running service answers.',
  SL_INTERNAL: 'A surprise: a mistake of ours. The log has the details.',
  SL_QUERY_REFUSED: 'The statement is not a single read-only query.',
  SL_QUERY_FAILED: 'The query has a mistake.',
  SL_QUERY_BUSY: 'As many queries as allowed are running.',
  SL_API_PATH: 'Nothing is served at this path.',
  SL_API_REQUEST: 'The request is not what this path takes.',
  SL_RERATE_BUSY: 'Another re-rating, or another what-if, is not finished.',
  SL_RERATE_REQUEST: 'The range of a re-rating or what-if is none.',
  SL_WHATIF_REQUEST: 'The prices, rules or allowance of a what-if have mistakes.',
  SL_RERATE_UNKNOWN: 'There is no re-rating of that id.',
  SL_WHATIF_LIMIT: 'The what-if is about more calls than the limit.',
  SL_CUSTOMER_UNKNOWN: 'Nothing is known of a customer of that id.',
  SL_CUSTOMER_EXISTS: 'A customer of that id was created before.',
  SL_PERIOD_UNKNOWN: 'The customer has no such period.',
  SL_ENTRY_UNKNOWN: 'The ledger has no entry of that id.',
  SL_CHECK_UNPRICED: 'What an action would cost cannot be estimated, because its model has no price.',
  SL_TRACE_UNKNOWN: 'The ledger has no spans of the trace.',
  SL_CORPUS_UNREADABLE: 'A folder of captured bodies, or a case in it, cannot be read.',
  SL_PRICE_QUESTION: 'What is to be priced is not said in a way that can be priced.',
  SL_PRICES_UNREADABLE: 'A price list or price file cannot be read.',
  SL_IMPORT_UNREADABLE: 'The file to import cannot be read in its format.',
  SL_IMPORT_ROWS: 'Rows to import are not as expected; nothing was sent.',
  SL_IMPORT_STOPPED:
    'The service did not take what was imported; what it took stays and is not counted twice.',
  SL_EXPORT_REQUEST: 'What is to be exported is not said in a way that can be.',
  SL_EXPORT_BUSY: 'Another export is not finished.',
  SL_EXPORT_LIMIT: 'The export went past a limit and was ended.',
  SL_EXPORT_FAILED: 'The export could not be made or kept.',
  SL_SNAPSHOT_BUSY: 'A snapshot is being made already.',
  SL_SNAPSHOT_SPACE: 'The disk has too little room for a snapshot.',
  SL_SNAPSHOT_FAILED: 'A snapshot could not be made; nothing of it is left.',
  SL_SNAPSHOT_UNKNOWN: 'There is no snapshot of that name.',
  SL_SCENARIO_INVALID: 'A scenario cannot be read, or has mistakes.',
  SL_USER_REQUEST: 'A user to add, change or remove is not said in a way that can be.',
  SL_QUERY_LIMIT: 'The query went past a limit and was ended.',
  SL_QUERY_PAUSED: 'Nobody may query for a while, because the ledger process has ended several times.',
} as const;

export type ErrorCode = keyof typeof ERRORS;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** An expected failure: a code, a sentence for people (what was expected, what came, what to do), and a cause. */
export class SpanledgerError extends Error {
  override readonly name = 'SpanledgerError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}
