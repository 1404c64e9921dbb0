import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { aDataDirectory } from '../../test/data-directory.ts';
import { runProgram, spanledger } from '../../test/program.ts';

const PROGRAM = fileURLToPath(new URL('grafana.ts', import.meta.url));
const grafana = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
  runProgram([PROGRAM, ...args], { environment });

it('prints steps with the ports, users and paths that hold here, and no colours to a pipe', async () => {
  const configFile = join(await aDataDirectory(), 'spanledger.yaml');
  await writeFile(configFile, 'listen: { sql_port: 6543 }\n');
  const environment = { SPANLEDGER_CONFIG: configFile };
  await spanledger(['user', 'add', 'viewer', '--role', 'analyst'], { environment, stdin: 's3cret\n' });
  const { exitCode, stdout, stderr } = await grafana([], environment);
  expect([exitCode, stderr]).toEqual([0, '']);
  expect(stdout).toContain('--sql 127.0.0.1:6543 --user viewer --sslmode disable');
  expect(stdout).toContain('SPANLEDGER_SQL_ADDRESS=127.0.0.1:6543');
  expect(stdout).toContain(fileURLToPath(new URL('../generated', import.meta.url)));
  expect(stdout).toContain(configFile);
  for (const word of ['docker compose up', 'pdc-agent', 'user add grafana --role analyst'])
    expect(stdout).toContain(word);
  expect(stdout).not.toContain('\u001b');
});

it.each([
  [['--url', 'nonsense'], {}, 2, '--url takes an http(s) address'],
  [['--url', 'http://127.0.0.1:9'], {}, 2, 'GRAFANA_TOKEN is not set'],
  [['--url', 'http://127.0.0.1:9', '--sslmode', 'maybe'], { GRAFANA_TOKEN: 't' }, 2, '--sslmode is one of'],
  [['--url', 'http://127.0.0.1:9', '--sql', 'host'], { GRAFANA_TOKEN: 't' }, 2, '--sql takes HOST:PORT'],
  [['--unknown'], {}, 2, "Unknown option '--unknown'"],
])('%j is answered with what is wrong', async (args, environment, exitCode, message) => {
  const end = await grafana(args, environment);
  expect(end.stderr).toContain(message);
  expect([end.exitCode, end.stdout]).toEqual([exitCode, '']);
});

it('--help says what there is', async () => {
  const { exitCode, stdout } = await grafana(['--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('--runbooks URL');
});
