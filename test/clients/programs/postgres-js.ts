import postgres from 'postgres';
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

/** postgres.js: everything is a prepared statement, several are sent ahead of their answers; it asks for array types. */

const conversation = await readConversation();
await converse(conversation, open(conversation));

function connect(
  { host, port, database, user, password }: Conversation,
  options: postgres.Options<Record<string, never>> = {},
): postgres.Sql {
  return postgres({ host, port, database, user, password, max: 1, onnotice: () => {}, ...options });
}

function open(server: Conversation): MatrixClient {
  const sql = connect(server);

  const one = async (text: string): Promise<Cell> => first(await sql.unsafe(text).values(), 0);
  return {
    one,
    async logIn({ user, password, tls }) {
      const other = connect(server, { user, password, ssl: tls ? { ca: certificate(server) } : false });
      try {
        return table(await other.unsafe('SELECT user').values());
      } finally {
        await other.end();
      }
    },
    async ping() {
      await sql.unsafe('').simple();
    },
    async ask(text, values, times) {
      // It writes values by the types that the server says they have.
      const bound = (values ?? []).map(native) as postgres.ParameterOrJSON<never>[];
      const result = table(await sql.unsafe(text, bound, { prepare: true }).values());
      for (let time = 1; time < times; time++) {
        const again = table(await sql.unsafe(text, bound, { prepare: true }).values());
        if (JSON.stringify(again) !== JSON.stringify(result))
          throw new Error('prepared, it answers otherwise');
      }
      return [result];
    },
    async askSeveral(text) {
      const answer: unknown = await sql.unsafe(text).simple().values();
      const results = (Array.isArray(answer) && answer.every(isResult) ? answer : [answer]) as Rows[];
      return results.filter(({ columns }) => columns !== undefined && columns.length > 0).map(table);
    },
    async cancel({ sql: text, afterMs }) {
      const running = sql.unsafe(text).execute();
      setTimeout(() => running.cancel(), afterMs);
      await running;
    },
    async cursors({ sql: text, pieceRows }) {
      // One connection reads one cursor at a time, so each has its own.
      const other = connect(server);
      const [one, two] = [sql, other].map((connection) =>
        connection.unsafe(text).cursor(pieceRows)[Symbol.asyncIterator](),
      );
      if (one === undefined || two === undefined) throw new Error('two cursors were made');
      const pieces: Cell[][] = [];
      const take = async (cursor: AsyncIterator<postgres.Row[]>): Promise<Cell[]> => {
        const { value, done } = await cursor.next();
        return done === true ? [] : (value as postgres.Row[]).map((row) => cell(Object.values(row)[0], 20));
      };
      pieces.push(await take(one), await take(two), await take(one));
      await two.return?.();
      const rest: Cell[] = [];
      for (let piece = await take(one); piece.length > 0; piece = await take(one)) rest.push(...piece);
      pieces.push(rest);
      await other.end();
      return pieces;
    },
    async transact(failing) {
      const outcomes: Cell[] = [];
      await sql.begin('read only', async (transaction) => {
        const run = async (text: string) =>
          outcomes.push(
            await outcome(
              transaction
                .unsafe(text)
                .values()
                .then((rows) => first(rows, 0)),
            ),
          );
        await run('SELECT 1');
        await transaction
          .savepoint(async (inner) => {
            outcomes.push(
              await outcome(
                inner
                  .unsafe(failing)
                  .values()
                  .then((rows) => first(rows, 0)),
              ),
            );
            throw new Error('back to before');
          })
          .catch(() => {});
        await run('SELECT 2');
      });
      await sql
        .begin(async (transaction) => {
          const run = async (text: string) =>
            outcomes.push(
              await outcome(
                transaction
                  .unsafe(text)
                  .values()
                  .then((rows) => first(rows, 0)),
              ),
            );
          await run(failing);
          await run('SELECT 3');
          throw new Error('back');
        })
        .catch(() => {});
      outcomes.push(await outcome(one('SELECT 4')));
      return outcomes;
    },
    async readAll(text): Promise<Told> {
      let readRows = 0;
      let sum = 0n;
      let last: unknown[] = [];
      for await (const rows of sql.unsafe(text).cursor(10_000)) {
        readRows += rows.length;
        for (const row of rows) sum += BigInt(String(Object.values(row)[0]));
        last = Object.values(rows.at(-1) ?? {});
      }
      return { readRows, sum: String(sum), last: last.map((value) => cell(value, 1184)) };
    },
    async pool({ connections, sql: text, asked }) {
      const pool = connect(server, { max: connections });
      const answers = await Promise.all(
        Array.from({ length: asked }, async (_, i) => first(await pool.unsafe(text, [i]).values(), 0)),
      );
      await pool.end();
      return answers;
    },
    close: () => sql.end(),
  };
}

interface Rows extends Array<unknown> {
  readonly columns?: readonly { readonly name: string; readonly type: number }[];
}

function isResult(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'columns' in value && 'command' in value;
}

function table(result: Rows): Result {
  const columns = result.columns ?? [];
  return {
    columns: columns.map(({ name }) => name),
    types: columns.map(({ type }) => type),
    rows: result.map((row) =>
      (row as unknown[]).map((value, place) => cell(value, columns[place]?.type ?? 0)),
    ),
  };
}

function first(result: Rows, place: number): Cell {
  return table(result).rows[0]?.[place] ?? 'done';
}
