import { SQLSTATE, SqlError } from '../errors.ts';
import type { Outgoing } from '../wire/outgoing.ts';
import type { Zone } from './zone.ts';

/** Months, days and microseconds are kept apart, because neither months nor days have a fixed length. */
export interface Interval {
  readonly months: number;
  readonly days: number;
  readonly micros: bigint;
}

/** A time of day at an offset; east of Greenwich is positive. */
export interface TimeWithZone {
  /** Since midnight, local time. */
  readonly micros: bigint;
  readonly offsetSeconds: number;
}

/** Later, or earlier, than any date. */
export type Infinite = 'infinity' | '-infinity';

/**
 * A value that is not NULL, as backends give results and take parameters. By type:
 *
 * | type | value |
 * | --- | --- |
 * | `bool` | boolean |
 * | `int2`, `int4`, `oid` and its aliases | number |
 * | `int8` | bigint; results may be safe integers as well |
 * | `float4`, `float8` | number |
 * | `numeric` | decimal string such as `-12.50`, `NaN`, `Infinity`; results may be bigint as well |
 * | `text`, `varchar`, `bpchar`, `name`, `char`, `json`, `jsonb`, `xml`, `unknown` | string |
 * | `uuid` | string, lower case, with dashes |
 * | `bytea` | Uint8Array |
 * | `date` | number: days since 1970-01-01; or `infinity`, `-infinity` |
 * | `time` | bigint: microseconds since midnight |
 * | `timetz` | TimeWithZone |
 * | `timestamp`, `timestamptz` | bigint: microseconds since 1970-01-01 00:00 (UTC); or `infinity`, `-infinity` |
 * | `interval` | Interval |
 * | arrays | nested arrays of values and nulls |
 * | any other | string, its text; there is no binary format for it |
 */
export type Value =
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | Interval
  | TimeWithZone
  | readonly (Value | null)[];

/** How the values of one type are written and read, as text and in binary (54.1.3, "Formats and Format Codes"). */
export interface TypeCodec {
  readonly name: string;
  readonly oid: number;
  /** The type of arrays of it; 0 when there is none. */
  readonly arrayOid: number;
  /** Bytes of a value in the server, as clients are told in RowDescription; -1 when they differ. */
  readonly size: number;
  /** Whether text of it never needs quotes within an array, as digits do not. */
  readonly plainInArrays: boolean;
  readonly writeText: (out: Outgoing, value: Value, zone: Zone) => void;
  readonly writeBinary: (out: Outgoing, value: Value) => void;
  /** @throws {SqlError} 22P02, 22003, 22007, 22008 */
  readonly readText: (text: string, zone: Zone) => Value;
  /** @throws {SqlError} 22P03, 08P01 */
  readonly readBinary: (bytes: Buffer) => Value;
}

/** A backend has handed over what the type of its column cannot be: a mistake there, not of the client. */
export function unfit(type: string, value: Value): TypeError {
  return new TypeError(`a value of type ${type} cannot be a ${typeof value}`);
}

export function invalidText(type: string, text: string): SqlError {
  return new SqlError(SQLSTATE.invalidTextRepresentation, `invalid input syntax for type ${type}: "${text}"`);
}

export function outOfRange(type: string, text: string): SqlError {
  return new SqlError(SQLSTATE.numericValueOutOfRange, `value "${text}" is out of range for type ${type}`);
}

/** Bytes of a parameter of fixed length. */
export function exactly(bytes: Buffer, count: number, type: string): Buffer {
  if (bytes.length !== count)
    throw new SqlError(
      SQLSTATE.invalidBinaryRepresentation,
      `incorrect binary data format for type ${type}: ${bytes.length} bytes`,
    );
  return bytes;
}
