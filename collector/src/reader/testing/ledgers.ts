import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDbStore } from '../../store/store.ts';
import { aPosting, spanId } from '../../store/testing/postings.ts';
import { commitAt, optionsFor, putEmptyLedger } from '../../store/testing/stores.ts';

export interface Ledger {
  readonly store: DuckDbStore;
  readonly path: string;
  readonly close: () => Promise<void>;
}

/** The customers of the ledger below, each with that many calls. */
export const CUSTOMERS = { acme: 30, globex: 20, "o'brien": 5 } as const;

/** A ledger as the service opens it, files and settings locked, with the usage of several customers. */
export async function aLedgerOfCustomers(): Promise<Ledger> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-reader-'));
  const path = join(directory, 'spanledger.duckdb');
  await putEmptyLedger(path);
  const store = await DuckDbStore.open({ ...optionsFor(path), create: false });
  let id = 1;
  for (const [customer, calls] of Object.entries(CUSTOMERS)) {
    for (let call = 0; call < calls; call++, id++) {
      // Whoever may see a feature can read it as a number; that of others cannot be.
      const feature = customer === 'acme' ? '7' : `secret of ${customer}`;
      store.post(aPosting({ spanId: spanId(id), customer, feature }));
    }
  }
  await commitAt(store, 1);
  return {
    store,
    path,
    close: async () => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
