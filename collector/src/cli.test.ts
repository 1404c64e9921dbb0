import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { chat, observed, recordsOf, tree } from '../../packages/metering/test/traces.ts';
import { buildApi } from './api/api.ts';
import { NEVER_ASKED } from './api/never-asked.ts';
import { NO_RERATING } from './api/testing/rerating.ts';
import { aRow } from './api/testing/rows.ts';
import { traceReport } from './api/trace.ts';
import { buildCli } from './cli.ts';

const CORPUS = fileURLToPath(new URL('../../test/corpus/', import.meta.url));

interface CommandEnd {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], { isTTY = false } = {}): Promise<CommandEnd> {
  const stdout = Object.assign(new PassThrough(), { isTTY, columns: 100 });
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const cli = buildCli({
    environment: {},
    stdin: new PassThrough(),
    stdout,
    stderr,
    readFile: () => Promise.reject(Object.assign(new Error('no such file'), { code: 'ENOENT' })),
    ledgerProgram: { module: 'none', args: [], execArgv: [] },
    onStopSignal: () => {},
    onReloadSignal: () => {},
  });
  const exitCode = await cli.run(args);
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

describe('the command line', () => {
  it.each([[['--nonsense']], [['start', '--nonsense']], [['query', '--nonsense']], [['query', 'a', 'b']]])(
    '%j has an unknown option or argument: said, with exit code 2',
    async (args) => {
      const { exitCode, stdout, stderr } = await run(args);
      expect([exitCode, stdout]).toEqual([2, '']);
      expect(stderr).toMatch(/^error: /);
    },
  );

  it('--help explains itself and every command, with exit code 0', async () => {
    const { exitCode, stdout } = await run(['--help']);
    expect(exitCode).toBe(0);
    const [, list = ''] = stdout.split('Commands:');
    const names = [...list.matchAll(/^ {2}([a-z]+)/gm)]
      .map(([, name = '']) => name)
      .filter((name) => name !== 'help');
    expect(names).toEqual(expect.arrayContaining(['start', 'query']));
    for (const name of names) {
      const help = await run([name, '--help']);
      expect(help.exitCode, name).toBe(0);
      expect(help.stdout, name).toMatch(new RegExp(`^Usage: spanledger ${name}`));
    }
  });
});

describe('spanledger doctor', () => {
  const doctor = (...args: readonly string[]) => run(['doctor', '--corpus', CORPUS, ...args]);

  it('finds the captures as served: exit code 0', async () => {
    const { exitCode, stdout, stderr } = await doctor();
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^22 cases .*all as served$/m);
    expect(stdout.match(/ ok$/gm)).toHaveLength(22);
  });

  it('takes every order and encoding', async () => {
    const { exitCode, stdout } = await doctor('--order', 'all', '--encoding', 'both', '--json');
    expect(exitCode).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ totals: { cases: 22, failed: 0 } });
  });

  it.each([
    ['without a folder', ['doctor']],
    ['with an unknown order', ['doctor', '--corpus', CORPUS, '--order', 'sideways']],
    ['with an unknown encoding', ['doctor', '--corpus', CORPUS, '--encoding', 'xml']],
    ['with a folder that has no cases', ['doctor', '--corpus', fileURLToPath(new URL('.', import.meta.url))]],
  ])('%s is used wrongly: exit code 2', async (_what, args) => {
    const { exitCode, stdout, stderr } = await run(args);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^(error|SL_CORPUS_UNREADABLE): /);
  });

  it('shows how far it is to people only', async () => {
    expect((await doctor()).stderr).toBe('');
    const { stderr } = await run(['doctor', '--corpus', CORPUS], { isTTY: true });
    expect(stderr).toContain('\r7 of 22 cases');
    expect(stderr.endsWith('\r\u001b[K'), 'and is wiped in the end').toBe(true);
  });

  it('helps, with an example', async () => {
    const { exitCode, stdout } = await run(['doctor', '--help']);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('Example:\n  spanledger doctor --corpus ');
  });
});

describe('spanledger explain', () => {
  const TRACE = 'a'.repeat(32);
  const spans = tree({ id: 'call', name: 'chat gpt-4o', attributes: chat(100, 10) });

  async function aService(): Promise<string> {
    const rows = recordsOf(spans).map((record) => aRow(record, { cost_usd: '0.000500000000000' }));
    const server = buildApi({
      query: () => Promise.reject(new Error('not asked here')),
      trace: async (traceId) => traceReport(observed(spans), rows, traceId),
      rerating: NO_RERATING,
      credits: NEVER_ASKED.credits,
      redeliver: async () => 0,
      readiness: () => ({ isReady: true, lagBytes: 0, waitingMs: 0, lastCommitAt: null }),
      metrics: async () => '',
      onSurprise: () => {},
    });
    onTestFinished(() => server.close());
    return server.listen({ host: '127.0.0.1', port: 0 });
  }

  it('prints the tree of the trace', async () => {
    const { exitCode, stdout, stderr } = await run(['explain', TRACE, '--url', await aService()]);
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^Trace a{32} {2}1 span,/);
    expect(stdout).toMatch(/^└─ chat gpt-4o {2}billed #1 {2}\$0\.0005 {2}no customer {2}in 100 out 10/m);
    expect(stdout).toMatch(/^Total {2}1 billed call/m);
  });

  it('prints the report itself for programs', async () => {
    const url = await aService();
    const { stdout } = await run(['explain', '--json', '--url', url, TRACE.toUpperCase()]);
    expect(JSON.parse(stdout)).toEqual(await (await fetch(`${url}/api/traces/${TRACE}`)).json());
    expect(JSON.parse(stdout)).toMatchObject({ trace_id: TRACE, totals: { billed_calls: 1 } });
  });

  it.each([
    ['of an unknown trace', 'b'.repeat(32), /^SL_TRACE_UNKNOWN: The ledger has no span of trace b{32}\./],
    ['of what is no trace id', '../query', /^SL_API_REQUEST: A trace id has 32 hexadecimal digits/],
  ])('says the sentence of the API %s: exit code 1', async (_what, id, words) => {
    const { exitCode, stdout, stderr } = await run(['explain', id, '--url', await aService()]);
    expect([exitCode, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(words);
  });

  it('says that no service answers: exit code 1', async () => {
    const { exitCode, stderr } = await run(['explain', TRACE, '--url', 'http://127.0.0.1:1']);
    expect(exitCode).toBe(1);
    expect(stderr).toMatch(/^SL_SERVICE_UNREACHABLE: .*npm start/);
  });

  it('without a trace id is used wrongly: exit code 2', async () => {
    expect((await run(['explain'])).exitCode).toBe(2);
  });
});
