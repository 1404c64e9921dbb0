import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Catalogue,
  creditRules,
  digest,
  NO_PLANS,
  price,
  type RateCard,
  type UsageRecord,
} from '@spanledger/metering';
import { defaultCatalogue } from '../../collector/src/catalogue/index.ts';
import { Accounts } from '../../collector/src/ledger/accounts.ts';
import { actionOf, leafOf } from '../../collector/src/ledger/action.ts';
import { ActionWindow } from '../../collector/src/ledger/action-window.ts';
import { bookDifference, chargeAction } from '../../collector/src/ledger/charging.ts';
import { LEDGER_LIMITS } from '../../collector/src/ledger/ledger.ts';
import type { RatingBook } from '../../collector/src/ledger/rate-again.ts';
import { Rerates } from '../../collector/src/ledger/rerate.ts';
import type { RerateJob } from '../../collector/src/ledger/rerate-store.ts';
import type { Posting } from '../../collector/src/ledger/store.ts';
import { storedPrice } from '../../collector/src/ledger/stored-rating.ts';
import { TraceWindow } from '../../collector/src/ledger/trace-window.ts';
import { whatIf } from '../../collector/src/ledger/what-if.ts';
import { STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';
import { aUsage } from '../../collector/src/store/testing/postings.ts';

export interface RerateBench {
  readonly records: number;
  readonly whatIfSeconds: number;
  readonly nothingChangesSeconds: number;
  readonly everythingChangesSeconds: number;
  readonly longestSliceMs: number;
}

const RECORDS = 1_000_000;
const CUSTOMERS = 500;
const FIRST_EVENT_MICROS = Date.UTC(2026, 9, 1) * 1000;
const EVERY_MICROS = 2_000_000;

const MODELS = [
  ['openai', 'gpt-4o-2024-08-06'],
  ['openai', 'gpt-4o-mini-2024-07-18'],
  ['anthropic', 'claude-sonnet-4-5-20250929'],
  ['gcp.gemini', 'gemini-2.5-pro'],
] as const;

/** A million stored records of four models and 500 customers, rated again in a scratch file. */
export async function benchRerate(): Promise<RerateBench> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  const path = join(directory, 'spanledger.duckdb');
  const store = await DuckDbStore.open({ ...STORE_DEFAULTS, path, create: true });
  try {
    const rules = creditRules({
      default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.001' } },
    });
    if (rules.kind === 'problems') throw new Error('the rules of this bench are wrong');
    const catalogue = defaultCatalogue();
    const accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
    const book: RatingBook = {
      catalogue,
      rules: rules.rules,
      version: 'bench-1',
      rulesOf: (version) => (version === rules.rules.version ? rules.rules : null),
      supposedRules: null,
      terms: accounts,
    };
    await fill(store, accounts, book);

    const everything = {
      fromMicros: 0,
      toMicros: Number.MAX_SAFE_INTEGER,
      model: null,
      scope: 'all',
    } as const;
    const reader = await store.openReader();
    const supposed = { catalogue: dearer(catalogue), rules: null };
    const whatIfSeconds = await secondsOf(async () => {
      const { tally } = await whatIf(reader, everything, book, supposed, () => true);
      if (tally.total.changedCalls !== RECORDS) throw new Error('every call must differ');
    });
    reader.close();

    const nothing = await rerateAll(store, accounts, book, 0);
    const all = await rerateAll(
      store,
      accounts,
      { ...book, catalogue: dearer(catalogue), version: 'bench-2' },
      RECORDS,
    );
    return {
      records: RECORDS,
      whatIfSeconds,
      nothingChangesSeconds: nothing.seconds,
      everythingChangesSeconds: all.seconds,
      longestSliceMs: all.longestSliceMs,
    };
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function rerateAll(store: DuckDbStore, accounts: Accounts, book: RatingBook, expected: number) {
  let done: RerateJob | null = null;
  let longestSliceMs = 0;
  const rerates = new Rerates({
    store,
    window: new TraceWindow({ maxSpans: 1 }),
    actions: new ActionWindow({ maxLeaves: 1 }),
    accounts,
    newId: () => `${book.version}-${performance.now()}`,
    sliceRows: LEDGER_LIMITS.rerateRows,
    onStep(job) {
      if (job.reason === 'request' && job.state === 'done') done = job;
    },
  });
  await rerates.load();
  const seconds = await secondsOf(async () => {
    void rerates.request({
      fromMicros: 0,
      toMicros: Number.MAX_SAFE_INTEGER,
      model: null,
      policy: 'neutral',
    });
    while (rerates.hasWork(book)) {
      const startMs = performance.now();
      await rerates.runSlice(book, Date.now());
      longestSliceMs = Math.max(longestSliceMs, Math.round(performance.now() - startMs));
    }
  });
  const changed = (done as RerateJob | null)?.changed;
  if (changed !== expected) throw new Error(`${changed} calls changed instead of ${expected}`);
  return { seconds, longestSliceMs };
}

async function fill(store: DuckDbStore, accounts: Accounts, book: RatingBook): Promise<void> {
  for (let index = 0; index < RECORDS; index++) {
    const usage = aCall(index);
    store.post({
      tenant: 'default',
      receivedAtMillis: usage.eventTimeMicros / 1000,
      recordedAtMillis: usage.eventTimeMicros / 1000,
      usage,
      ...charged(usage, accounts, book),
      digest: digest(usage),
      replaces: null,
    });
    if ((index + 1) % LEDGER_LIMITS.commitRows === 0 || index === RECORDS - 1) await commit(store, index + 1);
  }
}

/** A call that is an action of its own, rated and booked for the first time. */
function charged(
  usage: UsageRecord,
  accounts: Accounts,
  { catalogue, version, rules, rulesOf }: RatingBook,
): Pick<Posting, 'rating' | 'bookings'> {
  const { eventTimeMicros, actionId } = usage;
  const priced = storedPrice(price(usage, catalogue, 'default'), version);
  const found = actionOf(usage, 'default');
  if (found.kind === 'none') throw new Error('every call of this bench is charged');
  const leaf = leafOf(usage, priced.cost);
  const charges = chargeAction(found.action, [{ leaf, posted: null }], {
    accounts,
    rules,
    rulesOf,
    nowMicros: eventTimeMicros,
  });
  const charge = charges.get(leaf.key);
  if (charge === undefined) throw new Error('the only call of an action bears all of it');
  const due = { tenant: 'default', action: found.action, actionId, charge, eventTimeMicros };
  return {
    rating: { ...priced, ...charge },
    bookings: bookDifference(
      null,
      { ...due, recordedMicros: eventTimeMicros },
      { accounts, nowMicros: eventTimeMicros },
    ),
  };
}

function commit(store: DuckDbStore, offset: number): Promise<void> {
  const counts = {
    bodies: 1,
    spans: 1,
    notModelCalls: 0,
    posted: 1,
    corrected: 0,
    duplicates: 0,
    conflicts: 0,
  };
  return store.commit({ segment: 1, offset }, counts, Date.now());
}

function aCall(index: number): UsageRecord {
  const [provider, model] = MODELS[index % MODELS.length] ?? MODELS[0];
  const traceId = (index * 7919 + 1).toString(16).padStart(32, '0');
  return aUsage({
    traceId,
    spanId: (index + 1).toString(16).padStart(16, '0'),
    actionId: traceId,
    eventTimeMicros: FIRST_EVENT_MICROS + index * EVERY_MICROS,
    customer: `customer-${index % CUSTOMERS}`,
    userId: `user-${index % 9000}`,
    provider,
    requestModel: model,
    responseModel: model,
    responseId: `chatcmpl-${index}`,
    tokens: {
      uncachedInput: 200 + (index % 4000),
      cacheRead: index % 2 === 0 ? 0 : 100,
      cacheWrite: 0,
      visibleOutput: 50 + (index % 700),
      reasoning: 0,
    },
  });
}

/** Every card at its double. */
function dearer(catalogue: Catalogue): Catalogue {
  const cards = new Map<RateCard, RateCard>();
  return {
    find(query) {
      const match = catalogue.find(query);
      if (match.kind !== 'found') return match;
      let card = cards.get(match.card);
      if (card === undefined) {
        card = { ...match.card, discount: { numerator: 2n, denominator: 1n } };
        cards.set(match.card, card);
      }
      return { ...match, card };
    },
  };
}

async function secondsOf(work: () => Promise<void>): Promise<number> {
  const startMs = performance.now();
  await work();
  return Number(((performance.now() - startMs) / 1000).toFixed(1));
}
