import { describe, expect, it } from 'vitest';
import { aCreditsApi, type CreditsApi } from './testing/credits.ts';

const STARTER = { fee_usd: '20', allowance: '100' };

/** A customer with a plan of 100 credits; a chat of the feature `chat` takes 10. */
async function aSubscriber(plan: object = {}): Promise<CreditsApi> {
  const api = await aCreditsApi({
    rules: { features: { chat: { fixed: { credits: '10' } } } },
    plans: { starter: { ...STARTER, ...plan } },
  });
  await api.post('/api/customers', { id: 'cus_acme', name: 'Acme' });
  const answer = await api.post('/api/customers/cus_acme/subscription', {
    plan: 'starter',
    zone: 'UTC',
    anchor_day: 1,
  });
  expect(answer.status).toBe(201);
  return api;
}

describe('customers', () => {
  it('are created once, named, and listed page by page', async () => {
    const api = await aCreditsApi();
    for (const id of ['b', 'a', 'c/ä']) expect((await api.post('/api/customers', { id })).status).toBe(201);
    expect((await api.post('/api/customers', { id: 'a' })).body.error.code).toBe('SL_CUSTOMER_EXISTS');
    const changed = await api.patch('/api/customers/c%2F%C3%A4', { name: 'C', metadata: { tier: 'gold' } });
    expect(changed.body).toMatchObject({ id: 'c/ä', name: 'C', metadata: { tier: 'gold' }, available: '0' });

    const first = await api.get('/api/customers?limit=2');
    expect(first.body.items.map(({ id }: { id: string }) => id)).toEqual(['a', 'b']);
    const second = await api.get(`/api/customers?limit=2&cursor=${first.body.next}`);
    expect(second.body.items).toMatchObject([{ id: 'c/ä', name: 'C' }]);
    expect(second.body.next).toBeNull();
  });

  it('that are only known by usage have a balance, and those of whom nothing is known are 404', async () => {
    const api = await aCreditsApi();
    await api.chats({ customer: 'cus_seen' });
    expect((await api.get('/api/customers/cus_seen')).body).toMatchObject({ id: 'cus_seen', available: '0' });
    const unknown = await api.get('/api/customers/cus_nobody');
    expect(unknown.status).toBe(404);
    expect(unknown.body.error.code).toBe('SL_CUSTOMER_UNKNOWN');
    expect((await api.post('/api/customers/cus_nobody/top-ups', { credits: '5' })).status).toBe(404);
  });
});

describe('a statement', () => {
  it('I5: adds up by feature, by user and by model, and to what the customer has left', async () => {
    const api = await aSubscriber();
    await api.chats(
      { feature: 'chat', user: 'ann' },
      { feature: 'chat', user: 'bob' },
      { feature: 'chat', user: 'bob', model: 'unheard-of' },
      { user: 'bob' },
    );
    const { status, body } = await api.get('/api/customers/cus_acme/statement');
    expect(status).toBe(200);
    expect(body).toMatchObject({ allowance: '100', used: '30', available: '70', plan: 'starter' });
    expect(body.by_feature).toEqual([
      { name: 'chat', credits: '30', calls: 3, cost_usd: '0.007', unpriced_calls: 1 },
      { name: null, credits: '0', calls: 1, cost_usd: '0.0035', unpriced_calls: 0 },
    ]);
    expect(body.by_user).toEqual([
      { name: 'bob', credits: '20', calls: 3, cost_usd: '0.007', unpriced_calls: 1 },
      { name: 'ann', credits: '10', calls: 1, cost_usd: '0.0035', unpriced_calls: 0 },
    ]);
    expect(body.by_model).toEqual([
      { name: 'gpt-4o', credits: '20', calls: 3, cost_usd: '0.0105', unpriced_calls: 0 },
      { name: 'unheard-of', credits: '10', calls: 1, cost_usd: null, unpriced_calls: 1 },
    ]);
  });
});
