import type { RowBatch } from '../backend.ts';

/** Rows `from` to before `to` of a batch. */
export interface Slice {
  readonly batch: RowBatch;
  readonly from: number;
  readonly to: number;
}

/** Rows that are asked for piece by piece. */
export interface RowSource {
  /** At least one row and at most `max` of them, or `undefined` at the end. */
  next(max: number): Promise<Slice | undefined>;
  /** The rest is not wanted. */
  close(): Promise<void>;
}

/** The rows of an execution, from where they were left. */
export function rowsOf(batches: AsyncIterable<RowBatch>): RowSource {
  let iterator: AsyncIterator<RowBatch> | undefined = batches[Symbol.asyncIterator]();
  let batch: RowBatch | undefined;
  let from = 0;
  return {
    async next(max) {
      while (batch === undefined || from >= batch.rowCount) {
        if (iterator === undefined) return undefined;
        const result = await iterator.next();
        if (result.done === true) {
          iterator = undefined;
          batch = undefined;
          return undefined;
        }
        batch = result.value;
        from = 0;
      }
      const slice = { batch, from, to: Math.min(batch.rowCount, from + max) };
      from = slice.to;
      return slice;
    },
    async close() {
      const open = iterator;
      iterator = undefined;
      batch = undefined;
      await open?.return?.();
    },
  };
}

/** The next `count` rows of a source that lives on afterwards. */
export function firstOf(source: RowSource, count: number): RowSource {
  let left = count;
  return {
    async next(max) {
      if (left <= 0) return undefined;
      const slice = await source.next(Math.min(max, left));
      left = slice === undefined ? 0 : left - (slice.to - slice.from);
      return slice;
    },
    close: async () => {},
  };
}

/** A few rows that are there already. */
export function fixedRows(rows: readonly (readonly string[])[], columnCount: number): RowSource {
  const columns = Array.from({ length: columnCount }, (_, column) => rows.map((row) => row[column] ?? null));
  let from = 0;
  return {
    async next(max) {
      if (from >= rows.length) return undefined;
      const slice = {
        batch: { rowCount: rows.length, columns },
        from,
        to: Math.min(rows.length, from + max),
      };
      from = slice.to;
      return slice;
    },
    close: async () => {},
  };
}
