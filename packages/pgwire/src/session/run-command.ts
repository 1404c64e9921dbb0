import { SQLSTATE, SqlError } from '../errors.ts';
import type { Dialogue } from '../query/dialogue.ts';
import { startPortal } from '../query/execute.ts';
import type { Portal, Running } from '../query/portals.ts';
import type { Prepared } from '../query/prepared.ts';
import { firstOf, fixedRows, type RowSource } from '../query/rows.ts';
import type { Command } from './command.ts';

type Runnable = Extract<Prepared, { kind: 'command' | 'declare' }>;

/** Does what a command says, and tells what to answer. Rows are not sent here. */
export async function runCommand(dialogue: Dialogue, prepared: Runnable, portal: Portal): Promise<Running> {
  const { controller } = portal;
  if (prepared.kind === 'declare') {
    await declare(dialogue, prepared, portal);
    return { rows: null, controller, tag: () => 'DECLARE CURSOR' };
  }
  const { command } = prepared;
  if (command.kind === 'fetch') return fetch(dialogue, command);
  if (command.kind === 'show') return { rows: show(dialogue, command.name), controller, tag: () => 'SHOW' };
  const tag = await obey(dialogue, command, portal);
  return { rows: null, controller, tag: () => tag };
}

type Order = Exclude<Command, { kind: 'fetch' | 'show' | 'declare' }>;

/** @returns the tag of the answer */
async function obey(dialogue: Dialogue, command: Order, portal: Portal): Promise<string> {
  const { transaction, settings, statements, portals } = dialogue;
  switch (command.kind) {
    case 'begin':
      if (transaction.status === 'I') transaction.begin();
      else warn(dialogue, SQLSTATE.activeSqlTransaction, 'there is already a transaction in progress');
      return command.tag;
    case 'commit':
    case 'rollback':
      return endTransaction(dialogue, command.kind, command.chain, portal);
    case 'savepoint':
      transaction.savepoint(command.name);
      return 'SAVEPOINT';
    case 'release':
      transaction.release(command.name);
      return 'RELEASE';
    case 'rollback to':
      transaction.rollbackTo(command.name);
      return 'ROLLBACK';
    case 'set': {
      const isVoid = command.local && transaction.status === 'I';
      if (isVoid)
        warn(dialogue, SQLSTATE.noActiveSqlTransaction, 'SET LOCAL can only be used in transaction blocks');
      else settings.set(command.name, command.value, command.local ? 'local' : 'session');
      return 'SET';
    }
    case 'set transaction':
      return 'SET';
    case 'reset':
      settings.reset(command.name);
      return 'RESET';
    case 'discard':
      if (command.what === 'all') await discardAll(dialogue, portal);
      return `DISCARD ${command.what.toUpperCase()}`;
    case 'deallocate':
      if (command.name === undefined) {
        await statements.closeAll();
        return 'DEALLOCATE ALL';
      }
      statements.find(command.name);
      await statements.close(command.name);
      return 'DEALLOCATE';
    case 'close':
      if (command.cursor === undefined) {
        await portals.closeAll('all', portal);
        return 'CLOSE CURSOR ALL';
      }
      portals.find(command.cursor, 'cursor');
      await portals.close(command.cursor);
      return 'CLOSE CURSOR';
    // Nobody ever notifies, so whoever listens hears all there is.
    case 'listen':
      return 'LISTEN';
    case 'unlisten':
      return 'UNLISTEN';
  }
}

async function endTransaction(
  dialogue: Dialogue,
  kind: 'commit' | 'rollback',
  chain: boolean,
  portal: Portal,
): Promise<string> {
  const { transaction, portals } = dialogue;
  if (transaction.status === 'I') {
    const command = kind === 'commit' ? 'COMMIT' : 'ROLLBACK';
    if (chain)
      throw new SqlError(
        SQLSTATE.noActiveSqlTransaction,
        `${command} AND CHAIN can only be used in transaction blocks`,
      );
    warn(dialogue, SQLSTATE.noActiveSqlTransaction, 'there is no transaction in progress');
    return command;
  }
  const outcome = transaction.end(kind);
  await portals.closeAll('those that are not held', portal);
  if (chain) transaction.begin();
  return outcome === 'committed' ? 'COMMIT' : 'ROLLBACK';
}

/** As at the beginning of the session. Pools do this before they give a connection to somebody else. */
async function discardAll(dialogue: Dialogue, portal: Portal): Promise<void> {
  const { transaction, settings, statements, portals } = dialogue;
  if (transaction.status !== 'I')
    throw new SqlError(SQLSTATE.activeSqlTransaction, 'DISCARD ALL cannot run inside a transaction block');
  await portals.closeAll('all', portal);
  settings.reset('all');
  await statements.closeAll();
}

async function declare(
  { transaction, portals }: Dialogue,
  { command, shared }: Extract<Runnable, { kind: 'declare' }>,
  { values, bytes }: Portal,
): Promise<void> {
  const { cursor, isHeld, isBinary } = command;
  if (!isHeld && transaction.status === 'I' && !transaction.isImplicit)
    throw new SqlError(
      SQLSTATE.noActiveSqlTransaction,
      'DECLARE CURSOR can only be used in transaction blocks',
      { hint: 'Begin a transaction, or declare the cursor WITH HOLD.' },
    );
  const { fields } = shared.statement;
  if (fields === null) throw new SqlError(SQLSTATE.syntaxError, 'a cursor is declared for a query');
  await portals.add({
    name: cursor,
    prepared: { kind: 'query', shared },
    values,
    fields,
    formats: fields.map(() => (isBinary ? 'binary' : 'text')),
    bytes,
    isHeld,
    controller: new AbortController(),
    running: undefined,
  });
}

/** The next rows of a cursor. The cursor stays; what stops it is what stops the fetch. */
async function fetch(
  dialogue: Dialogue,
  { cursor, count, isMove }: Extract<Command, { kind: 'fetch' }>,
): Promise<Running> {
  const portal = dialogue.portals.find(cursor, 'cursor');
  const { rows, controller } = await startPortal(dialogue, portal);
  if (rows === null)
    throw new SqlError(SQLSTATE.invalidCursorState, `cursor "${cursor}" has ended with an error`);
  return {
    rows: firstOf(rows, count),
    controller,
    tag: (rowCount) => `${isMove ? 'MOVE' : 'FETCH'} ${rowCount}`,
  };
}

function show({ settings }: Dialogue, name: string | 'all'): RowSource {
  return name === 'all'
    ? fixedRows(
        settings.all().map(([setting, value]) => [setting, value, '']),
        3,
      )
    : fixedRows([[settings.show(name)]], 1);
}

function warn({ notify }: Dialogue, code: string, message: string): void {
  notify({ severity: 'WARNING', code, message });
}
