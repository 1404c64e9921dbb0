import { SQLSTATE, SqlError } from '../errors.ts';
import { tokensOf } from './lexer.ts';

/** One statement of a text of several, without its semicolon. */
export interface Piece {
  readonly sql: string;
  /** Where it begins in the whole text, in UTF-16 code units. */
  readonly start: number;
}

/**
 * The statements of a text, in order (54.2.2.1, "Multiple Statements in a Simple Query"). Where there is nothing but
 * blanks, comments and semicolons there is no statement.
 *
 * @throws {SqlError} 42601 when a string, a name or a comment does not end; 54000 when there are too many
 */
export function splitStatements(sql: string, maxStatements: number): readonly Piece[] {
  const pieces: Piece[] = [];
  let start: number | undefined;
  let end = 0;
  const finish = (): void => {
    if (start === undefined) return;
    if (pieces.length >= maxStatements)
      throw new SqlError(
        SQLSTATE.programLimitExceeded,
        `a query message may contain at most ${maxStatements} statements`,
      );
    pieces.push({ sql: sql.slice(start, end), start });
    start = undefined;
  };
  for (const token of tokensOf(sql)) {
    if (token.kind === 'symbol' && token.text === ';') finish();
    else {
      start ??= token.start;
      end = token.end;
    }
  }
  finish();
  return pieces;
}
