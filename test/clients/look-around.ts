import { expect } from 'vitest';
import {
  type ClientQuery,
  clientQueries,
  type Found,
} from '../../collector/src/reader/catalogue/testing/client-queries.ts';
import type { Case } from './cases.ts';
import type { Client } from './clients.ts';
import type { Cell, Result } from './conversation.ts';

/** What clients find out about schemas, tables and columns, by their own ways and by the statements of tools. */

const VIEWS_OF_ALL = ['actions', 'credit_ledger', 'statements', 'usage', 'usage_hourly'];
const asViews = expect.arrayContaining(VIEWS_OF_ALL.map((view) => [view, 'VIEW']));
const ofUsage = (numeric: string, instant: string) =>
  expect.arrayContaining([
    ['cost_usd', numeric],
    ['event_time', instant],
  ]);
const listed = expect.stringContaining('public|usage|view|spanledger');
const described = expect.stringMatching(
  /event_time\|timestamp with time zone[\s\S]*cost_usd\|numeric\(38,15\)/,
);
const something = expect.any(String);

const FOUND: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  // Every command answers; what fails would be no text.
  psql: {
    ...Object.fromEntries(
      '\\dt \\df \\di \\dT \\dp \\z \\db \\dm \\ds \\dS \\det \\dC \\drds \\dRp'
        .split(' ')
        .map((command) => [command, something]),
    ),
    ...{ '\\d': listed, '\\d+': listed, '\\dv': listed, '\\dv+': listed },
    ...{
      '\\d usage': described,
      '\\d+ usage': described,
      '\\d usage_hourly': expect.stringContaining('cost_usd|numeric'),
    },
    ...{ '\\l': expect.stringContaining('spanledger|'), '\\l+': expect.stringContaining('spanledger|') },
    ...{ '\\dn': expect.stringContaining('public|'), '\\dn+': expect.stringContaining('public|') },
    ...{ '\\du': expect.stringContaining('grafana|'), '\\dx': expect.stringContaining('timescaledb|') },
  },
  PgJDBC: {
    product: 'PostgreSQL',
    schemas: expect.arrayContaining(['public', 'pg_catalog', 'information_schema']),
    tables: asViews,
    columns: ofUsage('numeric', 'timestamptz'),
    scales: [['cost_usd', '38', '15']],
    ...{ keys: [], indexes: [], foreignKeys: [], procedures: [], functions: [] },
    ...{ hasTypes: true, catalogs: ['spanledger'], tableTypes: true, privileges: true },
  },
  psqlODBC: {
    product: 'PostgreSQL',
    tables: expect.arrayContaining(VIEWS_OF_ALL.map((view) => ['public', view, 'VIEW'])),
    columns: ofUsage('numeric', 'timestamptz'),
    ...{ keys: [], indexes: [], types: true, procedures: 0 },
  },
  SQLAlchemy: {
    schemas: expect.arrayContaining(['public']),
    tables: expect.arrayContaining(VIEWS_OF_ALL),
    columns: ofUsage('NUMERIC(38, 15)', 'TIMESTAMP'),
    ...{ keys: [], indexes: [], reflected: ['customer', 'hour', 'feature'] },
  },
};

/** Tools whose statements stand beside the catalogue, by the client that they use. */
const TOOLS: Readonly<Record<string, readonly string[]>> = {
  'lib/pq': ['grafana'],
  pgx: ['grafana'],
  PgJDBC: ['dbeaver', 'metabase'],
  'node-postgres': ['npgsql'],
};

/** Numbers of views, and users that are not those of the ledger here. */
const TELLS_OF_OTHERS = /\{usage\}|\{customers\}|"session_user":|"rolname":"analyst"/;

/** Beside what all are asked, what this client is. */
export function lookAround({ name }: Client): readonly Case[] {
  const found = FOUND[name];
  return [
    ...(found === undefined
      ? []
      : [{ name: 'look around', ask: { do: 'look around' }, answer: { found }, ledgerOnly: true } as const]),
    ...clientQueries()
      .filter(({ client }) => TOOLS[name]?.includes(client))
      .filter((query) => !TELLS_OF_OTHERS.test(JSON.stringify(query)))
      .map(asCase),
  ];
}

function asCase({ client, name, sql, params, finds }: ClientQuery): Case {
  return {
    name: `what ${client} asks: ${name}`,
    ask: {
      do: 'ask',
      sql,
      values: params.map((value) =>
        typeof value === 'string' ? { type: 'text', value } : { type: 'int4', value: Number(value) },
      ),
    },
    answer: { finds },
    ledgerOnly: true,
  };
}

/** Whether some row has what is looked for, by the names of columns or from the first on. */
export function hasRow({ columns, rows }: Result, wanted: Found): boolean {
  return rows.some((row) =>
    Object.entries(wanted).every(([key, value]) =>
      isLike(row[Array.isArray(wanted) ? Number(key) : columns.indexOf(key)], value),
    ),
  );
}

/** Numbers come as text here; a text that ends in `…` is how a cell begins. */
function isLike(cell: Cell | undefined, wanted: unknown): boolean {
  if (typeof wanted === 'string' && wanted.endsWith('…')) return String(cell).startsWith(wanted.slice(0, -1));
  return String(cell) === String(wanted);
}
