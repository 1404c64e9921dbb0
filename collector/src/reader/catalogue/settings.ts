/**
 * What the endpoint says of itself: the settings that clients ask for by `current_setting`, `SHOW` or `pg_settings`.
 * Those of a session (time zone, application name, …) are the ones it begins with.
 */

export interface Setting {
  readonly name: string;
  readonly value: string;
  /** As `pg_settings.vartype` has it. */
  readonly kind: 'bool' | 'enum' | 'integer' | 'real' | 'string';
}

/**
 * The PostgreSQL whose catalogue and behaviour is shown; clients choose their queries by it. No patch version: Grafana
 * divides the number by 100, which in DuckDB leaves a fraction otherwise.
 */
export const SERVER_VERSION = '15.0';
export const SERVER_VERSION_NUMBER = '150000';

const setting = (kind: Setting['kind'], name: string, value: string): Setting => ({ kind, name, value });

export const SETTINGS: readonly Setting[] = [
  setting('string', 'application_name', ''),
  setting('enum', 'backslash_quote', 'safe_encoding'),
  setting('integer', 'block_size', '8192'),
  setting('enum', 'bytea_output', 'hex'),
  setting('string', 'client_encoding', 'UTF8'),
  setting('enum', 'client_min_messages', 'notice'),
  setting('string', 'DateStyle', 'ISO, MDY'),
  setting('string', 'default_table_access_method', 'heap'),
  setting('string', 'default_tablespace', ''),
  setting('enum', 'default_transaction_isolation', 'read committed'),
  setting('bool', 'default_transaction_read_only', 'on'),
  setting('bool', 'escape_string_warning', 'on'),
  setting('integer', 'extra_float_digits', '1'),
  setting('integer', 'idle_in_transaction_session_timeout', '0'),
  setting('bool', 'in_hot_standby', 'off'),
  setting('bool', 'integer_datetimes', 'on'),
  setting('enum', 'IntervalStyle', 'postgres'),
  setting('bool', 'is_superuser', 'off'),
  setting('bool', 'jit', 'off'),
  setting('string', 'lc_collate', 'C'),
  setting('string', 'lc_ctype', 'C'),
  setting('string', 'lc_messages', 'C'),
  setting('string', 'lc_monetary', 'C'),
  setting('string', 'lc_numeric', 'C'),
  setting('string', 'lc_time', 'C'),
  setting('integer', 'lock_timeout', '0'),
  setting('integer', 'max_connections', '100'),
  setting('integer', 'max_identifier_length', '63'),
  setting('integer', 'max_index_keys', '32'),
  setting('enum', 'password_encryption', 'scram-sha-256'),
  setting('bool', 'row_security', 'on'),
  setting('string', 'search_path', '"$user", public'),
  setting('string', 'server_encoding', 'UTF8'),
  setting('string', 'server_version', SERVER_VERSION),
  setting('integer', 'server_version_num', SERVER_VERSION_NUMBER),
  setting('enum', 'session_replication_role', 'origin'),
  setting('bool', 'ssl', 'off'),
  setting('bool', 'standard_conforming_strings', 'on'),
  setting('integer', 'statement_timeout', '0'),
  setting('bool', 'synchronize_seqscans', 'on'),
  setting('string', 'TimeZone', 'UTC'),
  setting('string', 'timezone_abbreviations', 'Default'),
  setting('enum', 'transaction_isolation', 'read committed'),
  setting('bool', 'transaction_read_only', 'on'),
  setting('integer', 'wal_segment_size', '16777216'),
];
