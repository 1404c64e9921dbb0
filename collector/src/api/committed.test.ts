import {
  type AccountHistory,
  type CustomerAccount,
  NO_BREAKDOWN,
  openHistory,
  type PeriodOpenedFact,
  statementJson,
  statementOf,
} from '@spanledger/metering';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { aCreditsApi, type CreditsApi } from './testing/credits.ts';

const DAY_MS = 86_400_000;

const aStep = fc.oneof(
  fc.record({
    do: fc.constant('chats' as const),
    count: fc.integer({ min: 1, max: 6 }),
    days: fc.integer({ min: 0, max: 6 }),
  }),
  fc.record({ do: fc.constant('top-up' as const), days: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant('grant' as const) }),
  fc.record({ do: fc.constant('take' as const) }),
  fc.record({ do: fc.constant('hold' as const), end: fc.constantFrom('settle', 'release', 'neither') }),
  fc.record({ do: fc.constant('wait' as const), days: fc.integer({ min: 1, max: 25 }) }),
  fc.record({ do: fc.constant('upgrade' as const) }),
);
type AStep = typeof aStep extends fc.Arbitrary<infer Step> ? Step : never;

const CUSTOMER = '/api/customers/cus_acme';

it('I2, I5: whatever happens, a statement from the file is that of the account in memory, and its parts add up', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(aStep, { minLength: 4, maxLength: 14 }), async (steps) => {
      const api = await aSubscriber();
      let holds = 0;
      for (const step of steps) await take(api, step, ++holds);
      await expectSame(api);
    }),
    { numRuns: 6, endOnFailure: true },
  );
});

async function aSubscriber(): Promise<CreditsApi> {
  const api = await aCreditsApi({
    rules: { features: { chat: { fixed: { credits: '10' } } } },
    plans: {
      starter: {
        fee_usd: '20',
        allowance: '50',
        rollover: { up_to: '30' },
        overage: { policy: 'charge', price_usd: '0.3' },
        restored_days: 5,
      },
      pro: { fee_usd: '50', allowance: '90' },
    },
  });
  await api.post('/api/customers', { id: 'cus_acme' });
  await api.post(`${CUSTOMER}/subscription`, { plan: 'starter' });
  return api;
}

async function take(api: CreditsApi, step: AStep, number: number): Promise<void> {
  const told = { actor: 'ann', reason: 'a test' };
  switch (step.do) {
    case 'chats': {
      const chat = { feature: 'chat', agoMs: step.days * DAY_MS };
      await api.chats(...Array.from({ length: step.count }, () => chat));
      return;
    }
    case 'top-up': {
      const expires = new Date(api.nowMillis + step.days * DAY_MS).toISOString();
      await api.post(`${CUSTOMER}/top-ups`, { credits: '35.5', paid_usd: '7', expires_at: expires });
      return;
    }
    case 'grant':
      await api.post(`${CUSTOMER}/grants`, { credits: '4' });
      return;
    case 'take':
      await api.post(`${CUSTOMER}/adjustments`, { credits: '-3', ...told });
      return;
    case 'hold': {
      const id = `hold-${number}`;
      await api.post(`${CUSTOMER}/holds`, { id, credits: '12', feature: 'video' });
      if (step.end === 'settle') await api.post(`${CUSTOMER}/holds/${id}/settle`, { credits: '15' });
      if (step.end === 'release') await api.post(`${CUSTOMER}/holds/${id}/release`);
      return;
    }
    case 'wait':
      api.advance(step.days * DAY_MS);
      return;
    case 'upgrade':
      await api.post(`${CUSTOMER}/subscription/change`, { plan: 'pro' });
      return;
  }
}

async function expectSame(api: CreditsApi): Promise<void> {
  for (const wanted of ['current', 'previous']) {
    const answer = await api.get(`${CUSTOMER}/statement?period=${wanted}`);
    const nowMicros = api.nowMillis * 1000;
    const account = api.ledger.accounts.find({ tenant: 'default', customer: 'cus_acme' }, nowMicros);
    if (account === null) throw new Error('there is no account');
    const period = periodOf(account, wanted, nowMicros);
    if (period === null) {
      expect(answer.status).toBe(404);
      continue;
    }
    const isClosed = period.bounds.endMicros <= (account.closedUntilMicros ?? Number.NEGATIVE_INFINITY);
    const known = isClosed ? await historyOf(api) : account;
    const {
      at: _at,
      exhausted_at: _exhausted,
      ...inMemory
    } = statementJson(statementOf(known, period, NO_BREAKDOWN, nowMicros));
    const { by_feature, by_user, by_model, at: _then, exhausted_at: _soon, ...inFile } = answer.body;
    expect({ ...inFile, by_feature: [], by_user: [], by_model: [] }).toEqual(inMemory);
    for (const rows of [by_feature, by_user, by_model]) {
      expect(rows.reduce((sum: number, row: { credits: string }) => sum + Number(row.credits), 0)).toBe(
        Number(inFile.used),
      );
    }
    const unnamed = by_feature.filter(({ name }: { name: string | null }) => name === null);
    expect(unnamed, 'every call and hold has a feature').toEqual([]);
  }
}

/** Of closed periods an account forgets what was used. */
async function historyOf({ store }: CreditsApi): Promise<AccountHistory> {
  const [held] = await store.loadAccounts([{ tenant: 'default', customer: 'cus_acme' }]);
  if (held === undefined) throw new Error('the ledger holds no account');
  return openHistory(held.customer, held.facts, held.usage, held.asOfMicros ?? undefined);
}

function periodOf(account: CustomerAccount, wanted: string, nowMicros: number): PeriodOpenedFact | null {
  const current = account.periodAt(nowMicros);
  if (current === null || wanted === 'current') return current;
  return account.periodAt(current.bounds.startMicros - 1);
}
