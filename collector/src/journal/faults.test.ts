import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { segmentPath } from './segment.ts';
import {
  aFolder,
  anEntry,
  aWriter,
  type Operation,
  readAll,
  segmentSizes,
  systemError,
  watchedFiles,
} from './testing/journals.ts';

/** Files whose calls of the named kinds fail while `broken` says so. */
function breakableFiles() {
  const state: { broken: Operation[]; code: string; partly: number | undefined } = {
    broken: [],
    code: 'EIO',
    partly: undefined,
  };
  const files = watchedFiles((operation) => {
    if (operation === 'write' && state.partly !== undefined) {
      const bytes = state.partly;
      state.partly = undefined;
      return bytes;
    }
    if (state.broken.includes(operation)) throw systemError(state.code);
    return undefined;
  });
  return { files, state };
}

describe('a group that cannot be made durable', () => {
  it.each([
    ['write', 'EIO', 'SL_JOURNAL_WRITE_FAILED'],
    ['write', 'ENOSPC', 'SL_JOURNAL_FULL'],
    ['write', 'EDQUOT', 'SL_JOURNAL_FULL'],
    ['sync', 'EIO', 'SL_JOURNAL_WRITE_FAILED'],
    ['sync', 'ENOSPC', 'SL_JOURNAL_FULL'],
  ] as const)('acks nobody when the %s fails with %s, and the journal heals', async (broken, errno, code) => {
    const { files, state } = breakableFiles();
    const directory = await aFolder();
    const writer = await aWriter(directory, { files });
    await writer.append(anEntry({ body: 'before' }));
    const durableEnd = writer.durableEnd;
    Object.assign(state, { broken: [broken], code: errno });
    const group = await Promise.allSettled(['x', 'y', 'z'].map((body) => writer.append(anEntry({ body }))));
    expect(group).toHaveLength(3);
    for (const result of group) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code, cause: { code: errno } } });
    }
    expect(writer.durableEnd).toEqual(durableEnd);
    expect(writer.pendingBytes).toBe(0);
    expect(writer.lagBytes).toBe(46 + 4);

    state.broken = [];
    const after = await writer.append(anEntry({ body: 'after' }));
    expect(after.segment).toBeGreaterThan(durableEnd.segment);
    expect(await readAll(directory, writer.durableEnd)).toMatchObject({
      bodies: ['before', 'after'],
      damage: [],
    });
    expect(writer.counters.failures).toBe(1);
  });

  it('is cut off the segment it was written to', async () => {
    const { files, state } = breakableFiles();
    const directory = await aFolder();
    const writer = await aWriter(directory, { files });
    await writer.append(anEntry());
    const { segment, offset } = writer.durableEnd;
    Object.assign(state, { broken: ['write'], partly: 20 });
    await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_WRITE_FAILED' });
    expect((await segmentSizes(directory)).get(segment)).toBe(offset);
  });

  it('is not read even when it cannot be cut off', async () => {
    const { files, state } = breakableFiles();
    const directory = await aFolder();
    const writer = await aWriter(directory, { files });
    await writer.append(anEntry({ body: 'before' }));
    const { segment, offset } = writer.durableEnd;
    state.broken = ['sync', 'truncate'];
    await expect(writer.append(anEntry({ body: 'never acked' }))).rejects.toThrow();
    expect((await segmentSizes(directory)).get(segment)).toBeGreaterThan(offset);
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['before']);
    state.broken = [];
    await writer.append(anEntry({ body: 'after' }));
    expect(await readAll(directory, writer.durableEnd)).toMatchObject({
      bodies: ['before', 'after'],
      damage: [],
    });
    await writer.close();
    const next = await aWriter(directory);
    expect((await readAll(directory, next.durableEnd)).bodies).toEqual(['before', 'after']);
  });

  it('leaves no files behind while a disk stays broken', async () => {
    const { files, state } = breakableFiles();
    const directory = await aFolder();
    const writer = await aWriter(directory, { files });
    await writer.append(anEntry({ body: 'before' }));
    for (const broken of ['write', 'sync', 'create', 'syncDirectory'] as const) {
      state.broken = [broken];
      for (let n = 0; n < 5; n++) await expect(writer.append(anEntry())).rejects.toThrow();
      expect((await segmentSizes(directory)).size).toBe(1);
    }
    state.broken = [];
    await writer.append(anEntry({ body: 'after' }));
    expect(await readAll(directory, writer.durableEnd)).toMatchObject({
      bodies: ['before', 'after'],
      damage: [],
    });
  });

  it('leaves no empty segments behind while headers can be written and records cannot', async () => {
    const directory = await aFolder();
    let full = true;
    const writer = await aWriter(directory, {
      // The first write is a header, the second a record; from then on each record fails right after its header.
      files: watchedFiles((operation, count) => {
        if (full && operation === 'write' && count >= 3 && count % 2 === 1) throw systemError('ENOSPC');
        return undefined;
      }),
    });
    await writer.append(anEntry({ body: 'before' }));
    for (let n = 0; n < 5; n++) {
      await expect(writer.append(anEntry())).rejects.toMatchObject({ code: 'SL_JOURNAL_FULL' });
      expect((await segmentSizes(directory)).size).toBe(1);
    }
    full = false;
    await writer.append(anEntry({ body: 'after' }));
    expect(await readAll(directory, writer.durableEnd)).toMatchObject({
      bodies: ['before', 'after'],
      damage: [],
    });
  });

  it('leaves the next group alone', async () => {
    const directory = await aFolder();
    const late: Promise<unknown>[] = [];
    let syncs = 0;
    const writer: Awaited<ReturnType<typeof aWriter>> = await aWriter(directory, {
      files: watchedFiles((operation) => {
        if (operation !== 'sync' || ++syncs !== 2) return undefined;
        late.push(writer.append(anEntry({ body: 'late' })));
        throw systemError('EIO');
      }),
    });
    await expect(writer.append(anEntry({ body: 'early' }))).rejects.toThrow();
    expect(late).toHaveLength(1);
    await Promise.all(late);
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['late']);
  });
});

it('whichever call fails, acked records stay and the next run reads them', { timeout: 60_000 }, async () => {
  // Every call of the whole run fails once, in turn, until a run is reached in which none is left to fail.
  let failed = 0;
  for (let at = 1; ; at++) {
    const directory = await aFolder();
    let calls = 0;
    const files = watchedFiles(() => {
      if (++calls === at) throw systemError('EIO');
      return undefined;
    });
    const acked: string[] = [];
    const opened = await Promise.allSettled([aWriter(directory, { files, segmentBytes: 200 })]);
    if (opened[0].status === 'fulfilled') {
      for (let n = 0; n < 12; n++) {
        const body = `${n}`;
        await opened[0].value.append(anEntry({ body })).then(
          () => acked.push(body),
          () => undefined,
        );
      }
      expect(acked.length).toBeGreaterThanOrEqual(11);
      const live = await readAll(directory, opened[0].value.durableEnd);
      expect(live).toMatchObject({ bodies: acked, damage: [] });
      await opened[0].value.close();
    }
    const next = await aWriter(directory);
    expect((await readAll(directory, next.durableEnd)).bodies).toEqual(acked);
    if (calls < at) break;
    failed += 1;
  }
  expect(failed).toBeGreaterThan(30);
});

it('every segment names its node and its predecessor', async () => {
  const directory = await aFolder();
  const writer = await aWriter(directory, { node: 'eu-west-1b', segmentBytes: 150 });
  const first = await writer.append(anEntry());
  const second = await writer.append(anEntry());
  const bytes = await readFile(segmentPath(directory, second.segment));
  expect(bytes.toString('latin1', 40, 50)).toBe('eu-west-1b');
  expect(Number(bytes.readBigUInt64LE(24))).toBe(first.segment);
  expect(Number(bytes.readBigUInt64LE(32))).toBe(64 + 50);
});
