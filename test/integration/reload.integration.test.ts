import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { aDataDirectory, signalIfThere } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

function configuration(prices: string, budget = '{name: before, usd_per_month: 100}'): string {
  return `
budgets: [${budget}]
prices:
  cards:
    - {id: known, match: {provider: openai, model: known}, effective_from: 2026-01-01, rates: {input: "1", output: "1"}}
    ${prices}
`;
}

function aCall(number: number, model: string) {
  const id = number.toString(16);
  return aRequest([
    aRequestSpan({
      traceId: id.padStart(32, '0'),
      spanId: id.padStart(16, '0'),
      startTimeUnixNano: '1790000000000000000',
      endTimeUnixNano: '1790000001000000000',
      attributes: attributes({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': model,
        'gen_ai.usage.input_tokens': 1000,
        'gen_ai.usage.output_tokens': 0,
      }),
    }),
  ]);
}

it('SIGHUP takes over changed prices and budgets while the service runs; a configuration with mistakes changes nothing', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, configuration(''));
  const service = await startServiceProcess({ dataDir, configFile });
  const costs = async () =>
    (
      await service.query(
        'SELECT model, cost_usd::DECIMAL(9, 4)::VARCHAR AS cost FROM usage ORDER BY span_id',
      )
    ).map(({ model, cost }) => `${model} ${cost}`);
  const send = async (number: number, model: string) => {
    expect((await post(service.otlpUrl, aCall(number, model))).status).toBe(200);
    await until('it is in the ledger', 10_000, async () => (await costs()).length === number);
  };
  const budgets = async () =>
    (await service.query('SELECT budget, amount_usd::VARCHAR AS amount FROM budgets')).map(
      ({ budget, amount }) => `${budget} ${amount}`,
    );
  await send(1, 'known');
  await send(2, 'new');
  expect(await budgets()).toEqual(['before 100.000000000000000']);
  expect(await costs()).toEqual(['known 0.0010', 'new null']);

  await writeFile(
    configFile,
    configuration(
      '- {id: wrong, match: {provider: openai, model: new}, effective_from: 2026-01-01, rates: {input: cheap}}',
    ),
  );
  signalIfThere(service.pid, 'SIGHUP');
  await until('the mistake is said', 10_000, () => service.log().includes('prices.cards.1.rates.input'));
  await send(3, 'known');
  expect(await costs()).toEqual(['known 0.0010', 'new null', 'known 0.0010']);

  await writeFile(
    configFile,
    configuration(
      '- {id: new, match: {provider: openai, model: new}, effective_from: 2026-01-01, rates: {input: "2", output: "2"}}',
      '{name: after, usd_per_month: 0.5, feature: chat}',
    ),
  );
  signalIfThere(service.pid, 'SIGHUP');
  // What had no price gets it by itself.
  await until('the new price is in use', 10_000, async () => (await costs()).includes('new 0.0020'));
  expect(await costs()).toEqual(['known 0.0010', 'new 0.0020', 'known 0.0010']);
  expect(await budgets()).toEqual(['after 0.500000000000000']);

  // It is also what the next ledger process begins with.
  signalIfThere(await service.ledgerPid(), 'SIGKILL');
  expect((await post(service.otlpUrl, aCall(4, 'new'))).status).toBe(200);
  await until('it is in the ledger', 20_000, async () => (await costs()).length === 4);
  expect((await costs())[3]).toBe('new 0.0020');
  expect(await budgets()).toEqual(['after 0.500000000000000']);
  expect(await service.stop()).toBe(0);
});
