/**
 * The functions that readers may call. What is not named is refused, so what an engine of tomorrow adds is refused too
 * until somebody has looked at it. Left out on purpose, beside all that reads files, settings, secrets or statistics and
 * all that has an effect: what makes much out of little within one step of the engine, where neither its memory limit
 * nor its interrupt holds (`range` and `generate_series` as values, `repeat`, `lpad`, `rpad`, `list_resize`,
 * `list_reduce`, `bitstring`), and what calls a function by a name in a text (`list_aggregate`); what compares every letter
 * with every other (`levenshtein`: half a minute for two long texts); and what follows nested JSON so deep that the
 * process crashes (`json_structure`, `json_contains`, `json_transform` and `from_json`, at some ten thousand levels).
 */
const SCALAR = `
  !__postfix !~~ !~~* % & && * ** + - ->> / // <-> << <=> <@ >> @ @> ^ ^@ | || ~ ~~ ~~* ~~~
  like_escape ilike_escape not_like_escape not_ilike_escape

  abs acos acosh add asin asinh atan atan2 atanh bit_count cbrt ceil ceiling cos cosh cot degrees divide even exp
  factorial fdiv floor fmod gamma gcd greatest greatest_common_divisor isfinite isinf isnan lcm least
  least_common_multiple lgamma ln log log10 log2 mod multiply nextafter pi pow power radians random round round_even
  roundbankers sign signbit sin sinh sqrt subtract tan tanh trunc xor equi_width_bins to_base

  coalesce nullif ifnull constant_or_null typeof pg_typeof switch

  ascii bar base64 bin bit_length char_length character_length chr concat concat_ws contains decode encode ends_with
  format formatreadabledecimalsize formatreadablesize format_bytes pg_size_pretty from_base64 from_binary from_hex hamming hash hex instr jaccard jaro_similarity jaro_winkler_similarity lcase left left_grapheme
  length length_grapheme len lower ltrim md5 md5_number md5_number_lower md5_number_upper mismatches
  nfc_normalize octet_length ord parse_dirname parse_dirpath parse_filename parse_formatted_bytes parse_path position
  prefix printf regexp_escape regexp_extract regexp_extract_all regexp_full_match regexp_matches regexp_replace
  regexp_split_to_array replace reverse right right_grapheme rtrim sha1 sha256 split split_part starts_with str_split
  str_split_regex string_split string_split_regex string_to_array array_to_string array_to_string_comma_default
  strip_accents strlen strpos substr substring substring_grapheme suffix to_base64 to_binary to_hex translate trim ucase
  unbin unhex unicode upper url_decode url_encode

  age ago century current_date current_localtime current_localtimestamp current_time current_timestamp date_add date_diff
  date_part date_sub date_trunc datediff datepart datesub datetrunc day dayname dayofmonth dayofweek dayofyear
  days_in_month decade epoch epoch_ms epoch_ns epoch_us era extract get_current_time get_current_timestamp hour isodow
  isoyear julian last_day localtime localtimestamp make_date make_time make_timestamp make_timestamp_ms
  make_timestamp_ns make_timestamptz microsecond millennium millisecond minute month monthname nanosecond
  normalized_interval now quarter second strftime strptime time_bucket timezone timezone_hour timezone_minute to_centuries
  to_days to_decades to_hours to_microseconds to_millennia to_milliseconds to_minutes to_months to_quarters to_seconds
  to_timestamp to_weeks to_years today transaction_timestamp try_strptime week weekday weekofyear year yearweek

  array_append array_cat array_concat array_contains array_distinct array_extract array_filter array_grade_up array_has
  array_has_all array_has_any array_indexof array_intersect array_length array_pop_back array_pop_front array_position
  array_prepend array_push_back array_push_front array_reverse array_reverse_sort array_slice array_sort array_transform
  array_unique array_value array_zip apply cardinality element_at filter flatten grade_up list_any_value list_append
  list_apply list_avg list_cat list_concat list_contains list_count list_distinct list_element list_extract list_filter
  list_first list_grade_up list_has list_has_all list_has_any list_histogram list_indexof list_intersect list_last
  list_max list_median list_min list_mode list_pack list_position list_prepend list_product list_reverse
  list_reverse_sort list_slice list_sort list_stddev_pop list_stddev_samp list_string_agg list_sum list_transform
  list_unique list_value list_var_pop list_var_samp list_zip array_select array_where list_select list_where unnest unpivot_list
  map map_concat map_contains map_contains_entry map_contains_value map_entries map_extract map_extract_value
  map_from_entries map_keys map_values row struct_concat struct_contains struct_extract struct_extract_at struct_has
  struct_insert struct_keys struct_pack struct_position struct_update struct_values union_extract union_tag union_value
  enum_code enum_first enum_last enum_range

  json json_array json_array_length json_exists json_extract json_extract_path
  json_extract_path_text json_extract_string json_keys json_merge_patch json_object json_pretty json_quote
  json_type json_valid json_value array_to_json row_to_json to_json

  gen_random_uuid uuid uuidv4 uuidv7 uuid_extract_timestamp uuid_extract_version
  current_catalog current_database current_role current_schema current_user session_user user version
`;

const AGGREGATE = `
  any_value approx_count_distinct approx_quantile approx_top_k arbitrary arg_max arg_max_null arg_max_nulls_last arg_min
  arg_min_null arg_min_nulls_last argmax argmin array_agg avg bit_and bit_or bit_xor bool_and bool_or corr count count_if
  count_star countif covar_pop covar_samp cume_dist dense_rank entropy favg fill first first_value fsum geomean
  geometric_mean group_concat grouping histogram json_group_array json_group_object kahan_sum kurtosis kurtosis_pop lag
  last last_value lead list listagg mad max max_by mean median min min_by mode nth_value ntile percent_rank product
  quantile quantile_cont quantile_disc rank rank_dense regr_avgx regr_avgy regr_count regr_intercept regr_r2 regr_slope
  regr_sxx regr_sxy regr_syy reservoir_quantile row_number sem skewness stddev stddev_pop stddev_samp string_agg sum
  sum_no_overflow sumkahan var_pop var_samp variance wavg weighted_avg
`;

/**
 * Functions that stand in FROM. `generate_series` and `range` need no bound of their own there: they give their rows a
 * few at a time, so that the limits of time and rows hold.
 */
const TABLE = 'generate_series range unnest json_each json_tree pg_timezone_names';

export const FUNCTIONS: ReadonlySet<string> = words(SCALAR + AGGREGATE);
export const TABLE_FUNCTIONS: ReadonlySet<string> = words(TABLE);

/** The lists of the engine's own catalogue: names and types, no rows, no settings. */
export const CATALOGUE_FUNCTIONS: ReadonlySet<string> = words(`
  duckdb_columns duckdb_constraints duckdb_functions duckdb_indexes duckdb_keywords duckdb_schemas duckdb_sequences
  duckdb_tables duckdb_types duckdb_views pragma_show pragma_table_info pragma_version
`);

/**
 * Arguments that must be written out, counted from 0: with one that is computed, a text of a hundred thousand letters
 * becomes one of ten billion in a single step. `pattern` is what a written one must look like.
 */
export const WRITTEN_ARGUMENTS: ReadonlyMap<
  string,
  { readonly from: number; readonly to: number; readonly pattern?: RegExp }
> = new Map([
  ['replace', { from: 1, to: 2 }],
  ['regexp_replace', { from: 1, to: 2 }],
  // Widths of at most three digits, none taken from another argument.
  ['format', { from: 0, to: 0, pattern: /^(?!.*\d{4})(?!.*\{[^}]*\{)/s }],
  ['printf', { from: 0, to: 0, pattern: /^(?!.*\d{4})(?!.*\*)/s }],
]);

function words(text: string): ReadonlySet<string> {
  return new Set(text.trim().split(/\s+/));
}
