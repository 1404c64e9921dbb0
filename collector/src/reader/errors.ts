import { type ErrorCode, SpanledgerError } from '../errors.ts';

/** The conditions that readers are told of (PostgreSQL 18, appendix A); clients act on them, people read the message. */
export const SQL_STATE = {
  divisionByZero: '22012',
  numericValueOutOfRange: '22003',
  dataException: '22000',
  invalidTextRepresentation: '22P02',
  readOnlySqlTransaction: '25006',
  insufficientPrivilege: '42501',
  syntaxError: '42601',
  undefinedColumn: '42703',
  ambiguousColumn: '42702',
  datatypeMismatch: '42804',
  groupingError: '42803',
  undefinedFunction: '42883',
  undefinedObject: '42704',
  undefinedTable: '42P01',
  undefinedParameter: '42P02',
  indeterminateDatatype: '42P18',
  featureNotSupported: '0A000',
  outOfMemory: '53200',
  tooManyConnections: '53300',
  configurationLimitExceeded: '53400',
  programLimitExceeded: '54000',
  statementTooComplex: '54001',
  queryCanceled: '57014',
  cannotConnectNow: '57P03',
  internalError: 'XX000',
} as const;

export type SqlState = (typeof SQL_STATE)[keyof typeof SQL_STATE];

/** Why a statement was not run, or not to its end: a code of ours for the API, and PostgreSQL's for its clients. */
export class ReaderError extends SpanledgerError {
  readonly sqlState: SqlState;

  constructor(
    code: ErrorCode,
    condition: keyof typeof SQL_STATE,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(code, message, options);
    this.sqlState = SQL_STATE[condition];
  }
}

/** The statement is one that readers may not run, whatever it would have answered. */
export function refusal(condition: keyof typeof SQL_STATE, message: string): ReaderError {
  return new ReaderError('SL_QUERY_REFUSED', condition, message);
}

/** The statement has a mistake. */
export function mistake(
  condition: keyof typeof SQL_STATE,
  message: string,
  options?: { cause?: unknown },
): ReaderError {
  return new ReaderError('SL_QUERY_FAILED', condition, message, options);
}

/** The statement went past a limit. */
export function pastLimit(
  condition: keyof typeof SQL_STATE,
  message: string,
  options?: { cause?: unknown },
): ReaderError {
  return new ReaderError('SL_QUERY_LIMIT', condition, message, options);
}
