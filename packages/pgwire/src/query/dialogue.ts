import type { Session } from '../backend.ts';
import { internalError, type Notice, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Settings } from '../session/settings.ts';
import type { Transaction } from '../session/transaction.ts';
import { errorResponse, parameterStatus, readyForQuery } from '../wire/replies.ts';
import type { Wire } from '../wire/wire.ts';
import type { Interrupts } from './interrupts.ts';
import type { Portals } from './portals.ts';
import type { PreparedStatements } from './prepared.ts';

/** All that a session is made of while its client asks and is answered. */
export interface Dialogue {
  readonly wire: Wire;
  readonly session: Session;
  readonly settings: Settings;
  readonly transaction: Transaction;
  readonly statements: PreparedStatements;
  readonly portals: Portals;
  readonly interrupts: Interrupts;
  readonly limits: Limits;
  /** Sends a notice along with the answer. */
  readonly notify: (notice: Notice) => void;
  /** Hears of what was thrown and is nobody's expectation. */
  readonly onUnexpected: (error: unknown) => void;
}

/** Tells the client what went wrong. What nobody expected is not for its eyes. */
export function answerError({ wire, transaction, onUnexpected }: Dialogue, error: unknown): void {
  const told = error instanceof SqlError ? error : internalError(error);
  if (told.severity === 'FATAL') throw told;
  if (told.code.startsWith('XX')) onUnexpected(told.cause ?? told);
  transaction.fail();
  errorResponse(wire.out, told);
}

/**
 * The end of an answer: what was set since the last one, and that the next request may come. Outside of a transaction
 * nothing lasts until then, but for cursors that are held.
 */
export async function answerReady({ wire, transaction, settings, portals }: Dialogue): Promise<void> {
  if (transaction.status === 'I') await portals.closeAll('those that are not held');
  for (const [name, value] of settings.takeUntold()) parameterStatus(wire.out, name, value);
  readyForQuery(wire.out, transaction.status);
  wire.flush();
}
