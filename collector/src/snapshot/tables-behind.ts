import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * The tables of schema `ledger` that the views of schema `public` read, through other views too. What readers may see
 * is made of these, so a copy for readers needs no others, and gets no others.
 */
export async function tablesBehindViews(connection: DuckDBConnection): Promise<readonly string[]> {
  const rows = await connection.runAndReadAll(
    `SELECT schema_name, view_name, json_serialize_sql(regexp_replace(sql, $1, '', 's'))
     FROM duckdb_views() WHERE database_name = current_database() AND NOT internal`,
    [CREATE_VIEW],
  );
  const views = new Map(
    rows.getRows().map(([schema, view, tree]) => [`${schema}.${view}`, JSON.parse(String(tree)) as unknown]),
  );
  const seen = new Set<string>();
  const tables = new Set<string>();
  const follow = (name: string) => {
    if (seen.has(name)) return;
    seen.add(name);
    const tree = views.get(name);
    if (tree === undefined) {
      const [schema, table] = name.split('.');
      if (schema === 'ledger' && table !== undefined) tables.add(table);
    } else for (const relation of relationsIn(tree)) follow(relation);
  };
  for (const name of views.keys()) if (name.startsWith('public.')) follow(name);
  return [...tables].sort();
}

/** What stands before the SELECT of a view, as the engine tells it. */
const CREATE_VIEW = '^\\s*CREATE\\s+VIEW\\s+.*?\\sAS\\s+';

/** `schema.name` of every relation that a serialized statement names with its schema. */
function relationsIn(node: unknown): string[] {
  if (Array.isArray(node)) return node.flatMap(relationsIn);
  if (typeof node !== 'object' || node === null) return [];
  const below = Object.values(node).flatMap(relationsIn);
  const isRelation = 'type' in node && node.type === 'BASE_TABLE' && 'schema_name' in node;
  return isRelation && 'table_name' in node ? [`${node.schema_name}.${node.table_name}`, ...below] : below;
}
