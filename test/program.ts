import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL('../collector/src/main.ts', import.meta.url));

/** The programs that tests start share what is compiled, as the processes of one service do. */
export const COMPILED = { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE };

/** One command of `spanledger`, as people run it, with no environment but what is given. */
export function spanledger(
  args: readonly string[],
  {
    environment = {},
    stdin,
    cwd,
    isRead = true,
  }: {
    environment?: Readonly<Record<string, string>>;
    stdin?: string;
    cwd?: string;
    isRead?: boolean;
  } = {},
): Promise<ProgramEnd> {
  return runProgram([MAIN, ...args], {
    environment,
    isRead,
    ...(stdin === undefined ? {} : { stdin }),
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** A program of this repository, run from its sources to its end. */
export async function runProgram(
  args: readonly string[],
  {
    environment,
    stdin,
    cwd,
    timeoutMs = 60_000,
    isRead = true,
  }: {
    environment: Readonly<Record<string, string>>;
    stdin?: string;
    cwd?: string;
    timeoutMs?: number;
    /** False: nobody reads its output, and the pipe is closed before it writes any. */
    isRead?: boolean;
  },
): Promise<ProgramEnd> {
  const child = spawn(process.execPath, ['--conditions=@spanledger/source', ...args], {
    env: { PATH: process.env.PATH, ...COMPILED, ...environment },
    stdio: 'pipe',
    timeout: timeoutMs,
    ...(cwd === undefined ? {} : { cwd }),
  });
  if (!isRead) child.stdout.destroy();
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    stderr += chunk;
  });
  child.stdin.on('error', () => {}); // a command that does not read may have ended already
  child.stdin.end(stdin ?? '');
  await once(child, 'close');
  return { exitCode: child.exitCode, stdout, stderr };
}
