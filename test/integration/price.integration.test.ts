import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readPriceCases } from '../golden/price-cases.ts';
import { spanledger } from '../program.ts';

let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spanledger-price-'));
});

afterAll(async () => {
  await rm(directory, { recursive: true, force: true });
});

const run = (args: readonly string[], stdin?: string) =>
  spanledger(args, { cwd: directory, ...(stdin === undefined ? {} : { stdin }) });

describe('spanledger price', () => {
  it('answers every golden case with its exact cost, a line for each line', async () => {
    const cases = [...readPriceCases().values()].flat();
    const { stdout, stderr, exitCode } = await run(
      ['price'],
      cases.map(({ input }) => JSON.stringify(input)).join('\n'),
    );
    expect(stderr).toBe('');
    const answers = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers.map(({ cost_usd }) => cost_usd)).toEqual(
      cases.map(({ expect: { cost_usd } }) => cost_usd),
    );
    for (const answer of answers) {
      expect(Object.keys(answer)).toEqual(
        expect.arrayContaining(['cost_usd', 'status', 'match_kind', 'rate_card', 'lines']),
      );
    }
    expect(exitCode).toBe(0);
  });

  it('goes on after a line that it cannot read, and says so in the end by its exit code', async () => {
    const good =
      '{"provider":"openai","model":"gpt-4o","timestamp":"2026-01-15T12:00:00Z","usage":{"input_tokens":1,"output_tokens":0}}';
    const { stdout, exitCode } = await run(['price'], `{\n${good}\n`);
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).status),
    ).toEqual(['error', 'priced']);
    expect(exitCode).toBe(1);
  });

  it('takes the prices of the configuration, and refuses to guess when they are wrong', async () => {
    await writeFile(
      join(directory, 'spanledger.yaml'),
      'prices: {cards: [{id: mine, match: {provider: acme, model: m}, effective_from: 2026-01-01, rates: {input: 1.5}}]}',
    );
    const mine = await run(['price', 'm', '--provider', 'acme', '--input', '2_000', '--json']);
    expect(JSON.parse(mine.stdout)).toMatchObject({ cost_usd: '0.003', rate_card: 'mine' });
    await writeFile(
      join(directory, 'spanledger.yaml'),
      'prices: {cards: [{id: mine, match: {provider: acme, model: m}, effective_from: 2026-01-01, rates: {input: cheap}}]}',
    );
    const wrong = await run(['price', 'm', '--provider', 'acme', '--input', '1']);
    expect(wrong).toMatchObject({ exitCode: 1, stdout: '' });
    expect(wrong.stderr).toContain('prices.cards.0.rates.input: must be a decimal of 0 or more, found cheap');
    await rm(join(directory, 'spanledger.yaml'));
  });

  it('says by its exit code whether there is a price, and colours nothing that is not a terminal', async () => {
    const priced = await run(['price', 'gpt-4o', '--input', '1200', '--output', '300']);
    expect(priced).toMatchObject({ exitCode: 0, stderr: '' });
    expect(priced.stdout).toContain('total 0.006 USD');
    expect(priced.stdout).not.toContain('\u001b');
    const unknown = await run(['price', 'gpt-99', '--input', '1']);
    expect(unknown).toMatchObject({ exitCode: 1 });
    expect(unknown.stdout).toContain('no price: unknown_model');
    expect((await run(['price', 'my-model', '--input', '1'])).exitCode).toBe(2);
    expect((await run(['price', 'gpt-4o', '--input', 'many'])).exitCode).toBe(2);
  });
});

describe('spanledger prices', () => {
  it('search shows what a model has cost, and nothing found is a failure', async () => {
    const found = await run(['prices', 'search', 'openai/o3', '--json']);
    const cards: readonly { model: string; valid_from: string }[] = JSON.parse(found.stdout);
    const changes = cards.filter(({ model }) => model === 'o3').map(({ valid_from }) => valid_from);
    expect(changes).toContain('2025-06-10T00:00:00.000Z');
    expect((await run(['prices', 'search', 'no such model'])).exitCode).toBe(1);
  });

  it('import turns a foreign list into cards that the configuration takes', async () => {
    await writeFile(
      join(directory, 'list.json'),
      JSON.stringify({
        'acme/m': {
          litellm_provider: 'acme',
          mode: 'chat',
          input_cost_per_token: 1.5e-6,
          output_cost_per_token: 6e-6,
        },
      }),
    );
    const imported = await run(['prices', 'import', 'list.json', '--format', 'litellm']);
    expect(imported).toMatchObject({ exitCode: 0 });
    expect(imported.stderr).toContain('1 card of 1 model (litellm)');
    const indented = imported.stdout.trimEnd().replaceAll(/^/gm, '  ');
    await writeFile(join(directory, 'spanledger.yaml'), `prices:\n${indented}\n`);
    const model = /model: (\S+)/.exec(await readFile(join(directory, 'spanledger.yaml'), 'utf8'))?.[1] ?? '';
    const priced = await run(['price', model, '--provider', 'acme', '--input', '1_000_000', '--json']);
    expect(JSON.parse(priced.stdout)).toMatchObject({ cost_usd: '1.5', status: 'priced' });
    expect((await run(['prices', 'import', 'missing.json'])).exitCode).toBe(2);
  });
});
