import type { DuckDBConnection } from '@duckdb/node-api';
import { type PostgresType, postgresTypeOf } from './types.ts';

/** A view that readers may use, as clients of PostgreSQL are told of it. */
export interface ContractRelation {
  readonly name: string;
  readonly comment: string | null;
  /** The SELECT behind it. */
  readonly definition: string;
  readonly columns: readonly {
    readonly name: string;
    readonly type: PostgresType;
    readonly comment: string | null;
  }[];
}

/** The views of schema `public`, by name. */
export async function readContract(
  connection: DuckDBConnection,
  database: string,
): Promise<ContractRelation[]> {
  const views = await connection.runAndReadAll(
    `SELECT view_name, comment, sql FROM duckdb_views()
     WHERE database_name = $1 AND schema_name = 'public' AND NOT internal ORDER BY view_name`,
    [database],
  );
  const comments = await connection.runAndReadAll(
    `SELECT table_name, column_name, comment FROM duckdb_columns()
     WHERE database_name = $1 AND schema_name = 'public' AND comment IS NOT NULL`,
    [database],
  );
  const said = new Map(
    comments.getRows().map(([view, column, comment]) => [`${view}.${column}`, String(comment)]),
  );
  const relations: ContractRelation[] = [];
  for (const [view, comment, sql] of views.getRows()) {
    const name = String(view);
    const prepared = await connection.prepare(`SELECT * FROM ${quoted(database)}.public.${quoted(name)}`);
    relations.push({
      name,
      comment: comment === null || comment === undefined ? null : String(comment),
      definition: String(sql).replace(/^\s*CREATE\s+VIEW\s+.*?\sAS\s+/is, ' '),
      columns: Array.from({ length: prepared.columnCount }, (_, at) => {
        const column = prepared.columnName(at);
        return {
          name: column,
          type: postgresTypeOf(prepared.columnType(at)),
          comment: said.get(`${name}.${column}`) ?? null,
        };
      }),
    });
    prepared.destroySync();
  }
  return relations;
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
