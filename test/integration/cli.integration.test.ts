import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { spanledger } from '../program.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const HOSTILE = 'Eve\n"; DROP TABLE usage;\u001b[31m red \u0007';
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be printed
const CONTROL = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/;

/** A directory with a space and a quote in its name: people have such. */
let directory = '';
let dataDir = '';
let service: RunningService;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "spanledger's cli "));
  dataDir = join(directory, 'data dir');
  service = await startServiceProcess({ dataDir });
  const call = aRequestSpan({
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      'spanledger.customer.id': HOSTILE,
    }),
    startTimeUnixNano: '1767225600000000000',
    endTimeUnixNano: '1767225601250000000',
  });
  expect((await post(service.otlpUrl, aRequest([call]))).status).toBe(200);
  await until('the span is in the ledger', 10_000, async () => {
    return (await service.query('SELECT 1 AS one FROM usage')).length === 1;
  });
});

afterAll(async () => {
  const exitCode = await service?.stop();
  await removeDataDirectory(dataDir);
  await rm(directory, { recursive: true, force: true });
  expect(exitCode, 'a service in a directory with a space stops cleanly').toBe(0);
});

describe('spanledger query', () => {
  const query = (args: readonly string[], stdin?: string) =>
    spanledger(['query', '--url', service.apiUrl, ...args], {
      cwd: directory,
      ...(stdin === undefined ? {} : { stdin }),
    });

  it('prints a table, numbers to the right, with NULL said', async () => {
    const { exitCode, stdout, stderr } = await query([
      "SELECT 'a' AS name, 12345678901234567 AS tokens, 0.5::DECIMAL(9, 3) AS usd UNION ALL SELECT NULL, 1, NULL ORDER BY 2",
    ]);
    expect([exitCode, stderr]).toEqual([0, '']);
    const lines = stdout.split('\n').map((line) => line.trimEnd());
    expect(lines[0]?.split('|').map((cell) => cell.trim())).toEqual(['name', 'tokens', 'usd']);
    expect(lines.find((line) => line.includes('NULL'))).toMatch(/NULL +\| +1 \| +NULL/);
    expect(lines.find((line) => line.includes('12345678901234567'))).toMatch(
      /^ ?a +\| 12345678901234567 \| +0\.500/,
    );
    expect(lines.at(-2)).toBe('(2 rows)');
  });

  it('prints a hostile name harmlessly: nothing that a terminal obeys', async () => {
    const { exitCode, stdout } = await query(['SELECT customer FROM usage']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('DROP TABLE usage;');
    expect(stdout).not.toMatch(CONTROL);
    expect(stdout.trim().split('\n').at(-1)).toBe('(1 row)');
  });

  it('--json prints what programs can parse, every value unharmed', async () => {
    const { exitCode, stdout } = await query([
      '--json',
      'SELECT customer, input_tokens, cost_usd FROM usage',
    ]);
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toEqual([
      { customer: HOSTILE, input_tokens: '100', cost_usd: '0.000450000000000' },
    ]);
    expect(JSON.parse((await query(['--json', 'SELECT 1 WHERE false'])).stdout)).toEqual([]);
  });

  it('reads the statement from standard input, with - or without an argument', async () => {
    for (const args of [['--json', '-'], ['--json']]) {
      const { exitCode, stdout } = await query(args, 'SELECT 40 + 2 AS answer\n');
      expect(exitCode).toBe(0);
      expect(JSON.parse(stdout)).toEqual([{ answer: 42 }]);
    }
  });

  it('a refused statement is one line with its code, and exit code 1', async () => {
    const { exitCode, stdout, stderr } = await query(['DROP TABLE usage']);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^SL_QUERY_\w+: .*SL_QUERY_(REFUSED|FAILED)/);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it('without a running service says how to start one, and exit code 1', async () => {
    const { exitCode, stdout, stderr } = await spanledger(
      ['query', '--url', 'http://127.0.0.1:1', 'SELECT 1'],
      {
        cwd: directory,
      },
    );
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^SL_SERVICE_UNREACHABLE: .*npm start/);
  });
});

describe('spanledger explain', () => {
  const explain = (...args: readonly string[]) =>
    spanledger(['explain', '--url', service.apiUrl, ...args], { cwd: directory });
  const traceId = aRequestSpan().traceId ?? '';

  it('prints who bills in a trace of the ledger, harmlessly', async () => {
    const { exitCode, stdout, stderr } = await explain(traceId);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(new RegExp(`^Trace ${traceId} `));
    expect(stdout).toMatch(/billed #1 {2}\$0\.00045 .*DROP TABLE usage;.* in 100 out 20 .*gpt-4o-2024-08-06/);
    expect(stdout).toMatch(/^Total {2}1 billed call {2}in 100 out 20 {2}\$0\.00045/m);
    expect(stdout).not.toMatch(CONTROL);
  });

  it('of a trace that is not there is one line with its code, and exit code 1', async () => {
    const { exitCode, stdout, stderr } = await explain('f'.repeat(32));
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^SL_TRACE_UNKNOWN: .*f{32}/);
  });
});

describe('the command line', () => {
  const run = (args: readonly string[], environment: Readonly<Record<string, string>> = {}) =>
    spanledger(args, { cwd: directory, environment });

  it('an unknown option is said, with exit code 2', async () => {
    const { exitCode, stdout, stderr } = await run(['query', '--nonsense']);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^error: /);
  });

  it('--help explains itself, with exit code 0', async () => {
    const { exitCode, stdout, stderr } = await run(['--help']);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Usage: spanledger /);
  });

  it('a reader that has seen enough ends a command quietly, as SIGPIPE ends other tools', async () => {
    const scenario = fileURLToPath(new URL('../scenarios/example-1-fixed.yaml', import.meta.url));
    for (const args of [
      ['simulate', scenario],
      ['query', '--url', service.apiUrl, 'SELECT 1'],
      ['export', 'usage', '--url', service.apiUrl],
      ['explain', '--url', service.apiUrl, aRequestSpan().traceId ?? ''],
      ['price', '--help'],
    ]) {
      const { exitCode, stderr } = await spanledger(args, { cwd: directory, isRead: false });
      expect([exitCode, stderr], args.join(' ')).toEqual([141, '']);
    }
  });

  it('nothing is coloured when the output is no terminal, whether NO_COLOR is set or not', async () => {
    const query = ['query', '--url', service.apiUrl, 'SELECT 1 AS one'];
    const outputs = [
      await run(['--help']),
      await run(['query', '--nonsense']),
      await run(query),
      await run(query, { NO_COLOR: '1' }),
    ];
    for (const { stdout, stderr } of outputs) expect(stdout + stderr).not.toContain('\u001b');
  });

  it('a missing configuration file that was asked for is said, with exit code 1', async () => {
    const { exitCode, stderr } = await run(['--config', 'nowhere.yaml', 'start']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^SL_CONFIG_INVALID: .*nowhere\.yaml/);
  });

  it('every mistake of a configuration is listed at once, with its place, and exit code 1', async () => {
    const file = join(directory, 'mistakes.yaml');
    await writeFile(
      file,
      'log_level: loud\nlisten:\n  api_port: 99999\njournal:\n  retention: 5\nstore:\n  memory_limit: much\n',
    );
    const { exitCode, stdout, stderr } = await run(['--config', file, 'start']);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^SL_CONFIG_INVALID: .*4 mistakes/);
    for (const place of ['log_level', 'listen.api_port', 'journal.retention', 'store.memory_limit']) {
      expect(stderr).toMatch(new RegExp(`^ {2}${place}: .*found`, 'm'));
    }
  });

  it('a broken YAML file names the line', async () => {
    const file = join(directory, 'broken.yaml');
    await writeFile(file, 'listen:\n  api_port: [4319\n');
    const { exitCode, stderr } = await run(['--config', file, 'start']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/line \d+, column \d+/);
  });

  it('a wrong environment variable is a mistake like any other', async () => {
    const { exitCode, stderr } = await run(['start'], { SPANLEDGER_API_PORT: 'http' });
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/listen\.api_port: .*found "http"/);
  });

  it('listening beyond this machine is refused while requests carry no credentials', async () => {
    const file = join(directory, 'open.yaml');
    await writeFile(file, 'listen:\n  host: 0.0.0.0\n');
    const { exitCode, stderr } = await run(['--config', file, 'start']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/listen\.host: must be a loopback address/);
  });
});
