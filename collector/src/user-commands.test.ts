import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { parseVerifier } from '@spanledger/pgwire';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { buildCli } from './cli.ts';
import { readConfig } from './config.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanledger-users-'));
  file = join(folder, 'spanledger.yaml');
  onTestFinished(() => rm(folder, { recursive: true }));
});

async function run(args: readonly string[], { input = '', isTTY = false } = {}) {
  const [stdin, stdout, stderr] = [new PassThrough(), new PassThrough(), new PassThrough()];
  if (isTTY) {
    // People type when they are asked.
    const lines = input.split('\n');
    stderr.on('data', (chunk) => {
      if (String(chunk).endsWith(': ')) setImmediate(() => stdin.write(`${lines.shift()}\n`));
    });
  } else stdin.end(input);
  let complaints = '';
  stderr.on('data', (chunk) => {
    complaints += chunk;
  });
  const cli = buildCli({
    environment: {},
    stdin: Object.assign(stdin, { isTTY }),
    stdout: Object.assign(stdout, { isTTY, columns: 100 }),
    stderr: Object.assign(stderr, { isTTY }),
    readFile: (path) => readFile(path, 'utf8'),
    ledgerProgram: { module: 'none', args: [], execArgv: [] },
    onStopSignal: () => {},
    onReloadSignal: () => {},
  });
  const exitCode = await cli.run(['--config', file, 'user', ...args]);
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: complaints };
}

const usersIn = (text: string) => readConfig(text, {}).reader.users;

describe('spanledger user add', () => {
  it('writes a user with a verifier into a new file, which nobody else may read', async () => {
    const { exitCode, stderr } = await run(['add', 'grafana', '--role', 'analyst'], { input: 's3cret\n' });
    expect(exitCode).toBe(0);
    expect(stderr).toMatch(
      /has the user grafana \(analyst\) now.*SIGHUP.*psql 'host=127\.0\.0\.1 port=5433 user=grafana/s,
    );
    const text = await readFile(file, 'utf8');
    expect(text).not.toContain('s3cret');
    const user = usersIn(text).get('grafana');
    expect(user?.reader).toEqual({ role: 'analyst' });
    expect(parseVerifier(user?.verifier ?? '')).toBeDefined();
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['spanledger.yaml']);
  });

  it('leaves what is in the file, comments too, as it is', async () => {
    const before = '# ours\nlisten:\n  api_port: 0 # any\nreader:\n  # nobody yet\n  roles: {}\n';
    await writeFile(file, before, { mode: 0o640 });
    const { exitCode } = await run(['add', 'acme', '--role', 'customer', '--customer', 'cus_acme'], {
      input: 'x',
    });
    expect(exitCode).toBe(0);
    const text = await readFile(file, 'utf8');
    expect(text).toContain('# ours\nlisten:\n  api_port: 0 # any\nreader:\n  # nobody yet\n');
    expect(usersIn(text).get('acme')?.reader).toEqual({ role: 'customer', customer: 'cus_acme' });
    expect((await stat(file)).mode & 0o777).toBe(0o640);
  });

  it('asks for the password twice on a terminal, without showing it', async () => {
    const { exitCode, stdout, stderr } = await run(['add', 'ada', '--role', 'admin'], {
      input: 'horse\nhorse',
      isTTY: true,
    });
    expect([exitCode, stdout]).toEqual([0, '']);
    expect(stderr).not.toContain('horse');
    expect(usersIn(await readFile(file, 'utf8')).has('ada')).toBe(true);
  });

  it('makes up a password when none is typed, and prints it once', async () => {
    const { exitCode, stdout } = await run(['add', 'ada', '--role', 'admin'], { input: '\n', isTTY: true });
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^[\w-]{24}\n$/);
  });

  it.each([
    [
      'two passwords',
      ['add', 'ada', '--role', 'admin'],
      { input: 'one\nother', isTTY: true },
      /two passwords/,
    ],
    ['no password', ['add', 'ada', '--role', 'admin'], { input: '' }, /No password/],
    ['an unknown role', ['add', 'ada', '--role', 'king'], { input: 'x' }, /admin, analyst, customer/],
    ['no role', ['add', 'ada'], { input: 'x' }, /--role/],
    [
      'a customer without a name',
      ['add', 'ada', '--role', 'customer'],
      { input: 'x' },
      /whose rows this user sees/,
    ],
    [
      'a customer for an analyst',
      ['add', 'ada', '--role', 'analyst', '--customer', 'x'],
      { input: 'x' },
      /sees all customers/,
    ],
    ['a name that nobody may have', ['add', 'Ada!', '--role', 'admin'], { input: 'x' }, /lower-case letters/],
  ] as const)('%s is refused, and the file stays as it was', async (_what, args, how, complaint) => {
    await writeFile(file, 'listen:\n  api_port: 0\n');
    const { exitCode, stderr } = await run(args, how);
    expect(exitCode).toBeGreaterThan(0);
    expect(stderr).toMatch(complaint);
    expect(await readFile(file, 'utf8')).toBe('listen:\n  api_port: 0\n');
    expect(await readdir(folder)).toEqual(['spanledger.yaml']);
  });

  it('gives a user another password only when told to', async () => {
    await run(['add', 'ada', '--role', 'admin'], { input: 'one' });
    const before = await readFile(file, 'utf8');
    const again = await run(['add', 'ada', '--role', 'analyst'], { input: 'two' });
    expect([again.exitCode, again.stderr]).toEqual([2, expect.stringMatching(/already.*--replace/)]);
    expect(await readFile(file, 'utf8')).toBe(before);
    const told = await run(['add', 'ada', '--role', 'analyst', '--replace'], { input: 'two' });
    expect(told.exitCode).toBe(0);
    const text = await readFile(file, 'utf8');
    expect(usersIn(text).get('ada')?.reader).toEqual({ role: 'analyst' });
    expect(text).not.toBe(before);
  });

  it('prints the lines alone, for a file that it may not write', async () => {
    const { exitCode, stdout } = await run(['add', 'ada', '--role', 'admin', '--print'], { input: 'x' });
    expect(exitCode).toBe(0);
    expect([...usersIn(stdout).keys()]).toEqual(['ada']);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe('spanledger user list and remove', () => {
  it('say who may log in, and take somebody out', async () => {
    await run(['add', 'ada', '--role', 'admin'], { input: 'one' });
    await run(['add', 'acme', '--role', 'customer', '--customer', 'cus_acme'], { input: 'two' });
    expect((await run(['list'])).stdout).toBe('ada\tadmin\nacme\tcustomer\tcus_acme\n');
    expect((await run(['remove', 'ada'])).exitCode).toBe(0);
    expect((await run(['list'])).stdout).toBe('acme\tcustomer\tcus_acme\n');
    const last = await run(['remove', 'acme']);
    expect(last.stderr).toMatch(/whoever reaches the port/);
    expect((await run(['list'])).stdout).toBe('');
  });

  it('of somebody who is not there say who is', async () => {
    await run(['add', 'ada', '--role', 'admin'], { input: 'one' });
    const { exitCode, stderr } = await run(['remove', 'eve']);
    expect([exitCode, stderr]).toEqual([2, expect.stringContaining('There are: ada')]);
  });
});
