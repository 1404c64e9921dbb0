-- The functions that clients of PostgreSQL call. Each is a macro, so that it costs nothing where it is not called; a name
-- that DuckDB has too is meant as PostgreSQL means it.

-- Operators: PostgreSQL looks for the pattern anywhere in the text (documentation, chapter 9.7.3).
CREATE MACRO pgcompat.pg."~^"(value, pattern) AS regexp_matches(value::VARCHAR, pattern::VARCHAR, 's');
CREATE MACRO pgcompat.pg."!~^"(value, pattern) AS NOT regexp_matches(value::VARCHAR, pattern::VARCHAR, 's');
CREATE MACRO pgcompat.pg."~^*"(value, pattern) AS regexp_matches(value::VARCHAR, pattern::VARCHAR, 'is');
CREATE MACRO pgcompat.pg."!~^*"(value, pattern) AS NOT regexp_matches(value::VARCHAR, pattern::VARCHAR, 'is');

-- Types. A value of a type that names an object is a number or a name, see rewrite.ts.
CREATE TYPE pgcompat.pg.name AS VARCHAR;
CREATE TYPE pgcompat.pg.jsonb AS JSON;
CREATE TYPE pgcompat.pg.xid AS BIGINT;
CREATE TYPE pgcompat.pg.cid AS BIGINT;
CREATE TYPE pgcompat.pg.tid AS VARCHAR;
CREATE TYPE pgcompat.pg.inet AS VARCHAR;
CREATE TYPE pgcompat.pg.aclitem AS VARCHAR;
CREATE TYPE pgcompat.pg.pg_node_tree AS VARCHAR;
CREATE TYPE pgcompat.pg.pg_lsn AS VARCHAR;
CREATE TYPE pgcompat.pg.int2vector AS SMALLINT[];
CREATE TYPE pgcompat.pg.oidvector AS BIGINT[];
CREATE TYPE pgcompat.pg.sql_identifier AS VARCHAR;
CREATE TYPE pgcompat.pg.character_data AS VARCHAR;
CREATE TYPE pgcompat.pg.cardinal_number AS INTEGER;
CREATE TYPE pgcompat.pg.yes_or_no AS VARCHAR;

-- Names of objects and their numbers. What is a number already stays one; what is unknown is NULL. What a macro looks up
-- has column names of its own: the arguments stand inside the subquery, where `oid` would mean another table's.
CREATE MACRO pgcompat.pg.bare_name(object_name) AS
  lower(replace(regexp_replace(object_name::VARCHAR, '^("?[^".]*"?\.)+', ''), '"', ''));
CREATE MACRO pgcompat.pg.regclass_oid(object_name) AS coalesce(TRY_CAST(object_name AS UINTEGER), (
  SELECT min(known_oid) FROM pgcompat.known.relation_name
  WHERE known_name = pgcompat.pg.bare_name(object_name)
    AND (known_schema = 'information_schema') = starts_with(replace(object_name::VARCHAR, '"', ''), 'information_schema.')
));
CREATE MACRO pgcompat.pg.regclass_name(object_oid) AS coalesce((
  SELECT CASE WHEN known_schema = 'information_schema' THEN 'information_schema.' ELSE '' END || known_name
  FROM pgcompat.known.relation_name WHERE known_oid = TRY_CAST(object_oid AS BIGINT)
), CASE object_oid::VARCHAR WHEN '0' THEN '-' ELSE object_oid::VARCHAR END);
CREATE MACRO pgcompat.pg.regtype_oid(object_name) AS coalesce(TRY_CAST(object_name AS UINTEGER), (
  SELECT min(known_oid) FROM pgcompat.known.type_name
  WHERE known_name = lower(replace(replace(object_name::VARCHAR, 'pg_catalog.', ''), '"', ''))
));
CREATE MACRO pgcompat.pg.regtype_name(object_oid) AS coalesce(
  CASE WHEN TRY_CAST(object_oid AS BIGINT) IS NOT NULL THEN pgcompat.pg.format_type(TRY_CAST(object_oid AS BIGINT), NULL) END,
  object_oid::VARCHAR);
CREATE MACRO pgcompat.pg.regproc_oid(object_name) AS coalesce(TRY_CAST(object_name AS UINTEGER), (
  SELECT min(known_oid) FROM pgcompat.known.function_name
  WHERE known_name = pgcompat.pg.bare_name(regexp_replace(object_name::VARCHAR, '\(.*$', ''))
));
CREATE MACRO pgcompat.pg.regproc_name(object_oid) AS coalesce(
  (SELECT known_name FROM pgcompat.known.function_name WHERE known_oid = TRY_CAST(object_oid AS BIGINT)),
  CASE object_oid::VARCHAR WHEN '0' THEN '-' ELSE object_oid::VARCHAR END);
CREATE MACRO pgcompat.pg.regprocedure_oid(object_name) AS pgcompat.pg.regproc_oid(object_name);
CREATE MACRO pgcompat.pg.regprocedure_name(object_oid) AS pgcompat.pg.regproc_name(object_oid);
CREATE MACRO pgcompat.pg.regnamespace_oid(object_name) AS coalesce(TRY_CAST(object_name AS UINTEGER), (
  SELECT min(known_oid) FROM pgcompat.known.schema_name WHERE known_name = replace(object_name::VARCHAR, '"', '')
));
CREATE MACRO pgcompat.pg.regnamespace_name(object_oid) AS coalesce(
  (SELECT known_name FROM pgcompat.known.schema_name WHERE known_oid = TRY_CAST(object_oid AS BIGINT)), object_oid::VARCHAR);
CREATE MACRO pgcompat.pg.regrole_oid(object_name) AS coalesce(TRY_CAST(object_name AS UINTEGER), (
  SELECT min(known_oid) FROM pgcompat.known.role_name WHERE known_name = replace(object_name::VARCHAR, '"', '')
));
CREATE MACRO pgcompat.pg.regrole_name(object_oid) AS coalesce(
  (SELECT known_name FROM pgcompat.known.role_name WHERE known_oid = TRY_CAST(object_oid AS BIGINT)), object_oid::VARCHAR);
-- Operators, collations and text search are not listed, so that only their numbers are known.
CREATE MACRO pgcompat.pg.regoper_oid(object_name) AS TRY_CAST(object_name AS UINTEGER);
CREATE MACRO pgcompat.pg.regoper_name(object_oid) AS object_oid::VARCHAR;
CREATE MACRO pgcompat.pg.regoperator_oid(object_name) AS TRY_CAST(object_name AS UINTEGER);
CREATE MACRO pgcompat.pg.regoperator_name(object_oid) AS object_oid::VARCHAR;
CREATE MACRO pgcompat.pg.regcollation_oid(object_name) AS TRY_CAST(object_name AS UINTEGER);
CREATE MACRO pgcompat.pg.regcollation_name(object_oid) AS object_oid::VARCHAR;
CREATE MACRO pgcompat.pg.regconfig_oid(object_name) AS TRY_CAST(object_name AS UINTEGER);
CREATE MACRO pgcompat.pg.regconfig_name(object_oid) AS object_oid::VARCHAR;
CREATE MACRO pgcompat.pg.regdictionary_oid(object_name) AS TRY_CAST(object_name AS UINTEGER);
CREATE MACRO pgcompat.pg.regdictionary_name(object_oid) AS object_oid::VARCHAR;
CREATE MACRO pgcompat.pg.to_regclass(object_name) AS pgcompat.pg.regclass_oid(object_name);
CREATE MACRO pgcompat.pg.to_regtype(object_name) AS pgcompat.pg.regtype_oid(object_name);
CREATE MACRO pgcompat.pg.to_regproc(object_name) AS pgcompat.pg.regproc_oid(object_name);
CREATE MACRO pgcompat.pg.to_regnamespace(object_name) AS pgcompat.pg.regnamespace_oid(object_name);
CREATE MACRO pgcompat.pg.to_regrole(object_name) AS pgcompat.pg.regrole_oid(object_name);

-- Who and where.
CREATE MACRO pgcompat.pg."current_user"() AS pgcompat.pg.session_role();
CREATE MACRO pgcompat.pg."session_user"() AS pgcompat.pg.session_role();
CREATE MACRO pgcompat.pg."current_role"() AS pgcompat.pg.session_role();
CREATE MACRO pgcompat.pg."user"() AS pgcompat.pg.session_role();
CREATE MACRO pgcompat.pg.current_database() AS 'spanledger';
CREATE MACRO pgcompat.pg."current_catalog"() AS 'spanledger';
CREATE MACRO pgcompat.pg.current_schema() AS 'public';
CREATE MACRO pgcompat.pg.current_schemas(with_implicit) AS CASE WHEN with_implicit THEN ['pg_catalog', 'public'] ELSE ['public'] END;
CREATE MACRO pgcompat.pg.version() AS
  'PostgreSQL ' || pgcompat.pg.current_setting('server_version') || ' (Spanledger, a read-only ledger in DuckDB)';
CREATE MACRO pgcompat.pg.pg_get_userbyid(role_oid) AS coalesce(
  (SELECT known_name FROM pgcompat.known.role_name WHERE known_oid = role_oid), 'unknown (OID=' || role_oid || ')');
CREATE MACRO pgcompat.pg.pg_backend_pid() AS coalesce(getvariable('session_process'), 0)::INTEGER;
CREATE MACRO pgcompat.pg.pg_is_in_recovery() AS false;
CREATE MACRO pgcompat.pg.pg_is_wal_replay_paused() AS false;
CREATE MACRO pgcompat.pg.pg_blocking_pids(process) AS []::INTEGER[];
CREATE MACRO pgcompat.pg.pg_my_temp_schema() AS 0;
CREATE MACRO pgcompat.pg.txid_current() AS 1::BIGINT;
CREATE MACRO pgcompat.pg.txid_current_if_assigned() AS NULL::BIGINT;
CREATE MACRO pgcompat.pg.pg_current_xact_id() AS 1::BIGINT;
CREATE MACRO pgcompat.pg.pg_current_xact_id_if_assigned() AS NULL::BIGINT;
CREATE MACRO pgcompat.pg.pg_advisory_unlock_all() AS '';
CREATE MACRO pgcompat.pg.pg_encoding_to_char(encoding) AS CASE encoding WHEN 6 THEN 'UTF8' WHEN 0 THEN 'SQL_ASCII' ELSE '' END;
CREATE MACRO pgcompat.pg.pg_char_to_encoding(encoding) AS CASE WHEN upper(encoding) IN ('UTF8', 'UTF-8') THEN 6 ELSE -1 END;

CREATE MACRO pgcompat.pg.getdatabaseencoding() AS 'UTF8';

-- Settings. Setting one changes nothing here: sessions keep theirs themselves.
CREATE MACRO pgcompat.pg.set_config(setting_name, new_value, is_local) AS new_value::VARCHAR;

-- Privileges: everything may be read, nothing written. With two arguments the role is the session's.
CREATE MACRO pgcompat.pg.may(privilege) AS
  list_has_all(['select', 'usage', 'connect', 'execute', 'member', 'set'], list_transform(string_split(lower(privilege), ','), lambda p: trim(p)));
CREATE MACRO pgcompat.pg.has_table_privilege(relation, privilege) AS pgcompat.pg.may(privilege), (grantee, relation, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_any_column_privilege(relation, privilege) AS pgcompat.pg.may(privilege), (grantee, relation, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_column_privilege(relation, column_name, privilege) AS pgcompat.pg.may(privilege), (grantee, relation, column_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_schema_privilege(schema_name, privilege) AS pgcompat.pg.may(privilege), (grantee, schema_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_database_privilege(database_name, privilege) AS pgcompat.pg.may(privilege), (grantee, database_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_function_privilege(function_name, privilege) AS pgcompat.pg.may(privilege), (grantee, function_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_language_privilege(language_name, privilege) AS pgcompat.pg.may(privilege), (grantee, language_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_sequence_privilege(sequence_name, privilege) AS pgcompat.pg.may(privilege), (grantee, sequence_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_tablespace_privilege(tablespace_name, privilege) AS false, (grantee, tablespace_name, privilege) AS false;
CREATE MACRO pgcompat.pg.has_foreign_data_wrapper_privilege(wrapper, privilege) AS false, (grantee, wrapper, privilege) AS false;
CREATE MACRO pgcompat.pg.has_server_privilege(server, privilege) AS false, (grantee, server, privilege) AS false;
CREATE MACRO pgcompat.pg.has_type_privilege(type_name, privilege) AS pgcompat.pg.may(privilege), (grantee, type_name, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.has_parameter_privilege(parameter, privilege) AS pgcompat.pg.may(privilege), (grantee, parameter, privilege) AS pgcompat.pg.may(privilege);
CREATE MACRO pgcompat.pg.pg_has_role(granted, privilege) AS true, (grantee, granted, privilege) AS true;
CREATE MACRO pgcompat.pg.row_security_active(relation) AS false;

-- Comments and definitions.
CREATE MACRO pgcompat.pg.obj_description(object_oid) AS
  (SELECT min(known_comment) FROM pgcompat.known.comment WHERE known_object = TRY_CAST(object_oid AS BIGINT) AND known_position = 0),
  (object_oid, catalogue_name) AS
  (SELECT min(known_comment) FROM pgcompat.known.comment
   WHERE known_object = TRY_CAST(object_oid AS BIGINT) AND known_position = 0 AND known_catalogue = catalogue_name);
CREATE MACRO pgcompat.pg.col_description(relation, ordinal) AS
  (SELECT min(known_comment) FROM pgcompat.known.comment
   WHERE known_object = pgcompat.pg.regclass_oid(relation) AND known_catalogue = 'pg_class' AND known_position = ordinal AND known_position > 0);
CREATE MACRO pgcompat.pg.shobj_description(object_oid, catalogue_name) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.view_definition(relation) AS
  (SELECT min(known_definition) FROM pgcompat.known.relation_name WHERE known_oid = pgcompat.pg.regclass_oid(relation));
CREATE MACRO pgcompat.pg.pg_get_viewdef(relation) AS pgcompat.pg.view_definition(relation), (relation, pretty) AS pgcompat.pg.view_definition(relation);
CREATE MACRO pgcompat.pg.pg_describe_object(catalogue_oid, object_oid, ordinal) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_expr(expression, relation) AS expression::VARCHAR, (expression, relation, pretty) AS expression::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_indexdef(index_oid) AS NULL::VARCHAR, (index_oid, ordinal, pretty) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_constraintdef(constraint_oid) AS NULL::VARCHAR, (constraint_oid, pretty) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_triggerdef(trigger_oid) AS NULL::VARCHAR, (trigger_oid, pretty) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_ruledef(rule_oid) AS NULL::VARCHAR, (rule_oid, pretty) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_functiondef(function_oid) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_function_arguments(function_oid) AS 'internal';
CREATE MACRO pgcompat.pg.pg_get_function_identity_arguments(function_oid) AS 'internal';
CREATE MACRO pgcompat.pg.pg_get_function_result(function_oid) AS 'internal';
CREATE MACRO pgcompat.pg.pg_get_function_sqlbody(function_oid) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_statisticsobjdef(statistics_oid) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_statisticsobjdef_columns(statistics_oid) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_partkeydef(relation) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_partition_constraintdef(relation) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_get_serial_sequence(relation, column_name) AS NULL::VARCHAR;
CREATE MACRO pgcompat.pg.pg_relation_is_publishable(relation) AS false;
CREATE MACRO pgcompat.pg.pg_relation_is_updatable(relation, with_triggers) AS 0;
CREATE MACRO pgcompat.pg.pg_column_is_updatable(relation, ordinal, with_triggers) AS false;
CREATE MACRO pgcompat.pg.pg_tablespace_location(tablespace_oid) AS '';
CREATE MACRO pgcompat.pg.pg_stat_get_numscans(relation) AS 0::BIGINT;

-- What is visible is found without its schema: all but information_schema.
CREATE MACRO pgcompat.pg.pg_table_is_visible(relation) AS
  EXISTS (SELECT 1 FROM pgcompat.known.relation_name WHERE known_oid = relation AND known_schema <> 'information_schema');
CREATE MACRO pgcompat.pg.pg_type_is_visible(type_oid) AS true;
CREATE MACRO pgcompat.pg.pg_function_is_visible(function_oid) AS true;
CREATE MACRO pgcompat.pg.pg_operator_is_visible(operator_oid) AS true;
CREATE MACRO pgcompat.pg.pg_opclass_is_visible(opclass_oid) AS true;
CREATE MACRO pgcompat.pg.pg_opfamily_is_visible(opfamily_oid) AS true;
CREATE MACRO pgcompat.pg.pg_collation_is_visible(collation_oid) AS true;
CREATE MACRO pgcompat.pg.pg_conversion_is_visible(conversion_oid) AS true;
CREATE MACRO pgcompat.pg.pg_statistics_obj_is_visible(statistics_oid) AS true;
CREATE MACRO pgcompat.pg.pg_ts_config_is_visible(config_oid) AS true;
CREATE MACRO pgcompat.pg.pg_ts_dict_is_visible(dictionary_oid) AS true;
CREATE MACRO pgcompat.pg.pg_ts_parser_is_visible(parser_oid) AS true;
CREATE MACRO pgcompat.pg.pg_ts_template_is_visible(template_oid) AS true;
CREATE MACRO pgcompat.pg.pg_is_other_temp_schema(schema_oid) AS false;

-- Sizes: a view has none.
CREATE MACRO pgcompat.pg.pg_relation_size(relation) AS 0::BIGINT, (relation, fork) AS 0::BIGINT;
CREATE MACRO pgcompat.pg.pg_table_size(relation) AS 0::BIGINT;
CREATE MACRO pgcompat.pg.pg_indexes_size(relation) AS 0::BIGINT;
CREATE MACRO pgcompat.pg.pg_total_relation_size(relation) AS 0::BIGINT;
CREATE MACRO pgcompat.pg.pg_database_size(database_name) AS 0::BIGINT;
CREATE MACRO pgcompat.pg.pg_tablespace_size(tablespace_name) AS 0::BIGINT;
-- Whole units as PostgreSQL counts them: the next one from 10240 of the last on, halves up.
CREATE MACRO pgcompat.pg.pg_size_pretty(size_bytes) AS CASE
  WHEN abs(size_bytes::HUGEINT) < 10240 THEN size_bytes::HUGEINT || ' bytes'
  WHEN abs(size_bytes::HUGEINT) < 10485248 THEN (size_bytes::HUGEINT + 512) // 1024 || ' kB'
  WHEN abs(size_bytes::HUGEINT) < 10736893952 THEN (size_bytes::HUGEINT + 524288) // 1048576 || ' MB'
  WHEN abs(size_bytes::HUGEINT) < 10994579406848 THEN (size_bytes::HUGEINT + 536870912) // 1073741824 || ' GB'
  ELSE (size_bytes::HUGEINT + 549755813888) // 1099511627776 || ' TB'
END;

-- Names, texts and arrays.
CREATE MACRO pgcompat.pg.quote_ident(plain_name) AS CASE
  WHEN regexp_full_match(plain_name::VARCHAR, '[a-z_][a-z0-9_]*')
    AND NOT list_contains(['all', 'and', 'any', 'array', 'as', 'asc', 'both', 'case', 'cast', 'check', 'column', 'constraint', 'create',
      'default', 'desc', 'distinct', 'do', 'else', 'end', 'except', 'false', 'fetch', 'for', 'foreign', 'from', 'grant', 'group', 'having',
      'in', 'intersect', 'into', 'lateral', 'limit', 'not', 'null', 'offset', 'on', 'only', 'or', 'order', 'primary', 'references',
      'select', 'session_user', 'some', 'table', 'then', 'to', 'true', 'union', 'unique', 'user', 'using', 'when', 'where', 'window', 'with'],
      plain_name::VARCHAR)
  THEN plain_name::VARCHAR
  ELSE '"' || replace(plain_name::VARCHAR, '"', '""') || '"'
END;
CREATE MACRO pgcompat.pg.quote_literal(plain_text) AS '''' || replace(plain_text::VARCHAR, '''', '''''') || '''';
CREATE MACRO pgcompat.pg.quote_nullable(plain_text) AS coalesce(pgcompat.pg.quote_literal(plain_text), 'NULL');
CREATE MACRO pgcompat.pg.identifier_parts(qualified) AS list_transform(
  regexp_extract_all(qualified::VARCHAR, '"(?:[^"]|"")*"|[^".\s]+'),
  lambda part: CASE WHEN starts_with(part, '"') THEN replace(part[2:-2], '""', '"') ELSE lower(part) END);
CREATE MACRO pgcompat.pg.parse_ident(qualified) AS pgcompat.pg.identifier_parts(qualified), (qualified, strict) AS pgcompat.pg.identifier_parts(qualified);
CREATE MACRO pgcompat.pg.array_lower(elements, dimension) AS CASE WHEN len(elements) > 0 AND dimension = 1 THEN 1 END;
CREATE MACRO pgcompat.pg.array_upper(elements, dimension) AS CASE WHEN len(elements) > 0 AND dimension = 1 THEN len(elements) END;
CREATE MACRO pgcompat.pg.array_length(elements) AS len(elements),
  (elements, dimension) AS CASE WHEN len(elements) > 0 AND dimension = 1 THEN len(elements) END;
CREATE MACRO pgcompat.pg.is_any(value, elements) AS list_contains(elements, value);
CREATE MACRO pgcompat.pg.generate_subscripts(elements, dimension) AS unnest(list_transform(elements, lambda element, place: place));
-- Elements are looked for one by one, which an argument of a lambda must not be: what PostgreSQL keeps of options is empty here.
CREATE MACRO pgcompat.pg.array_remove(elements, element) AS
  CASE WHEN elements IS NOT NULL THEN error('array_remove is not there; use list_filter(elements, lambda e: e <> …)') ELSE elements END;
CREATE MACRO pgcompat.pg.array_ndims(elements) AS CASE WHEN len(elements) > 0 THEN 1 END;
CREATE MACRO pgcompat.pg._pg_expandarray(elements) AS unnest(list_transform(elements, lambda element, place: {'x': element, 'n': place}));
CREATE MACRO pgcompat.pg.width_bucket(operand, low, high, buckets) AS
  CASE WHEN operand < low THEN 0 WHEN operand >= high THEN buckets + 1 ELSE floor((operand - low) * buckets / (high - low))::INTEGER + 1 END;
CREATE MACRO pgcompat.pg.make_interval(years := 0, months := 0, weeks := 0, days := 0, hours := 0, mins := 0, secs := 0) AS
  to_years(years::INTEGER) + to_months(months::INTEGER) + to_days((weeks * 7 + days)::INTEGER) + to_hours(hours::BIGINT)
    + to_minutes(mins::BIGINT) + to_seconds(secs::DOUBLE);
CREATE MACRO pgcompat.pg.every(condition) AS bool_and(condition);
CREATE MACRO pgcompat.pg.clock_timestamp() AS get_current_timestamp();
CREATE MACRO pgcompat.pg.statement_timestamp() AS get_current_timestamp();
CREATE MACRO pgcompat.pg.date_bin(stride, instant, origin) AS time_bucket(stride::INTERVAL, instant, origin);

-- Patterns of to_char become those of strftime, by way of letters of the private use area, so that no pattern is found in
-- what another one has become (documentation, table 9.26). Numbers are not formatted.
CREATE MACRO pgcompat.pg.to_char(instant, pattern) AS strftime(instant,
  replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(pattern::VARCHAR, 'FM', ''), 'Month', chr(57344)), 'HH24', chr(57345)), 'HH12', chr(57346)), 'YYYY', chr(57347)), 'IYYY', chr(57348)), 'Mon', chr(57349)), 'DDD', chr(57350)), 'Day', chr(57351)), 'HH', chr(57352)), 'YY', chr(57353)), 'MM', chr(57354)), 'MI', chr(57355)), 'DD', chr(57356)), 'Dy', chr(57357)), 'SS', chr(57358)), 'MS', chr(57359)), 'US', chr(57360)), 'AM', chr(57361)), 'PM', chr(57362)), 'IW', chr(57363)), 'ID', chr(57364)), 'TZ', chr(57365)), chr(57344), '%B'), chr(57345), '%H'), chr(57346), '%I'), chr(57347), '%Y'), chr(57348), '%G'), chr(57349), '%b'), chr(57350), '%j'), chr(57351), '%A'), chr(57352), '%I'), chr(57353), '%y'), chr(57354), '%m'), chr(57355), '%M'), chr(57356), '%d'), chr(57357), '%a'), chr(57358), '%S'), chr(57359), '%g'), chr(57360), '%f'), chr(57361), '%p'), chr(57362), '%p'), chr(57363), '%V'), chr(57364), '%u'), chr(57365), '%Z'));

-- Functions that stand where a table does.
CREATE MACRO pgcompat.pg.pg_get_keywords() AS TABLE
  SELECT keyword_name AS word, CASE keyword_category WHEN 'reserved' THEN 'R' WHEN 'unreserved' THEN 'U' WHEN 'column_name' THEN 'C' ELSE 'T' END AS catcode,
    keyword_category AS catdesc
  FROM duckdb_keywords();
CREATE MACRO pgcompat.pg.aclexplode(items) AS TABLE
  SELECT NULL::UINTEGER AS grantor, NULL::UINTEGER AS grantee, NULL::VARCHAR AS privilege_type, NULL::BOOLEAN AS is_grantable WHERE false;
CREATE MACRO pgcompat.pg.pg_partition_tree(relation) AS TABLE
  SELECT NULL::UINTEGER AS relid, NULL::UINTEGER AS parentrelid, NULL::BOOLEAN AS isleaf, NULL::INTEGER AS level WHERE false;
CREATE MACRO pgcompat.pg.pg_options_to_table(options) AS TABLE
  SELECT NULL::VARCHAR AS option_name, NULL::VARCHAR AS option_value WHERE false;
