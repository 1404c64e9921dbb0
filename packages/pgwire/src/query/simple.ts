import { SqlError } from '../errors.ts';
import { positionOf } from '../sql/lexer.ts';
import { type Piece, splitStatements } from '../sql/split.ts';
import { emptyQueryResponse, rowDescription } from '../wire/replies.ts';
import { answerError, answerReady, type Dialogue } from './dialogue.ts';
import { executePortal } from './execute.ts';
import type { Portal } from './portals.ts';
import { closePrepared, fieldsOf, type Prepared, prepare } from './prepared.ts';

/**
 * Answers a Query message (54.2.2, "Simple Query"): one statement after the other, until one of them fails. All
 * results are text.
 */
export async function answerQuery(dialogue: Dialogue, sql: string): Promise<void> {
  const { wire, statements, portals, transaction, limits } = dialogue;
  try {
    await portals.close('');
    await statements.close('');
    const pieces = splitStatements(sql, limits.maxStatementsPerQuery);
    if (pieces.length === 0) emptyQueryResponse(wire.out);
    transaction.isImplicit = pieces.length > 1;
    for (const piece of pieces) await answerPiece(dialogue, sql, piece);
  } catch (error) {
    answerError(dialogue, error);
  } finally {
    transaction.isImplicit = false;
  }
  await answerReady(dialogue);
}

async function answerPiece(dialogue: Dialogue, sql: string, piece: Piece): Promise<void> {
  try {
    const prepared = await prepare(dialogue, piece.sql, []);
    try {
      const portal = unnamedPortal(dialogue, prepared);
      const { fields, formats } = portal;
      if (fields !== null) rowDescription(dialogue.wire.out, fields, (column) => formats[column] ?? 'text');
      await executePortal(dialogue, portal, 0);
    } finally {
      await closePrepared(prepared);
    }
  } catch (error) {
    throw inWholeText(error, sql, piece);
  }
}

function unnamedPortal(dialogue: Dialogue, prepared: Prepared): Portal {
  const fields = fieldsOf(dialogue, prepared);
  return {
    name: '',
    prepared,
    values: [],
    fields,
    formats: fields?.map((_, column) => formatOf(dialogue, prepared, column)) ?? [],
    bytes: 0,
    isHeld: false,
    controller: new AbortController(),
    running: undefined,
  };
}

/** Text, but for what is fetched from a binary cursor. */
function formatOf({ portals }: Dialogue, prepared: Prepared, column: number): 'text' | 'binary' {
  const fetched =
    prepared.kind === 'command' && prepared.command.kind === 'fetch' ? prepared.command.cursor : undefined;
  return fetched === undefined ? 'text' : (portals.get(fetched)?.formats[column] ?? 'text');
}

/** Positions are told within the text that the client has sent. */
function inWholeText(error: unknown, sql: string, { start }: Piece): unknown {
  if (!(error instanceof SqlError) || error.details.position === undefined || start === 0) return error;
  const { code, message, severity, details, cause } = error;
  const position = error.details.position + positionOf(sql, start) - 1;
  return new SqlError(code, message, { ...details, severity, position, cause });
}
