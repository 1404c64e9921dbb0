/** The database in memory that holds the shim, attached beside the ledger. */
export const SHIM_DATABASE = 'pgcompat';

/** Where `pg_catalog` leads, in the search path behind `public`: DuckDB has schemas of both names that cannot be changed. */
export const SYSTEM_SCHEMA = 'pg';

/** Where `information_schema` leads; not in the search path. */
export const INFORMATION_SCHEMA_SHIM = 'information';

/** What operators of PostgreSQL are called here, where DuckDB has another meaning for them or none. */
export const MATCH_OPERATORS: Readonly<Record<string, string>> = {
  '~': '~^',
  '!~': '!~^',
  '~*': '~^*',
  '!~*': '!~^*',
};

/** Functions that differ in nothing but the name; DuckDB's macros cannot take any number of arguments. */
export const RENAMED_FUNCTIONS: Readonly<Record<string, string>> = {
  json_build_object: 'json_object',
  jsonb_build_object: 'json_object',
  json_build_array: 'json_array',
  jsonb_build_array: 'json_array',
  json_agg: 'json_group_array',
  jsonb_agg: 'json_group_array',
  json_object_agg: 'json_group_object',
  jsonb_object_agg: 'json_group_object',
  row_to_json: 'to_json',
  to_jsonb: 'to_json',
};
