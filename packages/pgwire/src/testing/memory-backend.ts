import { EventEmitter, once } from 'node:events';
import { setTimeout as wait } from 'node:timers/promises';
import type { Backend, Client, Credential, Field, RowBatch, Session, Statement } from '../backend.ts';
import { SQLSTATE, SqlError } from '../errors.ts';
import { type Token, tokensOf } from '../sql/lexer.ts';
import type { TypeCodec, Value } from '../types/codec.ts';
import { OID, TYPES } from '../types/table.ts';
import { UTC } from '../types/zone.ts';

/**
 * A backend in memory, for tests and as an example: enough SQL to say which values of which types, how many rows, how
 * slowly, and what goes wrong.
 *
 * `SELECT item [AS name], … [FROM rows(n)]`, where an item is a literal, `$1`, either with `::type`, `sleep(ms)`,
 * `notice('text')`, `fail('code', 'message')`, `crash()`, or a column of `rows(n)`, all of which `*` stands for; and
 * `INSERT n`, which says that it has inserted that many rows.
 */
export interface MemoryBackendOptions {
  /** By user; who is not in it is not known. */
  readonly users: Readonly<Record<string, Credential>>;
  /** Databases there are; any, when it is left out. */
  readonly databases?: readonly string[];
}

export interface MemoryBackend extends Backend {
  readonly clients: Client[];
  /** What is open now, so that tests see whether it was let go of. */
  readonly open: Open;
  /** `running` when a statement has begun, `closed` when a session has ended. */
  readonly events: EventEmitter<{ running: []; closed: [] }>;
}

/** All clients have said goodbye, and have been heard. */
export async function allGone({ open, events }: MemoryBackend): Promise<void> {
  while (open.sessions > 0) await once(events, 'closed');
}

interface Open {
  sessions: number;
  statements: number;
  executions: number;
}

export function memoryBackend({ users, databases }: MemoryBackendOptions): MemoryBackend {
  const open = { sessions: 0, statements: 0, executions: 0 };
  const clients: Client[] = [];
  const events: MemoryBackend['events'] = new EventEmitter();
  return {
    open,
    events,
    clients,
    credentialOf: async ({ user }) => (Object.hasOwn(users, user) ? (users[user] ?? null) : null),
    async openSession(client) {
      if (databases !== undefined && !databases.includes(client.database))
        throw new SqlError(SQLSTATE.invalidCatalogName, `database "${client.database}" does not exist`);
      clients.push(client);
      open.sessions++;
      return session(open, events);
    },
  };
}

function session(open: Open, events: MemoryBackend['events']): Session {
  return {
    async prepare(sql, parameterOids) {
      const statement = parse(sql, parameterOids);
      open.statements++;
      return {
        ...statement,
        execute: (values, context) => counted(open, events, statement.execute(values, context)),
        async close() {
          open.statements--;
        },
      };
    },
    async close() {
      open.sessions--;
      events.emit('closed');
    },
  };
}

async function* counted(
  open: Open,
  events: MemoryBackend['events'],
  batches: AsyncIterable<RowBatch>,
): AsyncGenerator<RowBatch> {
  open.executions++;
  // Once whoever has asked for rows waits for them.
  setImmediate(() => events.emit('running'));
  try {
    yield* batches;
  } finally {
    open.executions--;
  }
}

type Evaluate = (
  values: readonly (Value | null)[],
  context: Parameters<Statement['execute']>[1],
) => Promise<Value | null> | Value | null;

interface Item {
  readonly field: Field;
  /** One value for all rows, or a column of `rows(n)`. */
  readonly evaluate?: Evaluate;
  readonly column?: (row: number) => Value | null;
}

const BATCH_ROWS = 1_000;
const FIRST_MICROS = 1_767_225_600_000_000n;

/** The columns of `rows(n)`, each of its own type. */
const COLUMNS: Readonly<
  Record<string, { readonly oid: number; readonly at: (row: number) => Value | null }>
> = {
  i: { oid: OID.int4, at: (row) => row },
  big: { oid: OID.int8, at: (row) => BigInt(row) * 1_000_000_007n },
  amount: { oid: OID.numeric, at: (row) => `${row}.${String(row % 100).padStart(2, '0')}` },
  label: { oid: OID.text, at: (row) => (row % 10 === 9 ? null : `label ${row}`) },
  at: { oid: OID.timestamptz, at: (row) => FIRST_MICROS + BigInt(row) * 1_000_001n },
  flag: { oid: OID.bool, at: (row) => row % 2 === 0 },
};

const SPELLINGS: Readonly<Record<string, string>> = {
  int2: 'smallint',
  int4: 'integer',
  int: 'integer',
  int8: 'bigint',
  float4: 'real',
  float8: 'double precision',
  bool: 'boolean',
  varchar: 'character varying',
  bpchar: 'character',
  timestamp: 'timestamp without time zone',
  timestamptz: 'timestamp with time zone',
  time: 'time without time zone',
  timetz: 'time with time zone',
  char: '"char"',
};

function parse(sql: string, givenOids: readonly number[]): Statement {
  const parser = new Parser(sql);
  const parameterOids: number[] = [...givenOids];
  if (parser.skip('insert')) {
    const rowCount = Number(parser.take('number').text);
    return statement('INSERT', [], null, async function* () {
      yield { rowCount, columns: [] };
    });
  }
  parser.expect('select');
  const items: Item[] = [];
  if (!parser.atEnd && !parser.isNext('from'))
    do items.push(...parser.items(parameterOids));
    while (parser.skip(','));
  let rowCount = 1;
  if (parser.skip('from')) {
    parser.expect('rows', '(');
    rowCount = Number(parser.take('number').text);
    parser.expect(')');
  }
  parser.end();
  for (let i = 0; i < parameterOids.length; i++) if (!parameterOids[i]) parameterOids[i] = OID.text;
  const fields = items.map(({ field }) => field);
  return statement('SELECT', parameterOids, fields, async function* (values, context) {
    const constants = await Promise.all(items.map(async (item) => item.evaluate?.(values, context) ?? null));
    for (let from = 0; from < rowCount; from += BATCH_ROWS) {
      context.signal.throwIfAborted();
      const length = Math.min(BATCH_ROWS, rowCount - from);
      yield {
        rowCount: length,
        columns: items.map(({ column }, i) =>
          Array.from({ length }, (_, row) =>
            column === undefined ? (constants[i] ?? null) : column(from + row),
          ),
        ),
      };
    }
  });
}

function statement(
  command: string,
  parameterOids: readonly number[],
  fields: readonly Field[] | null,
  execute: Statement['execute'],
): Statement {
  return { command, parameterOids, fields, execute };
}

class Parser {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(sql: string) {
    this.#sql = sql;
    this.#tokens = [...tokensOf(sql)];
  }

  get atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  isNext(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.text === text && (token.kind === 'word' || token.kind === 'symbol');
  }

  skip(text: string): boolean {
    const isNext = this.isNext(text);
    if (isNext) this.#at++;
    return isNext;
  }

  expect(...texts: readonly string[]): void {
    for (const text of texts) if (!this.skip(text)) throw this.mistake();
  }

  take(...kinds: readonly Token['kind'][]): Token {
    const token = this.#tokens[this.#at];
    if (token === undefined || !kinds.includes(token.kind)) throw this.mistake();
    this.#at++;
    return token;
  }

  end(): void {
    if (!this.atEnd) throw this.mistake();
  }

  items(parameterOids: number[]): readonly Item[] {
    if (this.skip('*'))
      return Object.entries(COLUMNS).map(([name, { oid, at }]) => ({ field: { name, oid }, column: at }));
    const item = this.#item(parameterOids);
    if (!this.skip('as')) return [item];
    return [{ ...item, field: { ...item.field, name: this.take('word', 'quoted name').text } }];
  }

  #item(parameterOids: number[]): Item {
    const sign = this.skip('-') ? '-' : '';
    const token = this.take('word', 'string', 'number', 'parameter');
    switch (token.kind) {
      case 'parameter':
        return this.#parameter(Number(token.text.slice(1)), parameterOids);
      case 'word':
        return this.#word(token);
      default: {
        const plain = token.kind === 'number' ? (/^\d+$/.test(token.text) ? 'integer' : 'numeric') : 'text';
        const codec = this.#cast() ?? typeNamed(plain);
        const value = codec.readText(sign + token.text, UTC);
        return { field: { name: '?column?', oid: codec.oid }, evaluate: () => value };
      }
    }
  }

  #parameter(number: number, parameterOids: number[]): Item {
    const index = number - 1;
    while (parameterOids.length < number) parameterOids.push(0);
    const oid = this.#cast()?.oid ?? (parameterOids[index] || OID.text);
    parameterOids[index] ||= oid;
    return { field: { name: '?column?', oid }, evaluate: (values) => values[index] ?? null };
  }

  #word({ text }: Token): Item {
    const column = Object.hasOwn(COLUMNS, text) ? COLUMNS[text] : undefined;
    if (column !== undefined) return { field: { name: text, oid: column.oid }, column: column.at };
    if (text === 'null')
      return { field: { name: '?column?', oid: this.#cast()?.oid ?? OID.text }, evaluate: () => null };
    if (text === 'true' || text === 'false')
      return { field: { name: 'bool', oid: OID.bool }, evaluate: () => text === 'true' };
    this.expect('(');
    const args: string[] = [];
    while (!this.skip(')')) {
      args.push(this.take('string', 'number').text);
      this.skip(',');
    }
    const call = Object.hasOwn(FUNCTIONS, text) ? FUNCTIONS[text] : undefined;
    if (call === undefined)
      throw new SqlError(SQLSTATE.undefinedFunction, `function ${text} does not exist`, {
        hint: 'There are few.',
        position: 8,
      });
    return { field: { name: text, oid: OID.text }, evaluate: (_, context) => call(args, context) };
  }

  #cast(): TypeCodec | undefined {
    if (!this.skip(':')) return undefined;
    this.expect(':');
    let name = this.take('word').text;
    if (name === 'double') {
      this.expect('precision');
      name = 'double precision';
    }
    const isArray = this.skip('[');
    if (isArray) this.expect(']');
    const scalar = SPELLINGS[name] ?? name;
    return typeNamed(isArray ? `${scalar}[]` : scalar);
  }

  mistake(): SqlError {
    const token = this.#tokens[this.#at];
    return token === undefined
      ? new SqlError(SQLSTATE.syntaxError, 'syntax error at end of input', { position: this.#sql.length + 1 })
      : new SqlError(SQLSTATE.syntaxError, `syntax error at or near "${token.text}"`, {
          position: token.start + 1,
        });
  }
}

const FUNCTIONS: Readonly<
  Record<string, (args: readonly string[], context: Parameters<Statement['execute']>[1]) => Promise<string>>
> = {
  async sleep([ms], { signal }) {
    await wait(Number(ms), undefined, { signal });
    return '';
  },
  async notice([message = ''], { notify }) {
    notify({ severity: 'NOTICE', code: '00000', message });
    return '';
  },
  async fail([code = SQLSTATE.internalError, message = 'failed as asked']) {
    throw new SqlError(code, message, { detail: 'asked for', hint: 'do not ask' });
  },
  async crash() {
    throw new TypeError('a secret of the backend');
  },
};

function typeNamed(name: string): TypeCodec {
  const codec = TYPES.find((type) => type.name === name);
  if (codec === undefined) throw new SqlError(SQLSTATE.undefinedObject, `type "${name}" does not exist`);
  return codec;
}
