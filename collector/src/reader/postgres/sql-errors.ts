import { SqlError } from '@spanledger/pgwire';
import { ReaderError } from '../errors.ts';

/** What readers are told of a failure, as PostgreSQL's clients are; what nobody expected stays as it is. */
export function asSqlErrors(error: unknown): unknown {
  if (!(error instanceof ReaderError)) return error;
  return new SqlError(error.sqlState, error.message, { cause: error });
}
