import type { DuckDBConnection } from '@duckdb/node-api';
import { CATALOGUE_FUNCTIONS, FUNCTIONS, TABLE_FUNCTIONS } from './functions.ts';
import { folded, type Reach, type ReachableSchema } from './reach.ts';

/**
 * What somebody is to the ledger: `admin` sees what is offered to readers and the lists of the engine's catalogue,
 * `analyst` all that is offered, `customer` the usage and credits of one customer, without cost, price or margin.
 */
export type Role = 'admin' | 'analyst' | 'customer';

export const ROLES: readonly Role[] = ['admin', 'analyst', 'customer'];

/** Who reads. */
export type Reader =
  | { readonly role: 'admin' | 'analyst' }
  | { readonly role: 'customer'; readonly customer: string };

/** The views of each schema that is offered to readers, as the ledger file has them. */
export interface OfferedViews {
  readonly catalog: string;
  readonly public: ReadonlySet<string>;
  readonly customer: ReadonlySet<string>;
}

/** What stands beside the views: relations and functions that tell clients what there is. */
export interface ClientCatalogue {
  readonly schemas: readonly ReachableSchema[];
  readonly functions: ReadonlySet<string>;
  readonly tableFunctions: ReadonlySet<string>;
}

const NO_CATALOGUE: ClientCatalogue = { schemas: [], functions: new Set(), tableFunctions: new Set() };

/** The views are the contract: whatever stands in these schemas as a view is offered, and nothing else of them is. */
export async function readOfferedViews(connection: DuckDBConnection): Promise<OfferedViews> {
  const answer = await connection.runAndReadAll(
    `SELECT database_name, schema_name, view_name FROM duckdb_views()
     WHERE database_name = current_database() AND schema_name IN ('public', 'customer') AND NOT internal`,
  );
  const views = { public: new Set<string>(), customer: new Set<string>() };
  let catalog = '';
  for (const [database, schema, name] of answer.getRows()) {
    catalog = folded(String(database));
    views[schema === 'public' ? 'public' : 'customer'].add(folded(String(name)));
  }
  return { catalog, ...views };
}

/** What the standard says of schemas, tables and columns: names and types, no rows. */
const INFORMATION_SCHEMA: ReachableSchema = {
  catalog: 'system',
  schema: 'information_schema',
  relations: new Set(['schemata', 'tables', 'columns', 'views', 'table_constraints', 'key_column_usage']),
  isOnPath: false,
};

/** The same lists as views of the engine, which it finds without a schema. */
const ENGINE_LISTS: ReachableSchema = {
  catalog: 'system',
  schema: 'main',
  relations: new Set([...CATALOGUE_FUNCTIONS].filter((name) => name.startsWith('duckdb_'))),
  isOnPath: true,
};

export function reachOf(role: Role, views: OfferedViews, catalogue: ClientCatalogue = NO_CATALOGUE): Reach {
  const functions = union(FUNCTIONS, catalogue.functions);
  const tableFunctions = union(TABLE_FUNCTIONS, catalogue.tableFunctions);
  const schema = schemaOf(role);
  const offered: ReachableSchema = {
    catalog: views.catalog,
    schema,
    relations: views[schema],
    isOnPath: true,
  };
  const schemas = [offered, ...catalogue.schemas];
  switch (role) {
    case 'customer':
      return { schemas, functions, tableFunctions, mayExplain: false, mayListTables: false };
    case 'analyst':
      return {
        schemas: [...schemas, INFORMATION_SCHEMA],
        functions,
        tableFunctions,
        mayExplain: true,
        mayListTables: true,
      };
    case 'admin':
      return {
        schemas: [...schemas, INFORMATION_SCHEMA, ENGINE_LISTS],
        functions,
        tableFunctions: union(tableFunctions, CATALOGUE_FUNCTIONS),
        mayExplain: true,
        mayListTables: true,
      };
  }
}

/** Who is connected, as the catalogue tells clients. */
export interface ConnectedClient {
  readonly user: string;
  readonly processId: number;
}

/** What a connection of a reader stands in. */
export interface Surroundings {
  readonly views: OfferedViews;
  /** Further schemas to look for names in, such as those that stand for PostgreSQL's catalogue. */
  readonly pathBehind: readonly string[];
  readonly client: ConnectedClient | null;
}

/**
 * Makes a new connection that of the reader: where its names lead, and whose rows it sees. No statement that readers
 * may run can change either.
 */
export async function becomeReader(
  connection: DuckDBConnection,
  reader: Reader,
  { views, pathBehind, client }: Surroundings,
): Promise<void> {
  const path = [`${views.catalog}.${schemaOf(reader.role)}`, ...pathBehind].join(',');
  // SET takes no parameters.
  const statements = [`SET search_path = ${literal(path)}`];
  if (reader.role === 'customer')
    statements.push(`SET VARIABLE ${CUSTOMER_VARIABLE} = ${literal(reader.customer)}`);
  if (client !== null) {
    statements.push(`SET VARIABLE session_role = ${literal(client.user)}`);
    statements.push(`SET VARIABLE session_process = ${client.processId}`);
  }
  await connection.run(statements.join('; '));
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** What the views of the schema `customer` compare with. Unset it is NULL, and they are empty. */
export const CUSTOMER_VARIABLE = 'spanledger_customer';

/** Where the views stand that somebody of the role reads. */
export function schemaOf(role: Role): 'public' | 'customer' {
  return role === 'customer' ? 'customer' : 'public';
}

function union(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return b.size === 0 ? a : new Set([...a, ...b]);
}
