import { type DuckDBConnection, VARCHAR } from '@duckdb/node-api';
import type { ContractComments } from '../../store/contract-comments.ts';
import { type PostgresType, postgresTypeOf } from './types.ts';

/** Whom a view is for, which is also the schema it stands in: all who may see every customer, or one customer. */
export type Audience = 'public' | 'customer';

/** A view that readers may use, as clients of PostgreSQL are told of it. */
export interface ContractRelation {
  readonly audience: Audience;
  readonly name: string;
  readonly comment: string | null;
  readonly columns: readonly ContractColumn[];
}

export interface ContractColumn {
  readonly name: string;
  readonly type: PostgresType;
  readonly comment: string | null;
}

/** The views of the schemas `public` and `customer`, by name. Columns of both mean the same, so that one comment is for both. */
export async function readContract(
  connection: DuckDBConnection,
  database: string,
  comments: ContractComments,
): Promise<ContractRelation[]> {
  const answer = await connection.runAndReadAll(
    `SELECT schema_name, view_name, column_name, data_type
     FROM duckdb_views() JOIN duckdb_columns() USING (database_name, schema_name)
     WHERE database_name = $1 AND schema_name IN ('public', 'customer') AND view_name = table_name
     ORDER BY view_name, schema_name, column_index`,
    [database],
  );
  const columns = answer.getRows().map((row) => row.map(String));
  const types = await postgresTypes(connection, new Set(columns.map(([, , , type = '']) => type)));
  const relations = new Map<string, ContractRelation & { columns: ContractColumn[] }>();
  for (const [schema = '', view = '', name = '', type = ''] of columns) {
    const relation = relations.get(`${schema}.${view}`) ?? {
      audience: schema === 'customer' ? 'customer' : 'public',
      name: view,
      comment: comments[view]?.meaning ?? null,
      columns: [],
    };
    relations.set(`${schema}.${view}`, relation);
    relation.columns.push({
      name,
      type: types.get(type) ?? TEXT,
      comment: comments[view]?.columns[name] ?? null,
    });
  }
  return [...relations.values()];
}

const TEXT = postgresTypeOf(VARCHAR);

/** What types are told as, by the names that the engine writes them with: it reads them all in one statement. */
async function postgresTypes(
  connection: DuckDBConnection,
  spellings: ReadonlySet<string>,
): Promise<ReadonlyMap<string, PostgresType>> {
  const prepared = await connection.prepare(
    `SELECT ${['1', ...[...spellings].map((type) => `NULL::${type}`)].join(', ')}`,
  );
  try {
    return new Map(
      [...spellings].map((type, at) => [type, postgresTypeOf(prepared.columnType(at + 1))] as const),
    );
  } finally {
    prepared.destroySync();
  }
}
