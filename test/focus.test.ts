import { describe, expect, it } from 'vitest';
import { aCreditsApi, type CreditsApi } from '../collector/src/api/testing/credits.ts';
import { exportRequest } from '../collector/src/export/request.ts';
import { rowsOf } from '../collector/src/export/rows.ts';
import { read, readOne } from '../collector/src/store/testing/stores.ts';

const DAY_MS = 86_400_000;

/** 100 credits for 20 USD, and more at 0.3 USD; a chat takes 10. */
async function aSubscriber(): Promise<CreditsApi> {
  const overage = { policy: 'charge', price_usd: '0.3' } as const;
  const api = await aCreditsApi({
    rules: { features: { chat: { fixed: { credits: '10' } }, report: { cost_plus: { markup: '1' } } } },
    plans: {
      starter: { fee_usd: '20', allowance: '100', overage },
      pro: { fee_usd: '50', allowance: '300', overage: { policy: 'charge', price_usd: '0.123456789' } },
    },
  });
  await api.post('/api/customers', { id: 'cus_acme', name: 'Acme' });
  await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', anchor_day: 1 });
  return api;
}

function focus(api: CreditsApi, columns: string, more = ''): Promise<Record<string, unknown>[]> {
  const { select } = rowsOf(exportRequest({ what: 'focus' }, { format: 'csv' }));
  return read(api.store.instance, `SELECT ${columns} FROM (${select}) ${more}`);
}

const SUMS = `x_ChargeKind AS kind, sum(BilledCost)::DECIMAL(38, 15)::VARCHAR AS billed,
  sum(EffectiveCost)::DECIMAL(38, 15)::VARCHAR AS effective,
  sum(PricingCurrencyEffectiveCost)::VARCHAR AS credits, sum(x_Calls)::VARCHAR AS calls`;

/** The sums by kind of charge. */
async function sumsOf(api: CreditsApi): Promise<Record<string, Record<string, unknown>>> {
  const rows = await focus(api, SUMS, 'GROUP BY ALL');
  return Object.fromEntries(rows.map(({ kind, ...sums }) => [String(kind), sums]));
}

/** What the views say the same credits are. */
function totalsOf(api: CreditsApi) {
  return readOne(
    api.store.instance,
    `SELECT
       (SELECT sum(credits)::VARCHAR FROM credit_ledger WHERE account = 'used') AS used,
       (SELECT sum(overage_usd)::DECIMAL(38, 15)::VARCHAR FROM statements) AS overage_usd,
       (SELECT sum(cost_usd)::VARCHAR FROM usage WHERE billing_role = 'billed') AS cost_usd`,
  );
}

/** The same sums over the export. */
async function totalsOfExport(api: CreditsApi) {
  const [totals] = await focus(
    api,
    `sum(PricingCurrencyEffectiveCost)::VARCHAR AS used,
     (sum(BilledCost) FILTER (x_ChargeKind = 'overage'))::DECIMAL(38, 15)::VARCHAR AS overage_usd,
     sum(x_ProviderCostUsd)::VARCHAR AS cost_usd`,
  );
  return totals;
}

/** A decimal as DuckDB writes it. */
function withPlaces(text: string, places: number): string {
  const [whole = '', fraction = ''] = text.split('.');
  return `${whole}.${fraction.padEnd(places, '0')}`;
}

describe('the FOCUS export', () => {
  it('C21, I23: bills fee and overage, values what the fee has paid for, and adds up to the ledger', async () => {
    const api = await aSubscriber();
    await api.chats(...Array.from({ length: 13 }, () => ({ feature: 'chat' })), { customer: 'cus_free' });
    expect(await sumsOf(api)).toEqual({
      fee: { billed: '20.000000000000000', effective: '0.000000000000000', credits: '0.000000', calls: '0' },
      // 100 credits at 20 / 100 USD.
      usage: {
        billed: '0.000000000000000',
        effective: '20.000000000000000',
        credits: '100.000000',
        calls: '14',
      },
      // 30 credits at 0.3 USD.
      overage: {
        billed: '9.000000000000000',
        effective: '9.000000000000000',
        credits: '30.000000',
        calls: '0',
      },
    });
    expect(await totalsOfExport(api)).toEqual(await totalsOf(api));
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '130', overage: '30', overage_charge_usd: '9' });
  });

  it('C21, I23: bills an upgrade by itself, at whose price all overage of the period is sold, and credits that were bought', async () => {
    const api = await aSubscriber();
    await api.chats(...Array.from({ length: 13 }, () => ({ feature: 'chat' })));
    const upgrade = await api.post('/api/customers/cus_acme/subscription/change', { plan: 'pro' });
    await api.post('/api/customers/cus_acme/top-ups', { credits: '40', paid_usd: '4.5' });
    await api.chats(...Array.from({ length: 40 }, () => ({ feature: 'chat' })));
    const { body } = await api.get('/api/customers/cus_acme/statement');
    const sums = await sumsOf(api);
    expect(upgrade.body.extra_fee_usd).not.toBe('0');
    expect(sums.upgrade?.billed).toBe(withPlaces(upgrade.body.extra_fee_usd, 15));
    expect(sums.top_up?.billed).toBe('4.500000000000000');
    expect(sums.overage?.credits).toBe(withPlaces(body.overage, 6));
    expect(sums.overage?.billed).toBe(withPlaces(body.overage_charge_usd, 15));
    expect(await totalsOfExport(api)).toEqual(await totalsOf(api));
  });

  it('I23: has what a settled hold charged, without calls, and what came late in the period that pays for it', async () => {
    const api = await aSubscriber();
    await api.post('/api/customers/cus_acme/holds', { id: 'h1', credits: '120' });
    await api.post('/api/customers/cus_acme/holds/h1/settle', { credits: '110' });
    await api.chats({ customer: 'cus_free' });
    expect(await sumsOf(api)).toMatchObject({
      usage: { credits: '100.000000', calls: '1' },
      overage: { credits: '10.000000', billed: '3.000000000000000' },
    });
    api.advance(40 * DAY_MS);
    await api.chats({ feature: 'chat' });
    api.advance(1);
    await api.chats({ feature: 'chat', agoMs: 40 * DAY_MS });
    const late = await readOne(
      api.store.instance,
      "SELECT count(*)::INTEGER AS count FROM credit_ledger WHERE belongs_to_period = 1 AND account = 'used'",
    );
    expect(late.count).toBe(1);
    expect(await totalsOfExport(api)).toEqual(await totalsOf(api));
    const exported = await focus(
      api,
      `BillingPeriodStart::VARCHAR AS start, sum(PricingCurrencyEffectiveCost)::VARCHAR AS used,
       (sum(BilledCost) FILTER (x_ChargeKind = 'overage'))::DECIMAL(38, 15)::VARCHAR AS overage_usd`,
      'GROUP BY ALL ORDER BY start',
    );
    expect(exported).toEqual(
      await read(
        api.store.instance,
        `SELECT period_start::VARCHAR AS start, used_credits::VARCHAR AS used,
           nullif(overage_usd, 0)::DECIMAL(38, 15)::VARCHAR AS overage_usd
         FROM statements ORDER BY start`,
      ),
    );
    expect(exported.length).toBeGreaterThan(2);
  });

  it('C17, I23: has overage of a closed period at the price of that one, as statement, view and margin have', async () => {
    const api = await aSubscriber();
    await api.chats({ feature: 'chat' });
    await api.post('/api/customers/cus_acme/subscription/change', { plan: 'pro' });
    const downgrade = await api.post('/api/customers/cus_acme/subscription/change', { plan: 'starter' });
    expect(downgrade.status).toBe(200);
    api.advance(40 * DAY_MS);
    await api.chats(...Array.from({ length: 11 }, () => ({ feature: 'chat' })));
    api.advance(1);
    await api.chats({ feature: 'chat', agoMs: 40 * DAY_MS });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    // 10 of its own at 0.3 USD, and 10 of the period before at 0.123456789 USD.
    expect(body).toMatchObject({ overage: '20', overage_charge_usd: '4.23456789' });
    expect((await sumsOf(api)).overage).toMatchObject({ billed: '4.234567890000000', credits: '20.000000' });
    expect(await totalsOfExport(api)).toEqual(await totalsOf(api));
    const month = new Date(api.nowMillis).toISOString().slice(0, 7);
    const margin = await api.get(`/api/margin?by=customer&from=${month}-01`);
    expect(margin.body.total).toMatchObject({ overage_charge_usd: '4.23456789' });
  });

  it('I23: values what an allowance has repaid in the period that repays, as statement and margin do', async () => {
    const plans = {
      lent: { fee_usd: '20', allowance: '100', overage: { policy: 'allow', repay: true } },
    } as const;
    const api = await aCreditsApi({ rules: { features: { chat: { fixed: { credits: '10' } } } }, plans });
    await api.post('/api/customers', { id: 'cus_acme' });
    await api.post('/api/customers/cus_acme/subscription', { plan: 'lent', anchor_day: 1 });
    await api.chats(...Array.from({ length: 13 }, () => ({ feature: 'chat' })));
    api.advance(20 * DAY_MS);
    await api.chats({ feature: 'chat' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '10', used_from_lots: '40', overdraft: '-30' });
    const month = new Date(api.nowMillis).toISOString().slice(0, 7);
    const margin = await api.get(`/api/margin?by=customer&from=${month}-01`);
    expect(margin.body.total).toMatchObject({ credits: '10', covered_value_usd: '8' });
    // 130 credits at 20 / 100 USD, 30 of which were lent and repaid; and 10 more.
    expect((await sumsOf(api)).usage).toMatchObject({
      effective: '28.000000000000000',
      credits: '140.000000',
    });
  });
});
