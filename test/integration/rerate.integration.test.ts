import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { aDataDirectory, signalIfThere } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { spanledger } from '../program.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** Three slices of a job, so that it can be killed between two of them. */
const CALLS = 24_000;
const CALLS_OF_A_BODY = 8000;
const FIRST_END_MS = Date.UTC(2026, 9, 1);

const RANGE = ['--from', '2026-10-01', '--to', '2026-11-01'];

/** 1000 tokens in and 100 out: 0.0012 USD at the first price, 0.0024 at the second. */
function configuration(input: string): string {
  return `
prices:
  cards:
    - id: own-model
      match: {provider: openai, model: own-model}
      effective_from: 2026-01-01
      rates: {input: "${input}", output: "${Number(input) * 2}"}
credits:
  default: {cost_plus: {target_margin: "0.5", credit_value_usd: "0.001", increment: "0.1"}}
`;
}

function calls(first: number, count: number, model = 'own-model') {
  return aRequest(
    Array.from({ length: count }, (_, index) => {
      const number = first + index;
      const end = BigInt(FIRST_END_MS + number * 10) * 1_000_000n;
      return aRequestSpan({
        traceId: (number + 1).toString(16).padStart(32, '0'),
        spanId: (number + 1).toString(16).padStart(16, '0'),
        startTimeUnixNano: String(end - 500_000_000n),
        endTimeUnixNano: String(end),
        attributes: attributes({
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': model,
          'gen_ai.usage.input_tokens': 1000,
          'gen_ai.usage.output_tokens': 100,
          'spanledger.customer.id': `cus_${number % 3}`,
        }),
      });
    }),
  );
}

async function totals(service: RunningService) {
  const [row] = await service.query(
    `SELECT count(*)::VARCHAR AS calls, sum(cost_usd)::DECIMAL(18, 4)::VARCHAR AS cost,
       sum(credits)::DECIMAL(18, 1)::VARCHAR AS credits, count(*) FILTER (cost_usd IS NULL)::VARCHAR AS unpriced,
       (SELECT sum(used_credits)::DECIMAL(18, 1)::VARCHAR FROM credit_balances) AS used
     FROM usage WHERE billing_role = 'billed'`,
  );
  return row;
}

async function report(service: RunningService, id: string) {
  const response = await fetch(new URL(`/api/rerate/${id}`, service.apiUrl));
  return (await response.json()) as {
    state: string;
    examined_calls: number;
    changed_calls: number;
    transfers: number;
  };
}

async function startRerating(service: RunningService): Promise<{ status: number; id: string; code: string }> {
  const response = await fetch(new URL('/api/rerate', service.apiUrl), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from: '2026-10-01', to: '2026-11-01', policy: 'neutral' }),
  });
  const answer = (await response.json()) as { id?: string; error?: { code: string } };
  return { status: response.status, id: answer.id ?? '', code: answer.error?.code ?? '' };
}

it('I9, I25: rates the past again by corrected prices, survives kill -9 in the middle, adds nothing twice, and differs from itself by nothing', {
  timeout: 240_000,
}, async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, configuration('1'));
  let service = await startServiceProcess({ dataDir, configFile });
  for (let first = 0; first < CALLS; first += CALLS_OF_A_BODY) {
    expect((await post(service.otlpUrl, calls(first, CALLS_OF_A_BODY))).status).toBe(200);
  }
  await until('all calls are posted', 60_000, async () => (await totals(service))?.calls === String(CALLS));
  // 0.0012 USD are 0.0024 at half margin: 2.4 credits.
  expect(await totals(service)).toMatchObject({ cost: '28.8000', credits: '57600.0', used: '57600.0' });

  const url = ['--url', service.apiUrl];
  const same = await spanledger(['whatif', ...RANGE, ...url]);
  expect(same.stderr).toBe('');
  expect(same.stdout).toContain('The difference is exactly 0');
  const prices = join(dataDir, 'dearer.yaml');
  await writeFile(
    prices,
    'cards:\n  - {id: dearer, match: {provider: openai, model: own-model}, effective_from: 2026-01-01, rates: {input: "2", output: "4"}}\n',
  );
  const supposed = ['--prices', prices, '--allowance', '36000', '--json'];
  const whatIf = JSON.parse((await spanledger(['whatif', ...RANGE, ...supposed, ...url])).stdout);
  expect(whatIf).toMatchObject({
    is_same: false,
    totals: {
      calls: CALLS,
      recorded: { cost_usd: '28.8', credits: '57600', revenue_usd: '57.6', margin: '0.5', unpriced_calls: 0 },
      again: { cost_usd: '57.6', credits: '115200', revenue_usd: '115.2', margin: '0.5', unpriced_calls: 0 },
    },
  });
  expect(whatIf.over_allowance).toHaveLength(3);
  expect(whatIf.over_allowance[0]).toMatchObject({ month: '2026-10', credits: '38400', over: '2400' });
  const wrong = await spanledger(['whatif', ...RANGE, '--rules', prices, ...url]);
  expect(wrong.exitCode).toBe(2);
  expect(wrong.stderr).toContain('SL_WHATIF_REQUEST');

  expect(await service.stop()).toBe(0);
  await writeFile(configFile, configuration('2'));
  service = await startServiceProcess({ dataDir, configFile });
  const dry = await spanledger([
    'rerate',
    ...RANGE,
    '--policy',
    'neutral',
    '--dry-run',
    '--url',
    service.apiUrl,
  ]);
  expect(dry).toMatchObject({ exitCode: 0, stderr: '' });
  expect(dry.stdout).toContain('24,000 calls of 24,000 calls would change');
  expect(await totals(service), 'a dry run changes nothing').toMatchObject({ cost: '28.8000' });

  const { status, id } = await startRerating(service);
  expect(status).toBe(202);
  expect(await startRerating(service)).toMatchObject({ status: 409, code: 'SL_RERATE_BUSY' });
  await until('the job has begun', 20_000, async () => (await report(service, id)).examined_calls > 0);
  const before = await report(service, id);
  signalIfThere(await service.ledgerPid(), 'SIGKILL');
  expect(before.state, 'it was killed in the middle').toBe('running');
  // What arrives while it goes on is posted, at the new price.
  expect((await post(service.otlpUrl, calls(CALLS, 100))).status).toBe(200);
  await until('the job is done', 60_000, async () => (await report(service, id)).state === 'done');
  expect(await report(service, id)).toMatchObject({ changed_calls: CALLS, transfers: CALLS });
  await until(
    'the new calls are posted',
    20_000,
    async () => (await totals(service))?.calls === String(CALLS + 100),
  );
  expect(await totals(service)).toMatchObject({
    cost: '57.8400',
    credits: '115680.0',
    used: '115680.0',
    unpriced: '0',
  });

  const again = await spanledger([
    'rerate',
    ...RANGE,
    '--policy',
    'neutral',
    '--json',
    '--url',
    service.apiUrl,
  ]);
  expect(JSON.parse(again.stdout)).toMatchObject({ state: 'done', changed_calls: 0, transfers: 0 });
  expect(await totals(service)).toMatchObject({ cost: '57.8400', credits: '115680.0', used: '115680.0' });
  expect(await service.stop()).toBe(0);
});

it('rates by itself what had no price, when one is configured', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, configuration('1').replace('model: own-model', 'model: another'));
  const first = await startServiceProcess({ dataDir, configFile });
  expect((await post(first.otlpUrl, calls(0, 10))).status).toBe(200);
  await until('all calls are posted', 20_000, async () => (await totals(first))?.calls === '10');
  expect(await totals(first)).toMatchObject({ unpriced: '10', cost: null, used: null });
  expect(await first.stop()).toBe(0);
  await writeFile(configFile, configuration('1'));
  const second = await startServiceProcess({ dataDir, configFile });
  await until('they have a price', 20_000, async () => (await totals(second))?.unpriced === '0');
  expect(await totals(second)).toMatchObject({ cost: '0.0120', credits: '24.0', used: '24.0' });
  expect(await second.stop()).toBe(0);
});
