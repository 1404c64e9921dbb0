import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jsonRecords } from './json-records.ts';
import type { FileRecord } from './record.ts';

async function read(...chunks: readonly string[]): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  for await (const record of jsonRecords(chunksOf(chunks))) records.push(record);
  return records;
}

async function* chunksOf(chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

function contents(records: readonly FileRecord[]): unknown[] {
  return records.map(({ content }) => (content.kind === 'fields' ? content.fields : content.kind));
}

describe('a JSON file', () => {
  it('has the same records as lines, as an array and printed for people, however it comes in pieces', async () => {
    const text = fc.string({
      unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', ',', '\n', 'é'),
      maxLength: 8,
    });
    const record = fc.record({ id: text, inner: fc.record({ list: fc.array(text, { maxLength: 3 }) }) });
    await fc.assert(
      fc.asyncProperty(
        fc.array(record, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        async (records, size) => {
          const forms = [
            records.map((value) => JSON.stringify(value)).join('\n'),
            JSON.stringify(records),
            JSON.stringify(records, null, 2),
            records.map((value) => JSON.stringify(value, null, 1)).join('\n'),
            JSON.stringify({ data: records, meta: { page: 1 } }),
          ];
          for (const form of forms) {
            const pieces = form.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
            expect(contents(await read(...pieces)), form).toEqual(records);
          }
        },
      ),
    );
  });

  it('keeps every digit of its numbers', async () => {
    expect(
      contents(await read('{"spend": 1.2e-05, "id": 12345678901234567890, "ok": true, "none": null}')),
    ).toEqual([{ spend: '1.2e-05', id: '12345678901234567890', ok: true, none: null }]);
  });

  it('with a broken line has one broken record at its place, and the others stay', async () => {
    const records = await read('{"id": 1}\n{"id": \n\n[1]\n{"id": 4}\n');
    expect(contents(records)).toEqual([{ id: '1' }, 'broken', 'broken', { id: '4' }]);
    expect(records.map(({ row, line }) => [row, line])).toEqual([
      [1, 1],
      [2, 2],
      [3, 4],
      [4, 5],
    ]);
  });

  it('whose array does not end is refused: a download broke off', async () => {
    await expect(read('[{"id": 1}, {"id": 2},')).rejects.toThrow(/cut off/);
    await expect(read('[{"id": 1}, {"id": 2}')).rejects.toThrow(/cut off/);
    expect(contents(await read('[]'))).toEqual([]);
    expect(contents(await read('[{"id": 1}]\n'))).toEqual([{ id: '1' }]);
  });

  it('with something behind its array is refused: of two exports in one file, the second would be left out', async () => {
    await expect(read('[{"id":"a"}]\n[{"id":"b"}]\n')).rejects.toThrow(/nothing after the array .* \[\{/);
    await expect(read('[]\n', '{"id":"a"}\n{"id":"b"}\n')).rejects.toThrow(/nothing after the array/);
    expect(contents(await read('[{"id": 1}', '] \n', ' \n'))).toEqual([{ id: '1' }]);
  });

  it('whose record never ends is refused before it fills the memory', async () => {
    const endless = Array.from({ length: 40 }, () => 'x'.repeat(1024 * 1024));
    await expect(read('{"id": "', ...endless)).rejects.toThrow(/line 1: .*longer than/);
  });
});
