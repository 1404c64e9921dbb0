import { cp, readFile, truncate, unlink, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { JournalEntry, JournalPosition, JournalRecord } from './index.ts';
import { encodeRecordHead, placeRecordHead } from './record.ts';
import { segmentPath } from './segment.ts';
import {
  aFolder,
  anEntry,
  aWriter,
  damage,
  readAll,
  segmentSizes,
  watchedFiles,
} from './testing/journals.ts';

/** Hundreds of journals are opened, which a busy machine may take its time for. */
const LONG = { timeout: 60_000 };
const HEADER_BYTES = 64;
/** Header, the tenant "acme" and a body of one letter. */
const ONE_LETTER_BYTES = 40 + 4 + 1;

/** A closed journal with these bodies, the position of each, and where it ends. */
async function aJournal(bodies: readonly string[], segmentBytes = 2 ** 20) {
  const directory = await aFolder();
  const writer = await aWriter(directory, { segmentBytes });
  const positions: JournalPosition[] = [];
  for (const body of bodies) positions.push(await writer.append(anEntry({ body })));
  await writer.close();
  return { directory, positions, end: writer.durableEnd };
}

describe('opening after a crash', () => {
  it('cuts a torn tail wherever it tore, keeps what was whole and invents nothing', LONG, async () => {
    const bodies = ['first', '', 'the third, a little longer', '4'];
    const { directory, end } = await aJournal(bodies);
    const ends = (await readAll(directory, end)).records.map(({ next }) => next.offset);
    expect(ends).toHaveLength(4);
    for (let length = 0; length <= end.offset; length++) {
      const torn = await aFolder();
      await cp(directory, torn, { recursive: true });
      await truncate(segmentPath(torn, end.segment), length);
      const writer = await aWriter(torn);
      const whole = ends.filter((recordEnd) => recordEnd <= length);
      const kept = whole.at(-1) ?? (length < HEADER_BYTES ? 0 : HEADER_BYTES);
      expect(writer.recovery.tornBytes).toBe(length - kept);
      await writer.append(anEntry({ body: 'after' }));
      const read = await readAll(torn, writer.durableEnd);
      expect(read.bodies).toEqual([...bodies.slice(0, whole.length), 'after']);
      expect(read.damage).toEqual([]);
      await writer.close();
    }
  });

  it('cuts a tail of which only the length reached the disk', async () => {
    const { directory, end } = await aJournal(['a', 'b']);
    await damage(directory, end.segment, (bytes) => Buffer.concat([bytes, Buffer.alloc(5000)]));
    const writer = await aWriter(directory);
    expect(writer.recovery).toEqual({ segments: 1, tornBytes: 5000, emptySegments: 0 });
    expect((await segmentSizes(directory)).get(end.segment)).toBe(end.offset);
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['a', 'b']);
  });

  it('leaves damage alone when a sound record follows, for the reader to report', async () => {
    const { directory, positions, end } = await aJournal(['a', 'b', 'c']);
    const second = positions[1] ?? expect.fail('no second record');
    await damage(directory, end.segment, (bytes) => bytes.fill(0, second.offset, second.offset + 20));
    const writer = await aWriter(directory);
    expect(writer.recovery.tornBytes).toBe(0);
    const read = await readAll(directory, writer.durableEnd);
    expect(read.bodies).toEqual(['a', 'c']);
    expect(read.damage).toMatchObject([{ from: second, to: positions[2], bytes: ONE_LETTER_BYTES }]);
  });

  it('syncs what it found before anyone may commit it, cut or not', async () => {
    const { directory } = await aJournal(['a']);
    const seen: string[] = [];
    await aWriter(directory, {
      files: watchedFiles((operation) => {
        seen.push(operation);
        return undefined;
      }),
    });
    expect(seen).toEqual(['truncate', 'sync', 'syncDirectory', 'create', 'write', 'sync', 'syncDirectory']);
  });

  it('does not pile up empty segments over restarts', async () => {
    const { directory } = await aJournal(['a']);
    for (let n = 0; n < 5; n++) await (await aWriter(directory)).close();
    expect((await segmentSizes(directory)).size).toBe(2);
  });

  it('keeps the chain of segments when its last link was empty and everything before is gone', async () => {
    const { directory, end } = await aJournal(['a']);
    await (await aWriter(directory)).close();
    await unlink(segmentPath(directory, end.segment));
    const writer = await aWriter(directory);
    await writer.append(anEntry({ body: 'b' }));
    const read = await readAll(directory, writer.durableEnd, { from: end });
    expect(read).toMatchObject({ bodies: ['b'], damage: [] });
  });
});

describe('damage', () => {
  it('of any bytes anywhere is reported, and every record it did not touch is delivered', LONG, async () => {
    const bodies = ['alpha', '', 'b'.repeat(90), 'gamma', 'd', 'epsilon'.repeat(9), 'z', 'eta', 'theta'];
    const { directory, end } = await aJournal(bodies, 300);
    const whole = await readAll(directory, end);
    expect(whole.bodies).toEqual(bodies);
    const files = new Map<number, Buffer>();
    for (const segment of (await segmentSizes(directory)).keys()) {
      files.set(segment, await readFile(segmentPath(directory, segment)));
    }
    expect(files.size).toBeGreaterThan(2);
    const places = [...files].flatMap(([segment, bytes]) =>
      Array.from(bytes, (_, offset) => ({ segment, offset })),
    );
    const flips = fc.uniqueArray(
      fc.record({ place: fc.nat(places.length - 1), mask: fc.integer({ min: 1, max: 255 }) }),
      { minLength: 1, maxLength: 6, selector: ({ place }) => place },
    );
    await fc.assert(
      fc.asyncProperty(flips, async (flipped) => {
        const hit: JournalPosition[] = [];
        const changed = new Map([...files].map(([segment, bytes]) => [segment, Buffer.from(bytes)]));
        for (const { place, mask } of flipped) {
          const at = places[place] ?? expect.fail('no such place');
          hit.push(at);
          const bytes = changed.get(at.segment) ?? expect.fail('no such segment');
          bytes.writeUInt8(bytes.readUInt8(at.offset) ^ mask, at.offset);
        }
        for (const [segment, bytes] of changed) await writeFile(segmentPath(directory, segment), bytes);
        const read = await readAll(directory, end, { readBytes: 64 });
        const untouched = whole.records.filter((record) => !hit.some((at) => within(at, record)));
        expect(read.records.map(withoutViews)).toEqual(untouched.map(withoutViews));
        for (const at of hit) {
          expect(read.damage.some(({ from, to }) => within(at, { position: from, next: to }))).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
  });

  it('of a whole disk block costs the records in it and no other', async () => {
    const bodies = Array.from({ length: 60 }, (_, n) => `${n}`.padEnd(500, '.'));
    const { directory, end } = await aJournal(bodies);
    await damage(directory, end.segment, (bytes) => bytes.fill(0xaa, 4096, 8192));
    const { records, damage: lost } = await readAll(directory, end, { readBytes: 700 });
    // Two records reach into the block from outside, and those inside are wholly gone.
    const lostBytes = lost.reduce((sum, { bytes }) => sum + bytes, 0);
    expect(lostBytes).toBeGreaterThanOrEqual(4096);
    expect(lostBytes).toBeLessThan(4096 + 2 * 544);
    expect(records.length + lostBytes / 544).toBe(60);
  });

  it('of a header hides nothing, wherever the read windows fall', async () => {
    for (let length = 0; length < 70; length++) {
      const { directory, positions, end } = await aJournal(['x'.repeat(length), 'found']);
      const first = positions[0] ?? expect.fail('no first record');
      await damage(directory, first.segment, (bytes) => bytes.fill(0, first.offset, first.offset + 4));
      const read = await readAll(directory, end, { readBytes: 64 });
      expect(read).toMatchObject({ bodies: ['found'], damage: [{ from: first, to: positions[1] }] });
    }
  });

  it('of a header does not let a body pass for a record', async () => {
    const { directory: other, positions } = await aJournal(['forged']);
    const forged = (await readFile(segmentPath(other, positions[0]?.segment ?? 0))).subarray(HEADER_BYTES);
    const directory = await aFolder();
    const writer = await aWriter(directory);
    const { offset, segment } = await writer.append(
      anEntry({ body: Buffer.concat([Buffer.alloc(13), forged]) }),
    );
    await writer.append(anEntry({ body: 'real' }));
    await damage(directory, segment, (bytes) => bytes.fill(0, offset, offset + 4));
    const read = await readAll(directory, writer.durableEnd);
    expect(read.bodies).toEqual(['real']);
    expect(read.damage).toHaveLength(1);
  });

  it('by a length that is sound but reaches past the segment does not hide what follows', async () => {
    const { directory, positions, end } = await aJournal(['a', 'b']);
    const first = positions[0] ?? expect.fail('no first record');
    const lying = encodeRecordHead(anEntry({ body: Buffer.alloc(5000) }));
    placeRecordHead(lying, first.segment, first.offset);
    await damage(directory, first.segment, (bytes) => {
      lying.copy(bytes, first.offset);
      return bytes;
    });
    const read = await readAll(directory, end);
    expect(read.bodies).toEqual(['b']);
    expect(read.damage).toMatchObject([{ from: first, to: positions[1] }]);
  });

  it('at the end of a segment that is not the last is reported with the bytes that are missing', async () => {
    const { directory, positions, end } = await aJournal(['a', 'b', 'c', 'd'], 170);
    const second = positions[1] ?? expect.fail('no second record');
    expect(positions.map(({ segment }) => segment - second.segment)).toEqual([0, 0, 1, 1]);
    await truncate(segmentPath(directory, second.segment), second.offset + 11);
    const writer = await aWriter(directory);
    const read = await readAll(directory, writer.durableEnd);
    expect(read.bodies).toEqual(['a', 'c', 'd']);
    expect(read.damage).toMatchObject([{ from: second, bytes: ONE_LETTER_BYTES }]);
    expect(end.segment).toBe(second.segment + 1);
  });

  it('of a body full of record magics takes no longer than reading it', async () => {
    const magics = Buffer.alloc(2_000_000, Buffer.from([0xf5, 0x53, 0x4c, 0x52]));
    const directory = await aFolder();
    const writer = await aWriter(directory);
    const { segment, offset } = await writer.append(anEntry({ body: magics }));
    await writer.append(anEntry({ body: 'found' }));
    await damage(directory, segment, (bytes) => bytes.fill(0, offset, offset + 40));
    expect((await readAll(directory, writer.durableEnd)).bodies).toEqual(['found']);
  });
});

function within(at: JournalPosition, range: { position: JournalPosition; next: JournalPosition }): boolean {
  return (
    at.segment === range.position.segment &&
    at.offset >= range.position.offset &&
    (at.offset < range.next.offset || range.next.segment > at.segment)
  );
}

function withoutViews(record: JournalRecord): Omit<JournalEntry, 'body'> & { body: string } {
  return { ...record, body: Buffer.from(record.body).toString('hex') };
}
