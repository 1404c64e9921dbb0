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

it('the demo of some days leaves a ledger that equals what was sent, its configuration and the truth', {
  timeout: 90_000,
}, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger history '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));

  const { exitCode, stdout, stderr } = await runProgram([DEMO, '--history', '2d'], {
    environment: {},
    cwd: directory,
  });

  expect(exitCode, stdout + stderr).toBe(0);
  expect(stdout).toContain('The ledger equals what was sent');
  expect(stdout).toContain('SPANLEDGER_CONFIG=.spanledger/demo/spanledger.yaml npm start');
  expect(stdout, 'no terminal, no escape codes').not.toContain('\u001b');
  const left = join(directory, '.spanledger', 'demo');
  expect(await readFile(join(left, 'spanledger.yaml'), 'utf8')).toContain(
    'contract/claude-sonnet-4-5/price-cut',
  );
  const truth = JSON.parse(await readFile(join(left, 'truth.json'), 'utf8'));
  expect(truth.rows.length).toBeGreaterThan(500);
  const { duplicates, rejected, conflicts } = truth.deliveries;
  for (const count of [duplicates, rejected, conflicts]) expect(count).toBeGreaterThan(0);
  expect(await programsIn(directory)).toEqual([]);
});

it('the demo says what is wrong with a number of days, and does nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger history '));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  for (const days of ['0d', '91d', '30', 'month']) {
    const { exitCode, stderr } = await runProgram([DEMO, '--history', days], {
      environment: {},
      cwd: directory,
    });
    expect([days, exitCode]).toEqual([days, 2]);
    expect(stderr).toContain(`from 1d to 90d, not ${days}`);
  }
  expect(await readdir(directory)).toEqual([]);
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
