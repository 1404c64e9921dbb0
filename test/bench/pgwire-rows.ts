import { type Field, numericModifier, OID, type RowBatch } from '../../packages/pgwire/src/index.ts';

/** What the rows of the benchmark are made of, in its two threads: six columns as a panel of a dashboard has them. */
export const FIELDS: readonly Field[] = [
  { name: 'time', oid: OID.timestamptz },
  { name: 'feature', oid: OID.text },
  { name: 'model', oid: OID.text },
  { name: 'input_tokens', oid: OID.int8 },
  { name: 'cost_usd', oid: OID.numeric, typeModifier: numericModifier(38, 15) },
  { name: 'duration_ms', oid: OID.float8 },
];
export const ROWS = 100_000;
const BATCH_ROWS = 2_048;

const FIRST_MICROS = 1_767_225_600_000_000n;
const FEATURES = ['chat', 'summaries', 'search in documents', 'translation'];
const MODELS = ['gpt-5-mini', 'claude-sonnet-4-5', 'gemini-2.5-flash'];

function someRows(from: number): RowBatch {
  const length = Math.min(BATCH_ROWS, ROWS - from);
  const column = <T>(of: (row: number) => T): T[] => Array.from({ length }, (_, row) => of(from + row));
  return {
    rowCount: length,
    columns: [
      BigInt64Array.from(column((row) => FIRST_MICROS + BigInt(row) * 1_234_567n)),
      column((row) => FEATURES[row % FEATURES.length] ?? ''),
      column((row) => MODELS[row % MODELS.length] ?? ''),
      BigInt64Array.from(column((row) => BigInt((row * 7_919) % 100_000))),
      column((row) => `0.${String((row * 104_729) % 1_000_000_000).padStart(15, '0')}`),
      Float64Array.from(column((row) => (row % 9_973) / 8)),
    ],
  };
}

export const BATCHES: readonly RowBatch[] = Array.from({ length: Math.ceil(ROWS / BATCH_ROWS) }, (_, i) =>
  someRows(i * BATCH_ROWS),
);
