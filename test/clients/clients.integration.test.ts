import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { until } from '../until.ts';
import { CASES, type Case, PASSWORD, type Table, USER } from './cases.ts';
import { CLIENTS, type Client, type Traits } from './clients.ts';
import type { Answer, Ask, Cell } from './conversation.ts';
import { guideSections } from './guide.ts';
import { hasRow, lookAround } from './look-around.ts';
import { runClient, runShown } from './run-client.ts';
import { DATABASE, type Server, startLedger, startPostgres } from './servers.ts';
import { typeName } from './type-name.ts';

/**
 * Real clients of PostgreSQL, as Debian and npm have them, read the ledger through its SQL port. All are asked what stands
 * in `cases.ts`; those that are not installed are passed over, and say so.
 */

const ASKS_POSTGRES = process.env.SPANLEDGER_CLIENTS_ASK === 'postgresql';

/** Compiling for the first time takes as long as all the rest. */
const CLIENT_TIMEOUT_MS = 300_000;

/** Those whose tests run, in their order. */
const INSTALLED: Client[] = [];
const conversations = new Map<Client, Promise<ReadonlyMap<string, Answer>>>();

let server: Server;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanledger-clients-'));
  server = await (ASKS_POSTGRES ? startPostgres() : startLedger());
});

afterAll(async () => {
  await server?.stop();
  await rm(folder, { recursive: true });
});

describe.each(CLIENTS)('$name', (client) => {
  if (!client.isInstalled()) {
    process.stderr.write(
      `${client.name} is not installed, so nobody sees whether it works: ${client.installedBy}\n`,
    );
    it.skip(`is not installed: ${client.installedBy}`, () => {});
    return;
  }
  const cases = casesOf(client);
  INSTALLED.push(client);
  let answers: ReadonlyMap<string, Answer> = new Map();

  beforeAll(async () => {
    // The next one runs meanwhile: clients wait a good part of their time, as after a wrong password.
    const next = INSTALLED[INSTALLED.indexOf(client) + 1];
    if (next !== undefined) void conversationWith(next).catch(() => {});
    answers = await conversationWith(client);
  }, CLIENT_TIMEOUT_MS);

  it.each(cases)('$name', (one) => {
    const answer = answers.get(one.name);
    if (answer === undefined) throw new Error('no answer came');
    expectAnswer(answer, one, client.traits);
  });

  it.skipIf(ASKS_POSTGRES)(
    'what the guide shows',
    async () => {
      const { heading, run } = client.guide;
      const shown = guideSections(server.port).find((section) => section.heading === heading);
      if (shown === undefined) throw new Error(`the guide has no program under "${heading}"`);
      expect(await runShown(await run(shown.program, folder))).toMatch(/search/);
    },
    CLIENT_TIMEOUT_MS,
  );
});

// The last client is pgx, which goes without having heard that its statement has ended.
it('leaves nothing to do when clients have cancelled and gone', async () => {
  await until('the server is at rest', 10_000, server.isAtRest);
});

function conversationWith(client: Client): Promise<ReadonlyMap<string, Answer>> {
  const begun =
    conversations.get(client) ??
    runClient(
      client,
      {
        host: '127.0.0.1',
        port: server.port,
        database: DATABASE,
        user: USER,
        password: PASSWORD,
        certificateFile: server.certificateFile,
        asks: casesOf(client).map(({ name, ask }) => ({ id: name, ...ask })),
      },
      folder,
    );
  conversations.set(client, begun);
  return begun;
}

function casesOf(client: Client): readonly Case[] {
  const { cannot = {}, asks } = client.traits;
  return [...CASES, ...lookAround(client)].filter(
    ({ name, ask, ledgerOnly }) =>
      cannot[name] === undefined &&
      (asks === undefined || asks.includes(ask.do)) &&
      !(ledgerOnly && ASKS_POSTGRES),
  );
}

function expectAnswer({ id: _, ...told }: Answer, { name, ask, answer }: Case, traits: Traits): void {
  const expected = traits.instead?.[name] ?? answer;
  // Told whole with every difference: where it comes from often shows in the rest.
  const shown = JSON.stringify(told);
  if ('fails' in expected) {
    const { error, after, tookMs } = { error: undefined, after: undefined, tookMs: 0, ...told };
    // Of a login that failed there is no connection that could go on.
    expect({ error, after }, shown).toEqual({
      error: expected.fails,
      after: ask.do === 'log in' ? undefined : '1',
    });
    if (expected.withinMs !== undefined) expect(tookMs, shown).toBeLessThan(expected.withinMs);
  } else if ('results' in expected) {
    const tables = shownBy(traits, ask, expected.results);
    expect('results' in told ? told.results.length : 'no results', shown).toBe(tables.length);
    const results = 'results' in told ? told.results : [];
    const isTypeTold = traits.tellsTypes !== false && !isSeveral(ask);
    for (const [place, { columns, types, rows }] of tables.entries()) {
      const result = results[place];
      expect({ columns: result?.columns, rows: result?.rows }, shown).toEqual({
        columns,
        rows: rows.map((row) => row.map((cell) => kept(cell, traits))),
      });
      if (types !== undefined && isTypeTold) expect(result?.types?.map(typeName), shown).toEqual(types);
    }
  } else if ('finds' in expected) {
    const [result = null] = 'results' in told ? told.results : [];
    if (expected.finds.length === 0) expect(result?.rows, shown).toEqual([]);
    for (const wanted of expected.finds)
      expect(result !== null && hasRow(result, wanted), `${JSON.stringify(wanted)} in ${shown}`).toBe(true);
  } else if ('last' in expected) {
    expect(told, shown).toEqual({ ...expected, last: expected.last.map((cell) => kept(cell, traits)) });
  } else expect(told, shown).toEqual(expected);
}

/** What a client shows of the results of several statements. */
function shownBy({ shows }: Traits, ask: Ask, results: readonly Table[]): readonly Table[] {
  if (isSeveral(ask) && shows === 'none') return [];
  return isSeveral(ask) && shows === 'last' ? results.slice(-1) : results;
}

function isSeveral(ask: Ask): boolean {
  return ask.do === 'ask several' && ask.sql.includes(';');
}

/** What a client keeps of an instant. */
function kept(cell: Cell, { fractionDigits = 6, losesZone = false }: Traits): Cell {
  if (typeof cell !== 'string') return cell;
  const instant = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{6})(Z?)$/.exec(cell);
  if (instant === null) return cell;
  const [, seconds, fraction = '', zone] = instant;
  return `${seconds}.${fraction.slice(0, fractionDigits).padEnd(6, '0')}${losesZone ? '' : zone}`;
}
