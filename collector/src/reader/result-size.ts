import { type DuckDBDataChunk, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import duckdb from '@duckdb/node-bindings';
import { nullsOf, type Vector } from './nulls.ts';

/** About how many bytes the values of a chunk take: texts by their length, all others alike. */
export function bytesOf(chunk: DuckDBDataChunk, types: readonly DuckDBType[]): number {
  const { rowCount } = chunk;
  return types.reduce(
    (bytes, type, index) =>
      bytes + bytesOfVector(duckdb.data_chunk_get_vector(chunk.chunk, index), type, rowCount),
    0,
  );
}

const BYTES = 8;

function bytesOfVector(vector: Vector, type: DuckDBType, count: number): number {
  switch (type.typeId) {
    case DuckDBTypeId.VARCHAR:
    case DuckDBTypeId.BLOB:
    case DuckDBTypeId.BIT:
    case DuckDBTypeId.BIGNUM:
      return bytesOfTexts(vector, count);
    case DuckDBTypeId.LIST: {
      const items = duckdb.list_vector_get_child(vector);
      return count * BYTES + bytesOfVector(items, type.valueType, duckdb.list_vector_get_size(vector));
    }
    case DuckDBTypeId.MAP: {
      // A list of pairs.
      const pairs = duckdb.list_vector_get_child(vector);
      const size = duckdb.list_vector_get_size(vector);
      const keys = bytesOfVector(duckdb.struct_vector_get_child(pairs, 0), type.keyType, size);
      return (
        count * BYTES + keys + bytesOfVector(duckdb.struct_vector_get_child(pairs, 1), type.valueType, size)
      );
    }
    case DuckDBTypeId.ARRAY:
      return bytesOfVector(duckdb.array_vector_get_child(vector), type.valueType, count * type.length);
    case DuckDBTypeId.STRUCT:
      return type.entryTypes.reduce(
        (bytes, entry, index) =>
          bytes + bytesOfVector(duckdb.struct_vector_get_child(vector, index), entry, count),
        0,
      );
    default:
      return count * BYTES;
  }
}

/** Sixteen bytes for each text, the first four of which are its length. */
function bytesOfTexts(vector: Vector, count: number): number {
  if (count === 0) return 0;
  const { buffer, byteOffset } = duckdb.vector_get_data(vector, count * 16);
  const words = new Uint32Array(buffer, byteOffset, count * 4);
  const isNull = nullsOf(vector, count);
  let bytes = 0;
  for (let row = 0; row < count; row++) {
    bytes += isNull(row) ? BYTES : (words[row * 4] ?? 0);
  }
  return bytes;
}
