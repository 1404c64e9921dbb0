import type { Column, Field } from '../backend.ts';
import type { TypeCodec } from '../types/codec.ts';
import { codecOf } from '../types/table.ts';
import type { Zone } from '../types/zone.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import type { Format } from '../wire/requests.ts';
import type { Slice } from './rows.ts';

const DATA_ROW = 0x44;

/** Writes rows as DataRow messages (54.7), straight from the columns of a batch into what is sent. */
export interface RowWriter {
  /** Writes rows until `isFull` says to stop, at least one; returns the row to go on with. */
  write(out: Outgoing, slice: Slice, from: number, isFull: () => boolean): number;
}

/** @throws {SqlError} 0A000 for a column that has no binary format */
export function rowWriter(fields: readonly Field[], formats: readonly Format[], zone: Zone): RowWriter {
  const writers = fields.map((field, column) =>
    valueWriter(codecOf(field.oid, formats[column] ?? 'text'), formats[column] ?? 'text', zone),
  );
  return {
    write(out, { batch, to }, from, isFull) {
      const { columns } = batch;
      if (columns.length !== writers.length)
        throw new TypeError(`a batch of ${columns.length} columns for ${writers.length} fields`);
      let row = from;
      do {
        const start = out.length;
        try {
          writeRow(out, writers, columns, row);
        } catch (error) {
          // Half a row would shift everything that follows.
          out.cut(start);
          throw error;
        }
        row++;
      } while (row < to && !isFull());
      return row;
    },
  };
}

type ValueWriter = (out: Outgoing, column: Column, row: number) => void;

function valueWriter(codec: TypeCodec, format: Format, zone: Zone): ValueWriter {
  const { writeText, writeBinary } = codec;
  return format === 'binary'
    ? (out, column, row) => {
        const value = column[row];
        if (value === null || value === undefined) return out.int32(-1);
        const at = out.reserveLength();
        writeBinary(out, value);
        out.fillValueLength(at);
      }
    : (out, column, row) => {
        const value = column[row];
        if (value === null || value === undefined) return out.int32(-1);
        const at = out.reserveLength();
        writeText(out, value, zone);
        out.fillValueLength(at);
      };
}

function writeRow(
  out: Outgoing,
  writers: readonly ValueWriter[],
  columns: readonly Column[],
  row: number,
): void {
  out.byte(DATA_ROW);
  const at = out.reserveLength();
  out.count(writers.length);
  for (let i = 0; i < writers.length; i++) {
    const column = columns[i];
    if (column !== undefined) writers[i]?.(out, column, row);
  }
  out.end(at);
}
