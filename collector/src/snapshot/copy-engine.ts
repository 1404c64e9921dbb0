import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { writeContractViews } from '../store/views.ts';

/**
 * The copy has an engine of its own once its tables are written: what is made of it takes neither memory nor threads
 * from the one that posts, and readers of the ledger cannot see it.
 */
const MEMORY_LIMIT = '1GB';
const THREADS = '1';

export async function withCopy<T>(
  file: string,
  mode: 'READ_WRITE' | 'READ_ONLY',
  work: (connection: DuckDBConnection) => Promise<T>,
): Promise<T> {
  const instance = await DuckDBInstance.create(file, {
    access_mode: mode,
    threads: THREADS,
    memory_limit: MEMORY_LIMIT,
    temp_directory: join(file, '..', '.spilled'),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    try {
      await connection.run(`SET TimeZone = 'UTC'`);
      return await work(connection);
    } finally {
      connection.closeSync();
    }
  } finally {
    instance.closeSync();
  }
}

/**
 * Makes the copy say what the ledger says: the views of the contract, what the snapshot stands for, and all of them also
 * in the schema that a plain client looks into, so that the same statement runs here and on the service.
 */
export async function writeViews(connection: DuckDBConnection): Promise<void> {
  await connection.run('CREATE SCHEMA public');
  await writeContractViews(connection);
  await connection.run('CREATE VIEW public.snapshot AS SELECT * FROM ledger.snapshot');
  for (const view of await contractViews(connection)) {
    await connection.run(`CREATE VIEW main."${view}" AS SELECT * FROM public."${view}"`);
  }
  await connection.run('CHECKPOINT');
}

export async function contractViews(connection: DuckDBConnection): Promise<string[]> {
  const rows = await connection.runAndReadAll(
    `SELECT view_name FROM duckdb_views()
     WHERE database_name = current_database() AND schema_name = 'public' AND NOT internal ORDER BY view_name`,
  );
  return rows.getRows().map(([name]) => String(name));
}
