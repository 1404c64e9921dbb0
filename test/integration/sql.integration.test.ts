import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { aDataDirectory, signalIfThere } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { spanledger } from '../program.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/** The first row of an answer to a connection of its own. */
async function firstOf(url: string, sql: string): Promise<unknown> {
  const client = new pg.Client(url);
  client.on('error', () => {});
  try {
    await client.connect();
    return (await client.query(sql)).rows[0];
  } finally {
    await client.end();
  }
}

it('a client of PostgreSQL reads what has just come in, also after the ledger process was killed', async () => {
  const dataDir = await aDataDirectory();
  const service = await startServiceProcess({ dataDir });
  const client = new pg.Client(service.sqlUrl);
  const broken = new Promise<void>((resolve) => {
    client.on('error', () => resolve());
  });
  await client.connect();
  const call = aRequestSpan({
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 1000,
      'gen_ai.usage.output_tokens': 0,
      'spanledger.customer.id': 'cus_acme',
    }),
  });
  expect((await post(service.otlpUrl, aRequest([call]))).status).toBe(200);
  const usage = 'SELECT customer, input_tokens, cost_usd FROM usage';
  const expected = { customer: 'cus_acme', input_tokens: '1000', cost_usd: '0.002500000000000' };
  await until('it is there', 10_000, async () => {
    expect((await client.query(usage)).rows).toEqual([expected]);
    return true;
  });

  process.kill(await service.ledgerPid(), 'SIGKILL');
  await broken;
  await until('the same port answers again', 20_000, async () => {
    expect(await firstOf(service.sqlUrl, usage)).toEqual(expected);
    return true;
  });
  expect(await service.stop()).toBe(0);
});

it('users that are added while the service runs need their password from then on', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, '# nothing yet\n');
  const service = await startServiceProcess({ dataDir, configFile });
  expect(await firstOf(service.sqlUrl, 'SELECT current_user AS me')).toEqual({ me: 'reader' });

  const added = await spanledger(['--config', configFile, 'user', 'add', 'grafana', '--role', 'analyst'], {
    stdin: 's3cret\n',
  });
  expect([added.exitCode, added.stdout]).toEqual([0, '']);
  signalIfThere(service.pid, 'SIGHUP');
  const url = new URL(service.sqlUrl);
  await until('nobody comes in without a password', 10_000, async () => {
    await expect(firstOf(url.href, 'SELECT 1')).rejects.toThrow(/password/);
    return true;
  });
  url.username = 'grafana';
  url.password = 's3cret';
  expect(await firstOf(url.href, 'SELECT current_user AS me')).toEqual({ me: 'grafana' });
  url.password = 'guessed';
  await expect(firstOf(url.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  expect(await service.stop()).toBe(0);
});
