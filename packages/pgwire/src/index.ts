export type {
  Backend,
  Client,
  Column,
  Credential,
  Field,
  Login,
  RowBatch,
  Session,
  Statement,
  StatementContext,
} from './backend.ts';
export {
  type ErrorSeverity,
  type Notice,
  type NoticeSeverity,
  type ReportDetails,
  SQLSTATE,
  SqlError,
} from './errors.ts';
export { DEFAULT_LIMITS, type Limits } from './limits.ts';
export { DEFAULT_ITERATIONS, parseVerifier, scramVerifier, type VerifierOptions } from './login/verifier.ts';
export { PgServer, type PgServerOptions } from './server.ts';
export { type Token, tokensOf } from './sql/lexer.ts';
export { type Piece, splitStatements } from './sql/split.ts';
export type { Infinite, Interval, TimeWithZone, TypeCodec, Value } from './types/codec.ts';
export { numericModifier } from './types/numeric.ts';
export { OID, TYPES } from './types/table.ts';
