import { stat, unlink, writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { comparePositions, type JournalPosition, type JournalWriter, journalExtent } from './index.ts';
import { encodeSegmentHeader, segmentPath } from './segment.ts';
import {
  aFolder,
  anEntry,
  aReader,
  aWriter,
  damage,
  readAll,
  segmentSizes,
  systemError,
  watchedFiles,
} from './testing/journals.ts';

describe('a record', () => {
  it.each([
    ['with every field', anEntry()],
    ['of the other kinds', anEntry({ signal: 'logs', bodyType: 'json', bodyEncoding: 'deflate', spans: 0 })],
    ['with an empty body', anEntry({ body: '', bodyEncoding: 'identity' })],
    ['without a tenant', anEntry({ tenant: '' })],
    ['of a tenant beyond ASCII', anEntry({ tenant: 'Zoë & Søn 株式会社 🦉' })],
    ['with a body of 10 MB', anEntry({ body: Buffer.alloc(10_000_000, 'spans ') })],
    ['with the largest counts', anEntry({ spans: 0xffff_ffff, receivedAtMillis: Number.MAX_SAFE_INTEGER })],
  ])('%s comes back as it was', async (_, entry) => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    const position = await writer.append(entry);
    const { items } = await readAll(directory, writer.durableEnd);
    expect(items).toHaveLength(1);
    const { body, ...rest } = entry;
    expect(items[0]).toMatchObject({ kind: 'record', position, next: writer.durableEnd, ...rest });
    expect(items[0]?.kind === 'record' && Buffer.compare(items[0].body, body)).toBe(0);
  });

  it('longer than a segment gets one of its own', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { segmentBytes: 200 });
    for (const body of ['a', 'b'.repeat(1000), 'c']) await writer.append(anEntry({ body }));
    expect((await segmentSizes(directory)).size).toBe(3);
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['a', 'b'.repeat(1000), 'c']);
  });

  it('with an impossible field is refused before anything is written', async () => {
    const writer = await aWriter(await aFolder());
    await expect(writer.append(anEntry({ spans: -1 }))).rejects.toThrow('a count of spans');
    await expect(writer.append(anEntry({ tenant: 'x'.repeat(65_536) }))).rejects.toThrow('65535');
    expect(writer.counters.records).toBe(0);
    expect(writer.pendingBytes).toBe(0);
  });
});

describe('appending', () => {
  it('lets concurrent appends share one write and one sync', async () => {
    const seen: string[] = [];
    const directory = await aFolder();
    const writer = await aWriter(directory, {
      files: watchedFiles((operation) => {
        seen.push(operation);
        return undefined;
      }),
    });
    seen.length = 0;
    await Promise.all(Array.from({ length: 300 }, (_, n) => writer.append(anEntry({ body: `${n}` }))));
    expect(seen).toEqual(['write', 'sync']);
    expect(writer.counters).toMatchObject({ records: 300, spans: 900, syncs: 1 });
  });

  it('gathers the next group while one is being synced', async () => {
    const directory = await aFolder();
    const late: Promise<JournalPosition>[] = [];
    let syncs = 0;
    const writer: JournalWriter = await aWriter(directory, {
      files: watchedFiles((operation) => {
        if (operation === 'sync' && ++syncs === 2) {
          for (let n = 0; n < 50; n++) late.push(writer.append(anEntry({ body: `late ${n}` })));
        }
        return undefined;
      }),
    });
    await writer.append(anEntry({ body: 'first' }));
    await Promise.all(late);
    expect(late).toHaveLength(50);
    expect(syncs).toBe(3);
  });

  it('bounds a group by count, for writev takes 1024 buffers', async () => {
    const writer = await aWriter(await aFolder());
    await Promise.all(Array.from({ length: 1025 }, () => writer.append(anEntry({ body: '' }))));
    expect(writer.counters).toMatchObject({ records: 1025, syncs: 3 });
  });

  it('bounds a group by bytes, so that nobody waits for all the others', async () => {
    const writer = await aWriter(await aFolder());
    const body = Buffer.alloc(3_000_000);
    await Promise.all(Array.from({ length: 5 }, () => writer.append(anEntry({ body }))));
    expect(writer.counters.syncs).toBe(3);
  });

  it('goes on after short writes until every byte is taken', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, {
      files: watchedFiles((op) => (op === 'write' ? 7 : undefined)),
    });
    const bodies = ['one', 'two'.repeat(20), '', 'four'];
    await Promise.all(bodies.map((body) => writer.append(anEntry({ body }))));
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(bodies);
  });

  it('tells the durable end after each group, when its appends are acked', async () => {
    const writer = await aWriter(await aFolder());
    const ends: JournalPosition[] = [];
    const { promise: second, resolve } = Promise.withResolvers<void>();
    writer.onDurable((end) => {
      ends.push(end);
      if (ends.length === 2) resolve();
    });
    await writer.append(anEntry());
    await writer.append(anEntry());
    await second;
    expect(ends[1]).toEqual(writer.durableEnd);
    expect(ends.map(({ offset }) => offset)).toEqual([64 + 50, 64 + 100]);
  });

  it('gives files to their owner only', async () => {
    const directory = await aFolder();
    const writer = await aWriter(`${directory}/journal`);
    const { mode } = await stat(segmentPath(`${directory}/journal`, writer.durableEnd.segment));
    expect(mode & 0o777).toBe(0o600);
  });

  it('waits at close for what it has taken, and takes no more', async () => {
    const writer = await aWriter(await aFolder());
    const taken = writer.append(anEntry());
    await writer.close();
    await expect(taken).resolves.toMatchObject({ offset: 64 });
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_WRITE_FAILED' });
  });
});

describe('a bound', () => {
  it('on waiting bytes rejects at once and is free again after the sync', async () => {
    const writer = await aWriter(await aFolder(), { maxPendingBytes: 120 });
    const two = [writer.append(anEntry()), writer.append(anEntry())];
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    await Promise.all(two);
    await writer.append(anEntry());
    expect(writer.counters).toMatchObject({ records: 3, refusals: 1 });
  });

  it('on uncommitted bytes rejects until the ledger has committed', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { maxBytes: 120 });
    await writer.append(anEntry());
    await writer.append(anEntry());
    expect(writer.lagBytes).toBe(100);
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    const [first] = (await readAll(directory, writer.durableEnd)).records;
    await writer.committed(first?.next ?? expect.fail('nothing was read'));
    expect(writer.lagBytes).toBe(50);
    await writer.append(anEntry());
  });

  it('on uncommitted bytes holds over a restart', async () => {
    const directory = await aFolder();
    const before = await aWriter(directory);
    await before.append(anEntry());
    await before.close();
    const writer = await aWriter(directory, { maxBytes: 60 });
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    await writer.committed(writer.durableEnd);
    await writer.append(anEntry());
  });

  it('on free disk rejects, is looked at once a second, and heals', async () => {
    let nowMillis = 1_700_000_000_000;
    let free = 1_000_000;
    let looks = 0;
    const files = watchedFiles(
      () => undefined,
      () => {
        looks += 1;
        return free;
      },
    );
    const writer = await aWriter(await aFolder(), {
      files,
      minFreeBytes: 10_000,
      nowMillis: () => nowMillis,
    });
    expect(looks).toBe(1);
    for (let n = 0; n < 5; n++) await writer.append(anEntry());
    expect(looks).toBe(1);
    free = 10_049;
    nowMillis += 1000;
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    expect(looks).toBe(2);
    free = 10_050;
    nowMillis += 1000;
    await writer.append(anEntry());
    expect(writer.counters).toMatchObject({ records: 6, refusals: 2, failures: 0 });
  });

  it('on free disk counts what is written between two looks', async () => {
    const files = watchedFiles(
      () => undefined,
      () => 10_000,
    );
    const writer = await aWriter(await aFolder(), { files, minFreeBytes: 9_880 });
    await writer.append(anEntry());
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
  });

  it('on free disk keeps room for what the ledger has still to post', async () => {
    const files = watchedFiles(
      () => undefined,
      () => 10_000,
    );
    const writer = await aWriter(await aFolder(), { files, minFreeBytes: 9000, freeBytesPerLagByte: 5 });
    await writer.append(anEntry());
    await expect(async () => {
      for (let n = 0; n < 3; n++) await writer.append(anEntry());
    }).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL', message: expect.stringContaining('still to post') });
    expect(writer.counters.records).toBeLessThan(4);
  });

  it('on free disk is free again as soon as committed segments are removed', async () => {
    const directory = await aFolder();
    let free = 1000;
    const files = watchedFiles(
      () => undefined,
      () => free,
    );
    const retention = { maxAgeMs: 0, maxBytes: 0 };
    const writer = await aWriter(directory, { files, segmentBytes: 150, retention });
    await writer.append(anEntry());
    await writer.append(anEntry());
    free = 0;
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    free = 1000;
    await writer.committed(writer.durableEnd);
    await writer.append(anEntry());
    expect(writer.counters).toMatchObject({ records: 3, removedSegments: 2 });
  });

  it('on free disk does not keep a journal from opening, so that the ledger can work it off', async () => {
    const directory = await aFolder();
    const before = await aWriter(directory);
    await before.append(anEntry({ body: 'from before' }));
    await before.close();
    let free = 0;
    let nowMillis = 1_800_000_000_000;
    const files = watchedFiles(
      () => undefined,
      () => free,
    );
    const writer = await aWriter(directory, { files, minFreeBytes: 1, nowMillis: () => nowMillis });
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['from before']);
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
    free = 1000;
    nowMillis += 1000;
    await writer.append(anEntry({ body: 'again' }));
    const { bodies, damage: lost } = await readAll(directory, writer.durableEnd);
    expect(bodies).toEqual(['from before', 'again']);
    expect(lost).toEqual([]);
  });
});

describe('a reader', () => {
  it('beside a live writer sees every record once, in order, across segments', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { segmentBytes: 1000 });
    const reader = aReader(directory, 256);
    const total = 400;
    const read: string[] = [];
    let from: JournalPosition | null = null;
    let written = Promise.withResolvers<void>();
    writer.onDurable(() => {
      written.resolve();
      written = Promise.withResolvers();
    });
    const writing = (async () => {
      for (let n = 0; n < total; n += 4) {
        const burst = [n, n + 1, n + 2, n + 3];
        await Promise.all(burst.map((m) => writer.append(anEntry({ body: `${m}` }))));
      }
    })();
    while (read.length < total) {
      const more = written.promise;
      const { items, next } = await reader.read(from, writer.durableEnd, 100);
      for (const item of items) read.push(item.kind === 'record' ? `${item.body}` : item.reason);
      expect(comparePositions(next, from ?? next)).toBeGreaterThanOrEqual(0);
      from = next;
      await writer.committed(next);
      if (items.length === 0) await more;
    }
    await writing;
    expect(read).toEqual(Array.from({ length: total }, (_, n) => `${n}`));
    expect(writer.lagBytes).toBe(0);
    expect((await segmentSizes(directory)).size).toBeGreaterThan(10);
  });

  it('does not look past the limit', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    await writer.append(anEntry({ body: '1' }));
    const limit = writer.durableEnd;
    await writer.append(anEntry({ body: '2' }));
    const { items, next } = await aReader(directory).read(null, limit, 1e6);
    expect(items).toHaveLength(1);
    expect(next).toEqual(limit);
  });

  it('returns about as many bytes as asked, and at least one record', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    for (let n = 0; n < 9; n++) await writer.append(anEntry());
    const reader = aReader(directory);
    expect((await reader.read(null, writer.durableEnd, 1)).items).toHaveLength(1);
    expect((await reader.read(null, writer.durableEnd, 240)).items).toHaveLength(5);
  });

  it('hands out bodies that later reads leave alone', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    for (const body of ['aaaa', 'bbbb', 'cccc']) await writer.append(anEntry({ body }));
    const reader = aReader(directory, 50);
    const first = await reader.read(null, writer.durableEnd, 1);
    await reader.read(first.next, writer.durableEnd, 1e6);
    expect(first.items[0]?.kind === 'record' && `${first.items[0].body}`).toBe('aaaa');
  });

  it('starts at any position it was given before', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { segmentBytes: 150 });
    for (const body of ['a', 'b', 'c', 'd', 'e']) await writer.append(anEntry({ body }));
    const { records } = await readAll(directory, writer.durableEnd);
    expect(records).toHaveLength(5);
    for (const [index, { next }] of records.entries()) {
      const { bodies, damage: lost } = await readAll(directory, writer.durableEnd, { from: next });
      expect(bodies).toEqual(['a', 'b', 'c', 'd', 'e'].slice(index + 1));
      expect(lost).toEqual([]);
    }
  });

  it('refuses to go on past the end of the journal, for then it is not the ledger’s', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    const beyond = { segment: writer.durableEnd.segment + 1, offset: 64 };
    await expect(aReader(directory).read(beyond, writer.durableEnd, 1)).rejects.toMatchObject({
      code: 'SL_JOURNAL_MISMATCH',
    });
    await expect(writer.committed(beyond)).rejects.toMatchObject({ code: 'SL_JOURNAL_MISMATCH' });
  });

  it('says that a segment is of a newer format', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    await writer.append(anEntry());
    await writer.close();
    const { segment } = writer.durableEnd;
    const header = encodeSegmentHeader({ segment, predecessor: { segment: 0, offset: 0 }, node: 'x' }, 2);
    await damage(directory, segment, (bytes) => Buffer.concat([header, bytes.subarray(64)]));
    const coded = { code: 'SL_JOURNAL_NEWER_FORMAT', message: expect.stringContaining('has format 2') };
    await expect(aReader(directory).read(null, writer.durableEnd, 1)).rejects.toMatchObject(coded);
    await expect(aWriter(directory)).rejects.toMatchObject(coded);
    expect((await segmentSizes(directory)).size).toBe(1);
  });

  it('reports a segment that was removed before it was read', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { segmentBytes: 150 });
    for (const body of ['a', 'b', 'c']) await writer.append(anEntry({ body }));
    const [first, second] = [...(await segmentSizes(directory)).keys()];
    await unlink(segmentPath(directory, second ?? expect.fail('no segment')));
    const { bodies, damage: lost } = await readAll(directory, writer.durableEnd);
    expect(bodies).toEqual(['a', 'c']);
    expect(lost).toEqual([
      expect.objectContaining({
        from: { segment: first, offset: 109 },
        bytes: 45,
        reason: `Segment ${second} is missing.`,
      }),
    ]);
  });

  it('reports that the segment it stood in is gone, with what it had left', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { segmentBytes: 170 });
    for (const body of ['a', 'b', 'c']) await writer.append(anEntry({ body }));
    const { records } = await readAll(directory, writer.durableEnd);
    const from = records[0]?.next ?? null;
    await unlink(segmentPath(directory, records[0]?.position.segment ?? expect.fail('no segment')));
    const { bodies, damage: lost } = await readAll(directory, writer.durableEnd, { from });
    expect(bodies).toEqual(['c']);
    expect(lost).toMatchObject([{ from, bytes: 45 }]);
  });

  it('reports that the segment in use was deleted under the writer', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory);
    await writer.append(anEntry());
    await unlink(segmentPath(directory, writer.durableEnd.segment));
    const { damage: lost } = await readAll(directory, writer.durableEnd);
    expect(lost).toMatchObject([{ to: writer.durableEnd, bytes: 50 }]);
  });

  it('reports that the journal was replaced under a ledger that was further', async () => {
    const directory = await aFolder();
    const writer = await aWriter(directory, { nowMillis: () => 2_000_000_000_000 });
    await writer.append(anEntry());
    const from = { segment: 1_700_000_000_000, offset: 500 };
    const { bodies, damage: lost } = await readAll(directory, writer.durableEnd, { from });
    expect(bodies).toEqual(['a body']);
    expect(lost).toMatchObject([{ from, reason: expect.stringContaining('replaced') }]);
  });
});

describe('committing', () => {
  async function fiveSegments(retention: { maxAgeMs: number; maxBytes: number }) {
    const directory = await aFolder();
    let nowMillis = 1000;
    const clock = { advance: (ms: number) => (nowMillis += ms) };
    const writer = await aWriter(directory, { segmentBytes: 150, retention, nowMillis: () => nowMillis });
    for (const body of ['a', 'b', 'c', 'd', 'e']) {
      await writer.append(anEntry({ body }));
      clock.advance(1000);
    }
    const { records } = await readAll(directory, writer.durableEnd);
    const kept = async () => [...(await segmentSizes(directory)).keys()];
    const commit = (count: number) => writer.committed(records[count - 1]?.next ?? expect.fail('no record'));
    expect(await kept()).toEqual([1000, 2000, 3000, 4000, 5000]);
    return { directory, writer, clock, kept, commit };
  }

  it('removes what is committed, and nothing the ledger still has to read', async () => {
    const { directory, writer, kept, commit } = await fiveSegments({ maxAgeMs: 0, maxBytes: 0 });
    for (const [count, left] of [
      [1, [2000, 3000, 4000, 5000]],
      [3, [4000, 5000]],
      [5, [5000]],
    ] as const) {
      await commit(count);
      expect(await kept()).toEqual(left);
      const unread = ['a', 'b', 'c', 'd', 'e'].slice(count);
      const from = { segment: count * 1000, offset: 109 };
      expect(await readAll(directory, writer.durableEnd, { from })).toMatchObject({
        bodies: unread,
        damage: [],
      });
    }
    expect(writer.counters.removedSegments).toBe(4);
    expect(writer.lagBytes).toBe(0);
  });

  it('keeps committed segments until they are old enough', async () => {
    const { clock, kept, commit, writer } = await fiveSegments({ maxAgeMs: 2500, maxBytes: 1e9 });
    await commit(4);
    // It is 6000; the first was followed by the second at 2000, and so on.
    expect(await kept()).toEqual([3000, 4000, 5000]);
    expect(writer.keptBytes).toBe(2 * 109);
    clock.advance(1000);
    await commit(4);
    expect(await kept()).toEqual([4000, 5000]);
  });

  it('keeps committed segments within the bytes, the oldest go first', async () => {
    const { kept, commit, writer } = await fiveSegments({ maxAgeMs: 1e9, maxBytes: 220 });
    await commit(4);
    expect(await kept()).toEqual([3000, 4000, 5000]);
    expect(writer.keptBytes).toBe(218);
  });

  it('does not go back when an older position arrives late', async () => {
    const { commit, writer } = await fiveSegments({ maxAgeMs: 1e9, maxBytes: 1e9 });
    await commit(4);
    await commit(2);
    expect(writer.lagBytes).toBe(45);
  });

  it('says when a file cannot be removed, and tries again the next time', async () => {
    const directory = await aFolder();
    const files = watchedFiles((operation, count) => {
      if (operation === 'remove' && count === 1) throw systemError('EPERM');
      return undefined;
    });
    const retention = { maxAgeMs: 0, maxBytes: 0 };
    const writer = await aWriter(directory, { files, segmentBytes: 150, retention });
    for (const body of ['a', 'b', 'c']) await writer.append(anEntry({ body }));
    await expect(writer.committed(writer.durableEnd)).rejects.toMatchObject({
      code: 'SL_JOURNAL_WRITE_FAILED',
    });
    await writer.committed(writer.durableEnd);
    expect((await segmentSizes(directory)).size).toBe(1);
  });
});

describe('a position', () => {
  it('never comes again, even when the clock was set back', async () => {
    const directory = await aFolder();
    let nowMillis = 5000;
    const ends: JournalPosition[] = [];
    for (let n = 0; n < 4; n++) {
      const writer = await aWriter(directory, { nowMillis: () => nowMillis });
      ends.push(writer.durableEnd);
      await writer.append(anEntry());
      await writer.close();
      nowMillis -= 1000;
    }
    expect(ends.map(({ segment }) => segment)).toEqual([5000, 5001, 5002, 5003]);
  });

  it('of first and last record is known without a writer', async () => {
    const directory = await aFolder();
    expect(await journalExtent(directory)).toBeNull();
    const writer = await aWriter(directory, { segmentBytes: 150 });
    expect(await journalExtent(directory)).toBeNull();
    const first = await writer.append(anEntry());
    await writer.append(anEntry());
    const extent = { first: { segment: first.segment, offset: 0 }, end: writer.durableEnd };
    expect(await journalExtent(directory)).toEqual(extent);
    await writer.close();
    // The segment that the next start leaves empty holds no record.
    await (await aWriter(directory)).close();
    expect(await journalExtent(directory)).toEqual(extent);
  });
});

describe('a writer', () => {
  it('does not write into a file that another one has made', async () => {
    const directory = await aFolder();
    const nowMillis = 1_700_000_000_000;
    const taken = segmentPath(directory, nowMillis);
    let made = false;
    const files = watchedFiles((operation) => {
      if (operation === 'create') made = true;
      return undefined;
    });
    // The other file appears after recovery has listed the folder: the free space is looked at in between.
    const racing = { ...files, freeBytes: () => writeFile(taken, 'theirs').then(() => 1e9) };
    await expect(aWriter(directory, { files: racing, nowMillis: () => nowMillis })).rejects.toMatchObject({
      code: 'SL_JOURNAL_WRITE_FAILED',
      cause: { code: 'EEXIST' },
    });
    expect(made).toBe(true);
    expect((await stat(taken)).size).toBe(6);
  });
});
