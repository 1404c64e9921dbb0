import { mkdtemp, readdir, readFile, readlink, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { runProgram } from '../program.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const DEMO = join(ROOT, 'collector/src/demo/demo.ts');

it('the demo ends with a ledger that equals what was served, in a directory of any name, and leaves no process', {
  timeout: 90_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger demo '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  // The app of the demo loads the instrumentation as an installed package.
  await symlink(join(ROOT, 'node_modules'), join(directory, 'node_modules'));

  const { exitCode, stdout, stderr } = await runProgram([DEMO, '--rounds', '4'], {
    environment: {},
    cwd: directory,
  });

  expect(exitCode, stdout + stderr).toBe(0);
  const [, calls] = /The ledger equals what the provider served: (\d+) calls/.exec(stdout) ?? [];
  expect(Number(calls)).toBeGreaterThan(0);
  const statement = (customer: string) =>
    new RegExp(`^ *${customer} .*$`, 'm').exec(
      stdout.slice(stdout.indexOf("Each customer's statement")),
    )?.[0];
  // One is in overage, one has run out, one has plenty, and the staff burns nothing.
  expect(statement('cus_acme')).toMatch(/ pro +30 +4\d(\.\d+)? +0 +1\d/);
  expect(statement('cus_globex')).toMatch(/ starter +20 +2\d(\.\d+)? +0 /);
  expect(statement('cus_initech')).toMatch(/ business +20000 /);
  expect(stdout).toMatch(/The staff .* made \d+ calls for 0\.\d+ USD/);
  expect(stdout, 'no terminal, no escape codes').not.toContain('\u001b');
  expect((await readdir(join(directory, '.spanledger', 'demo'))).sort()).toEqual([
    'commands',
    'exports',
    'journal',
    'snapshots',
    'spanledger.duckdb',
    'spanledger.json',
  ]);
  expect(await programsIn(directory)).toEqual([]);
});

/** What still runs with this working directory. */
async function programsIn(directory: string): Promise<string[]> {
  const programs: string[] = [];
  for (const pid of (await readdir('/proc')).filter((name) => /^\d+$/.test(name))) {
    const cwd = await readlink(`/proc/${pid}/cwd`).catch(() => '');
    if (cwd === directory) programs.push(await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => pid));
  }
  return programs;
}
