import { chmod, mkdir, readdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../ledger/store.ts';
import type { DuckDbStore } from '../store/store.ts';
import { aCorrectionOf, anUnpricedPosting, aPosting, aPostingOf, spanId } from '../store/testing/postings.ts';
import { commitAt, NOON, read } from '../store/testing/stores.ts';
import { DATABASE_FILE, MANIFEST_FILE } from './manifest.ts';
import { millisOf, nameAt } from './shelf.ts';
import { aLedgerWithSnapshots, readElsewhere } from './testing/snapshots.ts';

const DAY_MICROS = 86_400_000_000;
const NOON_MICROS = NOON * 1000;

let offset = 0;
async function post(store: DuckDbStore, ...postings: readonly Posting[]): Promise<void> {
  for (const posting of postings) store.post(posting);
  await commitAt(store, ++offset, { posted: postings.length });
}

/** A call on a day of its own number, counted from the first. */
function aCall(number: number, day = 0): Posting {
  return aPosting({ spanId: spanId(number), eventTimeMicros: NOON_MICROS + day * DAY_MICROS + number });
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

describe('a snapshot', () => {
  it('has every view of the contract with the rows of the ledger, under any name, and where a plain client looks', async () => {
    const ledger = await aLedgerWithSnapshots();
    const call = aCall(1);
    await post(ledger.store, call, anUnpricedPosting({ spanId: spanId(2) }), aCall(3, -40));
    await post(ledger.store, aCorrectionOf(call, aPostingOf(7n, 3_000_000n, { ...call.usage })));
    const views = (
      await read(
        ledger.store.instance,
        `SELECT view_name FROM duckdb_views() WHERE schema_name = 'public' AND NOT internal`,
      )
    ).map(({ view_name: view }) => String(view));
    const { path, manifest } = await ledger.make();
    const file = join(path, DATABASE_FILE);

    expect(views).toEqual(expect.arrayContaining(['usage', 'statements', 'credit_ledger', 'price_changes']));
    const digests = (of: string) =>
      views
        .toSorted()
        .map(
          (view) =>
            `SELECT '${view}' AS view, count(*)::VARCHAR AS rows, coalesce(sum(hash(v)), 0)::VARCHAR AS hash FROM ${of}${view} v`,
        )
        .join(' UNION ALL ');
    const expected = await read(ledger.store.instance, digests('public.'));
    expect(expected).toHaveLength(views.length);
    const qualified = `ATTACH ? AS other (READ_ONLY); ${digests('other.public.')}`;
    expect(await readElsewhere(qualified, file)).toEqual(expected);
    expect(await readElsewhere(`ATTACH ? AS x (READ_ONLY); USE x; ${digests('')}`, file)).toEqual(expected);
    expect(
      await readElsewhere('ATTACH ? AS x (READ_ONLY); SELECT * FROM x.public.snapshot', file),
    ).toMatchObject([
      {
        name: manifest.name,
        journal_segment: '1',
        journal_offset: String(offset),
        spanledger_version: '1.2.3',
      },
    ]);
    expect(manifest).toMatchObject({
      journal: { segment: '1', offset: String(offset) },
      parquet: {
        totals: {
          usage: { rows: '3', totals: { cost_usd: '0.002275000000007' } },
          credit_ledger: { rows: '6', totals: { credits: '0.000000' } },
        },
      },
    });
  });

  it('has nothing of what readers of the ledger cannot see', async () => {
    const ledger = await aLedgerWithSnapshots();
    const secret = 'nobody-is-to-read-this';
    const writer = await ledger.store.instance.connect();
    await writer.run(
      `INSERT INTO ledger.quarantined_span SELECT 'default', now(), 't', 's', 'conflict', '${secret}'`,
    );
    await writer.run(`INSERT INTO ledger.command SELECT 0, 'key', 'print', now(), 200, '${secret}'`);
    await writer.run(`INSERT INTO ledger.customer_profile SELECT 0, 'cus_acme', now(), NULL, '${secret}'`);
    await writer.run(
      `INSERT INTO ledger.webhook_delivery SELECT 'm', '${secret}', 'example.com', 'default', 'cus_acme', 'a', 'e', '{}', now(), 'pending', 0, 0, NULL, NULL, NULL, NULL`,
    );
    writer.closeSync();
    const { path } = await ledger.make();
    const file = join(path, DATABASE_FILE);
    const tables = await readElsewhere(
      `ATTACH ? AS x (READ_ONLY); SELECT table_name FROM duckdb_tables() WHERE database_name = 'x' ORDER BY ALL`,
      file,
    );
    expect(tables.map(({ table_name: table }) => table)).toEqual([
      'account_fact',
      'budget',
      'credit_account_key',
      'credit_account_sum',
      'credit_booking_key',
      'credit_booking_sum',
      'credit_hourly_key',
      'credit_hourly_sum',
      'credit_transfer',
      'currency_rate',
      'customer_hourly_key',
      'customer_hourly_sum',
      'ingest_hour',
      'pipeline_sample',
      'price_book',
      'rate_card',
      'rate_card_retraction',
      'rate_line',
      'rollup',
      'snapshot',
      'superseded_usage',
      'unpriced_hourly_key',
      'unpriced_hourly_sum',
      'usage_hourly_key',
      'usage_hourly_sum',
      'usage_quality_hourly_key',
      'usage_quality_hourly_sum',
      'usage_record',
      'webhook_delivery',
      'word',
    ]);
    const seen = await readElsewhere(
      'ATTACH ? AS x (READ_ONLY); SELECT url_host FROM x.public.webhook_deliveries',
      file,
    );
    expect(seen).toEqual([{ url_host: 'example.com' }]);
    for (const each of await filesBelow(path)) {
      expect((await readFile(each)).includes(secret), each).toBe(false);
    }
  });

  it('cannot be written to, and is not seen by readers of the ledger while it is made', async () => {
    const ledger = await aLedgerWithSnapshots();
    await post(ledger.store, aCall(1));
    const { path } = await ledger.make();
    for (const each of await filesBelow(path)) expect((await stat(each)).mode & 0o222, each).toBe(0);
    const rest = await read(
      ledger.store.instance,
      `SELECT database_name FROM duckdb_databases() WHERE NOT internal`,
    );
    expect(rest, 'the copy is let go').toEqual([{ database_name: 'spanledger' }]);
  });

  it('is without Parquet where that is not wanted', async () => {
    const ledger = await aLedgerWithSnapshots({ parquet: false });
    const { path, manifest } = await ledger.make();
    expect(manifest.parquet).toBeNull();
    expect((await readdir(path)).sort()).toEqual([MANIFEST_FILE, DATABASE_FILE]);
  });
});

describe('days of Parquet', () => {
  it('are the rows of the ledger after whatever changed them, and the same file only while nothing did', async () => {
    const ledger = await aLedgerWithSnapshots({ keep: 2 });
    const { store } = ledger;
    const [first, second, third] = [aCall(1, 0), aCall(2, 1), aCall(3, 2)];
    const dearer = aCorrectionOf(first, aPostingOf(9n, 1_000_000n, { ...first.usage }));
    const cheaperAgain = aCorrectionOf(dearer, first);
    const renamed = aCorrectionOf(second, aPosting({ ...second.usage, feature: 'another' }));
    const steps: readonly [what: string, postings: readonly Posting[], changedDays: readonly string[]][] = [
      ['the first calls', [first, second, third], ['2026-11-22', '2026-11-23', '2026-11-24']],
      ['nothing', [], []],
      ['a late call of an old day', [aCall(4, 0)], ['2026-11-22']],
      ['another price', [dearer], ['2026-11-22']],
      ['the price before: it is another revision', [cheaperAgain], ['2026-11-22']],
      ['a label only', [renamed], ['2026-11-23']],
      ['a day before all others', [aCall(5, -3)], ['2026-11-19']],
    ];
    let before = new Map<string, number>();
    for (const [what, postings, changedDays] of steps) {
      await post(store, ...postings);
      const { path, manifest } = await ledger.make();
      const usage = join(path, 'parquet/usage');
      const days = (await readdir(usage)).sort();
      const inodes = new Map<string, number>();
      for (const folder of days) {
        const file = join(usage, folder, 'usage.parquet');
        inodes.set(folder.replace('event_date=', ''), (await stat(file)).ino);
      }
      const changed = [...inodes].filter(([day, inode]) => before.get(day) !== inode).map(([day]) => day);
      expect(changed, what).toEqual(changedDays);
      before = inodes;

      const digest = (of: string) =>
        `SELECT event_date::VARCHAR AS day, count(*)::VARCHAR AS rows, sum(cost_usd)::VARCHAR AS cost, sum(hash(v))::VARCHAR AS hash
         FROM (${of}) v GROUP BY ALL ORDER BY ALL`;
      const expected = await read(
        store.instance,
        digest('SELECT *, strftime(event_time, $$%Y-%m-%d$$) AS event_date FROM public.usage'),
      );
      const found = await readElsewhere(
        digest('SELECT * FROM read_parquet(?, hive_types = {event_date: VARCHAR})'),
        join(usage, '*', 'usage.parquet'),
      );
      expect(found, what).toEqual(expected);
      const listed = manifest.parquet?.files.filter(({ view }) => view === 'usage') ?? [];
      expect(
        listed.map(({ day, rows, totals }) => [day, rows, totals?.cost_usd]),
        what,
      ).toEqual(expected.map(({ day, rows, cost }) => [day, rows, cost]));
    }
  }, 120_000);
});

describe('the folder of snapshots', () => {
  it('keeps the newest, has `latest` lead to it, and lets whoever reads an old one go on', async () => {
    const ledger = await aLedgerWithSnapshots({ keep: 2, parquet: false });
    await post(ledger.store, aCall(1));
    const oldest = await ledger.make();
    const instance = await DuckDBInstance.create(join(oldest.path, DATABASE_FILE), {
      access_mode: 'READ_ONLY',
    });
    const reader = await instance.connect();
    await post(ledger.store, aCall(2));
    const made = [await ledger.make(), await ledger.make()].map(({ manifest }) => manifest.name);
    expect((await readdir(ledger.folder)).sort()).toEqual([...made, 'latest']);
    expect(await readlink(join(ledger.folder, 'latest'))).toBe(made[1]);
    expect((await ledger.snapshots.list()).published.map(({ manifest }) => manifest.name)).toEqual(
      made.reverse(),
    );
    expect(await ledger.snapshots.stateOf(oldest.manifest.name)).toBeNull();
    const rows = await reader.runAndReadAll('SELECT count(*)::INTEGER FROM usage');
    expect(rows.getRows(), 'the old one, with one call').toEqual([[1]]);
    reader.closeSync();
    instance.closeSync();
  });

  it('is cleared of what a process that was killed has left, which counts as an attempt', async () => {
    const ledger = await aLedgerWithSnapshots({ parquet: false });
    const { manifest } = await ledger.make();
    const killed = nameAt(NOON + 5 * 60_000);
    for (const half of [`.making-${killed}/parquet`, `.removing-${nameAt(NOON - 1)}`]) {
      await mkdir(join(ledger.folder, half), { recursive: true });
    }
    await writeFile(join(ledger.folder, `.making-${killed}`, DATABASE_FILE), 'half');
    const waits: number[] = [];
    const over = Promise.withResolvers<void>();
    const restarted = ledger.again({
      everyMs: 60 * 60_000,
      nowMillis: () => NOON + 6 * 60_000,
      wait: async (millis, signal) => {
        waits.push(millis);
        over.resolve();
        await new Promise((_, reject) => signal.addEventListener('abort', reject));
      },
    });
    await restarted.prepare();
    expect((await readdir(ledger.folder)).sort()).toEqual([manifest.name, 'latest']);
    restarted.start();
    await over.promise;
    await restarted.stop();
    expect(waits).toEqual([59 * 60_000]);
  });

  it('names by time, each after the one before also when the clock went back', async () => {
    const ledger = await aLedgerWithSnapshots({ parquet: false });
    const names = [await ledger.make(), await ledger.make()].map(({ manifest }) => manifest.name);
    expect(names).toEqual(['2026-11-22T12-00-00-000Z', '2026-11-22T12-00-00-001Z']);
    expect(names.map(millisOf)).toEqual([NOON, NOON + 1]);
  });
});

describe('making a snapshot', () => {
  it('is done one at a time', async () => {
    const { snapshots } = await aLedgerWithSnapshots({ parquet: false });
    const asked = await Promise.allSettled([snapshots.begin(), snapshots.begin()]);
    expect(asked).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { code: 'SL_SNAPSHOT_BUSY' } },
    ]);
    await expect(snapshots.begin()).rejects.toMatchObject({ code: 'SL_SNAPSHOT_BUSY' });
    await snapshots.idle();
    await snapshots.begin();
    await snapshots.idle();
    expect((await snapshots.list()).published).toHaveLength(2);
  });

  it('is refused where the disk is short', async () => {
    const { snapshots, folder } = await aLedgerWithSnapshots({ minFreeBytes: Number.MAX_SAFE_INTEGER });
    await expect(snapshots.begin()).rejects.toMatchObject({
      code: 'SL_SNAPSHOT_SPACE',
      message: expect.stringMatching(/must stay free for the ledger.*snapshots\.folder/),
    });
    expect(await readdir(folder)).toEqual([]);
  });

  it('that is broken off leaves nothing, says why, and the next one is whole', async () => {
    const ledger = await aLedgerWithSnapshots({ timeoutMs: 0 });
    await post(ledger.store, aCall(1));
    const name = await ledger.snapshots.begin();
    await ledger.snapshots.idle();
    expect(await ledger.snapshots.stateOf(name)).toMatchObject({
      state: 'failed',
      error: { code: 'SL_SNAPSHOT_FAILED', message: expect.stringMatching(/timeout/) },
    });
    expect(ledger.failures).toHaveLength(1);
    expect(await readdir(ledger.folder)).toEqual([]);

    const patient = ledger.again({ timeoutMs: 60_000 });
    await patient.begin();
    await patient.idle();
    expect((await patient.list()).published).toHaveLength(1);
  });

  it('fails with a word where the folder cannot be made, and the ledger goes on', async () => {
    const ledger = await aLedgerWithSnapshots();
    const file = join(ledger.folder, 'a-file');
    await writeFile(file, '');
    const misplaced = ledger.again({ folder: join(file, 'snapshots') });
    await misplaced.prepare();
    expect(ledger.failures).toMatchObject([{ code: 'ENOTDIR' }]);
    await expect(misplaced.begin()).rejects.toMatchObject({
      code: 'SL_SNAPSHOT_FAILED',
      message: expect.stringMatching(/ENOTDIR/),
    });
  });

  it('is not done any more once the service stops', async () => {
    const { snapshots } = await aLedgerWithSnapshots();
    await snapshots.stop();
    await expect(snapshots.begin()).rejects.toMatchObject({ code: 'SL_SNAPSHOT_FAILED' });
  });

  it('takes nothing over from a snapshot whose files are not as it says', async () => {
    const ledger = await aLedgerWithSnapshots();
    await post(ledger.store, aCall(1));
    const { path } = await ledger.make();
    const file = 'parquet/usage/event_date=2026-11-22/usage.parquet';
    await chmod(join(path, file), 0o644);
    await writeFile(join(path, file), 'damaged');
    const next = await ledger.make();
    expect(
      await readElsewhere('SELECT count(*)::INTEGER AS rows FROM read_parquet(?)', join(next.path, file)),
    ).toEqual([{ rows: '1' }]);
    expect(dirname(next.path)).toBe(dirname(path));
  });
});
