import {
  ATTRIBUTES_READ,
  type Book,
  type Catalogue,
  CREDIT_SCALE,
  type CreditRules,
  creditRules,
  DEFAULT_OBSERVE_SETTINGS,
  formatDecimal,
  LOG_ATTRIBUTES_READ,
  NO_ATTRIBUTION_SETTINGS,
  NO_PLANS,
  parseDecimal,
  type RateCard,
  type RulesConfiguration,
  USD_SCALE,
} from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import { aRequest, aRequestSpan, attributes, type RequestSpan } from '../otlp/testing/bodies.ts';
import { MemoryStore } from '../store/memory.ts';
import { DuckDbStore } from '../store/store.ts';
import { aStore, read, readOne } from '../store/testing/stores.ts';
import { LEDGER_LIMITS, Ledger, type LedgerParts } from './ledger.ts';
import { MemoryCommandJournal } from './memory-command-journal.ts';
import type { RerateRequest } from './rerate.ts';
import type { RerateJob } from './rerate-store.ts';
import type { LedgerStore } from './store.ts';
import { MemoryJournal, NOON } from './testing/journal.ts';
import { GPT_4O } from './testing/rate-card.ts';

/** Every call has 1000 tokens in and 100 out: 0.0035 USD by the first book, 0.007 by the second. */
const CHEAP = catalogueOf(GPT_4O);
const DEAR = catalogueOf({
  ...GPT_4O,
  id: 'openai/gpt-4o@corrected',
  standard: { rates: { input: 5_000_000_000n, output: 20_000_000_000n }, tiers: [] },
});
const UNKNOWN: Catalogue = { find: () => ({ kind: 'unpriced', reason: 'unknown_model', detail: null }) };

function catalogueOf(card: RateCard): Catalogue {
  return { find: () => ({ kind: 'found', card, matchKind: 'exact', region: null }) };
}

/** A cent of cost is two credits: 0.7 of a credit by the first book, 1.4 by the second. */
const COST_PLUS = rules({
  default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01', increment: '0.1' } },
});

function rules(configuration: RulesConfiguration): CreditRules {
  const parsed = creditRules(configuration);
  if (parsed.kind === 'problems') throw new Error('the rules of the tests are wrong');
  return parsed.rules;
}

const ALL: RerateRequest = {
  fromMicros: (NOON - 3_600_000) * 1000,
  toMicros: NOON * 1000,
  model: null,
  policy: 'neutral',
};

interface Priced {
  readonly catalogue: Catalogue;
  readonly version: string;
  readonly rules?: CreditRules;
}
const BOOK_1: Priced = { catalogue: CHEAP, version: 'book-1' };
const BOOK_2: Priced = { catalogue: DEAR, version: 'book-2' };
const NO_PRICES: Priced = { catalogue: UNKNOWN, version: 'book-0' };

function bookOf({ catalogue, rules = COST_PLUS }: Priced): Book {
  return { catalogue, rules };
}

/** A chat that ends so many milliseconds before noon. */
function aChat(
  number: number,
  changes: RequestSpan & { customer?: string; feature?: string; before?: number } = {},
) {
  const { customer = 'cus_acme', feature, before = number, ...span } = changes;
  const end = NOON - before;
  return aRequestSpan({
    traceId: hex(number, 32),
    spanId: hex(number, 16),
    startTimeUnixNano: `${end - 500}000000`,
    endTimeUnixNano: `${end}000000`,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 1000,
      'gen_ai.usage.output_tokens': 100,
      'spanledger.customer.id': customer,
      ...(feature === undefined ? {} : { 'spanledger.feature.name': feature }),
    }),
    ...span,
  });
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

interface ARun {
  readonly ledger: Ledger;
  /** Sends spans and waits until they are posted. */
  post(...spans: RequestSpan[]): Promise<void>;
  /** Asks for a job and waits until it is done. */
  rerate(request?: Partial<RerateRequest>): Promise<RerateJob>;
  /** Until a job is as it should be. */
  until(isSo: (job: RerateJob) => boolean): Promise<RerateJob>;
  stop(): Promise<void>;
}

/** A ledger that runs until it is told to stop. */
function run(
  store: LedgerStore,
  book: Priced,
  parts: Partial<LedgerParts> = {},
  journal = new MemoryJournal(),
): ARun {
  const steps: RerateJob[] = [];
  let news = Promise.withResolvers<void>();
  const tell = () => {
    news.resolve();
    news = Promise.withResolvers<void>();
  };
  const ledger = new Ledger({
    journal,
    store,
    book: bookOf(book),
    bookVersion: book.version,
    pastRules: new Map(),
    plans: NO_PLANS,
    commands: new MemoryCommandJournal(),
    newId: () => `job-${++jobs}`,
    wanted: new WantedAttributes(ATTRIBUTES_READ),
    wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
    observing: DEFAULT_OBSERVE_SETTINGS,
    attribution: NO_ATTRIBUTION_SETTINGS,
    limits: {
      ...LEDGER_LIMITS,
      maxInflatedBytes: 2 ** 20,
      scan: SCAN_LIMITS,
      idleCommitMs: 1,
      rerateRows: 3,
    },
    nowMillis: Date.now,
    onCommit: tell,
    onRerated(job) {
      steps.push(job);
      tell();
    },
    onAlerts: () => {},
    onTrouble({ detail, cause }) {
      throw new Error(detail, { cause });
    },
    ...parts,
  });
  ledger.advance(journal.end);
  let isEnded = false;
  const ended = ledger.run().finally(() => {
    isEnded = true;
  });
  const nextNews = async () => {
    if (isEnded) throw new Error('the ledger has ended, and nothing more will happen');
    await Promise.race([news.promise, ended]);
  };
  const until = async (isSo: (job: RerateJob) => boolean) => {
    for (;;) {
      const job = steps.find(isSo);
      if (job !== undefined) return job;
      await nextNews();
    }
  };
  return {
    ledger,
    until,
    async post(...spans) {
      journal.addRequest(aRequest(spans));
      ledger.advance(journal.end);
      const { offset } = journal.end;
      while ((store.position?.offset ?? 0) < offset) await nextNews();
    },
    async rerate(request = {}) {
      const { id } = await ledger.rerate({ ...ALL, ...request });
      return await until((job) => job.id === id && job.state === 'done');
    },
    async stop() {
      ledger.drain();
      await ended;
    },
  };
}

let jobs = 0;

/** What the ledger says of all calls together. */
interface Said {
  readonly cost: string;
  readonly credits: string;
  readonly unpriced: number;
}

const stores = [
  ['memory', async () => new MemoryStore()],
  ['DuckDB', async () => (await aStore()).store],
] as const;

async function said(store: LedgerStore): Promise<Said> {
  if (store instanceof DuckDbStore) {
    const row = await readOne(
      store.instance,
      `SELECT (coalesce(sum(cost_usd), 0) + 0.000000000000000)::VARCHAR AS cost, coalesce(sum(credits), 0)::VARCHAR AS credits,
         count(*) FILTER (cost_usd IS NULL)::INTEGER AS unpriced
       FROM usage WHERE billing_role = 'billed'`,
    );
    return {
      cost: plain(String(row.cost)),
      credits: plain(String(row.credits)),
      unpriced: Number(row.unpriced),
    };
  }
  if (!(store instanceof MemoryStore)) throw new Error('no other store is known');
  const ratings = store.current.map(({ rating }) => rating);
  return {
    cost: formatDecimal(
      ratings.reduce((sum, { cost }) => sum + (cost ?? 0n), 0n),
      USD_SCALE,
    ),
    credits: formatDecimal(
      ratings.reduce((sum, { credits }) => sum + (credits ?? 0n), 0n),
      CREDIT_SCALE,
    ),
    unpriced: ratings.filter(({ cost }) => cost === null).length,
  };
}

function plain(decimal: string): string {
  return decimal.includes('.') ? decimal.replace(/\.?0+$/, '') : decimal;
}

interface Booking {
  readonly customer: string;
  readonly kind: string;
  readonly amount: string;
}

/** What was booked on the accounts of customers, in the order of booking. */
async function bookings(store: LedgerStore): Promise<readonly Booking[]> {
  if (store instanceof DuckDbStore) {
    const rows = await read(
      store.instance,
      `SELECT customer, kind, credits::VARCHAR AS credits FROM credit_ledger WHERE account = 'used' ORDER BY recorded_at`,
    );
    return rows.map(({ customer, kind, credits }) => ({
      customer: String(customer),
      kind: String(kind),
      amount: plain(String(credits)),
    }));
  }
  if (!(store instanceof MemoryStore)) throw new Error('no other store is known');
  return store.postings.flatMap(({ bookings: booked }) =>
    booked.map(({ customer, movement: { kind, to, amount, isCorrection } }) => ({
      customer,
      kind: isCorrection ? `${kind}_correction` : kind,
      amount: formatDecimal(to === 'used' ? amount : -amount, CREDIT_SCALE),
    })),
  );
}

describe.each(stores)('rating again, with the ledger in %s', (_name, aNewStore) => {
  it('gives every call the price of today and books the difference of its credits as new entries', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(...[1, 2, 3, 4, 5].map((number) => aChat(number)));
    expect(await said(store)).toEqual({ cost: '0.0175', credits: '3.5', unpriced: 0 });
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    const job = await rerate();
    await stop();

    expect(job).toMatchObject({ total: 5, examined: 5, changed: 5, transfers: 5, bookVersion: 'book-2' });
    expect(await said(store)).toEqual({ cost: '0.035', credits: '7', unpriced: 0 });
    const booked = await bookings(store);
    expect(booked.slice(0, 5)).toEqual(Array(5).fill({ customer: 'cus_acme', kind: 'usage', amount: '0.7' }));
    expect(booked.slice(5)).toEqual(Array(5).fill({ customer: 'cus_acme', kind: 'usage', amount: '0.7' }));
  });

  it('charges a degraded action for the smaller form again', async () => {
    const store = await aNewStore();
    const degrading = rules({
      default: {
        cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' },
        degraded: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.1' }, increment: '0.01' },
      },
    });
    const { ledger, post, rerate, stop } = run(store, { ...BOOK_1, rules: degrading });
    const mark = { key: 'spanledger.action.degraded', value: { boolValue: true } };
    const { attributes: labels = [], ...span } = aChat(1);
    await post({ ...span, attributes: [...labels, mark] });
    expect(await said(store)).toEqual({ cost: '0.0035', credits: '0.07', unpriced: 0 });
    ledger.useBook(bookOf({ ...BOOK_2, rules: degrading }), BOOK_2.version);
    await rerate();
    await stop();
    expect(await said(store)).toEqual({ cost: '0.007', credits: '0.14', unpriced: 0 });
  });

  it('I9: adds nothing the second time', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(...[1, 2, 3, 4, 5].map((number) => aChat(number)));
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    await rerate();
    const before = { said: await said(store), bookings: await bookings(store) };
    const job = await rerate();
    await stop();
    expect(job).toMatchObject({ examined: 5, changed: 0, transfers: 0 });
    expect({ said: await said(store), bookings: await bookings(store) }).toEqual(before);
  });

  it('I9: restores all totals when the old prices come back, if neutral', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(...[1, 2, 3, 4, 5].map((number) => aChat(number, { customer: `cus_${number % 2}` })));
    const before = await said(store);
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    await rerate();
    expect(await said(store)).not.toEqual(before);
    ledger.useBook(bookOf(BOOK_1), BOOK_1.version);
    await rerate();
    await stop();
    expect(await said(store)).toEqual(before);
    expect(sum(await bookings(store))).toBe(before.credits);
  });

  it('corrects cost and never raises credits, unless told to be neutral', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_2);
    await post(aChat(1), aChat(2));
    expect(await said(store)).toEqual({ cost: '0.014', credits: '2.8', unpriced: 0 });
    ledger.useBook(bookOf(BOOK_1), BOOK_1.version);
    await rerate({ policy: 'customer_favourable' });
    expect(await said(store), 'they fall').toEqual({ cost: '0.007', credits: '1.4', unpriced: 0 });
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    await rerate({ policy: 'customer_favourable' });
    expect(await said(store), 'they stay').toEqual({ cost: '0.014', credits: '1.4', unpriced: 0 });
    expect(await rerate({ policy: 'customer_favourable' })).toMatchObject({ changed: 0 });
    await rerate({ policy: 'neutral' });
    await stop();
    expect(await said(store), 'they follow').toEqual({ cost: '0.014', credits: '2.8', unpriced: 0 });
    expect((await bookings(store)).map(({ kind, amount }) => `${kind} ${amount}`)).toEqual([
      ...['usage 1.4', 'usage 1.4'],
      ...['usage_correction -0.7', 'usage_correction -0.7'],
      ...['usage 0.7', 'usage 0.7'],
    ]);
  });

  it('charges by itself what waited for a price, as soon as there is one', async () => {
    const store = await aNewStore();
    const { ledger, post, until, stop } = run(store, NO_PRICES);
    await post(...[1, 2, 3, 4].map((number) => aChat(number)));
    expect(await said(store)).toEqual({ cost: '0', credits: '0', unpriced: 4 });
    expect(await bookings(store)).toEqual([]);
    ledger.useBook(bookOf(BOOK_1), BOOK_1.version);
    const job = await until(({ bookVersion, state }) => bookVersion === 'book-1' && state === 'done');
    await stop();
    expect(job).toMatchObject({ reason: 'new_book', total: 4, changed: 4 });
    expect(await said(store)).toEqual({ cost: '0.014', credits: '2.8', unpriced: 0 });
    expect(await bookings(store)).toEqual(
      Array(4).fill({ customer: 'cus_acme', kind: 'usage', amount: '0.7' }),
    );
  });

  it('does so also when the ledger is opened with another book', async () => {
    const store = await aNewStore();
    const journal = new MemoryJournal();
    const first = run(store, NO_PRICES, {}, journal);
    await first.post(aChat(1));
    await first.until(({ bookVersion, state }) => bookVersion === 'book-0' && state === 'done');
    await first.stop();
    const second = run(store, BOOK_1, {}, journal);
    await second.until(({ bookVersion, state }) => bookVersion === 'book-1' && state === 'done');
    await second.stop();
    expect(await said(store)).toEqual({ cost: '0.0035', credits: '0.7', unpriced: 0 });
  });

  it('gives back the credits of a price that was a mistake, and waits', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(aChat(1));
    ledger.useBook(bookOf(NO_PRICES), NO_PRICES.version);
    await rerate({ policy: 'customer_favourable' });
    await stop();
    expect(await said(store)).toEqual({ cost: '0', credits: '0', unpriced: 1 });
    expect(await bookings(store)).toEqual([
      { customer: 'cus_acme', kind: 'usage', amount: '0.7' },
      { customer: 'cus_acme', kind: 'usage_correction', amount: '-0.7' },
    ]);
  });

  it('charges old usage by the rules of its time, not by those of today', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(aChat(1));
    const fixed = rules({ default: { fixed: { credits: '100' } } });
    ledger.useBook({ catalogue: DEAR, rules: fixed }, 'book-2');
    await post(aChat(2));
    await rerate();
    await stop();
    expect(await said(store)).toEqual({ cost: '0.014', credits: '101.4', unpriced: 0 });
  });

  it('leaves a charge alone whose rules nobody has any more, and corrects its cost', async () => {
    const store = await aNewStore();
    const journal = new MemoryJournal();
    const first = run(store, BOOK_1, {}, journal);
    await first.post(aChat(1));
    await first.stop();
    const forgetful = { ...BOOK_2, rules: rules({ default: { fixed: { credits: '100' } } }) };
    const second = run(store, forgetful, {}, journal);
    await second.rerate();
    await second.stop();
    expect(await said(store)).toEqual({ cost: '0.007', credits: '0.7', unpriced: 0 });
  });

  it('looks only at the time and the model that it is asked for', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(...[1, 2, 3, 4].map((number) => aChat(number, { before: number * 1000 })));
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    const from = (NOON - 3000) * 1000;
    expect(await rerate({ model: 'gpt-4o-mini' })).toMatchObject({ total: 0, examined: 0, changed: 0 });
    expect(await rerate({ fromMicros: from, toMicros: from + 1_000_000, model: 'gpt-4o' })).toMatchObject({
      total: 1,
      examined: 1,
      changed: 1,
    });
    await stop();
    expect(await said(store)).toMatchObject({ cost: '0.0175' });
  });

  it('begins anew under a book that comes while it runs', async () => {
    const store = await aNewStore();
    const { ledger, post, until, stop } = run(store, BOOK_1);
    await post(...Array.from({ length: 10 }, (_, number) => aChat(number + 1)));
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    const { id } = await ledger.rerate(ALL);
    await until((job) => job.id === id && job.examined > 0);
    ledger.useBook(bookOf({ ...BOOK_1, version: 'book-3' }), 'book-3');
    const { replacedBy } = await until((job) => job.id === id && job.state === 'replaced');
    await until((job) => job.id === replacedBy && job.state === 'done');
    await stop();
    expect(await said(store)).toEqual({ cost: '0.035', credits: '7', unpriced: 0 });
  });

  it('lets a later decision correct what is booked now, not what was booked first', async () => {
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    const trace = { traceId: hex(1, 32) };
    await post(aChat(1, { ...trace, parentSpanId: hex(9, 16), customer: '' }), aChat(2));
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    await rerate();
    // The parent that says who pays comes only now.
    await post(
      aRequestSpan({
        ...trace,
        spanId: hex(9, 16),
        startTimeUnixNano: `${NOON - 900}000000`,
        endTimeUnixNano: `${NOON}000000`,
        attributes: attributes({ 'spanledger.customer.id': 'cus_late' }),
      }),
    );
    await stop();
    expect(await said(store)).toEqual({ cost: '0.014', credits: '2.8', unpriced: 0 });
    expect(totalsByCustomer(await bookings(store))).toEqual({ cus_acme: '1.4', cus_late: '1.4' });
  });

  it('leaves an action of several traces to which a call is added as if the new prices had always held', async () => {
    const calls = [1, 2, 3].map((call) => {
      const chat = aChat(call);
      const named = attributes({ 'spanledger.action.id': 'act_1' });
      return { ...chat, attributes: [...(chat.attributes ?? []), ...named] };
    });
    const [first, second, third] = calls;
    if (first === undefined || second === undefined || third === undefined) throw new Error('three calls');
    const store = await aNewStore();
    const { ledger, post, rerate, stop } = run(store, BOOK_1);
    await post(first, third);
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    await rerate();
    await post(second);
    await stop();
    const fresh = await aNewStore();
    const always = run(fresh, BOOK_2);
    await always.post(...calls);
    await always.stop();
    expect(await said(store)).toEqual(await said(fresh));
    expect(totalsByCustomer(await bookings(store))).toEqual(totalsByCustomer(await bookings(fresh)));
  });

  it('posts what arrives while it runs', async () => {
    const store = await aNewStore();
    const { ledger, post, until, stop } = run(store, BOOK_1);
    await post(...Array.from({ length: 30 }, (_, number) => aChat(number + 1)));
    ledger.useBook(bookOf(BOOK_2), BOOK_2.version);
    const { id } = await ledger.rerate(ALL);
    await until((job) => job.id === id && job.examined > 0);
    await post(aChat(100, { before: 1 }));
    await until((job) => job.id === id && job.state === 'done');
    await stop();
    expect(await said(store)).toEqual({ cost: '0.217', credits: '43.4', unpriced: 0 });
  });

  it('runs one job at a time', async () => {
    const store = await aNewStore();
    const { ledger, post, until, stop } = run(store, BOOK_1);
    await post(aChat(1));
    const first = ledger.rerate(ALL);
    await expect(ledger.rerate(ALL)).rejects.toMatchObject({ code: 'SL_RERATE_BUSY' });
    const { id } = await first;
    await until((job) => job.id === id && job.state === 'done');
    await ledger.rerate(ALL);
    await stop();
  });

  it('goes on with the next process where the last one was stopped', async () => {
    const store = await aNewStore();
    const journal = new MemoryJournal();
    const first = run(store, BOOK_2, {}, journal);
    await first.until(({ state }) => state === 'done');
    await first.stop();
    const second = run(store, BOOK_1, {}, journal);
    await second.post(...Array.from({ length: 12 }, (_, number) => aChat(number + 1)));
    await second.stop();
    const third = run(store, BOOK_2, { onRerated: () => third.ledger.drain() }, journal);
    const { id } = await third.ledger.rerate(ALL);
    await third.stop();
    const fourth = run(store, BOOK_2, {}, journal);
    const job = await fourth.until((each) => each.id === id && each.state === 'done');
    await fourth.stop();
    expect(job).toMatchObject({ total: 12, examined: 12, changed: 12 });
    expect(await said(store)).toEqual({ cost: '0.084', credits: '16.8', unpriced: 0 });
  });
});

function sum(booked: readonly Booking[]): string {
  return formatDecimal(
    booked.reduce((total, { amount }) => total + micro(amount), 0n),
    CREDIT_SCALE,
  );
}

function totalsByCustomer(booked: readonly Booking[]): Record<string, string> {
  const customers = [...new Set(booked.map(({ customer }) => customer))].sort();
  return Object.fromEntries(
    customers.map((customer) => [customer, sum(booked.filter((each) => each.customer === customer))]),
  );
}

function micro(amount: string): bigint {
  const parsed = parseDecimal(amount, CREDIT_SCALE);
  if (parsed.kind === 'rejected') throw new Error(`${amount} is no amount`);
  return parsed.value;
}
