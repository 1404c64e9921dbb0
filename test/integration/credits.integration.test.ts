import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { CREDIT_SCALE, evaluate, formatDecimal } from '@spanledger/metering';
import { expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { aDataDirectory, signalIfThere } from '../data-directory.ts';
import { post as postTraces } from '../otlp-client.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const CONFIGURATION = `
plans:
  starter:
    fee_usd: 20
    allowance: 100
    overage: { policy: block }
credits:
  features:
    chat: { fixed: { credits: 10 } }
    report: { cost_plus: { target_margin: 0.5, credit_value_usd: 0.001 } }
`;

interface ApiAnswer {
  readonly status: number;
  readonly isReplayed: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: what an answer holds is what tests claim
  readonly body: any;
}

async function ask(
  { apiUrl }: RunningService,
  method: 'GET' | 'POST',
  path: string,
  body?: object,
  headers: Record<string, string> = {},
): Promise<ApiAnswer> {
  const response = await fetch(new URL(path, apiUrl), {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return {
    status: response.status,
    isReplayed: response.headers.get('idempotency-replayed') === 'true',
    body: await response.json(),
  };
}

async function sendCalls(service: RunningService, feature: string, count: number): Promise<void> {
  const now = Date.now();
  const spans = Array.from({ length: count }, () =>
    aRequestSpan({
      traceId: randomBytes(16).toString('hex'),
      spanId: randomBytes(8).toString('hex'),
      startTimeUnixNano: `${now - 5}000000`,
      endTimeUnixNano: `${now}000000`,
      attributes: attributes({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': 'gpt-4o',
        'gen_ai.usage.input_tokens': 1000,
        'gen_ai.usage.output_tokens': 100,
        'spanledger.customer.id': 'cus_acme',
        'spanledger.feature.name': feature,
      }),
    }),
  );
  const answer = await postTraces(service.otlpUrl, aRequest(spans));
  expect(answer.status).toBe(200);
}

it('credits of a customer: from a plan over spans, checks and holds to a statement that is explained', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, CONFIGURATION);
  const service = await startServiceProcess({ dataDir, configFile });
  const customer = '/api/customers/cus_acme';

  expect((await ask(service, 'POST', '/api/customers', { id: 'cus_acme', name: 'Acme' })).status).toBe(201);
  const subscribed = await ask(service, 'POST', `${customer}/subscription`, {
    plan: 'starter',
    zone: 'Europe/Berlin',
  });
  expect(subscribed.body).toMatchObject({ available: '100' });

  const check = () => ask(service, 'POST', `${customer}/check`, { feature: 'chat' });
  expect((await check()).body).toMatchObject({ answer: 'allow', remaining: '100' });
  await sendCalls(service, 'chat', 6);
  await sendCalls(service, 'report', 1);
  await until('the calls are charged', 10_000, async () => (await check()).body.remaining === '33');

  const hold = await ask(service, 'POST', `${customer}/holds`, { id: 'video-1', credits: '30' });
  expect(hold.body).toMatchObject({ available: '3', held: '30' });
  expect((await check()).body).toMatchObject({ answer: 'deny', reason: 'INSUFFICIENT_CREDITS' });
  const settled = await ask(service, 'POST', `${customer}/holds/video-1/settle`, { credits: '12' });
  expect(settled.body).toMatchObject({ available: '21', held: '0' });

  const statement = await ask(service, 'GET', `${customer}/statement`);
  expect(statement.body).toMatchObject({ used: '79', remaining: '21', allowance: '100' });
  for (const rows of [statement.body.by_feature, statement.body.by_user, statement.body.by_model]) {
    expect(rows.reduce((sum: number, { credits }: { credits: string }) => sum + Number(credits), 0)).toBe(79);
  }

  const [entry] = await service.query(
    `SELECT transfer_id FROM credit_ledger JOIN usage USING (usage_id)
     WHERE usage.feature = 'report' AND account = 'used'`,
  );
  const explained = await ask(service, 'GET', `/api/entries/${entry?.transfer_id}/explain`);
  expect(formatDecimal(evaluate(explained.body.action.explanation), CREDIT_SCALE)).toBe('7');
  expect(explained.body).toMatchObject({ entry: { credits: '7' }, action: { is_as_booked: true } });
  expect(await service.stop()).toBe(0);
});

it('I8: what was answered before a kill -9 of the ledger process is there after it, and done once', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, CONFIGURATION);
  const service = await startServiceProcess({ dataDir, configFile });
  await ask(service, 'POST', '/api/customers', { id: 'cus_acme' });
  const key = { 'idempotency-key': 'top-up of Monday' };
  const topUp = () =>
    ask(service, 'POST', '/api/customers/cus_acme/top-ups', { credits: '50', paid_usd: '9.90' }, key);
  const first = await topUp();
  expect([first.status, first.isReplayed]).toEqual([201, false]);

  const pid = await service.ledgerPid();
  signalIfThere(pid, 'SIGKILL');
  let again: ApiAnswer | null = null;
  await until('the ledger process is there again', 20_000, async () => {
    if ((await service.ledgerPid()) === pid) return false;
    again = await topUp();
    return again.status !== 503;
  });
  expect(again).toMatchObject({ status: 201, isReplayed: true, body: first.body });
  expect((await ask(service, 'GET', '/api/customers/cus_acme')).body).toMatchObject({ available: '50' });
  expect((await ask(service, 'GET', '/api/customers/cus_acme/statement')).body).toMatchObject({
    available: '50',
    granted: { purchased: '50' },
  });
  expect(await service.stop()).toBe(0);
});
