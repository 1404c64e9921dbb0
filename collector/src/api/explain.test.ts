import { CREDIT_SCALE, evaluate, formatDecimal } from '@spanledger/metering';
import { expect, it } from 'vitest';
import { aCreditsApi, type CreditsApi } from './testing/credits.ts';

async function aSubscriber(): Promise<CreditsApi> {
  const api = await aCreditsApi({
    rules: {
      features: {
        report: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.001' } },
        chat: { fixed: { credits: '2' } },
        draft: { fixed: { credits: '50' }, degraded: { fixed: { credits: '5' } } },
      },
    },
    plans: { starter: { fee_usd: '20', allowance: '100', multiplier: '1.5' } },
  });
  await api.post('/api/customers', { id: 'cus_acme' });
  await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', anchor_day: 1 });
  return api;
}

/** The latest entry of a kind. */
async function entryOf(api: CreditsApi, kind: string): Promise<{ id: string; credits: string }> {
  const { body } = await api.get('/api/customers/cus_acme/entries');
  const entry = body.items.find((item: { kind: string }) => item.kind === kind);
  if (entry === undefined) throw new Error(`there is no entry of the kind ${kind}`);
  return entry;
}

it("I22: an entry's explanation, evaluated, gives the credits of its action, of which it is a share", async () => {
  const api = await aSubscriber();
  await api.chats({ feature: 'report', action: 'job-1' }, { feature: 'report', action: 'job-1' });
  const entry = await entryOf(api, 'usage');
  const { status, body } = await api.get(`/api/entries/${entry.id}/explain`);
  expect(status).toBe(200);
  // 2 × 0.0035 USD ÷ (1 − 0.5) ÷ 0.001 × 1.5
  expect(formatDecimal(evaluate(body.action.explanation), CREDIT_SCALE)).toBe('21');
  expect(body.action).toMatchObject({ action_id: 'job-1', credits: '21', is_as_booked: true });
  expect(body.action.calls.map(({ credits }: { credits: string }) => credits)).toEqual(['11', '10']);
  expect(body.usage.booked_credits).toBe(entry.credits);
  expect(body.plan_terms).toMatchObject({ plan: 'starter', multiplier: '3/2', credit_value_usd: '1/5' });
  expect(body.lots).toMatchObject([{ kind: 'allowance', consumed: '21' }]);
  expect(body.usage.trace).toBe(`/api/traces/${body.usage.trace_id}`);
});

it('I22: the explanation of a degraded action says so, and leads to what was booked', async () => {
  const api = await aSubscriber();
  const draft = { feature: 'draft', action: 'letter' };
  await api.chats(draft);
  await api.chats({ ...draft, isDegraded: true });
  const { body } = await api.get(`/api/entries/${(await entryOf(api, 'usage')).id}/explain`);
  // 5 × 1.5, rounded up.
  expect(body.action).toMatchObject({
    credits: '8',
    is_as_booked: true,
    explanation: { isDegraded: true, calculation: { charging: { kind: 'fixed', credits: '5' } } },
  });
  expect(formatDecimal(evaluate(body.action.explanation), CREDIT_SCALE)).toBe('8');
});

it('the price of each call is told line by line, and adds up to its cost', async () => {
  const api = await aSubscriber();
  await api.chats({ feature: 'report' });
  const { body } = await api.get(`/api/entries/${(await entryOf(api, 'usage')).id}/explain`);
  expect(body.action.calls[0].price).toMatchObject({
    cost_usd: '0.0035',
    card: 'openai/gpt-4o',
    lines: [
      { item: 'input', quantity: 1000, rate_usd: '2.5', cost_usd: '0.0025' },
      { item: 'output', quantity: 100, rate_usd: '10', cost_usd: '0.001' },
    ],
    why_no_lines: null,
  });
});

it('calls without a price are part of the explanation of what fixed credits charge', async () => {
  const api = await aSubscriber();
  await api.chats({ feature: 'chat', model: 'unheard-of' });
  const { body } = await api.get(`/api/entries/${(await entryOf(api, 'usage')).id}/explain`);
  expect(body.action).toMatchObject({ credits: '3', is_as_booked: true });
  expect(body.action.calls[0].price).toMatchObject({ cost_usd: null, status: 'unpriced:unknown_model' });
});

it('what was not usage is explained by what was done, by whom and why', async () => {
  const api = await aSubscriber();
  const by = { actor: 'ann', reason: 'double charge of Monday' };
  await api.post('/api/customers/cus_acme/adjustments', { credits: '7', ...by });
  const { body } = await api.get(`/api/entries/${(await entryOf(api, 'grant')).id}/explain`);
  expect(body).toMatchObject({ usage: null, action: null, facts: [{ kind: 'granted', ...by }] });
  expect(body.lots).toMatchObject([{ kind: 'promotional', amount: '7' }]);
});

it('an entry that is none is 404', async () => {
  const api = await aSubscriber();
  for (const id of ['n1-999', 'n2-1', 'x']) {
    const { status, body } = await api.get(`/api/entries/${id}/explain`);
    expect([status, body.error.code]).toEqual([404, 'SL_ENTRY_UNKNOWN']);
  }
});
