import { NO_PLANS } from '@spanledger/metering';
import { expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import { commitAt } from '../store/testing/stores.ts';
import type { AccountKey } from './account-store.ts';
import { Accounts } from './accounts.ts';
import { Alerts } from './alerts.ts';
import { MarginWatch } from './margin-watch.ts';
import { NOON } from './testing/journal.ts';

const NOON_MICROS = NOON * 1000;
const ACME: AccountKey = { tenant: 'default', customer: 'cus_acme' };
const GLOBEX: AccountKey = { tenant: 'default', customer: 'cus_globex' };

async function aStoreWithTwo(): Promise<MemoryStore> {
  const store = new MemoryStore();
  const accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
  for (const key of [ACME, GLOBEX]) {
    const change = { amount: 1n, eventMicros: NOON_MICROS, recordedMicros: NOON_MICROS, actionId: null };
    const movements = accounts.use(key, change, NOON_MICROS).map(({ movement }) => movement);
    store.book({ ...key, facts: [], movements, recordedAtMillis: NOON });
  }
  await commitAt(store, 1);
  return store;
}

it('margins are looked at where the cost has changed; nobody is opened only to be looked at again', async () => {
  const store = await aStoreWithTwo();
  const accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
  await accounts.load();
  const watch = new MarginWatch({ accounts, alerts: new Alerts({ accounts }) });
  const opened = () => [...accounts.openKeys()].map(({ customer }) => customer);
  const cost = (amount: bigint) => ({ cost: amount, unpricedCalls: 0 });

  await watch.look(
    [
      { ...ACME, cost: cost(5n) },
      { ...GLOBEX, cost: cost(7n) },
    ],
    NOON_MICROS,
  );
  expect(opened(), 'a start opens nobody').toEqual([]);
  await watch.look(
    [
      { ...ACME, cost: cost(5n) },
      { ...GLOBEX, cost: cost(8n) },
    ],
    NOON_MICROS,
  );
  expect(opened()).toEqual(['cus_globex']);
});
