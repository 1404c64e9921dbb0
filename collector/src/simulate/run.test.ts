import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { buildCli } from '../cli.ts';
import { readScenario } from './read-scenario.ts';
import { runScenario } from './run.ts';

const STORY = `
description: A small story.
starts_at: 2026-11-01
prices:
  only: true
  cards: [{ id: mine, match: { provider: house, model: small }, effective_from: 2026-01-01, rates: { input: 2, output: 8 } }]
credits: { default: { fixed: { credits: 5 } } }
plans: { pro: { fee_usd: 10, allowance: 100 } }
customers: [{ id: acme, plan: pro, anchor_day: 1 }]
steps:
  - name: call
    usage: { customer: acme, feature: chat, provider: house, model: small, tokens: { input: 1000, output: 100 } }
    expect: { balances: { acme: { used: USED } } }
`;

async function simulate(story: string, ...options: readonly string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const cli = buildCli({
    environment: {},
    stdin: new PassThrough(),
    stdout,
    stderr,
    readFile: async (path) => {
      if (path === 'story.yaml') return story;
      throw Object.assign(new Error('no such file'), { code: 'ENOENT' });
    },
    ledgerProgram: { module: 'none', args: [], execArgv: [] },
    onStopSignal: () => {},
    onReloadSignal: () => {},
  });
  const exitCode = await cli.run(['simulate', ...options]);
  return { exitCode, stdout: String(stdout.read() ?? ''), stderr: String(stderr.read() ?? '') };
}

describe('spanledger simulate', () => {
  it('tells what happens and ends with 0 where all is as expected', async () => {
    const { exitCode, stdout, stderr } = await simulate(STORY.replace('USED', '5.0'), 'story.yaml');
    expect([exitCode, stderr]).toEqual([0, '']);
    expect(stdout).toContain('1. call  usage');
    expect(stdout).toContain('acme: available 95, used 5 (pro, period 1)');
    expect(stdout).toContain('Statement of acme: plan pro, period 1, 2026-11-01 00:00Z to 2026-12-01 00:00Z');
    expect(stdout).toContain('All 1 expectation met.');
    expect(stdout, 'no colours where nobody looks').not.toContain('\u001b');
  });

  it('tells each expectation that is not met with what was found, and ends with 1', async () => {
    const { exitCode, stdout } = await simulate(STORY.replace('USED', '6'), 'story.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toContain(
      '1 expectation not met, 0 met.\n  call\n   balances.acme.used: expected 6, found 5\n',
    );
  });

  it('fails where something is refused that nobody expects to be', async () => {
    const refused = `${STORY.replace('USED', '5')}  - top_up: { customer: acme, credits: 0 }\n`;
    const { exitCode, stdout } = await simulate(refused, 'story.yaml');
    expect(exitCode).toBe(1);
    expect(stdout).toContain('refused: expected no refusal, found INVALID_AMOUNT');
    const expected = `${refused.trimEnd()}\n    expect: { refused: INVALID_AMOUNT }\n`;
    expect((await simulate(expected, 'story.yaml')).exitCode).toBe(0);
  });

  it('prints one document with --json: amounts are texts', async () => {
    const { exitCode, stdout } = await simulate(STORY.replace('USED', '5'), '--json', 'story.yaml');
    expect(exitCode).toBe(0);
    const report: unknown = JSON.parse(stdout);
    expect(report).toMatchObject({
      description: 'A small story.',
      steps: [
        { number: null, kind: 'subscribe', customer: 'acme' },
        { number: 1, kind: 'usage', actions: [{ action: 'call', cost_usd: '0.0028', credits: '5' }] },
      ],
      statements: [{ customer: 'acme', used: '5', margin: { cost_usd: '0.0028' } }],
      expectations: { met: 1, unmet: 0 },
    });
  });

  it.each([
    ['a file that is not there', 'other.yaml', 'cannot be read'],
    [
      'a scenario with mistakes',
      'story.yaml',
      'story.yaml has a mistake:\n  steps.0.expect.balances.acme.used:',
    ],
  ])('ends with 2 for %s', async (_what, path, words) => {
    const { exitCode, stdout, stderr } = await simulate(STORY.replace('USED', '[]'), path);
    expect([exitCode, stdout]).toEqual([2, '']);
    expect(stderr).toContain(words);
  });

  it('helps, with an example that runs', async () => {
    const { exitCode, stdout } = await simulate('', '--help');
    expect(exitCode).toBe(0);
    const example = /A small one:\n(?<story>(?: {2}.*\n)+)/.exec(stdout)?.groups?.story ?? '';
    const run = await simulate(example, 'story.yaml');
    expect([run.exitCode, run.stderr]).toEqual([0, '']);
  });
});

describe('a run', () => {
  const run = (steps: string) => runScenario(readScenario(STORY.replace('USED', '5') + steps, 'story.yaml'));

  it('takes the built-in prices where the scenario has not said that there are only its own', async () => {
    const { steps } = await runScenario(
      readScenario(
        '{ starts_at: 2026-11-01, steps: [{ usage: { customer: acme, model: gpt-4o, provider: openai, tokens: { input: 1000, output: 100 } } }] }',
        'story.yaml',
      ),
    );
    expect(steps[0]?.actions[0]).toMatchObject({
      cost_usd: '0.0035',
      price_cards: [expect.stringContaining('openai/gpt-4o')],
    });
  });

  it('never goes back in time', async () => {
    const { steps } = await run('  - advance: 2026-10-01\n');
    expect(steps.at(-1)?.outcome).toMatchObject({ kind: 'refused', code: 'CLOCK_BACK' });
  });

  it('lets a container bill itself when nothing has come below it for long enough, at its own time', async () => {
    const { steps } = await run(
      '  - { name: agent, usage: { customer: acme, feature: chat, operation: invoke_agent, model: small, provider: house, tokens: { input: 100, output: 10 } } }\n' +
        '  - advance: 40d\n',
    );
    const usage = steps.at(-1)?.movements.filter(({ kind }) => kind === 'usage');
    expect(usage).toMatchObject([{ credits: '5', at: '2026-11-01T00:00:00.002Z', belongs_to_period: null }]);
  });

  it('closes a period when its time for late usage is over', async () => {
    const { steps } = await run(
      '  - close: { customer: acme }\n  - statement: { customer: acme, period: 1 }\n',
    );
    expect(steps.at(-2)).toMatchObject({ at: '2026-12-04T00:00:00.000Z' });
    expect(steps.at(-2)?.facts.map(({ kind }) => kind)).toContain('period_closed');
    expect(steps.at(-1)?.statement).toMatchObject({ used: '5', period: { number: 1 } });
  });

  it('knows no statement of a period that there was not', async () => {
    const { steps } = await run('  - statement: { customer: acme, period: previous }\n');
    expect(steps.at(-1)?.outcome).toMatchObject({ kind: 'refused', code: 'NO_PERIOD' });
  });
});
