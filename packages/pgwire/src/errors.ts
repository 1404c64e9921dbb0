/**
 * The condition codes that this package raises, and those that backends of it usually need (PostgreSQL 18, appendix A,
 * "PostgreSQL Error Codes"). Clients act on the code, people read the message.
 */
export const SQLSTATE = {
  connectionFailure: '08006',
  protocolViolation: '08P01',
  featureNotSupported: '0A000',
  characterNotInRepertoire: '22021',
  numericValueOutOfRange: '22003',
  invalidDatetimeFormat: '22007',
  datetimeFieldOverflow: '22008',
  invalidParameterValue: '22023',
  invalidTextRepresentation: '22P02',
  invalidBinaryRepresentation: '22P03',
  invalidCursorState: '24000',
  activeSqlTransaction: '25001',
  readOnlySqlTransaction: '25006',
  noActiveSqlTransaction: '25P01',
  inFailedSqlTransaction: '25P02',
  idleInTransactionSessionTimeout: '25P03',
  invalidSqlStatementName: '26000',
  invalidAuthorizationSpecification: '28000',
  invalidPassword: '28P01',
  invalidCursorName: '34000',
  invalidSavepointSpecification: '3B001',
  invalidCatalogName: '3D000',
  insufficientPrivilege: '42501',
  syntaxError: '42601',
  undefinedColumn: '42703',
  undefinedObject: '42704',
  undefinedFunction: '42883',
  undefinedTable: '42P01',
  undefinedParameter: '42P02',
  duplicateCursor: '42P03',
  duplicatePreparedStatement: '42P05',
  indeterminateDatatype: '42P18',
  insufficientResources: '53000',
  outOfMemory: '53200',
  tooManyConnections: '53300',
  configurationLimitExceeded: '53400',
  programLimitExceeded: '54000',
  objectNotInPrerequisiteState: '55000',
  cantChangeRuntimeParam: '55P02',
  queryCanceled: '57014',
  adminShutdown: '57P01',
  cannotConnectNow: '57P03',
  idleSessionTimeout: '57P05',
  internalError: 'XX000',
} as const;

/** `FATAL` ends the connection once it has been sent. */
export type ErrorSeverity = 'ERROR' | 'FATAL';
export type NoticeSeverity = 'WARNING' | 'NOTICE' | 'INFO' | 'LOG' | 'DEBUG';

/** What an error or a notice may say beside its code and message (54.8, "Error and Notice Message Fields"). */
export interface ReportDetails {
  /** More about it, possibly in several lines. */
  readonly detail?: string;
  /** What to do about it. */
  readonly hint?: string;
  /** Where in the text of the statement, counted in characters from 1. */
  readonly position?: number;
  readonly internalPosition?: number;
  readonly internalQuery?: string;
  /** The context in which it happened, most recent first. */
  readonly where?: string;
  readonly schema?: string;
  readonly table?: string;
  readonly column?: string;
  readonly dataType?: string;
  readonly constraint?: string;
  readonly file?: string;
  readonly line?: number;
  readonly routine?: string;
}

/** Something the client should hear of that is no failure. */
export interface Notice extends ReportDetails {
  readonly severity: NoticeSeverity;
  /** SQLSTATE; `01000` for a plain warning, `00000` for anything less. */
  readonly code: string;
  readonly message: string;
}

/**
 * A failure that the client is told of as it is written here. Backends throw it for everything they expect to go
 * wrong; anything else that is thrown reaches the client only as `XX000`, so that nothing leaks.
 */
export class SqlError extends Error {
  /** SQLSTATE, five characters. */
  readonly code: string;
  readonly severity: ErrorSeverity;
  readonly details: ReportDetails;

  constructor(
    code: string,
    message: string,
    details: ReportDetails & { readonly severity?: ErrorSeverity; readonly cause?: unknown } = {},
  ) {
    const { severity, cause, ...rest } = details;
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'SqlError';
    this.code = code;
    this.severity = severity ?? 'ERROR';
    this.details = rest;
  }
}

/** What the bytes of a message say cannot be. The bounds of the message are known, so the connection can go on. */
export function malformed(message: string): SqlError {
  return new SqlError(SQLSTATE.protocolViolation, message);
}

/** After this nothing the client sends can be trusted to begin where a message begins. */
export function brokenProtocol(message: string): SqlError {
  return new SqlError(SQLSTATE.protocolViolation, message, { severity: 'FATAL' });
}

/** The same error, said as the last thing on the connection. */
export function asFatal(error: SqlError): SqlError {
  return error.severity === 'FATAL'
    ? error
    : new SqlError(error.code, error.message, { ...error.details, severity: 'FATAL', cause: error });
}

/** What a client is told of a mistake of ours: nothing but that there was one. */
export function internalError(cause: unknown): SqlError {
  return new SqlError(SQLSTATE.internalError, 'internal error', { cause });
}
