import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';

/** The command-line client of DuckDB, as people have it; `SPANLEDGER_DUCKDB` names one that is not on the path. */
const PROGRAM = process.env.SPANLEDGER_DUCKDB ?? 'duckdb';

/** Null, with a word about it on standard error: this machine has none. */
export function duckdbVersion(): string | null {
  const { status, stdout } = spawnSync(PROGRAM, ['-version'], { encoding: 'utf8' });
  if (status === 0) return stdout.trim();
  console.error(
    'PASSED OVER: the duckdb command-line client is not installed (pip install duckdb-cli==1.5.6), so its tests did not run.',
  );
  return null;
}

/** Rows of a statement as objects; decimals as text, so that nothing is rounded on the way. */
export async function duckdb(
  sql: string,
  args: readonly string[] = [],
): Promise<Record<string, string | number | null>[]> {
  const child = spawn(PROGRAM, ['-json', '-bail', ...args, '-c', `SET TimeZone = 'UTC'`, '-c', sql], {
    // Not the settings of whoever runs the test.
    env: { PATH: process.env.PATH, HOME: '/nonexistent' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`duckdb ended with ${code}: ${stderr}`);
  const rows: unknown = JSON.parse(stdout.trim() === '' ? '[]' : stdout);
  return rows as Record<string, string | number | null>[];
}
