-- What the system catalogue has rows for, from the facts in schema `known` (catalogue.ts). Everything is owned by one role, nothing has
-- an index, a constraint or a default: the contract is views. Columns that are not named stay empty. Where not everybody is told the
-- same, all rows stand in a table of schema `known`, and who is told of each in `told_to`. What is long and asked for seldom is a view, which
-- has its columns and their types from an empty table in `known`.

INSERT INTO pgcompat.pg.pg_namespace BY NAME
SELECT * FROM (VALUES (11, 'pg_catalog', 10), (2200, 'public', 10), (13000, 'information_schema', 10)) AS t(oid, nspname, nspowner);

-- Customers are told of no role but the owner of the views and their own, which is there even when it came after the start.
CREATE VIEW pgcompat.known.told_role AS
SELECT oid, name FROM pgcompat.known.role
WHERE getvariable('spanledger_customer') IS NULL OR name IN ('spanledger', pgcompat.pg.session_role())
UNION ALL
SELECT 16382::UINTEGER, pgcompat.pg.session_role()
WHERE pgcompat.pg.session_role() NOT IN (SELECT name FROM pgcompat.known.role);

CREATE VIEW pgcompat.pg.pg_authid AS
SELECT
  oid, name AS rolname, false AS rolsuper, true AS rolinherit, false AS rolcreaterole, false AS rolcreatedb,
  true AS rolcanlogin, false AS rolreplication, false AS rolbypassrls, -1 AS rolconnlimit, NULL::VARCHAR AS rolpassword,
  NULL::TIMESTAMP WITH TIME ZONE AS rolvaliduntil
FROM pgcompat.known.told_role;

CREATE VIEW pgcompat.pg.pg_roles AS
SELECT
  rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolreplication, rolconnlimit,
  '********' AS rolpassword, rolvaliduntil, rolbypassrls, NULL::VARCHAR[] AS rolconfig, oid
FROM pgcompat.pg.pg_authid;

CREATE VIEW pgcompat.pg.pg_user AS
SELECT
  rolname AS usename, oid AS usesysid, rolcreatedb AS usecreatedb, rolsuper AS usesuper, rolreplication AS userepl,
  rolbypassrls AS usebypassrls, rolpassword AS passwd, rolvaliduntil AS valuntil, rolconfig AS useconfig
FROM pgcompat.pg.pg_roles;

INSERT INTO pgcompat.pg.pg_database BY NAME
SELECT
  16383 AS oid, 'spanledger' AS datname, 10 AS datdba, 6 AS encoding, 'c' AS datlocprovider, false AS datistemplate,
  true AS datallowconn, -1 AS datconnlimit, 0 AS datfrozenxid, 1 AS datminmxid, 1663 AS dattablespace, 'C' AS datcollate,
  'C' AS datctype;

INSERT INTO pgcompat.pg.pg_tablespace BY NAME
SELECT * FROM (VALUES (1663, 'pg_default', 10), (1664, 'pg_global', 10)) AS t(oid, spcname, spcowner);

INSERT INTO pgcompat.pg.pg_am BY NAME
SELECT * FROM (VALUES (2, 'heap', 't'), (403, 'btree', 'i')) AS t(oid, amname, amtype);

INSERT INTO pgcompat.pg.pg_language BY NAME
SELECT * FROM (VALUES
  (12, 'internal', 10, false, false), (14, 'sql', 10, false, true)
) AS t(oid, lanname, lanowner, lanispl, lanpltrusted);

INSERT INTO pgcompat.pg.pg_collation BY NAME
SELECT oid, collname, 11 AS collnamespace, 10 AS collowner, provider AS collprovider, true AS collisdeterministic, -1 AS collencoding
FROM (VALUES (100, 'default', 'd'), (950, 'C', 'c'), (951, 'POSIX', 'c')) AS t(oid, collname, provider);

-- A base type with its array beside it. The functions are known by name alone: their numbers are of no use to clients.
INSERT INTO pgcompat.pg.pg_proc BY NAME
SELECT
  20000 + row_number() OVER (ORDER BY name) AS oid, name AS proname, 11 AS pronamespace, 10 AS proowner, 12 AS prolang,
  1 AS procost, 0 AS prorows, 0 AS provariadic, 'f' AS prokind, false AS prosecdef, false AS proleakproof,
  true AS proisstrict, false AS proretset, 'i' AS provolatile, 's' AS proparallel, 1 AS pronargs, 0 AS pronargdefaults,
  2281 AS prorettype, []::UINTEGER[] AS proargtypes, name AS prosrc
FROM (
  SELECT DISTINCT unnest(string_split(functions || ' array_in array_out array_recv array_send', ' ')) AS name
  FROM pgcompat.known.type
)
WHERE name <> '-';

INSERT INTO pgcompat.pg.pg_type BY NAME
WITH described AS (
  SELECT oid, name, length, category, preferred, array_oid, element, kind, string_split(functions, ' ') AS functions
  FROM pgcompat.known.type
  UNION ALL
  SELECT
    array_oid, '_' || name, -1, 'A', false, 0, oid, CASE WHEN kind = 'p' THEN 'p' ELSE 'b' END,
    ['array_in', 'array_out', 'array_recv', 'array_send']
  FROM pgcompat.known.type WHERE array_oid <> 0
),
proc AS (SELECT map_from_entries(list((proname, oid))) AS oids FROM pgcompat.pg.pg_proc)
SELECT
  oid, name AS typname, 11 AS typnamespace, 10 AS typowner, length AS typlen, length BETWEEN 1 AND 8 AND element = 0 AS typbyval,
  kind AS typtype, category AS typcategory, preferred AS typispreferred, true AS typisdefined, ',' AS typdelim,
  0 AS typrelid, 0 AS typsubscript, element AS typelem, array_oid AS typarray,
  coalesce(map_extract_value(oids, functions[1]), 0) AS typinput,
  coalesce(map_extract_value(oids, functions[2]), 0) AS typoutput,
  coalesce(map_extract_value(oids, functions[3]), 0) AS typreceive,
  coalesce(map_extract_value(oids, functions[4]), 0) AS typsend,
  0 AS typmodin, 0 AS typmodout, 0 AS typanalyze,
  CASE WHEN length = 1 THEN 'c' WHEN length = 2 THEN 's' WHEN length = 8 THEN 'd' ELSE 'i' END AS typalign,
  CASE WHEN length = -1 THEN 'x' ELSE 'p' END AS typstorage,
  false AS typnotnull, 0 AS typbasetype, -1 AS typtypmod, 0 AS typndims,
  CASE WHEN name = 'name' THEN 950 WHEN category = 'S' THEN 100 ELSE 0 END AS typcollation
FROM described, proc;

INSERT INTO pgcompat.known.pg_class BY NAME
SELECT
  told_to, relation.oid, name AS relname, pg_namespace.oid AS relnamespace, 0 AS reltype, 0 AS reloftype, 10 AS relowner,
  0 AS relam, 0 AS relfilenode, 0 AS reltablespace, 0 AS relpages, -1 AS reltuples, 0 AS relallvisible,
  0 AS reltoastrelid, false AS relhasindex, false AS relisshared, 'p' AS relpersistence, 'v' AS relkind, columns AS relnatts,
  0 AS relchecks, schema = 'public' AS relhasrules, false AS relhastriggers, false AS relhassubclass,
  false AS relrowsecurity, false AS relforcerowsecurity, true AS relispopulated, 'n' AS relreplident,
  false AS relispartition, 0 AS relrewrite, 0 AS relfrozenxid, 0 AS relminmxid
FROM pgcompat.known.relation JOIN pgcompat.pg.pg_namespace ON nspname = schema;

INSERT INTO pgcompat.known.pg_attribute BY NAME
WITH attribute AS (
  SELECT told_to, relation, position, name, type, typmod FROM pgcompat.known.contract_column
  UNION ALL
  SELECT NULL, relation, position, split_part("column", ' ', 1), coalesce(oid, 25), -1
  FROM (
    SELECT oid AS relation, unnest(string_split(columns, ', ')) AS "column", generate_subscripts(string_split(columns, ', '), 1) AS position
    FROM pgcompat.known.system_relation
  ) LEFT JOIN pgcompat.pg.pg_type ON typname = split_part("column", ' ', 2)
)
SELECT
  told_to, relation AS attrelid, attribute.name AS attname, type AS atttypid, -1 AS attstattarget, typlen AS attlen, position AS attnum,
  CASE WHEN typcategory = 'A' THEN 1 ELSE 0 END AS attndims, -1 AS attcacheoff, typmod AS atttypmod, typbyval AS attbyval,
  typalign AS attalign, typstorage AS attstorage, '' AS attcompression, false AS attnotnull, false AS atthasdef,
  false AS atthasmissing, '' AS attidentity, '' AS attgenerated, false AS attisdropped, true AS attislocal, 0 AS attinhcount,
  typcollation AS attcollation
FROM attribute JOIN pgcompat.pg.pg_type ON pg_type.oid = type;

-- 1259 is `pg_class`: comments on a relation have no position, those on a column its number.
INSERT INTO pgcompat.known.pg_description BY NAME
SELECT told_to, oid AS objoid, 1259 AS classoid, 0 AS objsubid, comment AS description FROM pgcompat.known.relation WHERE comment IS NOT NULL
UNION ALL
SELECT told_to, relation, 1259, position, comment FROM pgcompat.known.contract_column WHERE comment IS NOT NULL
UNION ALL
SELECT NULL, 2200, 2615, 0, 'What readers may use: names and columns stay as they are.';

-- What is behind a view is the ledger's own, so that its definition only says where it is from.
CREATE VIEW pgcompat.pg.pg_views AS
SELECT * FROM pgcompat.known.pg_views UNION ALL BY NAME
SELECT schema AS schemaname, name AS viewname, 'spanledger' AS viewowner, definition
FROM pgcompat.known.relation WHERE pgcompat.pg.is_told(told_to);

INSERT INTO pgcompat.pg.pg_extension BY NAME
SELECT 14000 AS oid, 'timescaledb' AS extname, 10 AS extowner, 11 AS extnamespace, false AS extrelocatable, '2.0.0' AS extversion;

INSERT INTO pgcompat.pg.pg_settings BY NAME
SELECT
  name, value AS setting, 'Preset Options' AS category, '' AS short_desc, 'user' AS context, kind AS vartype,
  'default' AS source, value AS boot_val, value AS reset_val, false AS pending_restart
FROM pgcompat.known.setting;

INSERT INTO pgcompat.information.schemata BY NAME
SELECT 'spanledger' AS catalog_name, nspname AS schema_name, 'spanledger' AS schema_owner FROM pgcompat.pg.pg_namespace;

CREATE VIEW pgcompat.information.tables AS
SELECT * FROM pgcompat.known.tables UNION ALL BY NAME
SELECT
  'spanledger' AS table_catalog, schema AS table_schema, name AS table_name, 'VIEW' AS table_type,
  'NO' AS is_insertable_into, 'NO' AS is_typed
FROM pgcompat.known.relation WHERE pgcompat.pg.is_told(told_to);

-- To whoever does not own a view the standard shows no definition.
CREATE VIEW pgcompat.information.views AS
SELECT * FROM pgcompat.known.views UNION ALL BY NAME
SELECT
  'spanledger' AS table_catalog, schema AS table_schema, name AS table_name,
  'NONE' AS check_option, 'NO' AS is_updatable, 'NO' AS is_insertable_into, 'NO' AS is_trigger_updatable,
  'NO' AS is_trigger_deletable, 'NO' AS is_trigger_insertable_into
FROM pgcompat.known.relation WHERE pgcompat.pg.is_told(told_to);

CREATE VIEW pgcompat.information.columns AS
SELECT * FROM pgcompat.known.columns UNION ALL BY NAME
SELECT
  'spanledger' AS table_catalog, schema AS table_schema, relation.name AS table_name, attname AS column_name,
  attnum AS ordinal_position, 'YES' AS is_nullable,
  CASE WHEN typcategory = 'A' THEN 'ARRAY' ELSE spelling END AS data_type,
  CASE WHEN typcategory = 'S' THEN 1073741824 END AS character_octet_length,
  CASE typname WHEN 'int2' THEN 16 WHEN 'int4' THEN 32 WHEN 'int8' THEN 64 WHEN 'float4' THEN 24 WHEN 'float8' THEN 53
    WHEN 'numeric' THEN CASE WHEN atttypmod >= 0 THEN (atttypmod - 4) >> 16 END END AS numeric_precision,
  CASE WHEN typname = 'numeric' THEN 10 WHEN typname IN ('int2', 'int4', 'int8', 'float4', 'float8') THEN 2 END AS numeric_precision_radix,
  CASE WHEN typname IN ('int2', 'int4', 'int8') THEN 0
    WHEN typname = 'numeric' AND atttypmod >= 0 THEN (atttypmod - 4) & 2047 END AS numeric_scale,
  CASE WHEN typname = 'date' THEN 0 WHEN typname IN ('time', 'timetz', 'timestamp', 'timestamptz', 'interval') THEN 6 END AS datetime_precision,
  'spanledger' AS udt_catalog, 'pg_catalog' AS udt_schema, typname AS udt_name, CAST(attnum AS VARCHAR) AS dtd_identifier,
  'NO' AS is_self_referencing, 'NO' AS is_identity, 'NO' AS identity_cycle, 'NEVER' AS is_generated, 'NO' AS is_updatable
FROM pgcompat.pg.pg_attribute AS attribute
JOIN pgcompat.known.relation ON relation.oid = attrelid AND pgcompat.pg.is_told(relation.told_to)
JOIN pgcompat.pg.pg_type ON pg_type.oid = atttypid
LEFT JOIN pgcompat.known.type AS spelled ON spelled.oid = atttypid;

-- A role is told of its own privileges, as the standard has it: it may read what it is told of.
CREATE VIEW pgcompat.information.table_privileges AS
SELECT
  'spanledger' AS grantor, pgcompat.pg.session_role() AS grantee, 'spanledger' AS table_catalog, table_schema, table_name,
  'SELECT' AS privilege_type, 'NO' AS is_grantable, 'YES' AS with_hierarchy
FROM pgcompat.information.tables WHERE table_schema = 'public';
CREATE VIEW pgcompat.information.role_table_grants AS FROM pgcompat.information.table_privileges;
CREATE VIEW pgcompat.information.enabled_roles AS SELECT pgcompat.pg.session_role() AS role_name;

INSERT INTO pgcompat.information.information_schema_catalog_name VALUES ('spanledger');

INSERT INTO pgcompat.information.character_sets BY NAME
SELECT 'UTF8' AS character_set_name, 'UCS' AS character_repertoire, 'UTF8' AS form_of_use, 'spanledger' AS default_collate_catalog;

-- What the functions look up. No name here is one that a client's query can have: see functions.sql.
CREATE VIEW pgcompat.known.relation_name AS
SELECT oid AS known_oid, name AS known_name, schema AS known_schema, definition AS known_definition
FROM pgcompat.known.relation WHERE pgcompat.pg.is_told(told_to);
CREATE TABLE pgcompat.known.type_name (known_oid UINTEGER, known_name VARCHAR);
INSERT INTO pgcompat.known.type_name
SELECT oid, typname FROM pgcompat.pg.pg_type
UNION SELECT oid, spelling FROM pgcompat.known.type
UNION SELECT array_oid, spelling || '[]' FROM pgcompat.known.type WHERE array_oid <> 0
UNION SELECT array_oid, name || '[]' FROM pgcompat.known.type WHERE array_oid <> 0
UNION VALUES (23, 'int'), (701, 'float'), (1700, 'decimal'), (1114, 'timestamp without time zone'), (1043, 'varchar');
CREATE VIEW pgcompat.known.function_name AS SELECT oid AS known_oid, proname AS known_name FROM pgcompat.pg.pg_proc;
CREATE VIEW pgcompat.known.schema_name AS SELECT oid AS known_oid, nspname AS known_name FROM pgcompat.pg.pg_namespace;
CREATE VIEW pgcompat.known.role_name AS SELECT oid AS known_oid, name AS known_name FROM pgcompat.known.told_role;
CREATE VIEW pgcompat.known.comment AS
SELECT objoid AS known_object, if(classoid = 1259, 'pg_class', 'pg_namespace') AS known_catalogue, objsubid AS known_position,
  description AS known_comment
FROM pgcompat.known.pg_description WHERE pgcompat.pg.is_told(told_to);
