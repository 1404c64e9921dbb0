import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

export interface ProgramEnd {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAIN = fileURLToPath(new URL('../collector/src/main.ts', import.meta.url));

/** One command of `spanledger`, as people run it, with no environment but what is given. */
export function spanledger(
  args: readonly string[],
  {
    environment = {},
    stdin,
    cwd,
  }: { environment?: Readonly<Record<string, string>>; stdin?: string; cwd?: string } = {},
): Promise<ProgramEnd> {
  return runProgram([MAIN, ...args], {
    environment,
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
  }: { environment: Readonly<Record<string, string>>; stdin?: string; cwd?: string; timeoutMs?: number },
): Promise<ProgramEnd> {
  const child = spawn(process.execPath, ['--conditions=@spanledger/source', ...args], {
    env: { PATH: process.env.PATH, ...environment },
    stdio: 'pipe',
    timeout: timeoutMs,
    ...(cwd === undefined ? {} : { cwd }),
  });
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
