import { describe, expect, it } from 'vitest';
import { rewriteForDuckDb } from './rewrite.ts';

describe('what DuckDB reads already', () => {
  it.each([
    'SELECT sum(cost_usd) AS "cost" FROM usage WHERE customer = \'pg_catalog.x\' -- ::regclass',
    'select $$a ~ b$$, "pg_catalog"  ,  E\'::regclass\\\' ~\'\n/* COLLATE "default" /* ~ */ */ from usage_hourly ;',
    "SELECT * FROM usage WHERE model LIKE 'gpt%' AND feature ILIKE '%x%' AND NOT user_id SIMILAR TO 'a.*'",
    "SELECT ~ 5, (~x), a || '{a,b}', coalesce(j, '{}'), list[1:2], '{\"a\": 1}'::JSON",
    'SELECT x::DECIMAL(38, 9), CAST(y AS VARCHAR), z::INTEGER[] FROM range(10) AS t(x)',
    'SELECT unnest(generate_series(1, 3)), list_sum(generate_series(1, 3)) FROM generate_series(1, 3) AS t(i)',
    String.raw`SELECT a LIKE 'x\_y' ESCAPE '\', b LIKE 'x_y', c LIKE 'x\_' || d, 'x\_y'`,
    "SELECT format('{} {}', a, b), format(c) FROM t WHERE a IS DISTINCT FROM version() ORDER BY 1",
    'SELECT x AS oid, oid, max(oid) AS oid, (SELECT 1 AS oid) FROM t AS oid',
    'SELECT EXTRACT(epoch FROM current_setting(x)), trim(both from y), operator(1), pg_catalog',
    '',
    "'unfinished ::regclass ~",
  ])('comes out byte for byte as it was: %j', (sql) => {
    expect(rewriteForDuckDb(sql)).toBe(sql);
  });
});

describe('the schema public', () => {
  const toCustomer = (sql: string) => rewriteForDuckDb(sql, { publicSchema: 'customer' });

  it('is what it is for those who are told of it', () => {
    const sql = 'SELECT public.usage.model FROM "public".usage';
    expect(rewriteForDuckDb(sql)).toBe(sql);
  });

  it.each([
    ['SELECT * FROM public.usage', 'SELECT * FROM customer.usage'],
    ['SELECT public.usage.model FROM "public"."usage"', 'SELECT customer.usage.model FROM customer."usage"'],
    ['SELECT * FROM spanledger.public.usage', 'SELECT * FROM customer.usage'],
    ['SELECT * FROM a, Public . b', 'SELECT * FROM a, customer . b'],
  ])('leads to the views of customers: %s', (sql, expected) => {
    expect(toCustomer(sql)).toBe(expected);
  });

  it.each([
    'SELECT public.model FROM usage AS public',
    'SELECT public.model FROM usage "public"',
    'WITH public AS (SELECT 1 AS x) SELECT public.x FROM public',
    "SELECT 'public.usage', public_ FROM publics.usage -- public.usage",
  ])('is left where it is the name of something else: %s', (sql) => {
    expect(toCustomer(sql)).toBe(sql);
  });
});

describe('the number of the relation that a row is of', () => {
  it.each([
    [
      'SELECT l.tableoid FROM pg_catalog.pg_language l JOIN pg_description d ON d.classoid = l.tableoid',
      'SELECT 2612 FROM pg_language l JOIN pg_description d ON d.classoid = 2612',
    ],
    [
      'SELECT t.tableoid FROM pg_type AS t UNION SELECT t.tableoid FROM pg_trigger t WHERE t.tableoid > 1',
      'SELECT 1247 FROM pg_type AS t UNION SELECT 2620 FROM pg_trigger t WHERE 2620 > 1',
    ],
    ['SELECT pg_catalog.pg_class.tableoid FROM pg_class', 'SELECT 1259 FROM pg_class'],
    [
      'SELECT tt.tableoid FROM (SELECT 1 AS tableoid) tt',
      'SELECT tt.tableoid FROM (SELECT 1 AS tableoid) tt',
    ],
  ])('is known: %s', (sql, expected) => {
    expect(rewriteForDuckDb(sql)).toBe(expected);
  });
});

describe('a column that is any of a list', () => {
  it.each([
    [
      'SELECT 1 FROM t LEFT JOIN a ON t.oid = a.attrelid AND a.attnum = ANY(ix.indkey)',
      'SELECT 1 FROM t LEFT JOIN a ON t.oid = a.attrelid AND is_any(a.attnum , ix.indkey)',
    ],
    ['SELECT 1 WHERE x = ANY (y)', 'SELECT 1 WHERE is_any(x ,  y)'],
  ])('is looked for in it: %s', (sql, expected) => {
    expect(rewriteForDuckDb(sql)).toBe(expected);
  });

  it.each([
    'SELECT 1 WHERE a + x = ANY (y)',
    'SELECT 1 WHERE x = ANY (SELECT 1)',
    'SELECT 1 WHERE x = ANY (f(y))',
  ])('is left to the engine: %s', (sql) => {
    expect(rewriteForDuckDb(sql)).toBe(sql);
  });
});

it('the subscripts of an array need no series', () => {
  const upTo = (upper: string) => `SELECT generate_series(array_lower(c.key, 1), ${upper}) AS i FROM c`;
  expect(rewriteForDuckDb(upTo('array_upper(c.key, 1)'))).toMatch(
    /^SELECT generate_subscripts\(c\.key, 1\) +AS i FROM c$/,
  );
  for (const upper of ['array_upper(c.other, 1)', '1000000', 'array_upper(c.key, 1) + 1'])
    expect(rewriteForDuckDb(upTo(upper))).toContain('unnest(generate_series(');
});

describe('what only PostgreSQL reads', () => {
  it.each([
    [
      'a name in pg_catalog',
      'SELECT pg_catalog.lower(x) FROM pg_catalog.pg_class c',
      'SELECT lower(x) FROM pg_class c',
    ],
    ['quoted', 'SELECT * FROM "pg_catalog"."pg_class"', 'SELECT * FROM "pg_class"'],
    ['with the database', 'SELECT * FROM spanledger.pg_catalog.pg_class', 'SELECT * FROM pg_class'],
    ['in capitals', 'SELECT PG_CATALOG.version()', 'SELECT version()'],
    ['a type', 'SELECT x::pg_catalog.text, y::pg_catalog."char"', 'SELECT x::text, y::"char"'],
    [
      'a relation of information_schema',
      'SELECT information_schema.tables.table_name FROM information_schema.tables',
      'SELECT pgcompat.information.tables.table_name FROM pgcompat.information.tables',
    ],
    ['a function of it', 'SELECT (information_schema._pg_expandarray(k)).n', 'SELECT (_pg_expandarray(k)).n'],
    ['a type of it', 'SELECT x::information_schema.sql_identifier', 'SELECT x::sql_identifier'],
    ['an operator by its full name', 'a OPERATOR(pg_catalog.~) b', 'a ~^ b'],
    ['an operator in brackets', 'a operator(=) b', 'a = b'],
    [
      'a match',
      "a ~ 'b' AND c !~ 'd' OR e ~* 'f' OR g !~* 'h'",
      "a ~^ 'b' AND c !~^ 'd' OR e ~^* 'f' OR g !~^* 'h'",
    ],
    ['a match of a cast', "x::text ~ 'b'", "x::text ~^ 'b'"],
    ['the default collation', 'a COLLATE pg_catalog.default, b COLLATE "default"', 'a  , b  '],
    ['an array literal', "'{a,\"b c\",NULL,it''s}'::text[]", "['a', 'b c', NULL, 'it''s']::text[]"],
    ['one with escapes', String.raw`E'{"a \\"b\\"","c\\\\d"}'::text[]`, String.raw`['a "b"', 'c\d']::text[]`],
    [
      'a pattern with escapes',
      String.raw`a LIKE 'x\_y' AND b NOT ILIKE E'50\\%'`,
      String.raw`a LIKE 'x\_y' ESCAPE '\' AND b NOT ILIKE E'50\\%' ESCAPE '\'`,
    ],
    ['an empty one', "'{}'::pg_catalog.int4[]", '[]::int4[]'],
    ['an array literal under ANY', "x = ANY ('{r,v}')", "x = ANY (['r', 'v'])"],
    ['an exact number', 'x::numeric, y::pg_catalog.decimal', 'x::DECIMAL(38, 15), y::DECIMAL(38, 15)'],
    ['exact numbers', "'{1.5}'::numeric[]", "['1.5']::DECIMAL(38, 15)[]"],
    ['an exact number in words', 'CAST(x AS NUMERIC)', 'CAST(x AS DECIMAL(38, 15))'],
    ['digits that somebody has chosen', 'x::numeric(9, 2) AS numeric', 'x::numeric(9, 2) AS numeric'],
    ['a name of a relation', "'usage'::regclass", "regclass_oid('usage')"],
    ['the name and its number', "'usage'::pg_catalog.regclass::oid", "regclass_oid('usage')::UINTEGER"],
    ['a parameter', '$1::regtype', 'regtype_oid($1)'],
    ['a number', 'c.oid::pg_catalog.regclass::pg_catalog.text', 'regclass_name(c.oid)::text'],
    ['a number from a call', 'f(a, b[1])::regproc', 'regproc_name(f(a, b[1]))'],
    ['a name put together', "(a || '.' || b)::regclass", "regclass_oid((a || '.' || b))"],
    ['a number among casts', "'1259'::oid::regclass", "regclass_name('1259'::UINTEGER)"],
    ['an array of them', 'x::regtype[]', 'x::VARCHAR[]'],
    ['a cast in words', "CAST('pg_class' AS REGCLASS)", "regclass_oid('pg_class'  )"],
    ['one inside another', 'CAST(CAST(x.y AS regclass) AS TEXT)', 'CAST(regclass_name(x.y  ) AS TEXT)'],
    ['one for its number', 'CAST(CAST(f(x) AS regclass) AS OID)', 'CAST(regclass_oid(f(x)  ) AS UINTEGER)'],
    ['JSON functions', "json_build_object('a', jsonb_agg(x))", "json_object('a', json_group_array(x))"],
    ["PostgreSQL's format", "format('%I.%s', a, b)", "printf('%s.%s', a, b)"],
    [
      'a series as a table',
      'FROM pg_catalog.generate_series(1, 2) AS i',
      'FROM generate_series(1, 2) AS i(i)',
    ],
    [
      'a series as a column',
      'SELECT a, generate_series(1, 2) FROM t',
      'SELECT a, unnest(generate_series(1, 2)) FROM t',
    ],
    [
      'a value as a table',
      "FROM t, string_to_array('a', ',') s",
      "FROM t, (SELECT string_to_array('a', ',') AS s) s",
    ],
  ])('%s', (_name, sql, expected) => {
    expect(rewriteForDuckDb(sql)).toBe(expected);
  });

  it('is found again after it has been rewritten: nothing more changes', () => {
    const once = rewriteForDuckDb(
      "SELECT c.oid::regclass FROM pg_catalog.pg_class c WHERE relname ~ '^u' AND relkind = ANY ('{v}')",
    );
    expect(once).not.toContain('::regclass');
    expect(rewriteForDuckDb(once)).toBe(once);
  });

  it('takes time in proportion to its length', () => {
    const deep = `SELECT ${'('.repeat(10_000)}1${')'.repeat(10_000)}::regclass`;
    const wide = `SELECT ${Array.from({ length: 10_000 }, (_, at) => `a${at}::regclass, generate_series(1, 2)`).join(', ')}`;
    const casts = `SELECT x${'::regclass'.repeat(10_000)}, '{${' '.repeat(10_000)}"}'::text[]`;
    const signs = `SELECT ${'+-'.repeat(50_000)}1 ${'/'.repeat(50_000)}`;
    // Two seconds at most on a busy machine; what grows with the square takes more than a minute.
    const start = performance.now();
    expect(rewriteForDuckDb(signs)).toBe(signs);
    expect(rewriteForDuckDb(casts)).toContain('regclass_name');
    expect(rewriteForDuckDb(deep)).toContain('regclass_name');
    expect(rewriteForDuckDb(wide)).toContain('regclass_name(a9999)');
    expect(performance.now() - start).toBeLessThan(15_000);
  });
});
