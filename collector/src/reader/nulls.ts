import duckdb from '@duckdb/node-bindings';

/** A column of a chunk, as the engine's bindings have it. */
export type Vector = ReturnType<typeof duckdb.data_chunk_get_vector>;

/** Which rows of a column are NULL; where one is, the memory of the column may hold anything. */
export function nullsOf(vector: Vector, rowCount: number): (row: number) => boolean {
  // A bit for each row, 0 for NULL; none when no row is NULL.
  const validity = duckdb.vector_get_validity(vector, Math.ceil(rowCount / 64) * 8);
  if (validity == null) return () => false;
  return (row) => ((validity[row >> 3] ?? 0) & (1 << (row & 7))) === 0;
}
