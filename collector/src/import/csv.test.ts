import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvRecords } from './csv.ts';
import type { FileRecord } from './record.ts';

async function read(...chunks: readonly string[]): Promise<FileRecord[]> {
  const records: FileRecord[] = [];
  for await (const record of csvRecords(chunksOf(chunks))) records.push(record);
  return records;
}

async function* chunksOf(chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

function cells(records: readonly FileRecord[]): unknown[] {
  return records.map(({ content }) => (content.kind === 'fields' ? Object.values(content.fields) : content));
}

describe('a CSV file', () => {
  it('is the same however it comes in pieces, with any text in its fields and any of its delimiters', async () => {
    const cell = fc.string({
      unit: fc.constantFrom('a', '"', ',', ';', '\t', '\n', '\r', ' ', 'ü', '1'),
      maxLength: 6,
    });
    const table = fc.array(fc.tuple(cell, cell, cell), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(
        table,
        fc.constantFrom(',', ';', '\t'),
        fc.constantFrom('\n', '\r\n', '\r'),
        fc.boolean(),
        fc.integer({ min: 1, max: 9 }),
        async (rows, delimiter, newline, endsWithNewline, size) => {
          const quoted = rows.map((row) =>
            row.map((text) => `"${text.replaceAll('"', '""')}"`).join(delimiter),
          );
          const text =
            ['x', 'y', 'z'].join(delimiter) +
            newline +
            quoted.join(newline) +
            (endsWithNewline ? newline : '');
          const pieces = text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? [];
          expect(cells(await read(...pieces))).toEqual(rows);
        },
      ),
    );
  });

  it('has its fields under the names of its first row, with the place of each row', async () => {
    const records = await read('id,"a ""name"""\n1,x\n\n2,"two\nlines"\n3,\n');
    expect(records).toEqual([
      { row: 1, line: 2, content: { kind: 'fields', fields: { id: '1', 'a "name"': 'x' } } },
      { row: 2, line: 4, content: { kind: 'fields', fields: { id: '2', 'a "name"': 'two\nlines' } } },
      { row: 3, line: 6, content: { kind: 'fields', fields: { id: '3', 'a "name"': '' } } },
    ]);
  });

  it('with a row of another length has one broken row, and the others stay', async () => {
    expect(cells(await read('a,b\n1,2\n1,2,3\n4,5'))).toEqual([
      ['1', '2'],
      { kind: 'broken', expected: '2 fields, as many as the first row has', found: '3 fields' },
      ['4', '5'],
    ]);
  });

  it.each([
    ['a quote that is never closed', 'a,b\n1,"2\n3,4', /line 2: a quote is opened/],
    ['text behind a field in quotes', 'a,b\n"1"x,2', /line 2: after a field in quotes/],
    ['a quote inside a bare field', 'a,b\n1,5" screen', /line 2: .*quote doubled/],
    ['a column that stands there twice', 'a,b,a\n1,2,3', /line 1: the column a/],
  ])('with %s is refused: where the next row begins cannot be told', async (_what, text, complaint) => {
    await expect(read(text)).rejects.toThrow(complaint);
  });

  it('whose row never ends is refused before it fills the memory', async () => {
    const endless = Array.from({ length: 40 }, () => 'x'.repeat(1024 * 1024));
    await expect(read('a,b\n"', ...endless)).rejects.toThrow(/line 2: .*longer than/);
  });
});
