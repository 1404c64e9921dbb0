import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CodeColumn,
  Decimal64Column,
  Decimal128Column,
  HexColumn,
  IntegerColumn,
  type TableLayout,
  TableWriter,
  TextColumn,
  WordColumn,
} from './columns.ts';
import { Words } from './words.ts';

type Column<Value> = TableLayout<Value>['columns'][number] & { set(row: number, value: Value): void };

let instance: DuckDBInstance;
let connection: DuckDBConnection;
beforeAll(async () => {
  instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  connection = await instance.connect();
});
afterAll(() => {
  connection.closeSync();
  instance.closeSync();
});

async function aWriter<Value>(type: string, column: Column<Value>): Promise<TableWriter<Value>> {
  await connection.run(`CREATE OR REPLACE TABLE probe (value ${type})`);
  return TableWriter.open(connection, {
    schema: 'main',
    table: 'probe',
    columns: [column],
    set: (row, value: Value) => column.set(row, value),
  });
}

/** What the engine says the values are, in the order in which they were appended. */
async function stored(expression = 'value::VARCHAR'): Promise<unknown[]> {
  const rows = await connection.runAndReadAll(`SELECT ${expression} FROM probe ORDER BY rowid`);
  return rows.getRows().map(([value]) => value);
}

async function throughTable<Value>(
  type: string,
  column: Column<Value>,
  values: readonly Value[],
  expression?: string,
): Promise<unknown[]> {
  const writer = await aWriter(type, column);
  for (const value of values) writer.append(value);
  writer.flush();
  writer.close();
  return stored(expression);
}

/** Around the 2048 rows of a chunk, and past the 16 384 rows after which the appender is flushed. */
const ROW_COUNTS = [1, 2, 2047, 2048, 2049, 4096, 16_384, 16_385, 40_000];

/** `values` over and over until there are `count` of them. */
function repeated<Value>(values: readonly Value[], count: number): Value[] {
  return Array.from({ length: Math.ceil(count / values.length) }, () => values)
    .flat()
    .slice(0, count);
}

/** Short lists cross no chunk, so some are repeated until they do. */
function rowsOf<Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<(Value | null)[]> {
  return fc
    .tuple(
      fc.array(fc.option(value, { freq: 4 }), { minLength: 1, maxLength: 40 }),
      fc.constantFrom(1, 39, 2047, 2050, 4099),
    )
    .map(([values, count]) => repeated(values, count));
}

const RUNS = { numRuns: 40 };

describe('a column of integers', () => {
  const asText = (value: number | null) => (value === null ? null : BigInt(value).toString());

  it('keeps every boundary value, negative ones too', async () => {
    const near = [0, 2 ** 31, 2 ** 32, 2 ** 33, 2 ** 52, Number.MAX_SAFE_INTEGER, 1_795_000_000_000_000];
    const values = near.flatMap((value) => [value - 1, value, -value, 1 - value]);
    expect(await throughTable('BIGINT', new IntegerColumn(), values)).toEqual(values.map(asText));
  });

  it('keeps 2^53 and -2^53', async () => {
    expect(await throughTable('BIGINT', new IntegerColumn(), [2 ** 53, -(2 ** 53)])).toEqual([
      '9007199254740992',
      '-9007199254740992',
    ]);
  });

  it('keeps any safe integer and any NULL', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf(fc.maxSafeInteger()), async (values) => {
        expect(await throughTable('BIGINT', new IntegerColumn(), values)).toEqual(values.map(asText));
      }),
      RUNS,
    );
  });

  it('is an instant in microseconds', async () => {
    const instants = [0, -1, 1_795_000_000_123_456, Date.UTC(9999, 11, 31) * 1000];
    expect(
      await throughTable('TIMESTAMPTZ', new IntegerColumn(), instants, 'epoch_us(value)::VARCHAR'),
    ).toEqual(instants.map(String));
  });
});

describe.each([
  { type: 'DECIMAL(18, 6)', scale: 6, digits: 18, column: () => new Decimal64Column() },
  { type: 'DECIMAL(38, 15)', scale: 15, digits: 38, column: () => new Decimal128Column() },
  { type: 'DECIMAL(20, 9)', scale: 9, digits: 20, column: () => new Decimal128Column() },
])('a column of $type', ({ type, scale, digits, column }) => {
  const largest = 10n ** BigInt(digits) - 1n;
  const asText = (units: bigint | null) => (units === null ? null : decimalText(units, scale));

  it('keeps zero, the smallest unit, the largest number, and their negatives', async () => {
    const values = [0n, 1n, -1n, largest, -largest, 2n ** 53n + 1n, -(2n ** 53n) - 1n, 10n ** BigInt(scale)];
    expect(await throughTable(type, column(), values)).toEqual(values.map(asText));
  });

  it('keeps 12345678901.000001, which no float can', async () => {
    const units = 12_345_678_901_000_001n * 10n ** BigInt(scale - 6);
    const [text] = await throughTable(type, column(), [units]);
    expect(text).toBe(`12345678901.000001${'0'.repeat(scale - 6)}`);
  });

  it('keeps any amount and any NULL', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf(fc.bigInt({ min: -largest, max: largest })), async (values) => {
        expect(await throughTable(type, column(), values)).toEqual(values.map(asText));
      }),
      RUNS,
    );
  });
});

it('a DECIMAL of 18 digits takes nothing longer: its array would wrap it around', () => {
  const column = new Decimal64Column();
  for (const units of [10n ** 18n, -(10n ** 18n), 2n ** 64n]) {
    expect(() => column.set(0, units)).toThrow(/more than 18 digits/);
  }
});

describe.each([
  { what: 'trace ids', type: 'UHUGEINT', width: 16 as const, format: '{:032x}' },
  { what: 'span ids', type: 'UBIGINT', width: 8 as const, format: '{:016x}' },
])('a column of $what', ({ type, width, format }) => {
  const expression = `format('${format}', value)`;
  const hexDigits = width * 2;

  it('keeps leading zeros, all f, all 0, and every digit in every place', async () => {
    const digits = '0123456789abcdef';
    const turned = Array.from({ length: 16 }, (_, by) =>
      `${digits.slice(by)}${digits.slice(0, by)}`.repeat(2).slice(0, hexDigits),
    );
    const ids = ['0'.repeat(hexDigits), 'f'.repeat(hexDigits), '1'.padStart(hexDigits, '0'), ...turned];
    expect(await throughTable(type, new HexColumn(width), ids, expression)).toEqual(ids);
  });

  it('keeps any id and any NULL', async () => {
    const id = fc
      .uint8Array({ minLength: width, maxLength: width })
      .map((bytes) => Buffer.from(bytes).toString('hex'));
    await fc.assert(
      fc.asyncProperty(rowsOf(id), async (ids) => {
        expect(
          await throughTable(
            type,
            new HexColumn(width),
            ids,
            `CASE WHEN value IS NOT NULL THEN ${expression} END`,
          ),
        ).toEqual(ids);
      }),
      RUNS,
    );
  });
});

describe('a column of texts', () => {
  it.each([
    ['empty', ''],
    ['of 12 bytes, the most that the engine keeps in place', 'twelve bytes'],
    ['of 13 bytes, the fewest that it keeps elsewhere', 'thirteen byte'],
    ['of 12 bytes in 4 characters', '₀₁₂₃'],
    ['of 10 kB', 'k'.repeat(10_240)],
    ['in many scripts', 'Größe, Ω, 漢字, العربية'],
    ['with emoji', '👩‍🚀🏳️‍🌈🙂'],
    ['with newlines and quotes', 'a\n"b"\t\'c\'\\'],
    ['that says NULL', 'NULL'],
  ])('keeps a text %s', async (_what, text) => {
    expect(await throughTable('VARCHAR', new TextColumn(), [text, null, text])).toEqual([text, null, text]);
  });

  it('replaces NUL, where texts would end for the engine', async () => {
    expect(await throughTable('VARCHAR', new TextColumn(), ['a\0b', '\0', 'a\uFFFDb'])).toEqual([
      'a\uFFFDb',
      '\uFFFD',
      'a\uFFFDb',
    ]);
  });

  it('replaces half a surrogate pair, which has no UTF-8', async () => {
    const halves = ['\ud83d', 'before \ude42', '\ud83d after, far past twelve bytes'];
    expect(await throughTable('VARCHAR', new TextColumn(), halves)).toEqual(
      halves.map((text) => text.toWellFormed()),
    );
  });

  it('keeps equal and unique texts side by side in one chunk', async () => {
    const values = Array.from({ length: 2048 }, (_, row) =>
      row % 3 === 0
        ? 'the same text for every third row'
        : row % 3 === 1
          ? `unique text of row ${row}`
          : null,
    );
    expect(await throughTable('VARCHAR', new TextColumn(), values)).toEqual(values);
  });

  it.each([
    ['the first', 0],
    ['the eighth', 7],
    ['the ninth', 8],
    ['the last of a chunk', 2047],
    ['the first of the next chunk', 2048],
  ])('keeps a NULL in %s row, and only there', async (_where, nullAt) => {
    const values = Array.from({ length: 2050 }, (_, row) =>
      row === nullAt ? null : 'a text longer than 12 bytes',
    );
    expect(await throughTable('VARCHAR', new TextColumn(), values)).toEqual(values);
  });

  it('keeps a chunk of nothing but NULL between two of texts', async () => {
    const values = Array.from({ length: 3 * 2048 }, (_, row) =>
      row >> 11 === 1 ? null : `text ${row % 100}`,
    );
    expect(await throughTable('VARCHAR', new TextColumn(), values)).toEqual(values);
  });

  it('keeps any text and any NULL', async () => {
    const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme', maxLength: 40 }));
    await fc.assert(
      fc.asyncProperty(rowsOf(text), async (texts) => {
        expect(await throughTable('VARCHAR', new TextColumn(), texts)).toEqual(
          texts.map((value) => value?.toWellFormed().replaceAll('\0', '\uFFFD') ?? null),
        );
      }),
      RUNS,
    );
  });
});

describe('a column of codes', () => {
  it.each(ROW_COUNTS)('takes %d rows, each with its own code, up to the largest', async (count) => {
    const codes = Array.from({ length: count }, (_, row) => (row % 7 === 0 ? 2 ** 31 - 1 - row : row));
    expect(await throughTable('INTEGER', new CodeColumn(), codes)).toEqual(codes.map(String));
  });
});

describe('a column of words', () => {
  it('stores the code of each word, and 0 for none', async () => {
    const words = new Words(['known']);
    expect(
      await throughTable('INTEGER', new WordColumn(words), ['known', 'new', null, 'newer', 'new']),
    ).toEqual(['1', '2', '0', '3', '2']);
  });
});

describe('a table writer', () => {
  it.each(ROW_COUNTS)('keeps all of %d rows', async (count) => {
    const values = Array.from({ length: count }, (_, row) => `row ${row}`);
    expect(await throughTable('VARCHAR', new TextColumn(), values)).toEqual(values);
  });

  it('may be flushed at any time, also with nothing to flush', async () => {
    const writer = await aWriter('BIGINT', new IntegerColumn());
    writer.flush();
    for (let row = 0; row < 5000; row++) {
      writer.append(row);
      if (row % 777 === 0) writer.flush();
    }
    writer.flush();
    writer.flush();
    writer.close();
    expect(await stored()).toEqual(Array.from({ length: 5000 }, (_, row) => String(row)));
  });

  it('refuses a table with another number of columns', async () => {
    await connection.run('CREATE OR REPLACE TABLE two_columns (a BIGINT, b BIGINT)');
    const column = new IntegerColumn();
    await expect(
      TableWriter.open(connection, {
        schema: 'main',
        table: 'two_columns',
        columns: [column],
        set: (row, value: number) => column.set(row, value),
      }),
    ).rejects.toThrow('columns of two_columns');
  });

  it('refuses a table that is not there', async () => {
    const layout = { schema: 'main', table: 'nowhere', columns: [], set: () => {} };
    await expect(TableWriter.open(connection, layout)).rejects.toThrow(/nowhere/);
  });

  it('shows its rows to other connections with the commit, and never before', async () => {
    const reader = await instance.connect();
    const seen = async () =>
      (await reader.runAndReadAll('SELECT count(*)::INTEGER FROM probe')).getRows()[0]?.[0];
    const writer = await aWriter('BIGINT', new IntegerColumn());
    await connection.run('BEGIN TRANSACTION');
    for (let row = 0; row < 40_000; row++) writer.append(row);
    expect(await seen()).toBe(0);
    writer.flush();
    expect(await seen()).toBe(0);
    await connection.run('COMMIT');
    expect(await seen()).toBe(40_000);
    writer.close();
    reader.closeSync();
  });

  it('leaves no rows behind when the transaction is rolled back', async () => {
    const writer = await aWriter('BIGINT', new IntegerColumn());
    await connection.run('BEGIN TRANSACTION');
    for (let row = 0; row < 20_000; row++) writer.append(row);
    writer.flush();
    await connection.run('ROLLBACK');
    await connection.run('BEGIN TRANSACTION');
    writer.append(-1);
    writer.flush();
    await connection.run('COMMIT');
    writer.close();
    expect(await stored()).toEqual(['-1']);
  });
});

/** Written without the code under test: sign, digits, and a point `scale` digits from the end. */
function decimalText(units: bigint, scale: number): string {
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  return `${units < 0n ? '-' : ''}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
