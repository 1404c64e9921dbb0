import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import type { Answer, Ask, Cell, Conversation, Result, Value } from '../conversation.ts';

/** What the JavaScript clients share: the conversation on standard input, and how values are written down. */

/** An answer without the name of its question. */
export type Told = Answer extends infer One ? (One extends unknown ? Omit<One, 'id'> : never) : never;

export type Asked<What extends Ask['do']> = Extract<Ask, { readonly do: What }>;

export interface MatrixClient {
  logIn(ask: Asked<'log in'>): Promise<Result>;
  ping(): Promise<void>;
  ask(sql: string, values: readonly Value[] | undefined, times: number): Promise<readonly Result[]>;
  askSeveral(sql: string): Promise<readonly Result[]>;
  /** The first cell of the first row, or `done`. */
  one(sql: string): Promise<Cell>;
  cancel(ask: Asked<'cancel'>): Promise<void>;
  cursors(ask: Asked<'read with cursors'>): Promise<readonly (readonly Cell[])[]>;
  transact(failing: string): Promise<readonly Cell[]>;
  readAll(sql: string): Promise<Told>;
  pool(ask: Asked<'share a pool'>): Promise<readonly Cell[]>;
  close(): Promise<void>;
}

const TIMESTAMPTZ = 1184;
const TIMESTAMP = 1114;
const DATE = 1082;

/** Dates of JavaScript are instants; those made of times without a zone are to be read by the clock on the wall. */
export function cell(value: unknown, oid: number): Cell {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value;
  if (typeof value === 'number') return oid === 700 || oid === 701 ? value : String(value);
  if (typeof value === 'bigint') return String(value);
  if (Array.isArray(value)) return value.map((item) => cell(item, 0));
  if (Buffer.isBuffer(value)) return `\\x${value.toString('hex')}`;
  if (!(value instanceof Date)) return JSON.stringify(value);
  const iso = value.toISOString().replace('Z', '000Z');
  if (oid === TIMESTAMPTZ) return iso;
  const wall = new Date(value.getTime() - value.getTimezoneOffset() * 60_000).toISOString();
  if (oid === TIMESTAMP) return wall.replace('Z', '000');
  return oid === DATE ? wall.slice(0, 10) : iso;
}

/** A parameter as a program in JavaScript would have it: what is exact is text. */
export function native({ type, value }: Value): unknown {
  if (value !== null && type === 'timestamptz') return new Date(String(value));
  return value;
}

export function sqlState(error: unknown): { readonly error: string; readonly message: string } {
  if (!(error instanceof Error)) return { error: 'not an Error', message: String(error) };
  return { error: 'code' in error ? String(error.code) : error.name, message: error.message };
}

/** The outcome of one statement among several: its first cell, or how it failed. */
export async function outcome(asking: Promise<Cell>): Promise<Cell> {
  try {
    return await asking;
  } catch (error) {
    return sqlState(error).error;
  }
}

export async function readConversation(): Promise<Conversation> {
  return JSON.parse(await text(process.stdin));
}

export function certificate({ certificateFile }: Conversation): string {
  return readFileSync(certificateFile, 'utf8');
}

export async function converse(conversation: Conversation, client: MatrixClient): Promise<void> {
  for (const { id, ...ask } of conversation.asks) {
    const since = performance.now();
    let told: Told;
    try {
      told = await tell(client, ask);
    } catch (error) {
      told = { ...sqlState(error), tookMs: Math.round(performance.now() - since) };
      if (ask.do !== 'log in') told = { ...told, after: String(await outcome(client.one('SELECT 1'))) };
    }
    process.stdout.write(`${JSON.stringify({ id, ...told })}\n`);
  }
  await client.close();
}

async function tell(client: MatrixClient, ask: Ask): Promise<Told> {
  switch (ask.do) {
    case 'log in':
      return { results: [await client.logIn(ask)] };
    case 'ping':
      await client.ping();
      return { ok: true };
    case 'ask':
      return { results: await client.ask(ask.sql, ask.values, ask.times ?? 1) };
    case 'ask several':
      return { results: await client.askSeveral(ask.sql) };
    case 'ask in turn': {
      const outcomes: Cell[] = [];
      for (const sql of ask.statements) outcomes.push(await outcome(client.one(sql)));
      return { outcomes };
    }
    case 'cancel':
      await client.cancel(ask);
      return { results: [] };
    case 'read with cursors':
      return { pieces: await client.cursors(ask) };
    case 'transact':
      return { outcomes: await client.transact(ask.failing) };
    case 'read all':
      return client.readAll(ask.sql);
    case 'share a pool':
      return { outcomes: await client.pool(ask) };
    case 'look around':
      throw new Error('there is nothing that the library looks for');
  }
}
