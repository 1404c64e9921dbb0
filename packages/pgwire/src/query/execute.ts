import type { Statement } from '../backend.ts';
import { SQLSTATE, SqlError } from '../errors.ts';
import { runCommand } from '../session/run-command.ts';
import { commandComplete, emptyQueryResponse, portalSuspended } from '../wire/replies.ts';
import type { Dialogue } from './dialogue.ts';
import { closeRows, type Portal, type Running } from './portals.ts';
import { failedTransaction, runsAfterFailure } from './prepared.ts';
import { rowWriter } from './row-writer.ts';
import { rowsOf } from './rows.ts';

/**
 * Runs a portal, or goes on with it, for at most `maxRows` rows, and says how it ended: PortalSuspended when there may
 * be more, CommandComplete when there are not.
 */
export async function executePortal(dialogue: Dialogue, portal: Portal, maxRows: number): Promise<void> {
  const { wire, transaction, interrupts, settings } = dialogue;
  if (transaction.status === 'E' && !runsAfterFailure(portal.prepared)) throw failedTransaction();
  if (portal.prepared.kind === 'empty') {
    emptyQueryResponse(wire.out);
    return;
  }
  if (portal.running !== undefined && portal.fields === null)
    throw new SqlError(SQLSTATE.objectNotInPrerequisiteState, `portal "${portal.name}" cannot be run`);
  const running = await startPortal(dialogue, portal);
  // It bounds what is sent: a MOVE moves as far as it says.
  const limit = maxRows === 0 || portal.fields === null ? Infinity : maxRows;
  const timeoutMs = settings.timeoutMs('statement_timeout');
  try {
    const count = await interrupts.during(running.controller, timeoutMs, () =>
      sendRows(dialogue, portal, running, limit),
    );
    if (count === limit) portalSuspended(wire.out);
    else commandComplete(wire.out, running.tag(count));
  } catch (error) {
    // It cannot be gone on with, because where it stands is not known; for a fetch, neither can its cursor.
    running.controller.abort(error);
    await closeRows(portal);
    portal.running = { ...running, rows: null };
    throw error;
  }
}

/** Begins what has not begun yet. */
export async function startPortal(dialogue: Dialogue, portal: Portal): Promise<Running> {
  if (portal.running !== undefined) return portal.running;
  const { prepared, values, controller } = portal;
  switch (prepared.kind) {
    case 'query':
      portal.running = startQuery(dialogue, prepared.shared.statement, values, controller);
      break;
    case 'command':
    case 'declare':
      portal.running = await runCommand(dialogue, prepared, portal);
      break;
    case 'empty':
      portal.running = { rows: null, controller, tag: () => '' };
  }
  return portal.running;
}

function startQuery(
  { notify }: Dialogue,
  statement: Statement,
  values: Portal['values'],
  controller: AbortController,
): Running {
  const { signal } = controller;
  return {
    rows: rowsOf(statement.execute(values, { signal, notify })),
    controller,
    tag: (rowCount) => commandTag(statement.command, rowCount),
  };
}

/** Which tags count rows (54.7, CommandComplete). */
const COUNTING = new Set(['SELECT', 'UPDATE', 'DELETE', 'MERGE', 'FETCH', 'MOVE', 'COPY']);

export function commandTag(command: string, rowCount: number): string {
  // The zero was once the oid of a row.
  if (command === 'INSERT') return `INSERT 0 ${rowCount}`;
  return COUNTING.has(command) ? `${command} ${rowCount}` : command;
}

/** @returns how many rows there were, up to the limit */
async function sendRows(
  { wire, settings }: Dialogue,
  { fields, formats }: Portal,
  { rows, controller: { signal } }: Running,
  limit: number,
): Promise<number> {
  if (rows === null) return 0;
  const writer = fields === null ? undefined : rowWriter(fields, formats, settings.zone);
  const isFull = (): boolean => wire.isFull;
  let count = 0;
  while (count < limit) {
    const slice = await rows.next(limit - count);
    if (slice === undefined) break;
    count += slice.to - slice.from;
    // A statement without columns only says how many rows it has changed.
    for (let row = slice.from; writer !== undefined && row < slice.to; ) {
      row = writer.write(wire.out, slice, row, isFull);
      if (wire.isFull) await wire.relieve(signal);
      if (signal.aborted) return count;
    }
    if (signal.aborted) return count;
  }
  return count;
}
