import {
  type DuckDBValue,
  type DuckDBValueConverter,
  type Json,
  JsonDuckDBValueConverter,
  TIMESTAMPTZ,
} from '@duckdb/node-api';

/**
 * Values as they are sent: decimals and 64-bit integers are strings, instants ISO 8601 with `Z`; everything else as
 * DuckDB's own JSON conversion has it.
 */
export const toJson: DuckDBValueConverter<Json> = (value: DuckDBValue, type, converter) => {
  if (type.typeId === TIMESTAMPTZ.typeId && value !== null) {
    // `2026-11-22 17:11:54.986797+00`: the session's time zone is UTC.
    return String(value).replace(' ', 'T').replace(/\+00$/, 'Z');
  }
  return JsonDuckDBValueConverter(value, type, converter);
};
