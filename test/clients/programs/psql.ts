import { type ChildProcess, spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import type { Answer, Ask, Cell, Result, Value } from '../conversation.ts';
import type { Asked, Told } from './matrix.ts';
import { readConversation } from './matrix.ts';

/** psql: one process for each question, with a script on its standard input, as people and cron jobs use it. */

const FIELD = '\x1f';
const ROW = '\x1e';
const NULL = '\x1d';
/** Ends what a statement has written. */
const END = '\x1c';

const server = await readConversation();
for (const { id, ...ask } of server.asks) {
  const answer = { id, ...(await tell(ask)) } as Answer;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

async function tell(ask: Ask): Promise<Told> {
  switch (ask.do) {
    case 'log in':
      return logIn(ask);
    case 'ping': {
      const { errors } = await run('\\conninfo\n;\n-- nothing\n');
      return errors === '' ? { ok: true } : { error: errors, message: '' };
    }
    case 'ask':
      return askOne(ask);
    case 'ask several': {
      if (!ask.sql.includes(';')) return askOne({ do: 'ask', sql: ask.sql });
      // With the backslash they go in one message.
      const { written, errors } = await run(`${ask.sql.replaceAll(';', '\\;')};\n`);
      if (errors !== '') return failure(errors, await after());
      const several = written.split('\n').filter((result) => result !== '');
      return { results: several.map((result) => table(rowsOf(result), null)) };
    }
    case 'ask in turn':
      return { outcomes: await inTurn(ask.statements) };
    case 'cancel':
      return cancel(ask);
    case 'read with cursors': {
      const first = `FETCH ${ask.pieceRows} FROM one;`;
      const { written, errors } = await run(
        `BEGIN; DECLARE one CURSOR FOR ${ask.sql}; DECLARE two CURSOR FOR ${ask.sql};\n${first}\n\\echo ${END}\n` +
          `FETCH ${ask.pieceRows} FROM two;\n\\echo ${END}\n${first}\n\\echo ${END}\nCLOSE two; FETCH ALL FROM one; COMMIT;\n`,
        ['-t'],
      );
      if (errors !== '') return failure(errors);
      return { pieces: written.split(END).map((piece) => rowsOf(piece).map(([n]) => n ?? null)) };
    }
    case 'transact':
      return {
        outcomes: (
          await inTurn([
            'BEGIN READ ONLY',
            'SELECT 1',
            'SAVEPOINT before',
            ask.failing,
            'ROLLBACK TO before',
            'SELECT 2',
            'COMMIT',
            'BEGIN',
            ask.failing,
            'SELECT 3',
            'ROLLBACK',
            'SELECT 4',
          ])
        ).filter((outcome) => outcome !== 'done'),
      };
    case 'read all': {
      const { written, errors } = await run(`\\set FETCH_COUNT 10000\n${ask.sql};\n`, ['-t']);
      if (errors !== '') return failure(errors);
      const rows = rowsOf(written);
      const sum = rows.reduce((all, [n]) => all + BigInt(n ?? 0), 0n);
      const [n, amount, name, at] = rows.at(-1) ?? [];
      const last = [n, amount, name, instant(at)].map((value) => value ?? null);
      return { readRows: rows.length, sum: String(sum), last };
    }
    case 'share a pool': {
      const asked = Array.from({ length: ask.asked }, (_, n) => ask.sql.replace('$1', String(n)));
      const each = Math.ceil(ask.asked / ask.connections);
      const outcomes = await Promise.all(
        Array.from({ length: ask.connections }, (_, n) => inTurn(asked.slice(n * each, (n + 1) * each))),
      );
      return { outcomes: outcomes.flat() };
    }
    case 'look around':
      return lookAround();
  }
}

async function logIn({ user, password, tls }: Asked<'log in'>): Promise<Told> {
  const secure = tls ? `sslmode=verify-full sslrootcert=${server.certificateFile}` : 'sslmode=disable';
  const { written, errors } = await run('SELECT user;\n', [], { user, password, secure });
  if (errors.includes('password authentication failed')) return { error: '28P01', message: errors };
  if (errors !== '') return failure(errors);
  return { results: [table(rowsOf(written), null)] };
}

/** `\gdesc` asks for the types; values are put into the statement by psql, as `:'name'`. */
async function askOne({ sql, values = [] }: Asked<'ask'>): Promise<Told> {
  const set = values.flatMap(({ value }, place) =>
    value === null ? [] : ['-v', `v${place + 1}=${literal(value)}`],
  );
  const statement = sql.replaceAll(/\$(\d+)/g, (_, place) =>
    values[Number(place) - 1]?.value === null ? 'NULL' : `:'v${place}'`,
  );
  const { written, errors } = await run(`${statement}\n\\gdesc\n\\echo ${END}\n${statement}\n\\g\n`, set);
  if (errors !== '') return failure(errors.split('\n')[0] ?? '', await after());
  const [described = '', rows = ''] = written.split(END);
  const types = rowsOf(described)
    .slice(1)
    .map(([, type]) => type ?? '');
  return { results: [table(rowsOf(rows), types)] };
}

function literal(value: Exclude<Value['value'], null>): string {
  if (typeof value !== 'object') return String(value);
  return `{${value.map((item) => `"${String(item).replaceAll(/["\\]/g, '\\$&')}"`).join(',')}}`;
}

async function inTurn(statements: readonly string[]): Promise<Cell[]> {
  const script = statements.map((sql) => `${sql};\n\\echo :SQLSTATE${END}\n`).join('');
  const { written } = await run(script, ['-t']);
  return written
    .split(END)
    .slice(0, statements.length)
    .map((told) => {
      const lines = told
        .split(ROW)
        .flatMap((row) => row.split('\n'))
        .filter((line) => line !== '');
      const state = lines.pop() ?? '';
      return state === '00000' ? (lines[0] ?? 'done') : state;
    });
}

/** As Ctrl-C does. A script that is interrupted ends, so that the connection is used again by another one only. */
async function cancel({ sql, afterMs }: Asked<'cancel'>): Promise<Told> {
  const since = performance.now();
  const { written, errors } = await run(`\\echo asking\n${sql};\n`, [], {
    whileRunning: (psql) => psql.stdout?.once('data', () => setTimeout(() => psql.kill('SIGINT'), afterMs)),
  });
  const tookMs = Math.round(performance.now() - since);
  if (errors === '') return { results: [table(rowsOf(written), null)] };
  return { ...failure(errors, await after()), tookMs };
}

/** The commands that list something, and what each wrote. */
async function lookAround(): Promise<Told> {
  const commands = [
    ...[
      '\\d',
      '\\d+',
      '\\d usage',
      '\\d+ usage',
      '\\d usage_hourly',
      '\\dv',
      '\\dv+',
      '\\dt',
      '\\l',
      '\\l+',
      '\\dn',
      '\\dn+',
    ],
    ...[
      '\\du',
      '\\df',
      '\\di',
      '\\dT',
      '\\dx',
      '\\dp',
      '\\z',
      '\\db',
      '\\dm',
      '\\ds',
      '\\dS',
      '\\det',
      '\\dC',
      '\\drds',
      '\\dRp',
    ],
  ];
  const found: Record<string, unknown> = {};
  for (const told of await Promise.all(
    commands.map(
      async (command) =>
        [command, await run(`${command}\n`, ['-P', 'border=0'], { readable: true })] as const,
    ),
  )) {
    const [command, { written, errors }] = told;
    found[command] = errors === '' ? written : { error: errors };
  }
  return { found };
}

interface Run {
  readonly user?: string;
  readonly password?: string;
  readonly secure?: string;
  readonly readable?: boolean;
  readonly whileRunning?: (psql: ChildProcess) => void;
}

async function run(
  script: string,
  options: readonly string[] = [],
  {
    user = server.user,
    password = server.password,
    secure = 'sslmode=disable',
    readable = false,
    whileRunning,
  }: Run = {},
): Promise<{ readonly written: string; readonly errors: string }> {
  const where = `host=${server.host} port=${server.port} dbname=${server.database} user=${user} ${secure}`;
  const form = readable ? ['-A'] : ['-A', '-F', FIELD, '-R', ROW, '-P', `null=${NULL}`];
  const psql = spawn(
    'psql',
    [where, '-X', '-q', '-v', 'VERBOSITY=sqlstate', '-P', 'footer=off', ...form, ...options, '-f', '-'],
    { env: { ...process.env, PGPASSWORD: password, PGCONNECT_TIMEOUT: '10' } },
  );
  whileRunning?.(psql);
  psql.stdin.end(script);
  const [written, errors] = await Promise.all([text(psql.stdout), text(psql.stderr)]);
  return { written, errors };
}

async function after(): Promise<string> {
  return String((await inTurn(['SELECT 1']))[0]);
}

/** `psql:<stdin>:1: ERROR:  42P01` */
function failure(errors: string, then?: string): Told {
  const error = /(?:ERROR|FATAL): {2}(\w{5})/.exec(errors)?.[1] ?? errors.trim();
  return { error, message: errors.trim(), ...(then === undefined ? {} : { after: then }) };
}

/** psql ends a result with a line, whatever separates its rows. */
function rowsOf(part: string): (string | null)[][] {
  return part
    .replace(/^\n|\n$/g, '')
    .split(ROW)
    .filter((row) => row !== '')
    .map((row) => row.split(FIELD).map((value) => (value === NULL ? null : value)));
}

function table([names = [], ...rows]: (string | null)[][], types: readonly string[] | null): Result {
  return {
    columns: names.map(String),
    types,
    rows: rows.map((row) => row.map((value, place) => cell(value, types?.[place] ?? ''))),
  };
}

function cell(value: string | null, type: string): Cell {
  if (value === null) return null;
  if (type === 'boolean') return value === 't';
  if (type === 'double precision') return Number(value);
  if (type.startsWith('timestamp') || type === '') return instant(value) ?? null;
  if (type.endsWith('[]'))
    return value
      .slice(1, -1)
      .split(',')
      .map((item) => item.replace(/^"(.*)"$/, '$1'));
  return value;
}

/** `2026-07-01 12:34:56.789+00` */
function instant(value: string | null | undefined): string | undefined {
  const parts = /^(\S+) (\d\d:\d\d:\d\d)(?:\.(\d+))?(\+00)?$/.exec(value ?? '');
  if (parts === null) return value ?? undefined;
  const [, day, time, fraction = '', zone] = parts;
  return `${day}T${time}.${fraction.padEnd(6, '0')}${zone === undefined ? '' : 'Z'}`;
}
