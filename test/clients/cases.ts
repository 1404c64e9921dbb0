import type { Found } from '../../collector/src/reader/catalogue/testing/client-queries.ts';
import type { Ask, Cell, Value } from './conversation.ts';

/**
 * What every client is asked, and what it must get: the same for all of them, whatever the library and whether values
 * come as text or in binary. The statements are such that PostgreSQL gives the same answers, unless it says `ledgerOnly`:
 * `SPANLEDGER_CLIENTS_ASK=postgresql` asks it instead of the ledger.
 */
export interface Case {
  readonly name: string;
  readonly ask: Ask;
  readonly answer: Expected;
  /** PostgreSQL has no such function, or another type of result. */
  readonly ledgerOnly?: true;
}

export type Expected =
  | { readonly results: readonly Table[] }
  | { readonly outcomes: readonly Cell[] }
  | { readonly ok: true }
  /** An SQLSTATE. Whatever has failed, the connection goes on. */
  | { readonly fails: string; readonly withinMs?: number }
  | { readonly readRows: number; readonly sum: string; readonly last: readonly Cell[] }
  | { readonly pieces: readonly (readonly Cell[])[] }
  /** Of `look around`. */
  | { readonly found: Readonly<Record<string, unknown>> }
  /** For each of these there is a row; for none of them, no row at all. */
  | { readonly finds: readonly Found[] };

export interface Table {
  readonly columns: readonly string[];
  /** As PostgreSQL calls its types. */
  readonly types?: readonly string[];
  readonly rows: readonly (readonly Cell[])[];
}

export const USER = 'grafana';
export const PASSWORD = 'korrekt pferd & "batterie"';
/** Calls in the ledger: number n of 0 … 11 ends ten minutes after the one before, with 100 (n + 1) tokens in, 20 out. */
export const CALLS = 12;
export const FIRST_CALL_AT = '2026-01-01T00:00:00.250Z';
export const CUSTOMERS = ['cus_acme', 'cus_"Łódź" 🎉', "cus_o'neill"] as const;

/** Does nothing but take long, in both engines; without an end it would take hours. */
const ENDLESS =
  'SELECT count(*) AS n FROM generate_series(1, 1000000) AS a(i), generate_series(1, 10000000) AS b(j) WHERE a.i + b.j = 7';
const CANCEL_AFTER_MS = 300;
/** What Ctrl-C may take on a machine that is busy with other tests. */
export const CANCELLED_WITHIN_MS = 4_000;

const MANY = 200_000;
const MANY_ROWS =
  "SELECT i::bigint AS n, (i * 0.001)::numeric(18, 3) AS amount, 'row ' || i::text AS name, " +
  `TIMESTAMPTZ '2026-01-01 00:00:00+00' + i * INTERVAL '1 second' AS at FROM generate_series(1, ${MANY}) AS g(i) ORDER BY 1`;

const text = (value: string | null): Value => ({ type: 'text', value });
const ONE = 'SELECT 1';
const one: Table = { columns: ['a'], types: ['int4'], rows: [['1']] };

const logins: readonly Case[] = [
  {
    name: 'log in with a password, in the clear',
    ask: { do: 'log in', user: USER, password: PASSWORD, tls: false },
    answer: { results: [{ columns: ['user'], rows: [[USER]] }] },
  },
  {
    name: 'log in with a password, encrypted, the certificate checked',
    ask: { do: 'log in', user: USER, password: PASSWORD, tls: true },
    answer: { results: [{ columns: ['user'], rows: [[USER]] }] },
  },
  {
    name: 'log in with a wrong password',
    ask: { do: 'log in', user: USER, password: 'wrong', tls: false },
    answer: { fails: '28P01' },
  },
  {
    name: 'log in as a user there is none of',
    ask: { do: 'log in', user: 'nobody', password: PASSWORD, tls: false },
    answer: { fails: '28P01' },
  },
  { name: 'ping', ask: { do: 'ping' }, answer: { ok: true } },
];

const VALUES_SQL =
  'SELECT 7::smallint AS small, 2147483647 AS i, (-9223372036854775807)::bigint AS big, 1.5::float8 AS f, true AS yes, false AS no, ' +
  "'-12345678901234567890123.456789012345678'::numeric(38, 15) AS cost, 0.000000000000001::numeric(38, 15) AS least, " +
  "NULL::text AS nothing, NULL::bigint AS none, DATE '2026-07-01' AS day, DATE '1969-12-31' AS before, " +
  "TIMESTAMPTZ '2026-07-01 12:34:56.789012+00' AS at, TIMESTAMPTZ '1969-12-31 23:59:59.5+00' AS early, " +
  "TIMESTAMP '2026-07-01 12:34:56.789012' AS wall";
const VALUES: Table = {
  columns: 'small i big f yes no cost least nothing none day before at early wall'.split(' '),
  types: [
    ...[
      'int2',
      'int4',
      'int8',
      'float8',
      'bool',
      'bool',
      'numeric',
      'numeric',
      'text',
      'int8',
      'date',
      'date',
    ],
    ...['timestamptz', 'timestamptz', 'timestamp'],
  ],
  rows: [
    [
      ...['7', '2147483647', '-9223372036854775807', 1.5, true, false],
      ...['-12345678901234567890123.456789012345678', '0.000000000000001', null, null],
      ...['2026-07-01', '1969-12-31', '2026-07-01T12:34:56.789012Z', '1969-12-31T23:59:59.500000Z'],
      '2026-07-01T12:34:56.789012',
    ],
  ],
};

/** Quotes of all kinds, a backslash, lines, a placeholder of every kind, and letters of one to four bytes. */
const AWKWARD = 'it\'s "quoted" \\ back, 100 % ?, $1, :name; Łódź 🎉\n\ttwo lines';

const values: readonly Case[] = [
  {
    name: 'values of every type',
    ask: { do: 'ask', sql: VALUES_SQL },
    answer: { results: [VALUES] },
  },
  {
    name: 'values of every type, prepared and in binary',
    ask: { do: 'ask', sql: VALUES_SQL, values: [], times: 7 },
    answer: { results: [VALUES] },
  },
  {
    name: 'sums of big integers, beyond 64 bits',
    ask: {
      do: 'ask',
      sql: 'SELECT sum(n) AS total FROM (VALUES (9223372036854775807), (9223372036854775807)) AS v(n)',
      times: 2,
    },
    answer: { results: [{ columns: ['total'], types: ['numeric'], rows: [['18446744073709551614']] }] },
  },
  {
    name: 'costs to the last place',
    ask: {
      do: 'ask',
      sql: 'SELECT cost_usd, sum(cost_usd) OVER () AS total, event_time FROM usage ORDER BY event_time LIMIT 2',
      times: 2,
    },
    answer: {
      results: [
        {
          columns: ['cost_usd', 'total', 'event_time'],
          types: ['numeric', 'numeric', 'timestamptz'],
          rows: [
            ['0.000450000000000', '0.021900000000000', '2026-01-01T00:00:00.250000Z'],
            ['0.000700000000000', '0.021900000000000', '2026-01-01T00:10:00.250000Z'],
          ],
        },
      ],
    },
  },
  {
    name: 'no rows, and what their columns would be',
    ask: { do: 'ask', sql: 'SELECT customer, cost_usd FROM usage WHERE 1 = 2' },
    answer: { results: [{ columns: ['customer', 'cost_usd'], types: ['text', 'numeric'], rows: [] }] },
  },
  {
    name: 'an array',
    ask: { do: 'ask', sql: "SELECT ARRAY['a', 'b c', 'ü'] AS list", times: 2 },
    answer: { results: [{ columns: ['list'], types: ['text[]'], rows: [[['a', 'b c', 'ü']]] }] },
  },
];

const PARAMETERS: readonly Value[] = [
  { type: 'int4', value: -7 },
  { type: 'int8', value: '9007199254740993' },
  { type: 'numeric', value: '12345678901234567890.123456789012345' },
  { type: 'bool', value: true },
  { type: 'float8', value: 0.1 },
  text(AWKWARD),
  text(null),
  { type: 'timestamptz', value: '2026-07-01T12:34:56.789Z' },
  { type: 'date', value: '2026-07-01' },
];
const PARAMETERS_SQL =
  'SELECT $1::int AS i, $2::bigint AS big, $3::numeric(38, 15) AS n, $4::boolean AS yes, $5::float8 AS f, $6::text AS t, ' +
  '$7::text AS nothing, $8::timestamptz AS at, $9::date AS day';
const PARAMETERS_BACK: Table = {
  columns: 'i big n yes f t nothing at day'.split(' '),
  types: ['int4', 'int8', 'numeric', 'bool', 'float8', 'text', 'text', 'timestamptz', 'date'],
  rows: [
    [
      ...['-7', '9007199254740993', '12345678901234567890.123456789012345', true, 0.1, AWKWARD, null],
      ...['2026-07-01T12:34:56.789000Z', '2026-07-01'],
    ],
  ],
};

const parameters: readonly Case[] = [
  {
    name: 'parameters of every type',
    ask: { do: 'ask', sql: PARAMETERS_SQL, values: PARAMETERS },
    answer: { results: [PARAMETERS_BACK] },
  },
  {
    name: 'parameters of every type, prepared and in binary',
    ask: { do: 'ask', sql: PARAMETERS_SQL, values: PARAMETERS, times: 7 },
    answer: { results: [PARAMETERS_BACK] },
  },
  {
    name: 'parameters that get their types from what they are compared with',
    ask: {
      do: 'ask',
      sql:
        'SELECT count(*) AS calls, sum(cost_usd) AS cost FROM usage ' +
        'WHERE customer = $1 AND event_time >= $2 AND cost_usd > $3 AND input_tokens >= $4',
      values: [
        text(CUSTOMERS[1]),
        { type: 'timestamptz', value: '2026-01-01T00:20:00Z' },
        { type: 'numeric', value: '0.0012' },
        { type: 'int8', value: '300' },
      ],
      times: 7,
    },
    // Calls 4, 7 and 10 of this customer, with 500, 800 and 1,100 tokens.
    answer: {
      results: [
        { columns: ['calls', 'cost'], types: ['int8', 'numeric'], rows: [['3', '0.006600000000000']] },
      ],
    },
  },
  {
    name: 'a parameter of LIMIT, and some of IN',
    ask: {
      do: 'ask',
      sql: 'SELECT input_tokens AS n FROM usage WHERE customer IN ($1, $2) ORDER BY event_time LIMIT $3',
      values: [text(CUSTOMERS[0]), text(CUSTOMERS[2]), { type: 'int8', value: '3' }],
    },
    answer: { results: [{ columns: ['n'], rows: [['100'], ['300'], ['400']] }] },
  },
  {
    name: 'an array as a parameter',
    ask: {
      do: 'ask',
      sql: 'SELECT count(*) AS calls FROM usage WHERE customer = ANY($1::text[])',
      values: [{ type: 'text[]', value: [CUSTOMERS[1], CUSTOMERS[2]] }],
      times: 2,
    },
    answer: { results: [{ columns: ['calls'], rows: [['8']] }] },
  },
  {
    name: 'an array of numbers as a parameter, without a cast',
    ask: {
      do: 'ask',
      sql: 'SELECT count(*) AS calls FROM usage WHERE input_tokens = ANY($1)',
      values: [{ type: 'int8[]', value: ['100', '1200', '77'] }],
    },
    answer: { results: [{ columns: ['calls'], rows: [['2']] }] },
  },
];

const RANGE = "event_time BETWEEN '2026-01-01T00:00:00Z' AND '2026-01-01T23:59:59.999999999Z'";

/** What Grafana sends for the macros of a panel. */
const macros: readonly Case[] = [
  {
    name: '$__timeGroupAlias and $__timeFilter',
    ledgerOnly: true,
    ask: {
      do: 'ask several',
      sql:
        'SELECT floor(extract(epoch from event_time)/3600)*3600 AS "time", feature AS metric, sum(cost_usd) AS cost ' +
        `FROM usage WHERE ${RANGE} GROUP BY 1, 2 ORDER BY 1, 2`,
    },
    answer: {
      results: [
        {
          columns: ['time', 'metric', 'cost'],
          types: ['float8', 'text', 'numeric'],
          rows: [
            [1767225600, 'search', '0.003600000000000'],
            [1767225600, 'support-chat', '0.002850000000000'],
            [1767229200, 'search', '0.008100000000000'],
            [1767229200, 'support-chat', '0.007350000000000'],
          ],
        },
      ],
    },
  },
  {
    name: '$__timeGroupAlias with `timescaledb: true`',
    ledgerOnly: true,
    ask: {
      do: 'ask several',
      sql: `SELECT time_bucket('3600.000s',event_time) AS "time", sum(input_tokens) AS tokens FROM usage WHERE ${RANGE} GROUP BY 1 ORDER BY 1`,
    },
    answer: {
      results: [
        {
          columns: ['time', 'tokens'],
          types: ['timestamptz', 'numeric'],
          rows: [
            ['2026-01-01T00:00:00.000000Z', '2100'],
            ['2026-01-01T01:00:00.000000Z', '5700'],
          ],
        },
      ],
    },
  },
  {
    name: '$__timeFrom, $__timeTo and $__time',
    ask: {
      do: 'ask several',
      sql: `SELECT event_time AS "time", input_tokens FROM usage WHERE event_time > '2026-01-01T00:00:00.25Z' AND event_time < '2026-01-01T00:20:00.25Z'`,
    },
    answer: {
      results: [{ columns: ['time', 'input_tokens'], rows: [['2026-01-01T00:10:00.250000Z', '200']] }],
    },
  },
  {
    name: '$__unixEpochFilter and $__unixEpochGroup',
    ledgerOnly: true,
    ask: {
      do: 'ask several',
      sql:
        'SELECT floor((extract(epoch from event_time))/3600)*3600 AS "time", count(*) AS calls FROM usage ' +
        'WHERE extract(epoch from event_time) >= 1767225600 AND extract(epoch from event_time) <= 1767229199 GROUP BY 1',
    },
    answer: {
      results: [{ columns: ['time', 'calls'], types: ['float8', 'int8'], rows: [[1767225600, '6']] }],
    },
  },
  {
    name: 'a variable with `sqlstring`, and the rollup',
    ask: {
      do: 'ask several',
      sql:
        `SELECT hour AS "time", sum(calls) AS calls FROM usage_hourly WHERE customer IN ('cus_acme','cus_o''neill') ` +
        'GROUP BY 1 ORDER BY 1',
    },
    answer: {
      results: [
        {
          columns: ['time', 'calls'],
          types: ['timestamptz', 'numeric'],
          rows: [
            ['2026-01-01T00:00:00.000000Z', '4'],
            ['2026-01-01T01:00:00.000000Z', '4'],
          ],
        },
      ],
    },
  },
];

const several: readonly Case[] = [
  {
    name: 'two statements in one query',
    ask: { do: 'ask several', sql: 'SELECT 1 AS a; SELECT 2 AS b' },
    answer: { results: [one, { columns: ['b'], rows: [['2']] }] },
  },
  {
    name: 'SET TIMEZONE before a statement',
    ask: {
      do: 'ask several',
      sql: "SET TIMEZONE = 'UTC'; SELECT TIMESTAMPTZ '2026-01-01 00:00:00+02' AS at",
    },
    answer: { results: [{ columns: ['at'], rows: [['2025-12-31T22:00:00.000000Z']] }] },
  },
  {
    name: 'a mistake after a statement',
    ask: { do: 'ask several', sql: 'SELECT 1 AS a; SELECT nosuch FROM usage; SELECT 2 AS b' },
    answer: { fails: '42703' },
  },
];

function failing(name: string, sql: string, sqlState: string): Case {
  return { name: `an error: ${name}`, ask: { do: 'ask', sql }, answer: { fails: sqlState } };
}

const errors: readonly Case[] = [
  failing('no such table', 'SELECT * FROM nosuch', '42P01'),
  failing('no such column', 'SELECT nosuch FROM usage', '42703'),
  failing('a function that is not for readers', "SELECT pg_read_file('/etc/passwd')", '42501'),
  failing('no SQL', 'SELEC 1', '42601'),
  failing('a text that is no number', "SELECT 'seven'::int", '22P02'),
  failing('a number that is too large', 'SELECT (cost_usd * 1e30)::int FROM usage', '22003'),
  failing('INSERT', "INSERT INTO usage (customer) VALUES ('me')", '25006'),
  failing('DELETE', 'DELETE FROM usage', '25006'),
  failing('CREATE TABLE', 'CREATE TABLE mine (i int)', '25006'),
];

const cancels: readonly Case[] = [
  {
    name: 'cancel a statement that runs',
    ask: { do: 'cancel', sql: ENDLESS, afterMs: CANCEL_AFTER_MS },
    answer: { fails: '57014', withinMs: CANCELLED_WITHIN_MS },
  },
  {
    name: 'a statement_timeout',
    ask: {
      do: 'ask in turn',
      statements: [`SET statement_timeout = ${CANCEL_AFTER_MS}`, ENDLESS, 'RESET statement_timeout', ONE],
    },
    answer: { outcomes: ['done', '57014', 'done', '1'] },
  },
];

const cursors: readonly Case[] = [
  {
    name: 'two cursors read by turns',
    ask: {
      do: 'read with cursors',
      sql: 'SELECT i::bigint AS n FROM generate_series(1, 3000) AS g(i) ORDER BY 1',
      pieceRows: 2,
    },
    answer: {
      pieces: [['1', '2'], ['1', '2'], ['3', '4'], Array.from({ length: 2_996 }, (_, i) => String(i + 5))],
    },
  },
  {
    name: 'DECLARE, FETCH, MOVE and CLOSE',
    ask: {
      do: 'ask in turn',
      statements: [
        ...['BEGIN', 'DECLARE c NO SCROLL CURSOR FOR SELECT i FROM generate_series(1, 9) AS g(i) ORDER BY 1'],
        ...['FETCH 1 FROM c', 'FETCH NEXT IN c', 'MOVE 3 IN c', 'FETCH c', 'CLOSE c', 'COMMIT', ONE],
      ],
    },
    answer: { outcomes: ['done', 'done', '1', '2', 'done', '6', 'done', 'done', '1'] },
  },
  {
    name: `${MANY} rows as they come`,
    ask: { do: 'read all', sql: MANY_ROWS },
    answer: {
      readRows: MANY,
      sum: String((MANY * (MANY + 1)) / 2),
      last: [String(MANY), '200.000', `row ${MANY}`, '2026-01-03T07:33:20.000000Z'],
    },
  },
];

const transactions: readonly Case[] = [
  {
    name: 'read-only transactions, one with a savepoint, one that failed',
    ask: { do: 'transact', failing: 'SELECT * FROM nosuch' },
    answer: { outcomes: ['1', '42P01', '2', '42P01', '25P02', '4'] },
  },
  {
    name: 'a transaction in SQL, with writes refused',
    ask: {
      do: 'ask in turn',
      statements: [
        'BEGIN READ ONLY',
        'SHOW transaction_read_only',
        'DELETE FROM usage',
        ONE,
        'ROLLBACK',
        ONE,
      ],
    },
    answer: { outcomes: ['done', 'on', '25006', '25P02', 'done', '1'] },
  },
  {
    name: 'a pool of eight connections',
    ask: {
      do: 'share a pool',
      connections: 8,
      sql: 'SELECT $1::int + 0 * count(*) AS n FROM usage',
      asked: 32,
    },
    answer: { outcomes: Array.from({ length: 32 }, (_, n) => String(n)) },
  },
];

export const CASES: readonly Case[] = [
  ...logins,
  ...values,
  ...parameters,
  ...macros,
  ...several,
  ...errors,
  ...cancels,
  ...cursors,
  ...transactions,
];
