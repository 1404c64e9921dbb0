import { describe, expect, it } from 'vitest';
import { aCreditsApi, type CreditsApi } from './testing/credits.ts';
import { aFront, type TestFront } from './testing/front.ts';

const RULES = {
  features: {
    chat: { fixed: { credits: '10' } },
    report: { cost_plus: { target_margin: '0.5' } },
    draft: { fixed: { credits: '50' }, degraded: { model: 'gpt-4o-mini', fixed: { credits: '5' } } },
  },
};

async function aServedSubscriber(): Promise<{ api: CreditsApi; front: TestFront }> {
  const api = await aCreditsApi({
    rules: RULES,
    plans: { starter: { fee_usd: '20', allowance: '100', overage: { policy: 'degrade' } } },
  });
  const front = await aFront(api);
  await front.send('POST', '/api/customers', { id: 'cus_acme' });
  const path = '/api/customers/cus_acme/subscription';
  expect(await front.send('POST', path, { plan: 'starter', anchor_day: 1 })).toMatchObject({ status: 201 });
  return { api, front };
}

const CHAT = { feature: 'chat' };

/** What the ledger itself answers at this moment. */
async function askLedger(api: CreditsApi, customer: string, body: object): Promise<object> {
  const { status, body: answer } = await api.post(
    `/api/customers/${encodeURIComponent(customer)}/check`,
    body,
  );
  return { status, body: answer };
}

describe('a check before the ledger process', () => {
  it('is answered as the ledger would, whatever is asked', async () => {
    const { api, front } = await aServedSubscriber();
    await api.chats({ customer: 'cus_seen' });
    const tokens = { expected_tokens: { input: 1000, output: 100 } };
    const bodies = [
      CHAT,
      { credits: '101' },
      { feature: 'draft' },
      { feature: 'report' },
      { feature: 'report', model: 'gpt-4o', ...tokens, calls: 3 },
      { feature: 'report', model: 'x', ...tokens },
      { feature: 'nobody charges this' },
      { model: 'gpt-4o', expected_tokens: { input: 1, output: 1, cache_read: 2 } },
      {},
      { feature: 7 },
      { feature: 'chat', credits: '1', surprise: true },
    ];
    for (const customer of ['cus_acme', 'cus_seen', 'cus_nobody']) {
      for (const body of bodies) {
        // Twice: asked, and known.
        for (let time = 0; time < 2; time++) {
          expect(await front.check(customer, body)).toEqual(await askLedger(api, customer, body));
        }
      }
    }
  });

  it('asks the ledger once, and hears of what is used and done from then on', async () => {
    const { api, front } = await aServedSubscriber();
    await front.check('cus_acme', CHAT);
    await front.check('cus_acme', CHAT);
    await api.chats(...Array.from({ length: 6 }, () => CHAT));
    await front.send('POST', '/api/customers/cus_acme/holds', { id: 'h', credits: '7' });
    expect(await front.check('cus_acme', CHAT)).toMatchObject({
      body: { answer: 'allow', available: '33', held: '7' },
    });
    await api.chats(...Array.from({ length: 3 }, () => CHAT));
    expect(await front.check('cus_acme', CHAT)).toEqual(await askLedger(api, 'cus_acme', CHAT));
    expect(await front.check('cus_acme', CHAT)).toMatchObject({ body: { answer: 'deny', available: '3' } });
    expect(front.asked).toEqual([{ kind: 'funds', customer: 'cus_acme' }]);
  });

  it('knows of a write as soon as that is answered', async () => {
    const { front } = await aServedSubscriber();
    await front.check('cus_acme', CHAT);
    await front.withNewsHeld(async (release) => {
      let isAnswered = false;
      const hold = { id: 'h', credits: '60' };
      const held = front.send('POST', '/api/customers/cus_acme/holds', hold).then((answer) => {
        isAnswered = true;
        return answer;
      });
      // The ledger has done it when another request, which changes nothing, has gone there and back.
      while ((await front.send('GET', '/api/customers/cus_acme')).body.held !== '60');
      expect([isAnswered, await front.check('cus_acme', CHAT)]).toMatchObject([
        false,
        { body: { held: '0' } },
      ]);
      release();
      expect(await held).toMatchObject({ status: 201 });
      expect(await front.check('cus_acme', CHAT)).toMatchObject({ body: { available: '40', held: '60' } });
    });
  });

  it('asks again when time has changed what there is', async () => {
    const { api, front } = await aServedSubscriber();
    await front.send('POST', '/api/customers/cus_acme/holds', { id: 'h', credits: '60', expires_in_s: 60 });
    expect(await front.check('cus_acme', CHAT)).toMatchObject({ body: { available: '40' } });
    api.advance(61_000);
    expect(await front.check('cus_acme', CHAT)).toMatchObject({ body: { available: '100', held: '0' } });
    // A month on, the next allowance.
    await api.chats(CHAT);
    api.advance(31 * 24 * 3_600_000);
    expect(await front.check('cus_acme', CHAT)).toMatchObject({ body: { available: '100' } });
  });

  it('goes on by what is known while the ledger process is started again, but not for long', async () => {
    const { api, front } = await aServedSubscriber();
    const before = await front.check('cus_acme', CHAT);
    front.loseLedger();
    expect(await front.check('cus_acme', CHAT)).toEqual(before);
    expect(await front.check('cus_other', CHAT)).toMatchObject({
      status: 503,
      body: { error: { code: 'SL_LEDGER_UNAVAILABLE' } },
    });
    api.advance(10_000);
    expect(await front.check('cus_acme', CHAT)).toMatchObject({
      status: 503,
      body: { error: { code: 'SL_LEDGER_UNAVAILABLE' } },
    });
  });

  it('is asked of the next ledger process anew, because what was not committed is done once more', async () => {
    const { front } = await aServedSubscriber();
    await front.check('cus_acme', CHAT);
    front.known.lose();
    front.known.startOver();
    await front.check('cus_acme', CHAT);
    expect(front.asked).toEqual(Array.from({ length: 2 }, () => ({ kind: 'funds', customer: 'cus_acme' })));
  });
});

describe('everything else', () => {
  it('is handed on as it came, and its answer back', async () => {
    const { api, front } = await aServedSubscriber();
    for (const id of ['..', '.', 'a/b', 'ä ?&%', 'x'.repeat(300)]) {
      const created = await front.send('POST', '/api/customers', { id });
      expect(created).toMatchObject({ status: 201, body: { id } });
      const path = `/api/customers/${id === '..' ? '%2e%2e' : id === '.' ? '%2E' : encodeURIComponent(id)}`;
      expect(await front.send('GET', path)).toMatchObject({ status: 200, body: { id } });
    }
    expect(await front.send('PUT', '/api/query?x=1')).toMatchObject({
      status: 404,
      body: { error: { code: 'SL_API_PATH' } },
    });
    const answer = await front.send('POST', '/api/query', { sql: 'SELECT 1 AS one' });
    expect(answer).toMatchObject({ status: 200, body: { rows: [[1]] } });
    expect(Object.keys(answer.headers)).not.toContain('x-spanledger-news');
    expect(await front.send('GET', '/api/openapi.json')).toEqual(
      expect.objectContaining({ body: (await api.get('/api/openapi.json')).body }),
    );
  });

  it('is refused with a code while the ledger process is started again; the process itself is well', async () => {
    const { front } = await aServedSubscriber();
    front.loseLedger();
    expect(await front.send('POST', '/api/customers', { id: 'cus_new' })).toMatchObject({
      status: 503,
      headers: { 'retry-after': '1' },
      body: { error: { code: 'SL_LEDGER_UNAVAILABLE' } },
    });
    expect(await front.send('GET', '/healthz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  });
});
