import pg from 'pg';
import Cursor from 'pg-cursor';
import type { Cell, Conversation, Result } from '../conversation.ts';
import {
  cell,
  certificate,
  converse,
  type MatrixClient,
  native,
  outcome,
  readConversation,
  type Told,
} from './matrix.ts';

/** node-postgres: simple queries where there are no values, unnamed and named statements where there are, pg-cursor. */

const conversation = await readConversation();
await converse(conversation, await open(conversation));

function settings({ host, port, database, user, password }: Conversation): pg.ClientConfig {
  return { host, port, database, user, password, ssl: false };
}

async function open(server: Conversation): Promise<MatrixClient> {
  const client = new pg.Client(settings(server));
  client.on('error', () => {}); // what is said of it shows in the next question
  await client.connect();

  let prepared = 0;
  const one = async (sql: string): Promise<Cell> =>
    first(await client.query({ text: sql, rowMode: 'array' }));
  return {
    one,
    async logIn({ user, password, tls }) {
      const ssl = tls ? { ca: certificate(server) } : false;
      const other = new pg.Client({ ...settings(server), user, password, ssl });
      other.on('error', () => {});
      await other.connect();
      try {
        return table(await other.query({ text: 'SELECT user', rowMode: 'array' }));
      } finally {
        await other.end();
      }
    },
    async ping() {
      await client.query(';');
    },
    async ask(sql, values, times) {
      const query = { text: sql, rowMode: 'array' as const, ...(values && { values: values.map(native) }) };
      const result = table(await client.query(query));
      prepared++;
      for (let time = 1; time < times; time++) {
        const again = table(await client.query({ ...query, name: `again ${prepared}` }));
        expectSame(result, again);
      }
      return [result];
    },
    async askSeveral(sql) {
      const answer: unknown = await client.query({ text: sql, rowMode: 'array' });
      const results = Array.isArray(answer) ? answer : [answer];
      return results.filter(({ fields }) => fields.length > 0).map(table);
    },
    async cancel({ sql, afterMs }) {
      // It has no way to cancel of its own but this one; the pool's users end the backend by hand.
      await client.query(`SET statement_timeout = ${afterMs}`);
      try {
        await client.query(sql);
      } finally {
        await client.query('RESET statement_timeout');
      }
    },
    async cursors({ sql, pieceRows }) {
      const [one, two] = [0, 1].map(() => new Cursor(sql, [], { rowMode: 'array' }));
      if (one === undefined || two === undefined) throw new Error('two cursors were made');
      const cells = (rows: unknown[][]) => rows.map(([value]) => cell(value, 20));
      // One connection does one thing at a time, so the second waits for the first unless it has its own.
      const other = new pg.Client(settings(server));
      await other.connect();
      try {
        client.query(one);
        other.query(two);
        const pieces = [
          cells(await one.read(pieceRows)),
          cells(await two.read(pieceRows)),
          cells(await one.read(pieceRows)),
        ];
        await two.close();
        pieces.push(cells(await one.read(1_000_000)));
        await one.close();
        return pieces;
      } finally {
        await other.end();
      }
    },
    async transact(failing) {
      const outcomes: Cell[] = [];
      const run = async (sql: string) => outcomes.push(await outcome(one(sql)));
      await client.query('BEGIN READ ONLY');
      await run('SELECT 1');
      await client.query('SAVEPOINT before');
      await run(failing);
      await client.query('ROLLBACK TO SAVEPOINT before');
      await run('SELECT 2');
      await client.query('COMMIT');
      await client.query('BEGIN');
      await run(failing);
      await run('SELECT 3');
      await client.query('ROLLBACK');
      await run('SELECT 4');
      return outcomes;
    },
    async readAll(sql): Promise<Told> {
      const cursor = client.query(new Cursor(sql, [], { rowMode: 'array' }));
      let readRows = 0;
      let sum = 0n;
      let last: unknown[] = [];
      for (;;) {
        const rows: unknown[][] = await cursor.read(10_000);
        if (rows.length === 0) break;
        readRows += rows.length;
        for (const [n] of rows) sum += BigInt(String(n));
        last = rows.at(-1) ?? last;
      }
      await cursor.close();
      return { readRows, sum: String(sum), last: last.map((value) => cell(value, 1184)) };
    },
    async pool({ connections, sql, asked }) {
      const pool = new pg.Pool({ ...settings(server), max: connections });
      const answers = await Promise.all(
        Array.from({ length: asked }, (_, i) => pool.query({ text: sql, values: [i], rowMode: 'array' })),
      );
      await pool.end();
      return answers.map(first);
    },
    close: () => client.end(),
  };
}

function table({ fields, rows }: pg.QueryArrayResult<unknown[]>): Result {
  const types = fields.map(({ dataTypeID }) => dataTypeID);
  return {
    columns: fields.map(({ name }) => name),
    types,
    rows: rows.map((row) => row.map((value, place) => cell(value, types[place] ?? 0))),
  };
}

function first(result: pg.QueryArrayResult<unknown[]>): Cell {
  return table(result).rows[0]?.[0] ?? 'done';
}

function expectSame(one: Result, other: Result): void {
  if (JSON.stringify(one) !== JSON.stringify(other))
    throw new Error(`first ${JSON.stringify(one)}, then ${JSON.stringify(other)}`);
}
