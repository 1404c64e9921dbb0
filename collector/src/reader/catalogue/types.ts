import { type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';
import { TYPE_TABLE } from './type-table.ts';

/** A type as PostgreSQL tells it in a row description (documentation, chapter 55.7). */
export interface PostgresType {
  readonly oid: number;
  /** As in `pg_type.typname`; an array's begins with an underscore. */
  readonly name: string;
  /** Bytes of a value, -1 when they vary. */
  readonly lengthBytes: number;
  /** What belongs to the type beyond its OID, for instance precision and scale of `numeric`; -1 for nothing. */
  readonly typmod: number;
}

const BY_NAME = new Map(TYPE_TABLE.map((row) => [row[1], row]));

function named(name: string, typmod = -1): PostgresType {
  const row = BY_NAME.get(name);
  if (row === undefined) throw new Error(`${name} is no type of the type table.`);
  const [oid, , , lengthBytes] = row;
  return { oid, name, lengthBytes, typmod };
}

/** The array of a type that has one, else JSON: PostgreSQL's clients cannot be told of other lists. */
function arrayOf(element: PostgresType): PostgresType {
  const array = BY_NAME.get(element.name)?.[5] ?? 0;
  return array === 0 ? JSON_TEXT : { ...element, oid: array, name: `_${element.name}`, lengthBytes: -1 };
}

const JSON_TEXT = named('json');

/**
 * How a value of a DuckDB column is told to a PostgreSQL client. Only standard OIDs are given, since drivers fail on
 * others; whole numbers beyond 64 bits become `numeric`, so that none is ever rounded; what has no counterpart is text
 * (words of an enum) or JSON (structures).
 */
export function postgresTypeOf(type: DuckDBType): PostgresType {
  switch (type.typeId) {
    case DuckDBTypeId.BOOLEAN:
      return named('bool');
    case DuckDBTypeId.TINYINT:
    case DuckDBTypeId.UTINYINT:
    case DuckDBTypeId.SMALLINT:
      return named('int2');
    case DuckDBTypeId.USMALLINT:
    case DuckDBTypeId.INTEGER:
    case DuckDBTypeId.INTEGER_LITERAL:
      return named('int4');
    // No view of the contract has such a number; the numbers of objects in the catalogue are some.
    case DuckDBTypeId.UINTEGER:
      return named('oid');
    case DuckDBTypeId.BIGINT:
      return named('int8');
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return named('numeric');
    case DuckDBTypeId.DECIMAL:
      return named('numeric', numericTypmod(type.width, type.scale));
    case DuckDBTypeId.FLOAT:
      return named('float4');
    case DuckDBTypeId.DOUBLE:
      return named('float8');
    case DuckDBTypeId.DATE:
      return named('date');
    case DuckDBTypeId.TIME:
    case DuckDBTypeId.TIME_NS:
      return named('time');
    case DuckDBTypeId.TIME_TZ:
      return named('timetz');
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_S:
    case DuckDBTypeId.TIMESTAMP_MS:
    case DuckDBTypeId.TIMESTAMP_NS:
      return named('timestamp');
    case DuckDBTypeId.TIMESTAMP_TZ:
      return named('timestamptz');
    case DuckDBTypeId.INTERVAL:
      return named('interval');
    case DuckDBTypeId.UUID:
      return named('uuid');
    case DuckDBTypeId.BLOB:
      return named('bytea');
    case DuckDBTypeId.BIT:
      return named('varbit');
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return listOf(postgresTypeOf(type.valueType));
    case DuckDBTypeId.STRUCT:
    case DuckDBTypeId.MAP:
    case DuckDBTypeId.UNION:
    case DuckDBTypeId.VARIANT:
      return JSON_TEXT;
    case DuckDBTypeId.VARCHAR:
      return type.alias === 'JSON' || type.alias === 'jsonb' ? JSON_TEXT : named('text');
    default:
      return named('text');
  }
}

/** A list of lists has the OID of a plain array in PostgreSQL, but may be ragged here: JSON says what it is. */
function listOf(element: PostgresType): PostgresType {
  return element.name.startsWith('_') || element.name === 'json' ? JSON_TEXT : arrayOf(element);
}

/** PostgreSQL keeps precision and scale in one number, offset by the four bytes of its length header. */
export function numericTypmod(precision: number, scale: number): number {
  return ((precision << 16) | scale) + 4;
}

/** Every name that `pg_type` has, by OID; arrays too. */
export function typeOids(): ReadonlyMap<string, number> {
  const oids = new Map<string, number>();
  for (const [oid, name, , , , array] of TYPE_TABLE) {
    oids.set(name, oid);
    if (array !== 0) oids.set(`_${name}`, array);
  }
  return oids;
}
