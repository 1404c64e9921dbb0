import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answerOf } from '../answer.ts';
import { Readers } from '../readers.ts';
import type { ReaderSession } from '../session.ts';
import { aLedgerOfCustomers, type Ledger } from '../testing/ledgers.ts';
import { CATALOGUE_FUNCTIONS, CATALOGUE_SCHEMAS, CATALOGUE_TABLE_FUNCTIONS } from './allowed.ts';
import { createCatalogue } from './catalogue.ts';
import { rewriteForDuckDb } from './rewrite.ts';

/** A statement of the page for readers, and what it says that comes of it: the cells of the only row, or the failure. */
interface Example {
  readonly sql: string;
  readonly expected: string | null;
}

const PAGE = readFileSync(new URL('../../../sql-dialect.md', import.meta.url), 'utf8');

const EXAMPLES: readonly Example[] = [...PAGE.matchAll(/^```sql\n(.*?)^```/gms)]
  .flatMap(([, block = '']) => block.trimEnd().split('\n'))
  .map((line) => {
    const [, sql = '', expected = null] = /^(.*;)(?: -- (.*))?$/.exec(line) ?? [];
    return { sql, expected };
  });

describe('the page for those who write SQL', () => {
  let ledger: Ledger;
  let session: ReaderSession;

  beforeAll(async () => {
    ledger = await aLedgerOfCustomers();
    await createCatalogue(await ledger.store.instance.connect(), { database: 'spanledger', roles: [] });
    const readers = await Readers.open(ledger.store.instance, {
      catalogue: {
        schemas: CATALOGUE_SCHEMAS,
        functions: CATALOGUE_FUNCTIONS,
        tableFunctions: CATALOGUE_TABLE_FUNCTIONS,
      },
    });
    session = readers.openSession({ role: 'analyst' }, { client: { user: 'ada', processId: 1 } });
  });
  afterAll(() => ledger.close());

  it('has examples, each a statement on a line of its own', () => {
    expect(EXAMPLES.length).toBeGreaterThan(35);
    expect(EXAMPLES.filter(({ sql }) => sql === '')).toEqual([]);
  });

  it.each(EXAMPLES)('$sql gives $expected', async ({ sql, expected }) => {
    const answer = answerOf(session, rewriteForDuckDb(sql), []);
    if (expected?.startsWith('error: ')) {
      await expect(answer).rejects.toThrow(expected.slice('error: '.length));
      return;
    }
    const { rows } = await answer;
    if (expected === null) return;
    const cells = rows.map((row) =>
      row.map((cell) => (typeof cell === 'string' ? cell : JSON.stringify(cell))),
    );
    expect(cells.map((row) => row.join(' | '))).toEqual([expected]);
  });
});
