import {
  NO_BREAKDOWN,
  type PlanConfiguration,
  type PlansConfiguration,
  statementJson,
  statementOf,
} from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { MemoryCommandJournal } from '../ledger/memory-command-journal.ts';
import { readOne } from '../store/testing/stores.ts';
import { aCreditsApi, type CreditsApi } from './testing/credits.ts';

const PLANS = { starter: { fee_usd: '20', allowance: '100' } };

const RULES = {
  features: {
    chat: { fixed: { credits: '10' } },
    report: { cost_plus: { target_margin: '0.5' } },
    draft: { fixed: { credits: '50' }, degraded: { model: 'gpt-4o-mini', fixed: { credits: '5' } } },
  },
};

/** A customer with a plan of 100 credits for 20 USD. */
async function aSubscriber(
  terms: Partial<PlanConfiguration> = {},
  plans: PlansConfiguration = {},
): Promise<CreditsApi> {
  const api = await aCreditsApi({
    rules: RULES,
    plans: { starter: { ...PLANS.starter, ...terms }, ...plans },
  });
  await api.post('/api/customers', { id: 'cus_acme', name: 'Acme' });
  const subscribed = await api.post('/api/customers/cus_acme/subscription', {
    plan: 'starter',
    anchor_day: 1,
  });
  expect(subscribed.status).toBe(201);
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

  it('are not named by half a character, which no file can hold', async () => {
    const api = await aCreditsApi();
    const refused = await api.post('/api/customers', { id: 'cut \ud83d', metadata: { '\udc00': 'x' } });
    expect([refused.status, refused.body.error.code]).toEqual([400, 'SL_API_REQUEST']);
    expect(refused.body.error.problems.map(({ path }: { path: string }) => path)).toEqual([
      'body.id',
      'body.metadata.\ufffd',
    ]);
    expect((await api.get('/api/customers')).body.items).toEqual([]);
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

describe('a subscription', () => {
  it('gives its allowance at once, changes upwards at once, downwards at the end, and is cancelled', async () => {
    const api = await aSubscriber({}, { pro: { fee_usd: '50', allowance: '300' } });
    const up = await api.post('/api/customers/cus_acme/subscription/change', { plan: 'pro' });
    expect(up.body).toMatchObject({ subscription: { plan: 'pro', next_plan: null } });
    expect(Number(up.body.extra_fee_usd)).toBeGreaterThan(0);
    const down = await api.post('/api/customers/cus_acme/subscription/change', { plan: 'starter' });
    expect(down.body.subscription).toMatchObject({
      plan: 'pro',
      next_plan: 'starter',
      next_change_at: down.body.effective_at,
    });
    const end = await api.post('/api/customers/cus_acme/subscription/cancel', { at: 'period_end' });
    expect(end.body.subscription).toMatchObject({ plan: 'pro', next_plan: null });
    const again = await api.post('/api/customers/cus_acme/subscription/cancel', { at: 'period_end' });
    expect([again.status, again.body.error.code]).toEqual([409, 'ALREADY_CANCELED']);
  });

  it('is changed from an instant in the past on, amid usage', async () => {
    const api = await aCreditsApi({
      rules: RULES,
      plans: { ...PLANS, pro: { fee_usd: '50', allowance: '300' } },
    });
    const ago = (ms: number) => new Date(api.nowMillis - ms).toISOString();
    await api.post('/api/customers', { id: 'cus_acme' });
    await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', start: ago(7_200_000) });
    await api.chats({ feature: 'chat', agoMs: 3_600_000 }, { feature: 'chat', agoMs: 1_800_000 });
    const effective_at = ago(2_700_000);
    const up = await api.post('/api/customers/cus_acme/subscription/change', { plan: 'pro', effective_at });
    expect(up.body).toMatchObject({ effective_at, subscription: { plan: 'pro' } });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ plan: 'pro', used: '20', overrun: '0' });
    // All days of the period but, where midnight lay between, one.
    expect(Number(body.allowance)).toBeGreaterThan(285);
  });

  it('is refused for a second time, and to a plan that does not exist', async () => {
    const api = await aSubscriber();
    const second = await api.post('/api/customers/cus_acme/subscription', { plan: 'starter' });
    expect([second.status, second.body.error.code]).toEqual([409, 'ALREADY_SUBSCRIBED']);
    await api.post('/api/customers', { id: 'cus_new' });
    const unknown = await api.post('/api/customers/cus_new/subscription', { plan: 'gold' });
    expect([unknown.status, unknown.body.error.code]).toEqual([400, 'UNKNOWN_PLAN']);
    expect(unknown.body.error.message).toContain('starter');
  });

  it('from a day in the past on makes the usage since then usage of the plan', async () => {
    const api = await aCreditsApi({ rules: RULES, plans: PLANS });
    const startMillis = api.nowMillis - 3_600_000;
    await api.chats({ feature: 'chat', agoMs: 1_800_000 }, { feature: 'chat', agoMs: 7_200_000 });
    const start = new Date(startMillis).toISOString();
    const begun = await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', start });
    expect(begun.body).toMatchObject({ available: '90' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '10', available: '90', plan: 'starter' });
    expect(body.by_feature).toMatchObject([{ name: 'chat', credits: '10' }]);
    const before = await api.get('/api/customers/cus_acme/statement?period=previous');
    expect(before.body).toMatchObject({ used: '10', plan: null, period: { end: body.period.start } });
    expect(before.body.by_feature).toMatchObject([{ name: 'chat', credits: '10', calls: 1 }]);
  });
});

describe('credits', () => {
  it('are sold, given and adjusted, each as a lot with its kind', async () => {
    const api = await aSubscriber();
    const expires = new Date(api.nowMillis + 86_400_000).toISOString();
    const sold = await api.post('/api/customers/cus_acme/top-ups', { credits: '50.5', paid_usd: '9.99' });
    expect(sold.status).toBe(201);
    expect(sold.body).toMatchObject({ credits: '50.5', lot: { kind: 'purchased' }, available: '150.5' });
    const given = await api.post('/api/customers/cus_acme/grants', { credits: '10', expires_at: expires });
    expect(given.body).toMatchObject({ lot: { kind: 'promotional', expires }, available: '160.5' });
    const by = { actor: 'ann', reason: 'an apology' };
    const taken = await api.post('/api/customers/cus_acme/adjustments', { credits: '-0.5', ...by });
    expect(taken.body).toMatchObject({ credits: '-0.5', lot: null, available: '160', ...by });
    const lots = await api.get('/api/customers/cus_acme/lots');
    expect(lots.body.items.map(({ kind }: { kind: string }) => kind)).toEqual([
      'promotional',
      'allowance',
      'purchased',
    ]);
  });

  it('that are told late cover what was used since then, and nothing in the future', async () => {
    const api = await aCreditsApi({ rules: RULES, plans: { starter: { fee_usd: '20', allowance: '15' } } });
    const ago = (ms: number) => new Date(api.nowMillis - ms).toISOString();
    await api.post('/api/customers', { id: 'cus_acme' });
    await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', start: ago(7_200_000) });
    await api.chats({ feature: 'chat', agoMs: 3_600_000 }, { feature: 'chat', agoMs: 1_800_000 });
    const before = await api.get('/api/customers/cus_acme/statement');
    expect(before.body).toMatchObject({ used: '20', overrun: '5', available: '0' });

    const since = ago(2_700_000);
    const sold = await api.post('/api/customers/cus_acme/top-ups', { credits: '50', effective_at: since });
    expect(sold.body).toMatchObject({ effective_at: since, available: '45' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '20', overrun: '0', available: '45' });
    const ahead = await api.post('/api/customers/cus_acme/grants', {
      credits: '1',
      effective_at: ago(-60_000),
    });
    expect([ahead.status, ahead.body.error.code]).toEqual([400, 'START_IN_FUTURE']);
  });

  it('are not adjusted without somebody and a reason, nor below what is there', async () => {
    const api = await aSubscriber();
    const wordless = await api.post('/api/customers/cus_acme/adjustments', { credits: '-1' });
    expect(wordless.status).toBe(400);
    expect(wordless.body.error.problems.map(({ path }: { path: string }) => path)).toEqual([
      'body.reason',
      'body.actor',
    ]);
    const tooMuch = await api.post('/api/customers/cus_acme/adjustments', {
      credits: '-101',
      actor: 'ann',
      reason: 'a mistake',
    });
    expect([tooMuch.status, tooMuch.body.error.code]).toEqual([402, 'INSUFFICIENT_CREDITS']);
  });

  it('that are no decimal text, and all else that is wrong, is told at once with its place', async () => {
    const api = await aSubscriber();
    const answer = await api.post('/api/customers/cus_acme/top-ups', {
      credits: 50,
      paid_usd: '1e3',
      expires: 'soon',
    });
    expect(answer.status).toBe(400);
    expect(answer.body.error).toMatchObject({
      code: 'SL_API_REQUEST',
      problems: expect.arrayContaining([
        { path: 'body.credits', expected: expect.stringContaining('string'), found: '50' },
        { path: 'body.paid_usd', expected: expect.stringContaining('pattern'), found: '"1e3"' },
        { path: 'body.expires', expected: 'nothing of this name', found: '"soon"' },
      ]),
    });
  });

  it('I24: keep every digit on their way in and out', async () => {
    const api = await aSubscriber();
    const credits = '12345678901.000001';
    await api.post('/api/customers/cus_acme/top-ups', { credits, paid_usd: '0.07' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body.granted.purchased).toBe(credits);
    expect(body.available).toBe('12345679001.000001');
  });
});

describe('an Idempotency-Key', () => {
  it('makes a repeated write answer as the first and do nothing', async () => {
    const api = await aSubscriber();
    const key = { 'idempotency-key': 'topup-1' };
    const first = await api.post('/api/customers/cus_acme/top-ups', { credits: '5', paid_usd: '1' }, key);
    const again = await api.post('/api/customers/cus_acme/top-ups', { paid_usd: '1', credits: '5' }, key);
    expect(first.headers['idempotency-replayed']).toBeUndefined();
    expect(again.headers['idempotency-replayed']).toBe('true');
    expect([again.status, again.body]).toEqual([first.status, first.body]);
    expect((await api.get('/api/customers/cus_acme')).body.available).toBe('105');
  });

  it('that was used for another request is a mistake', async () => {
    const api = await aSubscriber();
    const key = { 'idempotency-key': 'topup-1' };
    await api.post('/api/customers/cus_acme/top-ups', { credits: '5' }, key);
    const other = await api.post('/api/customers/cus_acme/top-ups', { credits: '6' }, key);
    expect([other.status, other.body.error.code]).toEqual([409, 'IDEMPOTENCY_KEY_REUSED']);
    expect((await api.get('/api/customers/cus_acme')).body.available).toBe('105');
  });
});

it('a write that the journal of commands cannot take is answered when the ledger file has it', async () => {
  const journal = new MemoryCommandJournal();
  const api = await aCreditsApi({ commands: journal });
  await api.post('/api/customers', { id: 'cus_acme' });
  const before = journal.texts.length;
  journal.append = () => Promise.reject(new SpanledgerError('SL_JOURNAL_FULL', 'No room. Retry later.'));
  const { status, body } = await api.post('/api/customers/cus_acme/top-ups', { credits: '5' });
  expect([status, body.available]).toEqual([201, '5']);
  expect(journal.texts).toHaveLength(before);
  await api.ledger.whenCommitted();
  const { body: lots } = await api.post('/api/query', {
    sql: "SELECT customer, granted_credits FROM credit_lots WHERE kind = 'purchased'",
  });
  expect(lots.rows).toEqual([['cus_acme', '5.000000']]);
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

  it('says what was used by hold under the feature of the hold', async () => {
    const api = await aSubscriber();
    await api.post('/api/customers/cus_acme/holds', { id: 'h1', credits: '40', feature: 'video' });
    await api.post('/api/customers/cus_acme/holds/h1/settle', { credits: '25' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '25', available: '75', held: '0' });
    expect(body.by_feature).toMatchObject([{ name: 'video', credits: '25', calls: 0 }]);
    expect(body.by_user).toMatchObject([{ name: null, credits: '25' }]);
  });

  it('of a period that has ended stays what it was at its end', async () => {
    const api = await aSubscriber({ rollover: { periods: 1 } });
    await api.chats({ feature: 'chat' });
    await api.post('/api/customers/cus_acme/top-ups', { credits: '7' });
    const { body: running } = await api.get('/api/customers/cus_acme/statement');
    api.advance(Date.parse(running.period.end) - api.nowMillis + 60_000);
    await api.chats({ feature: 'chat' }, { feature: 'chat' });
    const { body: next } = await api.get('/api/customers/cus_acme/statement');
    expect(next).toMatchObject({
      used: '20',
      granted: { allowance: '100', rollover: '90' },
      available: '177',
    });
    for (const period of ['previous', String(running.period.number), running.period.start]) {
      const { body: ended } = await api.get(`/api/customers/cus_acme/statement?period=${period}`);
      expect(ended).toMatchObject({ used: '10', available: '97', by_feature: running.by_feature });
      expect(ended.lots).toEqual(running.lots);
    }
    const periods = await api.get('/api/customers/cus_acme/periods');
    expect(periods.body.items).toMatchObject([
      { used: '20', end: next.period.end.replace('.000', '') },
      { used: '10', plan: 'starter' },
    ]);
  });

  it('of whoever has no plan counts the month', async () => {
    const api = await aCreditsApi({ rules: RULES });
    await api.chats({ feature: 'chat' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ plan: null, used: '10', overdraft: '10', at_zero: { code: 'no_plan' } });
    expect(body.by_feature).toMatchObject([{ name: 'chat', credits: '10' }]);
  });

  it('I2: is what the account in memory says when all is committed', async () => {
    const api = await aSubscriber({ overage: { policy: 'charge', price_usd: '0.3' } });
    await api.post('/api/customers/cus_acme/top-ups', { credits: '15.5', paid_usd: '2' });
    await api.post('/api/customers/cus_acme/holds', { id: 'h1', credits: '30' });
    await api.chats(...Array.from({ length: 12 }, () => ({ feature: 'chat' })));
    await api.post('/api/customers/cus_acme/holds/h1/settle', { credits: '33' });
    await api.post('/api/customers/cus_acme/holds', { id: 'h2', credits: '1' });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    const nowMicros = api.nowMillis * 1000;
    const account = api.ledger.accounts.find({ tenant: 'default', customer: 'cus_acme' }, nowMicros);
    if (account === null) throw new Error('there is no account');
    const period = account.periodAt(nowMicros);
    if (period === null) throw new Error('there is no period');
    const {
      by_feature: _feature,
      by_user: _user,
      by_model: _model,
      at: _at,
      ...inMemory
    } = statementJson(statementOf(account, period, NO_BREAKDOWN, nowMicros));
    expect(body).toMatchObject(inMemory);
    expect(body).toMatchObject({ used: '153', overage: '37.5', overage_charge_usd: '11.25' });
  });

  it('of a period that the customer never had is 404, and of no period 400', async () => {
    const api = await aSubscriber();
    expect((await api.get('/api/customers/cus_acme/statement?period=77')).status).toBe(404);
    expect((await api.get('/api/customers/cus_acme/statement?period=soon')).status).toBe(400);
  });
});

it('a call of a million credits and more is read back as it was, by a start and by a plan of an earlier day', async () => {
  const api = await aCreditsApi({
    rules: { default: { fixed: { credits: '999999999999' } } },
    plans: { starter: { fee_usd: '20', allowance: '100' } },
  });
  await api.chats({ customer: 'cus_acme' });
  const [account] = await api.store.loadAccounts([{ tenant: 'default', customer: 'cus_acme' }]);
  expect(account?.usage).toMatchObject([{ amount: 999_999_999_999_000_000n }]);
  const start = new Date(api.nowMillis - 20 * 24 * 3_600_000).toISOString();
  const subscribed = await api.post('/api/customers/cus_acme/subscription', { plan: 'starter', start });
  expect(subscribed.status).toBe(201);
  expect((await api.get('/api/customers/cus_acme/statement')).body).toMatchObject({
    used: '999999999999',
    overrun: '999999999899',
  });
});

describe('a check', () => {
  it('goes from allow to deny as the credits run out', async () => {
    const api = await aSubscriber();
    const ask = () => api.post('/api/customers/cus_acme/check', { feature: 'chat' });
    expect((await ask()).body).toMatchObject({
      answer: 'allow',
      reason: 'COVERED',
      estimate_credits: '10',
      estimate_by: 'rule',
      remaining: '100',
    });
    await api.chats(...Array.from({ length: 10 }, () => ({ feature: 'chat' })));
    expect((await ask()).body).toMatchObject({
      answer: 'deny',
      reason: 'INSUFFICIENT_CREDITS',
      uncovered: '10',
      remaining: '0',
      degraded: null,
    });
  });

  it('prices the tokens that are expected, of each call', async () => {
    const api = await aSubscriber();
    const { body } = await api.post('/api/customers/cus_acme/check', {
      feature: 'report',
      model: 'gpt-4o',
      expected_tokens: { input: 1000, output: 100 },
      calls: 3,
    });
    // 3 × 0.0035 USD at half of what they are worth is 0.021 USD, and a credit is 0.2 USD.
    expect(body).toMatchObject({ estimate_by: 'expected_tokens', estimate_credits: '1', answer: 'allow' });
  });

  it('says that a model has no price instead of taking it for free', async () => {
    const api = await aSubscriber();
    const tokens = { expected_tokens: { input: 10, output: 1 } };
    const answer = await api.post('/api/customers/cus_acme/check', {
      feature: 'report',
      model: 'x',
      ...tokens,
    });
    expect([answer.status, answer.body.error.code]).toEqual([422, 'SL_CHECK_UNPRICED']);
  });

  it('offers the smaller form while that fits, then denies', async () => {
    const api = await aSubscriber({ overage: { policy: 'degrade' } });
    const ask = () => api.post('/api/customers/cus_acme/check', { feature: 'draft' });
    await api.post('/api/customers/cus_acme/holds', { id: 'h', credits: '70' });
    expect((await ask()).body).toMatchObject({
      answer: 'degrade',
      estimate_credits: '5',
      degraded: { model: 'gpt-4o-mini', estimate_credits: '5' },
    });
    await api.post('/api/customers/cus_acme/holds', { id: 'h2', credits: '27' });
    expect((await ask()).body).toMatchObject({ answer: 'deny', degraded: null });
  });

  it('told the price that is charged, where the app says that it took the smaller form', async () => {
    const api = await aSubscriber({ overage: { policy: 'degrade' } });
    await api.chats({ feature: 'draft' }, { feature: 'chat' });
    const asked = await api.post('/api/customers/cus_acme/check', { feature: 'draft' });
    expect(asked.body).toMatchObject({ answer: 'degrade', estimate_credits: '5', remaining: '40' });
    await api.chats({ feature: 'draft', model: 'gpt-4o-mini', isDegraded: true });
    const { body } = await api.get('/api/customers/cus_acme/statement');
    expect(body).toMatchObject({ used: '65', remaining: '35' });
  });

  it('goes by the customer’s own recent actions where nobody says what to expect', async () => {
    const api = await aSubscriber();
    const ask = () => api.post('/api/customers/cus_acme/check', { feature: 'report' });
    expect((await ask()).body).toMatchObject({
      estimate_by: 'least',
      estimate_credits: '1',
      usual_credits: null,
    });
    await api.chats(
      ...Array.from({ length: 9 }, (_, index) => ({ feature: 'report', action: `a${index}` })),
      ...Array.from({ length: 40 }, () => ({ feature: 'report', action: 'long' })),
    );
    api.advance(61_000);
    expect((await ask()).body).toMatchObject({
      estimate_by: 'recent_actions',
      usual_credits: '1',
      estimate_credits: '1',
    });
  });

  it('learns nothing of the full form from actions that took the smaller one', async () => {
    const api = await aSubscriber();
    const drafts = Array.from({ length: 9 }, (_, index) => ({ feature: 'report', action: `a${index}` }));
    await api.chats(...drafts.map((draft) => ({ ...draft, isDegraded: true })));
    const asked = await api.post('/api/customers/cus_acme/check', { feature: 'report' });
    expect(asked.body).toMatchObject({ estimate_by: 'least', usual_credits: null });
  });

  it('refuses tokens that contradict each other, all mistakes at once', async () => {
    const api = await aSubscriber();
    const { status, body } = await api.post('/api/customers/cus_acme/check', {
      expected_tokens: { input: 10, cache_read: 11, output: 1, reasoning: 2 },
    });
    expect(status).toBe(400);
    expect(body.error.problems.map(({ path }: { path: string }) => path)).toEqual([
      'body.expected_tokens.input',
      'body.expected_tokens.output',
      'body.model',
    ]);
  });
});

describe('a hold', () => {
  it('sets credits aside, is settled once, and gives back the rest', async () => {
    const api = await aSubscriber();
    const hold = '/api/customers/cus_acme/holds/h1';
    const begun = await api.post('/api/customers/cus_acme/holds', {
      id: 'h1',
      credits: '80',
      expires_in_s: 60,
    });
    expect(begun.status).toBe(201);
    expect(begun.body).toMatchObject({ hold: { state: 'open', credits: '80' }, available: '20', held: '80' });
    const again = await api.post('/api/customers/cus_acme/holds', {
      id: 'h1',
      credits: '80',
      expires_in_s: 60,
    });
    expect(again.headers['idempotency-replayed']).toBe('true');
    const alive = await api.post(`${hold}/heartbeat`, { expires_in_s: 3600 });
    expect(Date.parse(alive.body.hold.expires_at)).toBeGreaterThan(api.nowMillis + 3_000_000);
    const settled = await api.post(`${hold}/settle`, { credits: '30' });
    expect(settled.body).toMatchObject({
      hold: { state: 'settled', settled_credits: '30' },
      available: '70',
      held: '0',
    });
    const twice = await api.post(`${hold}/settle`, { credits: '99' });
    expect(twice.body).toMatchObject({ hold: { settled_credits: '30' }, available: '70' });
    expect((await api.get(hold)).body).toMatchObject({ state: 'settled', settled_credits: '30' });
    const released = await api.post(`${hold}/release`);
    expect([released.status, released.body.error.code]).toEqual([409, 'HOLD_ENDED']);
  });

  it('of more than there is gets 402, and one that nobody has authorised 404', async () => {
    const api = await aSubscriber();
    const tooMuch = await api.post('/api/customers/cus_acme/holds', { id: 'h1', credits: '101' });
    expect([tooMuch.status, tooMuch.body.error.code]).toEqual([402, 'INSUFFICIENT_CREDITS']);
    expect((await api.post('/api/customers/cus_acme/holds/h9/release')).status).toBe(404);
    expect((await api.get('/api/customers/cus_acme/holds/h9')).status).toBe(404);
  });

  it('I16: never holds more than there is, however many are asked for at once', async () => {
    const api = await aSubscriber();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        api.post('/api/customers/cus_acme/holds', { id: `h${index}`, credits: '7' }),
      ),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(14);
    expect((await api.get('/api/customers/cus_acme')).body).toMatchObject({ available: '2', held: '98' });
  });
});

describe('the entries of a customer', () => {
  it('I1: come page by page without a gap, each with both its sides', async () => {
    const api = await aSubscriber();
    await api.chats({ feature: 'chat' }, { feature: 'chat' });
    await api.post('/api/customers/cus_acme/top-ups', { credits: '5' });
    const entries = [];
    for (let next: string | null = ''; next !== null; ) {
      const cursor = next === '' ? '' : `&cursor=${next}`;
      const page = await api.get(`/api/customers/cus_acme/entries?limit=2${cursor}`);
      expect(page.status).toBe(200);
      entries.push(...page.body.items);
      next = page.body.next;
    }
    expect(entries.map(({ kind, credits, from, to }) => [kind, credits, from.account, to.account])).toEqual([
      ['grant', '5', 'issued', 'available'],
      ['usage', '10', 'available', 'used'],
      ['usage', '10', 'available', 'used'],
      ['grant', '100', 'issued', 'available'],
    ]);
    const inViews = await readOne(
      api.store.instance,
      "SELECT count(DISTINCT transfer_id) AS entries, sum(credits) AS rest FROM credit_ledger WHERE customer = 'cus_acme'",
    );
    expect(inViews).toEqual({ entries: '4', rest: '0.000000' });
  });

  it('refuse a cursor of something else', async () => {
    const api = await aSubscriber();
    expect((await api.get('/api/customers/cus_acme/entries?cursor=xyz')).status).toBe(400);
  });
});

describe('the margin', () => {
  it('of a period has the fee, what the credits are worth and what they cost', async () => {
    const api = await aSubscriber();
    await api.chats({ feature: 'chat' }, { feature: 'chat' });
    const { body } = await api.get('/api/customers/cus_acme/margin');
    expect(body).toMatchObject({
      plan: 'starter',
      revenue_value_usd: '4',
      fee_usd: '20',
      fee_earned_usd: '4',
      fee_unused_usd: '16',
      cost_usd: '0.007',
      margin: '0.99825',
      unpriced_calls: 0,
    });
  });

  it('by plan, feature or customer adds up to that of all', async () => {
    const api = await aSubscriber();
    await api.chats({ feature: 'chat' }, { feature: 'report' }, { customer: 'cus_other', feature: 'chat' });
    for (const by of ['plan', 'feature', 'customer']) {
      const { body } = await api.get(
        `/api/margin?by=${by}&to=${new Date(api.nowMillis + 60_000).toISOString()}`,
      );
      expect(body).toMatchObject({ by });
      expect(body.total).toMatchObject({ credits: '21', cost_usd: '0.0105' });
      const cost = body.items.map(({ cost_usd }: { cost_usd: string }) => Number(cost_usd) * 10_000);
      expect(cost.reduce((sum: number, one: number) => sum + one, 0)).toBeCloseTo(105);
      const known = body.items.find(({ name }: { name: string | null }) =>
        ['starter', 'report', 'cus_acme'].includes(name ?? ''),
      );
      expect(Number(known.margin)).toBeGreaterThan(0.9);
    }
  });

  it('of a time in which a customer changes the plan has a line for each, and each credit its own worth', async () => {
    const overage = { policy: 'charge', price_usd: '0.3' } as const;
    const api = await aSubscriber({ overage }, { pro: { fee_usd: '50', allowance: '100', overage } });
    const from = new Date(api.nowMillis - 60_000).toISOString();
    await api.chats({ feature: 'chat' });
    await api.post('/api/customers/cus_acme/subscription/cancel', { at: 'now' });
    api.advance(3_600_000);
    await api.post('/api/customers/cus_acme/subscription', { plan: 'pro' });
    await api.chats({ feature: 'chat' }, { feature: 'chat' });
    api.advance(40 * 86_400_000);
    await api.chats({ feature: 'chat' });
    const to = new Date(api.nowMillis + 60_000).toISOString();
    const { body } = await api.get(`/api/margin?by=plan&from=${from}&to=${to}`);
    const lines = body.items.map(({ name, credits, covered_value_usd, cost_usd }: Line) => [
      name,
      credits,
      covered_value_usd,
      cost_usd,
    ]);
    expect(lines).toEqual([
      ['pro', '30', '15', '0.0105'],
      ['starter', '10', '2', '0.0035'],
    ]);
    expect(body.total).toMatchObject({ credits: '40', covered_value_usd: '17', cost_usd: '0.014' });
    const periods = await api.get('/api/customers/cus_acme/periods');
    const statements = await Promise.all(
      periods.body.items.map(({ number }: { number: number }) =>
        api.get(`/api/customers/cus_acme/margin?period=${number}`),
      ),
    );
    const values = statements.map(({ body: of }) => Number(of.covered_value_usd));
    expect(values.reduce((sum, value) => sum + value, 0)).toBe(17);
  });
});

interface Line {
  readonly name: string | null;
  readonly credits: string;
  readonly covered_value_usd: string;
  readonly cost_usd: string;
}
