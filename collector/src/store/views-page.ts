import { CONTRACT_COMMENTS } from './contract-comments.ts';
import { openDatabase, STORE_DEFAULTS } from './open.ts';

const TITLE = `# The views

What readers may use: names and columns are kept. Written by \`npm run generate\` from \`src/store/views.sql\`, which says what
the columns are made of, and \`src/store/contract-comments.ts\`, which says what they mean; clients show the same beside them
(\`\\d+ usage\` in psql). Times are instants, shown in UTC. A customer who logs in has the columns marked ●, of the own rows,
under the same names.
`;

/** The page about the views and their columns, as \`collector/views.md\` has it. */
export async function viewsPage(): Promise<string> {
  const instance = await openDatabase({ ...STORE_DEFAULTS, path: ':memory:', create: true });
  try {
    const connection = await instance.connect();
    const answer = await connection.runAndReadAll(
      `SELECT view_name, column_name, data_type, bool_or(schema_name = 'customer')
       FROM duckdb_views() JOIN duckdb_columns() USING (database_name, schema_name)
       WHERE schema_name IN ('public', 'customer') AND view_name = table_name
       GROUP BY ALL ORDER BY view_name, min(column_index) FILTER (schema_name = 'public')`,
    );
    const columns = answer.getRows().map(([view, column, type, isCustomers]) => ({
      view: String(view),
      column: String(column),
      type: String(type),
      isCustomers: isCustomers === true,
    }));
    const sections = Object.entries(CONTRACT_COMMENTS).map(([view, { meaning, columns: said }]) =>
      [
        `## ${view}\n`,
        `${meaning}\n`,
        '| column | type | | meaning |',
        '| --- | --- | --- | --- |',
        ...columns
          .filter((column) => column.view === view)
          .map(
            ({ column, type, isCustomers }) =>
              `| \`${column}\` | ${typeOf(type)} | ${isCustomers ? '●' : ''} | ${said[column] ?? ''} |`,
          ),
        '',
      ].join('\n'),
    );
    return [TITLE, ...sections].join('\n');
  } finally {
    instance.closeSync();
  }
}

/** Shorter where the engine is long. */
function typeOf(type: string): string {
  return type === 'TIMESTAMP WITH TIME ZONE' ? 'TIMESTAMPTZ' : type;
}
