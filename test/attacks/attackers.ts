import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { scramVerifier } from '@spanledger/pgwire';
import pg from 'pg';
import type { RunningService } from '../service.ts';

/** Who attacks, with which password, and as whom. */
export const USERS = {
  boss: { role: 'admin', password: 'the boss reads all' },
  ann: { role: 'analyst', password: 'ann reads all views' },
  // One of the customers of `manySpans`; the others have secrets from this one.
  cust: { role: 'customer', password: 'a customer reads little', customer: 'cus_000007' },
} as const;

export type UserName = keyof typeof USERS;
export const USER_NAMES: readonly UserName[] = ['boss', 'ann', 'cust'];

/** Configuration with these users, and limits so short that a test can wait for them. */
export async function writeAttackedConfig(
  dataDir: string,
  {
    timeoutMs,
    store = {},
  }: { readonly timeoutMs: number; readonly store?: Readonly<Record<string, unknown>> },
): Promise<string> {
  const users: Record<string, object> = {};
  for (const name of USER_NAMES) {
    const { password, ...user } = USERS[name];
    users[name] = { ...user, password: await scramVerifier(password) };
  }
  const limits = { timeout_ms: timeoutMs };
  const config = {
    store,
    query: limits,
    reader: { users, roles: { admin: limits, analyst: limits, customer: limits } },
  };
  const file = join(dataDir, 'spanledger.yaml');
  await writeFile(file, JSON.stringify(config)); // which is YAML too
  return file;
}

/** What came of a statement. */
export interface Outcome {
  /** `SL_QUERY_…` over HTTP, an SQLSTATE over the SQL port, null when it was answered. */
  readonly code: string | null;
  readonly message: string;
  readonly rows: readonly (readonly unknown[])[];
}

/** Over HTTP. The connection ending with the process is a 503 of the front. */
export async function askHttp({ apiUrl }: RunningService, sql: string): Promise<Outcome> {
  const response = await fetch(new URL('/api/query', apiUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  const answer = (await response.json()) as {
    rows?: unknown[][];
    error?: { code: string; message: string };
  };
  return {
    code: answer.error?.code ?? null,
    message: answer.error?.message ?? '',
    rows: answer.rows ?? [],
  };
}

/** A client of PostgreSQL that has logged in. */
export async function connectAs({ sqlUrl }: RunningService, user: UserName): Promise<pg.Client> {
  const { hostname, port } = new URL(sqlUrl);
  const client = new pg.Client({
    host: hostname,
    port: Number(port),
    database: 'spanledger',
    user,
    password: USERS[user].password,
  });
  // Its process may be ended by the attack; whoever waits for an answer is told.
  client.on('error', () => {});
  await client.connect();
  return client;
}

export type Protocol = 'simple' | 'extended';

/** Over the SQL port. What has no SQLSTATE is a connection that has ended. */
export async function askSql(client: pg.Client, sql: string, protocol: Protocol): Promise<Outcome> {
  try {
    const answer = await client.query(
      // The types of node-postgres do not know of the mode yet.
      {
        text: sql,
        rowMode: 'array',
        ...(protocol === 'extended' ? { queryMode: 'extended' } : {}),
      } as pg.QueryArrayConfig,
    );
    const results = Array.isArray(answer) ? answer : [answer];
    return { code: null, message: '', rows: results.flatMap(({ rows }) => rows) };
  } catch (error) {
    const code = error instanceof pg.DatabaseError ? (error.code ?? 'none') : 'connection';
    return { code, message: error instanceof Error ? error.message : String(error), rows: [] };
  }
}
