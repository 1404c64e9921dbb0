import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const SOURCES = '--conditions=@spanledger/source';
/** Fresh at every run; kept afterwards, so that it can be looked at. */
export const DATA_DIR = join('.spanledger', 'demo');

export interface RunningService {
  readonly otlpUrl: string;
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<Readonly<Record<string, unknown>>>;
  query(sql: string): Promise<Record<string, string | null>[]>;
  stop(): Promise<void>;
}

/** The service as `npm start` runs it, on ports that are free and with data of its own. */
export async function startService(config: string): Promise<RunningService> {
  const child = spawn(
    process.execPath,
    [SOURCES, fileURLToPath(new URL('../main.ts', import.meta.url)), '--config', config, 'start'],
    {
      env: {
        ...process.env,
        SPANLEDGER_DATA_DIR: DATA_DIR,
        SPANLEDGER_OTLP_HTTP_PORT: '0',
        SPANLEDGER_API_PORT: '0',
        SPANLEDGER_SQL_PORT: '0',
        SPANLEDGER_LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const greeting = await readUntil(child, /API +(http:\S+)/);
  const otlpUrl = /OTLP +(http:\S+)/.exec(greeting)?.[1] ?? '';
  const apiUrl = /API +(http:\S+)/.exec(greeting)?.[1] ?? '';
  return {
    otlpUrl,
    async call(method, path, body) {
      const response = await fetch(new URL(path, apiUrl), {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as Record<string, unknown>;
    },
    async query(sql) {
      const response = await fetch(apiUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql }),
      });
      if (!response.ok) throw new Error(`${sql} was answered ${response.status}: ${await response.text()}`);
      const { columns, rows } = (await response.json()) as {
        columns: { name: string }[];
        rows: (string | null)[][];
      };
      return rows.map((row) =>
        Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])),
      );
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function readUntil(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`The service ended before it was running. It said: ${text}`);
}
