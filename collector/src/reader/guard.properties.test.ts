import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf } from './answer.ts';
import { ReaderError } from './errors.ts';
import { FUNCTIONS, TABLE_FUNCTIONS } from './functions.ts';
import { guard } from './guard.ts';
import type { Reach } from './reach.ts';
import { Readers } from './readers.ts';
import { aLedgerOfCustomers, type Ledger } from './testing/ledgers.ts';

let ledger: Ledger;
let readers: Readers;
beforeAll(async () => {
  ledger = await aLedgerOfCustomers();
  readers = await Readers.open(ledger.store.instance);
});
afterAll(() => ledger.close());

/** Keys of rows that only relations out of reach have. */
const TRACES_OF_OTHERS = /'(code|description|rootpage|applied|database_oid)':|'version': /;

const NAMES = ['word', 'duckdb_settings', 'sqlite_master', 'usage', 'one', 'two'] as const;
const name = fc.constantFrom(...NAMES);

/** Statements of all shapes in which names may be taken for something else than they are. */
const { query } = fc.letrec<{ query: string; relation: string; expressions: string }>((tie) => ({
  relation: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    name,
    fc.constantFrom(
      'ledger.word',
      'main.duckdb_settings',
      'main.schema_migration',
      'spanledger.ledger.word',
      '"WORD"',
    ),
    tie('query').map((inner) => `(${inner})`),
    tie('query').map((inner) => `(SUMMARIZE ${inner})`),
  ),
  expressions: fc.oneof(
    { depthSize: 'small' },
    fc.constant(''),
    fc
      .tuple(
        fc.constantFrom('', 'RECURSIVE '),
        fc.array(fc.tuple(name, fc.constantFrom('', 'MATERIALIZED ', 'NOT MATERIALIZED '), tie('query')), {
          minLength: 1,
          maxLength: 2,
        }),
      )
      .map(
        ([recursive, list]) =>
          `WITH ${recursive}${list.map(([as, how, inner]) => `${as} AS ${how}(${inner})`).join(', ')} `,
      ),
  ),
  query: fc.oneof(
    { depthSize: 'small' },
    fc.constant("SELECT 'harmless' AS y"),
    fc
      .tuple(
        tie('expressions'),
        tie('relation'),
        fc.constantFrom('', ', LATERAL', ' POSITIONAL JOIN', ' CROSS JOIN'),
        tie('relation'),
      )
      .map(([expressions, first, join, second]) =>
        join === ''
          ? `${expressions}SELECT x::VARCHAR AS y FROM ${first} x LIMIT 3`
          : `${expressions}SELECT x::VARCHAR || z::VARCHAR AS y FROM ${first} x${join} ${second.startsWith('(') || join !== ', LATERAL' ? second : `(FROM ${second})`} z LIMIT 3`,
      ),
    fc.tuple(tie('query'), tie('query')).map(([a, b]) => `(${a}) UNION ALL (${b})`),
    fc
      .tuple(tie('expressions'), tie('query'))
      .map(([expressions, inner]) => `${expressions}SELECT (${inner} ) AS y`),
  ),
}));

describe('whatever a statement calls things', () => {
  it('what it answers never comes from a relation out of reach', async () => {
    const session = readers.openSession({ role: 'analyst' });
    const seen = { answered: 0, refused: 0 };
    await fc.assert(
      fc.asyncProperty(query, async (sql) => {
        try {
          const { rows } = await answerOf(session, sql, []);
          seen.answered++;
          expect(JSON.stringify(rows)).not.toMatch(TRACES_OF_OTHERS);
        } catch (error) {
          if (!(error instanceof ReaderError)) throw error;
          if (error.sqlState === '42P01' || error.sqlState === '42501') seen.refused++;
        }
      }),
      { numRuns: 400 },
    );
    await session.close();
    expect(seen.answered).toBeGreaterThan(40);
    expect(seen.refused).toBeGreaterThan(40);
  }, 60_000);
});

const REACH: Reach = {
  schemas: [{ catalog: 'spanledger', schema: 'public', relations: new Set(['usage']), isOnPath: true }],
  functions: FUNCTIONS,
  tableFunctions: TABLE_FUNCTIONS,
  mayExplain: true,
  mayListTables: true,
};

describe('whatever tree the engine may come to make of a statement', () => {
  const forbidden = fc.constantFrom(
    { type: 'BASE_TABLE', table_name: 'word', schema_name: 'ledger' },
    { type: 'TABLE_FUNCTION', function: { class: 'FUNCTION', type: 'FUNCTION', function_name: 'read_blob' } },
    { class: 'FUNCTION', type: 'FUNCTION', function_name: 'getenv' },
    { class: 'WINDOW', type: 'WINDOW_AGGREGATE', function_name: 'write_log' },
    { class: 'NEW_CLASS', type: 'X' },
    { type: 'NEW_TABLE_REF' },
    { table_name: 'word' },
    { child: { function_name: 'getenv' } },
  );
  /** Anything around it, in places that have no meaning yet. */
  const around = (inner: fc.Arbitrary<unknown>) =>
    fc
      .array(fc.constantFrom('child', 'node', 'left', 'cte_map', 'modifiers', 'new_place', '__proto__'), {
        maxLength: 8,
      })
      .chain((path) =>
        inner.map((node) =>
          path.reduce<unknown>((tree, key, index) => {
            if (index % 2 === 1) return [tree];
            if (key === 'cte_map')
              return { type: 'SELECT_NODE', cte_map: { map: [{ key: 'c', value: tree }] } };
            return Object.fromEntries([[key, tree]]);
          }, node),
        ),
      );

  it('what is out of reach or unknown is found in it, wherever it stands', () => {
    fc.assert(
      fc.property(around(forbidden), (tree) => {
        expect(() => guard({ node: tree }, REACH)).toThrow(ReaderError);
      }),
    );
  });

  it('and what is in reach is let through', () => {
    fc.assert(
      fc.property(around(fc.constant({ type: 'BASE_TABLE', table_name: 'usage' })), (tree) => {
        guard({ node: tree }, REACH);
      }),
    );
  });
});
