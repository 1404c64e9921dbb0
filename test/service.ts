import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { COMPILED } from './program.ts';

/** The service as people run it: a process of its own, on free ports. For integration tests, faults and benchmarks. */
export interface RunningService {
  readonly pid: number;
  /** Where to POST traces. */
  readonly otlpUrl: string;
  /** Base URL of the API. */
  readonly apiUrl: string;
  /** Where clients of PostgreSQL read; a password has to be added when there are users. */
  readonly sqlUrl: string;
  ledgerPid(): Promise<number>;
  /** Rows as objects; 64-bit integers and decimals as text. */
  query(sql: string): Promise<Record<string, string | null>[]>;
  /** What it has said on standard error so far. */
  log(): string;
  /** Ends it as an operator would; resolves with the exit code. */
  stop(): Promise<number | null>;
  /** `kill -9` of the main process. */
  kill(): Promise<void>;
}

export interface ServiceStart {
  readonly dataDir: string;
  readonly configFile?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly args?: readonly string[];
}

const MAIN = fileURLToPath(new URL('../collector/src/main.ts', import.meta.url));

export function spawnService({ dataDir, configFile, environment, args }: ServiceStart): ChildProcess {
  return spawn(
    process.execPath,
    [
      // As `npm start` does.
      '--conditions=@spanledger/source',
      '--v8-pool-size=1',
      MAIN,
      ...(configFile === undefined ? [] : ['--config', configFile]),
      'start',
      ...(args ?? []),
    ],
    {
      env: {
        PATH: process.env.PATH,
        ...COMPILED,
        SPANLEDGER_DATA_DIR: dataDir,
        SPANLEDGER_OTLP_HTTP_PORT: '0',
        SPANLEDGER_API_PORT: '0',
        SPANLEDGER_SQL_PORT: '0',
        SPANLEDGER_LOG_LEVEL: 'error',
        ...environment,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
}

/** @throws when the service ends before it is running, with what it said. */
export async function startServiceProcess(start: ServiceStart): Promise<RunningService> {
  const child = spawnService(start);
  let said = '';
  let complaints = '';
  child.stderr?.on('data', (chunk) => {
    complaints += chunk;
  });
  await new Promise<void>((resolve, reject) => {
    child.stdout?.on('data', (chunk) => {
      said += chunk;
      if (/SQL +postgresql:\S+/.test(said)) resolve();
    });
    child.once('exit', (code) => reject(new Error(`the service ended with ${code}: ${said}${complaints}`)));
  });
  const otlpUrl = /OTLP +(http:\S+)/.exec(said)?.[1] ?? '';
  const apiUrl = new URL(/API +(http:\S+)/.exec(said)?.[1] ?? '').origin;
  const sqlUrl = /SQL +(postgresql:\S+)/.exec(said)?.[1] ?? '';
  const pid = child.pid ?? 0;
  const ended = async () => {
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return {
    pid,
    otlpUrl,
    apiUrl,
    sqlUrl,
    async ledgerPid() {
      const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
      return Number(children.trim().split(' ')[0]);
    },
    async query(sql) {
      const response = await fetch(new URL('/api/query', apiUrl), {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql }),
      });
      const answer = (await response.json()) as {
        columns: { name: string }[];
        rows: (string | null)[][];
        error?: { message: string };
      };
      if (answer.error !== undefined) throw new Error(answer.error.message);
      return answer.rows.map((row) =>
        Object.fromEntries(answer.columns.map(({ name }, index) => [name, row[index] ?? null])),
      );
    },
    log: () => complaints,
    async stop() {
      child.kill('SIGTERM');
      await ended();
      return child.exitCode;
    },
    async kill() {
      child.kill('SIGKILL');
      await ended();
    },
  };
}
