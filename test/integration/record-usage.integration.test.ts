import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { runApp } from '../../packages/instrumentation/test/run-app.ts';
import { aDataDirectory } from '../data-directory.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const PRICES = `
prices:
  cards:
    - id: our-parser
      match: { provider: '*', model: our-parser }
      effective_from: 2026-01-01
      units: { document: 0.02 }
    - id: our-ocr-contract
      match: { provider: mistral_ai, model: mistral-ocr }
      effective_from: 2026-01-01
      units: { page: 0.001 }
credits:
  default: { fixed: { credits: 1 } }
`;

it('what an app records in units of its own is in the ledger, priced where a card of its own says so', async () => {
  const dataDir = await aDataDirectory();
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, PRICES);
  const service = await startServiceProcess({ dataDir, configFile });
  onTestFinished(async () => {
    await service.stop();
  });
  const { code, stderr } = await runApp('record-usage.mjs', {
    SPANLEDGER_ENDPOINT: service.otlpUrl.replace(/\/v1\/traces$/, ''),
  });
  expect(code, stderr).toBe(0);
  const rows = () =>
    service.query(
      `SELECT custom_unit, custom_quantity, pages, customer, feature, cost_usd, price_status, credits, billing_role
       FROM usage ORDER BY custom_unit, custom_quantity`,
    );
  await until('three usages are in the ledger', 20_000, async () => (await rows()).length === 3);
  const all = { customer: 'cus_1', feature: 'invoices', billing_role: 'billed', credits: '1.000000' };
  expect(await rows()).toEqual([
    {
      ...all,
      custom_unit: 'document',
      custom_quantity: '0.500',
      pages: null,
      cost_usd: '0.010000000000000',
      price_status: 'priced',
    },
    {
      ...all,
      custom_unit: 'document',
      custom_quantity: '2.500',
      pages: null,
      cost_usd: null,
      price_status: 'unpriced:unknown_model',
    },
    {
      ...all,
      custom_unit: null,
      custom_quantity: null,
      pages: '12',
      cost_usd: '0.012000000000000',
      price_status: 'priced',
    },
  ]);
});
