-- source: Grafana's PostgreSQL data source, its public source (postgresMetaQuery.ts; the schema handler of Grafana 13 by what it reads).

-- query: version of the server
-- finds: {"version":1500}
SELECT current_setting('server_version_num')::int/100 as version;

-- query: timescaledb
-- finds: {"extversion":"2.0.0"}
SELECT extversion FROM pg_extension WHERE extname = 'timescaledb';

-- query: tables of the builder
-- finds: {"table":"usage"}
SELECT
    CASE WHEN 
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      THEN quote_ident(table_name)
      ELSE quote_ident(table_schema) || '.' || quote_ident(table_name)
    END AS "table"
    FROM information_schema.tables
    WHERE quote_ident(table_schema) NOT IN ('information_schema',
                             'pg_catalog',
                             '_timescaledb_cache',
                             '_timescaledb_catalog',
                             '_timescaledb_internal',
                             '_timescaledb_config',
                             'timescaledb_information',
                             'timescaledb_experimental')
    ORDER BY CASE WHEN 
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          ) THEN 0 ELSE 1 END, 1;

-- query: columns of the builder
-- finds: {"column":"cost_usd","type":"numeric"}
SELECT quote_ident(column_name) AS "column", data_type AS "type"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('usage'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('usage'))[1]
          AND quote_ident(table_name) = (parse_ident('usage'))[2]
        ELSE quote_ident(table_name) = 'usage'
          AND 
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      END;

-- query: columns of the builder, with the schema
-- finds: {"column":"cost_usd","type":"numeric"}
SELECT quote_ident(column_name) AS "column", data_type AS "type"
    FROM information_schema.columns
    WHERE
      CASE WHEN array_length(parse_ident('public.usage'),1) = 2
        THEN quote_ident(table_schema) = (parse_ident('public.usage'))[1]
          AND quote_ident(table_name) = (parse_ident('public.usage'))[2]
        ELSE quote_ident(table_name) = 'public.usage'
          AND 
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          )
      END;

-- query: time columns of the old builder
-- finds: ["event_time"]
SELECT quote_ident(column_name) FROM information_schema.columns WHERE 
          quote_ident(table_schema) IN (
          SELECT
            CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
          FROM
            generate_series(
              array_lower(string_to_array(current_setting('search_path'),','),1),
              array_upper(string_to_array(current_setting('search_path'),','),1)
            ) as i,
            string_to_array(current_setting('search_path'),',') s
          ) AND table_name = 'usage' AND data_type IN ('timestamp without time zone','timestamp with time zone','bigint','integer','double precision','real');

-- query: tables of the schema handler
-- with: ["public"]
-- finds: {"table_name":"usage"}
SELECT table_name FROM information_schema.tables WHERE table_schema = $1 ORDER BY table_name;

-- query: columns of the schema handler
-- with: ["public", "usage"]
-- finds: {"column_name":"cost_usd","data_type":"numeric","udt_name":"numeric","numeric_precision":38,"numeric_scale":15}
SELECT column_name, data_type, udt_name, numeric_precision, numeric_scale
FROM information_schema.columns WHERE table_schema = $1 AND table_name = $2 ORDER BY ordinal_position;
