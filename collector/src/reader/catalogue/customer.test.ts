import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf } from '../answer.ts';
import { Readers } from '../readers.ts';
import { type Reader, schemaOf } from '../roles.ts';
import { aLedgerOfCustomers, type Ledger } from '../testing/ledgers.ts';
import { CATALOGUE_FUNCTIONS, CATALOGUE_SCHEMAS, CATALOGUE_TABLE_FUNCTIONS } from './allowed.ts';
import { createCatalogue, DEFINITION } from './catalogue.ts';
import { rewriteForDuckDb } from './rewrite.ts';

const ACME: Reader = { role: 'customer', customer: 'acme' };

let ledger: Ledger;
let readers: Readers;

beforeAll(async () => {
  ledger = await aLedgerOfCustomers();
  const { instance } = ledger.store;
  await createCatalogue(await instance.connect(), {
    database: 'spanledger',
    roles: ['analyst', 'acme-portal', 'globex-portal'],
  });
  readers = await Readers.open(instance, {
    catalogue: {
      schemas: CATALOGUE_SCHEMAS,
      functions: CATALOGUE_FUNCTIONS,
      tableFunctions: CATALOGUE_TABLE_FUNCTIONS,
    },
  });
});

afterAll(() => ledger.close());

/** What a client gets, through the guard. */
function connect(reader: Reader, user: string): (sql: string) => Promise<unknown[][]> {
  const session = readers.openSession(reader, { client: { user, processId: 7 } });
  const publicSchema = schemaOf(reader.role);
  return async (sql) => (await answerOf(session, rewriteForDuckDb(sql, { publicSchema }), [])).rows;
}

const NAMES = `SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1`;

describe('a customer who looks around', () => {
  it('is told of the views with the own rows alone, as those of public', async () => {
    const customer = connect(ACME, 'acme-portal');
    const analyst = connect({ role: 'analyst' }, 'analyst');
    const names = (await customer(NAMES)).flat();
    expect(names).toEqual([
      'actions',
      'billing_periods',
      'credit_balances',
      'credit_holds',
      'credit_ledger',
      'credit_lots',
      'statements',
      'usage',
      'usage_hourly',
    ]);
    expect((await analyst(NAMES)).flat()).toEqual(
      expect.arrayContaining([
        ...names,
        'budget_hourly',
        'dimension_values',
        'budgets',
        'customers',
        'margin_hourly',
        'pipeline_health',
        'prices',
        'unpriced',
      ]),
    );
    const classes = `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace ORDER BY 1`;
    expect((await customer(classes)).flat()).toEqual(names);
    expect(await customer(`SELECT 'unpriced'::regclass, to_regclass('usage') IS NOT NULL`)).toEqual([
      [null, true],
    ]);
  });

  it('is told of no column with cost, nor of one that the view lacks', async () => {
    const customer = connect(ACME, 'acme-portal');
    const [count, ...columns] = await Promise.all([
      customer('SELECT * FROM usage LIMIT 1').then((rows) => rows[0]?.length),
      customer(
        `SELECT column_name FROM information_schema.columns WHERE table_schema = 'public' AND table_name = 'usage'`,
      ),
      customer(`SELECT attname FROM pg_attribute WHERE attrelid = 'usage'::regclass`),
    ]);
    for (const told of columns) {
      expect(told.length).toBe(count);
      expect(told.flat()).toContain('credits');
      expect(told.flat().filter((name) => /cost|price|card|fee|usd/.test(String(name)))).toEqual([]);
    }
    expect(
      await customer(
        `SELECT count(*) FROM information_schema.columns WHERE table_schema = 'public' AND column_name LIKE '%usd%'`,
      ),
    ).toEqual([['0']]);
  });

  it.each([
    'SELECT DISTINCT customer FROM public.usage',
    'SELECT DISTINCT customer FROM "public"."usage" AS u',
    'SELECT DISTINCT public.usage.customer FROM public.usage',
    'SELECT DISTINCT customer FROM PUBLIC.usage',
    'SELECT DISTINCT customer FROM spanledger.public.usage',
    'WITH usage AS (SELECT * FROM public.usage) SELECT DISTINCT customer FROM usage',
    'SELECT DISTINCT public.customer FROM usage AS public',
  ])('reads the own rows by %s', async (sql) => {
    const customer = connect(ACME, 'acme-portal');
    expect(await customer(sql)).toEqual([['acme']]);
  });

  it('does not get past that', async () => {
    const customer = connect(ACME, 'acme-portal');
    for (const sql of [
      'SELECT * FROM public.customers',
      'SELECT * FROM usage AS public, public.usage',
      'SELECT * FROM pgcompat.known.relation',
      'SELECT * FROM pgcompat.known.told_role',
    ]) {
      await expect(customer(sql), sql).rejects.toThrow('does not exist for readers');
    }
  });

  it('hears of no role but the own', async () => {
    const customer = connect(ACME, 'acme-portal');
    for (const sql of [
      'SELECT rolname FROM pg_roles ORDER BY 1',
      'SELECT rolname FROM pg_authid ORDER BY 1',
      'SELECT usename FROM pg_user ORDER BY 1',
    ]) {
      expect((await customer(sql)).flat(), sql).toEqual(['acme-portal', 'spanledger']);
    }
    expect(await customer('SELECT role_name FROM information_schema.enabled_roles')).toEqual([
      ['acme-portal'],
    ]);
    expect(await customer('SELECT DISTINCT grantee FROM information_schema.table_privileges')).toEqual([
      ['acme-portal'],
    ]);
    const analyst = connect({ role: 'analyst' }, 'analyst');
    expect((await analyst('SELECT rolname FROM pg_roles ORDER BY 1')).flat()).toEqual([
      'acme-portal',
      'analyst',
      'globex-portal',
      'spanledger',
    ]);
    const [[oid] = []] = await analyst(`SELECT oid FROM pg_roles WHERE rolname = 'globex-portal'`);
    expect(await customer(`SELECT pg_get_userbyid(${oid}), ${oid}::regrole`)).toEqual([
      [`unknown (OID=${oid})`, String(oid)],
    ]);
  });

  it('has a role even where it came after the start', async () => {
    const customer = connect(ACME, 'new-portal');
    expect(await customer('SELECT rolname FROM pg_roles WHERE rolname = current_user')).toEqual([
      ['new-portal'],
    ]);
  });
});

describe('what is behind a view', () => {
  it('is shown to nobody', async () => {
    for (const reader of [ACME, { role: 'analyst' }, { role: 'admin' }] as const) {
      const ask = connect(reader, 'somebody');
      expect(await ask(`SELECT pg_get_viewdef('usage'::regclass), pg_get_viewdef('usage', true)`)).toEqual([
        [DEFINITION, DEFINITION],
      ]);
      expect(await ask(`SELECT DISTINCT definition FROM pg_views WHERE schemaname = 'public'`)).toEqual([
        [DEFINITION],
      ]);
      expect(await ask('SELECT DISTINCT view_definition FROM information_schema.views')).toEqual([[null]]);
    }
  });
});
