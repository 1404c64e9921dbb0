import {
  type AttributionSettings,
  type Book,
  type CreditRules,
  creditRules,
  NO_ATTRIBUTION_SETTINGS,
  NO_PLANS,
  observe,
  type RulesConfiguration,
} from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { MemoryStore } from '../store/memory.ts';
import { anOldLedger } from '../store/testing/old-ledger.ts';
import { aStore, readOne } from '../store/testing/stores.ts';
import { Accounts } from './accounts.ts';
import { ActionWindow } from './action-window.ts';
import { type Settled, settle } from './settle.ts';
import type { LedgerStore, Posting } from './store.ts';
import { NOON } from './testing/journal.ts';
import { GPT_4O } from './testing/rate-card.ts';
import { TraceWindow } from './trace-window.ts';

const NOON_MICROS = NOON * 1000;
const SECOND_MICROS = 1_000_000;
const GRACE_MICROS = 60 * SECOND_MICROS;
const EVERYTHING = 1_000_000;

/** 1000 tokens in and 100 out cost 0.0035 USD; at half margin and a hundredth of a cent a credit these are 70 credits. */
const BOOK: Book = {
  catalogue: {
    find({ model }) {
      if (model === 'cursed') throw new Error('impossible');
      return { kind: 'found', card: GPT_4O, matchKind: 'exact', region: null };
    },
  },
  rules: rules('0.0001'),
};
/** Under these a credit is worth half as much: twice as many are burned. */
const LATER_BOOK: Book = { ...BOOK, rules: rules('0.00005') };
const CREDITS = 70_000_000n;
const DEGRADING = rulesFrom({ default: { fixed: { credits: '50' }, degraded: { fixed: { credits: '5' } } } });

function rules(creditValueUsd: string) {
  return rulesFrom({ default: { cost_plus: { target_margin: '0.5', credit_value_usd: creditValueUsd } } });
}

function rulesFrom(configuration: RulesConfiguration): CreditRules {
  const parsed = creditRules(configuration);
  if (parsed.kind === 'problems') throw new Error('the rules of the tests are wrong');
  return parsed.rules;
}

interface SentSpan {
  readonly trace?: number;
  readonly span: number;
  readonly parent?: number;
  readonly startMicros?: number;
  readonly endMicros?: number;
  readonly customer?: string;
  readonly service?: string;
  readonly kind?: number;
  readonly attributes?: Readonly<Record<string, string | number>>;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

/** A span that has nothing to do with models, a second long. */
function aSpan({ trace = 1, span, parent, customer, ...given }: SentSpan) {
  const { endMicros = NOON_MICROS - SECOND_MICROS, startMicros = endMicros - SECOND_MICROS } = given;
  const { service = 'app', kind = 3, attributes = {} } = given;
  const labels = customer === undefined ? {} : { 'spanledger.customer.id': customer };
  const observation = observe({
    traceId: hex(trace, 32),
    spanId: hex(span, 16),
    parentSpanId: parent === undefined ? null : hex(parent, 16),
    name: `span ${span}`,
    kind,
    startTimeMicros: startMicros,
    endTimeMicros: endMicros,
    statusCode: 0,
    attributes: new Map(Object.entries({ ...attributes, ...labels })),
    resource: new Map([['service.name', service]]),
    scopeName: 'test',
    scopeVersion: '1',
  });
  if (observation === null) throw new Error('a span that matters to nothing');
  return observation;
}

/** A chat of 1000 tokens in and 100 out. */
function aChat(
  given: SentSpan & { readonly input?: number | null; readonly responseId?: string; readonly model?: string },
) {
  const { input = 1000, responseId, model = 'gpt-4o', ...span } = given;
  return aSpan({
    ...span,
    attributes: {
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': model,
      ...(input === null ? {} : { 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': 100 }),
      ...(responseId === undefined ? {} : { 'gen_ai.response.id': responseId }),
      ...span.attributes,
    },
  });
}

/** An agent that says how much the calls below it used. */
function anAgent(given: SentSpan) {
  const attributes = { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': 'agent' };
  return aChat({ ...given, attributes });
}

/** A ledger without journal: spans arrive, and are settled and committed. */
class Bench<Store extends LedgerStore> {
  readonly window: TraceWindow;
  readonly actions: ActionWindow;
  readonly accounts: Accounts;
  readonly store: Store;
  readonly troubles: { readonly spanId: string; readonly cause: unknown }[] = [];
  attribution: AttributionSettings = NO_ATTRIBUTION_SETTINGS;
  book = BOOK;
  #commits = 0;

  constructor(store: Store, openSpans: number) {
    this.store = store;
    this.window = new TraceWindow({ maxSpans: openSpans });
    this.actions = new ActionWindow({ maxLeaves: openSpans });
    this.accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
  }

  /** What arrives together is settled together. */
  async receive(...observations: readonly ReturnType<typeof aSpan>[]): Promise<Settled> {
    return this.receiveAt(NOON, ...observations);
  }

  async receiveAt(nowMillis: number, ...observations: readonly ReturnType<typeof aSpan>[]): Promise<Settled> {
    const { window, actions, accounts, store } = this;
    for (const observation of observations) {
      const key = { tenant: 'default', traceId: observation.traceId };
      const trace = window.find(key) ?? window.open(key, !store.mayHoldTrace(key, observation.endTimeMicros));
      trace.arrivals.push({ observation, receivedAtMillis: nowMillis });
      window.touch(trace);
    }
    const settled = await settle({
      window,
      actions,
      accounts,
      store,
      book: this.book,
      bookVersion: 'book-1',
      rulesOf: (version) =>
        [BOOK.rules, LATER_BOOK.rules, DEGRADING].find((known) => known.version === version) ?? null,
      attribution: this.attribution,
      deadline: { nowMicros: nowMillis * 1000, graceMicros: GRACE_MICROS },
      onAssertion: ({ spanId }, cause) => this.troubles.push({ spanId, cause }),
    });
    const counts = { bodies: 1, spans: observations.length, notModelCalls: 0, ...settled };
    await store.commit({ segment: 1, offset: ++this.#commits }, counts, nowMillis);
    return settled;
  }
}

function aBench(openSpans = EVERYTHING): Bench<MemoryStore> {
  return new Bench(new MemoryStore(), openSpans);
}

/** Role and customer of each span, by the last digits of its trace and span. */
function roles(store: MemoryStore): Record<string, string> {
  return Object.fromEntries(
    store.current.map(({ usage }) => [
      `${Number.parseInt(usage.traceId, 16)}/${Number.parseInt(usage.spanId, 16)}`,
      usage.customer === null ? usage.billingRole : `${usage.billingRole} ${usage.customer}`,
    ]),
  );
}

function bookingsOf({ bookings }: Posting) {
  return bookings.map(({ customer, movement: { kind, from, to, amount, isCorrection } }) => {
    return { customer, kind, from, to, amount, isCorrection };
  });
}

/** What each customer used, all movements together. */
function used(store: MemoryStore): Record<string, bigint> {
  const sums: Record<string, bigint> = {};
  for (const { customer, movement } of store.postings.flatMap(({ bookings }) => bookings)) {
    const { to, amount } = movement;
    sums[customer] = (sums[customer] ?? 0n) + (to === 'used' ? amount : -amount);
  }
  return sums;
}

const USED = { kind: 'usage', from: 'overdraft', to: 'used', isCorrection: false } as const;
const GIVEN_BACK = { kind: 'usage', from: 'used', to: 'overdraft', isCorrection: true } as const;

describe.each([
  ['stays in memory', EVERYTHING],
  ['leaves the memory at once', 0],
])('a trace that %s', (_how, openSpans) => {
  it('is corrected once when a late parent tells who pays, and then booked', async () => {
    const bench = aBench(openSpans);
    const { store } = bench;
    expect(await bench.receive(aChat({ span: 2, parent: 1 }))).toMatchObject({ posted: 1, corrected: 0 });
    expect(store.postings).toMatchObject([{ replaces: null, bookings: [], usage: { customer: null } }]);
    const later = NOON + 5000;
    const settled = await bench.receiveAt(later, aSpan({ span: 1, customer: 'cus_acme' }));
    expect(settled).toEqual({ posted: 0, corrected: 1, duplicates: 0, conflicts: 0 });
    const [, correction, ...more] = store.postings;
    if (correction === undefined) throw new Error('nothing was corrected');
    expect(more).toEqual([]);
    expect(correction).toMatchObject({
      receivedAtMillis: NOON,
      recordedAtMillis: later,
      replaces: { revision: 1, eventTimeMicros: NOON_MICROS - SECOND_MICROS },
    });
    expect(bookingsOf(correction)).toEqual([{ customer: 'cus_acme', ...USED, amount: CREDITS }]);
    expect(roles(store)).toEqual({ '1/2': 'billed cus_acme' });
  });

  it('is given back to the one and booked on the other customer when a nearer ancestor names another', async () => {
    const bench = aBench(openSpans);
    await bench.receive(
      aSpan({ span: 1, customer: 'cus_agency', startMicros: NOON_MICROS - 9 * SECOND_MICROS }),
      aChat({ span: 3, parent: 2 }),
    );
    expect(roles(bench.store)).toEqual({ '1/3': 'billed cus_agency' });
    await bench.receive(aSpan({ span: 2, parent: 1, customer: 'cus_acme' }));
    expect(roles(bench.store)).toEqual({ '1/3': 'billed cus_acme' });
    expect(bench.store.postings.map(bookingsOf)).toEqual([
      [{ customer: 'cus_agency', ...USED, amount: CREDITS }],
      [
        { customer: 'cus_agency', ...GIVEN_BACK, amount: CREDITS },
        { customer: 'cus_acme', ...USED, amount: CREDITS },
      ],
    ]);
    expect(used(bench.store)).toEqual({ cus_agency: 0n, cus_acme: CREDITS });
  });

  it('bills its container when the wait is over, and gives that back when a late call comes after all', async () => {
    const bench = aBench(openSpans);
    const { store, window } = bench;
    const agent = anAgent({ span: 1, customer: 'cus_acme', endMicros: NOON_MICROS });
    const dueAtMillis = NOON + GRACE_MICROS / 1000;
    await bench.receive(agent);
    expect(roles(store)).toEqual({ '1/1': 'container cus_acme' });
    expect(window.nextDueMicros).toBe(dueAtMillis * 1000);
    expect(await store.loadDue()).toEqual([
      { tenant: 'default', traceId: hex(1, 32), dueAtMicros: dueAtMillis * 1000 },
    ]);

    expect(await bench.receiveAt(dueAtMillis - 1)).toMatchObject({ posted: 0, corrected: 0 });
    expect(await bench.receiveAt(dueAtMillis)).toMatchObject({ posted: 0, corrected: 1 });
    expect(roles(store)).toEqual({ '1/1': 'billed cus_acme' });
    expect(store.postings.at(-1)).toMatchObject({ recordedAtMillis: dueAtMillis });
    expect(used(store)).toEqual({ cus_acme: CREDITS });
    expect(window.nextDueMicros).toBeNull();
    expect(await store.loadDue()).toEqual([]);

    const late = aChat({ span: 2, parent: 1, input: 600, endMicros: NOON_MICROS });
    expect(await bench.receiveAt(dueAtMillis + 5000, late)).toMatchObject({ posted: 1, corrected: 1 });
    expect(roles(store)).toEqual({ '1/1': 'container cus_acme', '1/2': 'billed cus_acme' });
    expect(store.postings.flatMap(bookingsOf)).toEqual(
      expect.arrayContaining([
        { customer: 'cus_acme', ...USED, amount: CREDITS },
        { customer: 'cus_acme', ...GIVEN_BACK, amount: CREDITS },
        { customer: 'cus_acme', ...USED, amount: 50_000_000n },
      ]),
    );
    expect(used(store)).toEqual({ cus_acme: 50_000_000n });
  });

  it('takes a span again that was sent before it had ended, and not the other way round', async () => {
    const bench = aBench(openSpans);
    const unfinished = aChat({ span: 1, customer: 'cus_acme', input: null });
    const complete = aChat({ span: 1, customer: 'cus_acme', endMicros: NOON_MICROS });
    await bench.receive(unfinished);
    expect(bench.store.current).toMatchObject([{ usage: { usageStatus: 'missing' } }]);
    expect(await bench.receive(complete)).toEqual({ posted: 0, corrected: 1, duplicates: 0, conflicts: 0 });
    expect(await bench.receive(unfinished)).toEqual({ posted: 0, corrected: 0, duplicates: 1, conflicts: 0 });
    expect(await bench.receive(complete)).toEqual({ posted: 0, corrected: 0, duplicates: 1, conflicts: 0 });
    expect(bench.store.current).toMatchObject([
      {
        replaces: { revision: 1, eventTimeMicros: NOON_MICROS - SECOND_MICROS },
        usage: { eventTimeMicros: NOON_MICROS, usageStatus: 'reported', tokens: { uncachedInput: 1000 } },
      },
    ]);
    expect(used(bench.store)).toEqual({ cus_acme: CREDITS });
  });

  it('keeps the first of two complete copies that contradict each other, and the second aside, whole', async () => {
    const bench = aBench(openSpans);
    await bench.receive(aChat({ span: 1, customer: 'cus_acme' }), aChat({ span: 2, parent: 1 }));
    const before = bench.store.current;
    const other = aChat({ span: 1, customer: 'cus_acme', input: 5000 });
    expect(await bench.receive(other)).toEqual({ posted: 0, corrected: 0, duplicates: 0, conflicts: 1 });
    expect(bench.store.current).toEqual(before);
    expect(bench.store.quarantined).toMatchObject([
      { reason: 'conflicting_copy', traceId: hex(1, 32), spanId: hex(1, 16), receivedAtMillis: NOON },
    ]);
    expect(JSON.parse(bench.store.quarantined[0]?.content ?? '')).toMatchObject({
      labels: { customer: { value: 'cus_acme' } },
      usage: { tokens: { uncachedInput: 5000 } },
    });
  });

  it('is not decided again for copies, of whatever there is', async () => {
    const bench = aBench(openSpans);
    const spans = [
      aSpan({ span: 1, customer: 'cus_acme' }),
      aChat({ span: 2, parent: 1, responseId: 'chatcmpl-12345' }),
      anAgent({ trace: 2, span: 3, endMicros: NOON_MICROS }),
    ];
    await bench.receive(...spans);
    const { spans: kept, postings } = bench.store;
    expect([kept.length, postings.length]).toEqual([3, 2]);
    const due = await bench.store.loadDue();
    expect(due).toHaveLength(1);
    // Were it decided again at this time, the agent would bill.
    bench.window.setDue({ tenant: 'default', traceId: hex(2, 32) }, null);
    const later = NOON + 2 * (GRACE_MICROS / 1000);
    expect(await bench.receiveAt(later, ...spans, ...spans)).toEqual({
      posted: 0,
      corrected: 0,
      duplicates: 6,
      conflicts: 0,
    });
    expect(bench.store.spans).toHaveLength(3);
    expect(bench.store.postings).toHaveLength(2);
    expect(await bench.store.loadDue()).toEqual(due);
  });

  it('counts copies in one batch, and posts the span once', async () => {
    const bench = aBench(openSpans);
    const chat = aChat({ span: 1, customer: 'cus_acme' });
    expect(await bench.receive(chat, chat, chat)).toEqual({
      posted: 1,
      corrected: 0,
      duplicates: 2,
      conflicts: 0,
    });
    expect(bench.store.postings).toHaveLength(1);
    expect(bench.store.spans).toHaveLength(1);
  });

  it('posts nothing anew of what a new span changes nothing about', async () => {
    const bench = aBench(openSpans);
    await bench.receive(aSpan({ span: 1, customer: 'cus_acme' }), aChat({ span: 2, parent: 1 }));
    await bench.receive(aChat({ span: 3, parent: 1, input: 600 }));
    await bench.receive(aSpan({ span: 4, parent: 1 }));
    expect(bench.store.postings.map(({ usage }) => usage.spanId)).toEqual([hex(2, 16), hex(3, 16)]);
  });

  it('is decided together with another trace that tells of the same call', async () => {
    const bench = aBench(openSpans);
    const responseId = 'chatcmpl-AbCdEf';
    const gateway = aChat({ trace: 2, span: 2, service: 'gateway', kind: 2, responseId });
    const app = aChat({ trace: 1, span: 1, customer: 'cus_acme', responseId });
    await bench.receive(gateway);
    expect(roles(bench.store)).toEqual({ '2/2': 'billed' });
    expect(await bench.receive(app)).toMatchObject({ posted: 1, corrected: 1 });
    expect(roles(bench.store)).toMatchObject({ '1/1': 'billed cus_acme' });
    expect(roles(bench.store)['2/2']).toMatch(/^duplicate/);
    expect(bench.store.current.find(({ usage }) => usage.spanId === hex(2, 16))).toMatchObject({
      usage: { supersededBy: `${hex(1, 32)}/${hex(1, 16)}` },
    });
    expect(used(bench.store)).toEqual({ cus_acme: CREDITS });
  });

  it('is decided together with traces that are linked to it through others only', async () => {
    const bench = aBench(openSpans);
    const service = (trace: number) => ({ trace, span: trace, service: `service ${trace}` });
    const first = { 'gen_ai.response.id': 'chatcmpl-first' };
    await bench.receive(aChat({ ...service(1), kind: 2, attributes: first }));
    await bench.receive(
      aChat({ ...service(2), attributes: { 'gen_ai.response.id': 'chatcmpl-second' } }),
      aChat({ ...service(2), span: 22, attributes: first }),
    );
    await bench.receive(
      aChat({ ...service(3), kind: 2, attributes: { 'gen_ai.response.id': 'chatcmpl-second' } }),
    );
    // Who pays in the third is known, and only the second is near to it.
    await bench.receive(aSpan({ ...service(3), span: 33, customer: 'cus_acme' }));
    expect(
      Object.values(roles(bench.store))
        .map((role) => role.split(' ')[0])
        .sort(),
    ).toEqual(['billed', 'billed', 'duplicate', 'duplicate']);
  });
});

describe.each([
  ['stays in memory', EVERYTHING],
  ['leaves the memory at once', 0],
])('an action that %s', (_how, openSpans) => {
  const named = { attributes: { 'spanledger.action.id': 'act_1' } };

  it.each([
    ['in one trace', 1, {}],
    ['under one name in two traces', 2, named],
  ])('stays with the rules it began with: %s', async (_where, trace, given) => {
    const bench = aBench(openSpans);
    const customer = 'cus_acme';
    await bench.receive(aChat({ span: 1, customer, ...given, endMicros: NOON_MICROS - 9 * SECOND_MICROS }));
    bench.book = LATER_BOOK;
    await bench.receive(aChat({ trace, span: 2, customer, ...given }));
    expect(used(bench.store)).toEqual({ cus_acme: 2n * CREDITS });
    const [first, second] = bench.store.current.map(({ rating }) => rating.rulesVersion);
    expect(second).toBe(first);
    await bench.receive(aChat({ trace: 3, span: 3, customer: 'cus_globex' }));
    expect(used(bench.store), 'another one begins with the new ones').toMatchObject({
      cus_globex: 2n * CREDITS,
    });
  });

  it('gives everything back when its agent turns out to have failed', async () => {
    const bench = aBench(openSpans);
    const customer = 'cus_acme';
    await bench.receive(aChat({ span: 2, parent: 1, customer }), aChat({ span: 3, parent: 1, customer }));
    expect(used(bench.store)).toEqual({ cus_acme: 2n * CREDITS });
    await bench.receive({ ...anAgent({ span: 1, customer, endMicros: NOON_MICROS }), status: 'error' });
    expect(used(bench.store)).toEqual({ cus_acme: 0n });
    const calls = bench.store.current.filter(({ usage }) => usage.billingRole === 'billed');
    expect(calls.map(({ rating: { cost, creditStatus } }) => [cost, creditStatus])).toEqual([
      [3_500_000_000_000n, 'not_charged:failed'],
      [3_500_000_000_000n, 'not_charged:failed'],
    ]);
  });

  it.each([
    ['in one trace', 1, {}],
    ['under one name in two traces', 2, { 'spanledger.action.id': 'act_1' }],
  ])(
    'gives back what its smaller form does not take when a later call says it was that: %s',
    async (_where, trace, given) => {
      const bench = aBench(openSpans);
      bench.book = { ...BOOK, rules: DEGRADING };
      const customer = 'cus_acme';
      const first = { span: 1, customer, endMicros: NOON_MICROS - 9 * SECOND_MICROS };
      await bench.receive(aChat({ ...first, attributes: given }));
      expect(used(bench.store)).toEqual({ cus_acme: 50_000_000n });
      const mark = { ...given, 'spanledger.action.degraded': 'true' };
      await bench.receive(aChat({ trace, span: 2, customer, attributes: mark }));
      expect(used(bench.store)).toEqual({ cus_acme: 5_000_000n });
      expect(
        bench.store.postings.flatMap(bookingsOf).map(({ from, to, amount }) => [from, to, amount]),
      ).toEqual([
        ['overdraft', 'used', 50_000_000n],
        ['used', 'overdraft', 45_000_000n],
      ]);
    },
  );

  it.each(['internal', 'test', 'demo', 'admin'])(
    'I17: has its cost and touches no account where its usage is of class %s',
    async (usageClass) => {
      const bench = aBench(openSpans);
      const attributes = { 'spanledger.usage.class': usageClass };
      await bench.receive(aChat({ span: 1, customer: 'cus_acme', attributes }));
      expect(bench.store.postings).toMatchObject([
        {
          rating: { cost: 3_500_000_000_000n, credits: 0n, creditStatus: 'not_charged:internal' },
          bookings: [],
        },
      ]);
      expect(bench.accounts.size).toBe(0);
    },
  );

  it('has its cost and burns nothing where only its cost was imported', async () => {
    const bench = aBench(openSpans);
    const attributes = { 'spanledger.import.mode': 'cost_only' };
    await bench.receive(aChat({ span: 1, customer: 'cus_acme', attributes }));
    expect(bench.store.postings).toMatchObject([
      { rating: { cost: 3_500_000_000_000n, creditStatus: 'not_charged:cost_only' }, bookings: [] },
    ]);
  });
});

describe('an action whose calls are in many traces', () => {
  /** A rule that rounds what the calls come to; and how often it was asked for. */
  function aCountedBook() {
    let asked = 0;
    const parsed = creditRules({ default: { tokens: { input: '0.5' }, increment: '1' } });
    if (parsed.kind === 'problems') throw new Error('the rules of the tests are wrong');
    const rules: CreditRules = {
      version: parsed.rules.version,
      ruleAt(feature, atMicros) {
        asked++;
        return parsed.rules.ruleAt(feature, atMicros);
      },
    };
    return {
      book: { ...BOOK, rules },
      takeAsked: () => {
        const before = asked;
        asked = 0;
        return before;
      },
    };
  }

  const attributes = { 'spanledger.action.id': 'crawl' };
  const customer = 'cus_acme';
  const chatOf = (trace: number) =>
    aChat({ trace, span: 1, customer, attributes, endMicros: NOON_MICROS - SECOND_MICROS + trace });

  it('is charged once for all of them that come together, and each bears its share', async () => {
    const bench = aBench();
    const { book, takeAsked } = aCountedBook();
    bench.book = book;
    const settled = await bench.receive(...Array.from({ length: 100 }, (_, call) => chatOf(call + 1)));
    expect(takeAsked()).toBe(1);
    expect(settled).toMatchObject({ posted: 100, corrected: 0 });
    // Half a credit each, rounded up once: every second call bears one.
    expect(bench.store.current.map(({ rating }) => Number(rating.credits) / 1_000_000)).toEqual(
      Array.from({ length: 100 }, (_, call) => (call + 1) % 2),
    );
    expect(used(bench.store)).toEqual({ cus_acme: 50_000_000n });
  });

  it('corrects no call before one that comes late, and each after it at most once', async () => {
    const bench = aBench();
    const { book, takeAsked } = aCountedBook();
    bench.book = book;
    const calls = Array.from({ length: 20 }, (_, call) => chatOf(10 * (call + 1)));
    await bench.receive(...calls);
    takeAsked();
    expect(await bench.receive(chatOf(201))).toMatchObject({ posted: 1, corrected: 0 });
    // What was rounded up on the one is now on the next, also where a trace is decided anew for another reason.
    expect(await bench.receive(chatOf(101), aSpan({ trace: 150, span: 2 }))).toMatchObject({
      posted: 1,
      corrected: 11,
    });
    expect(takeAsked(), 'once for each batch, and once more with the traces of the calls after it').toBe(3);
    expect(used(bench.store)).toEqual({ cus_acme: 11_000_000n });
  });
});

describe('a long call that two traces saw, one of them until half an hour after the other', () => {
  async function billed(openSpans: number): Promise<string[]> {
    const bench = aBench(openSpans);
    const startMicros = NOON_MICROS - 3600 * SECOND_MICROS;
    const call = { startMicros, responseId: 'chatcmpl-AbCdEf' };
    await bench.receive(
      aChat({
        ...call,
        trace: 2,
        span: 2,
        service: 'gateway',
        kind: 2,
        endMicros: NOON_MICROS - 1800 * SECOND_MICROS,
      }),
    );
    await bench.receive(aChat({ ...call, trace: 1, span: 1, endMicros: NOON_MICROS }));
    return Object.values(roles(bench.store)).filter((role) => role.startsWith('billed'));
  }

  it('is billed once while both are in memory', async () => {
    expect(await billed(EVERYTHING)).toHaveLength(1);
  });

  it('is billed once also when the first has left the memory', async () => {
    expect(await billed(0)).toHaveLength(1);
  });
});

describe('very many traces with one response id', () => {
  const ALL_BILLED = Array.from({ length: 20 }, () => 'billed');

  async function oneByOne(openSpans: number): Promise<string[]> {
    const bench = aBench(openSpans);
    const responseId = 'chatcmpl-constant';
    for (let trace = 1; trace <= 20; trace++) {
      await bench.receive(aChat({ trace, span: trace, service: `app-${trace}`, responseId }));
    }
    return Object.values(roles(bench.store));
  }

  it('are all billed in the end where they come one by one: the id says nothing', async () => {
    expect(await oneByOne(EVERYTHING)).toEqual(ALL_BILLED);
  });

  it('are all billed in the end also where each has left the memory before the next comes', async () => {
    expect(await oneByOne(0)).toEqual(ALL_BILLED);
  });

  it('are all billed where they come together', async () => {
    const bench = aBench();
    const chats = Array.from({ length: 40 }, (_, n) =>
      aChat({ trace: n + 1, span: n + 1, service: `app-${n}`, responseId: 'chatcmpl-constant' }),
    );
    await bench.receive(...chats);
    expect(Object.values(roles(bench.store))).toEqual(Array.from({ length: 40 }, () => 'billed'));
    expect(bench.store.postings).toHaveLength(40);
  });

  it('are one call up to sixteen of them', async () => {
    const bench = aBench();
    for (let trace = 1; trace <= 16; trace++)
      await bench.receive(
        aChat({ trace, span: trace, service: `app-${trace}`, responseId: 'chatcmpl-constant' }),
      );
    const billed = Object.values(roles(bench.store)).filter((role) => role === 'billed');
    expect(billed).toHaveLength(1);
  });
});

describe('a trace of very many spans', () => {
  const MANY = 12_000;
  const chats = Array.from({ length: MANY }, (_, n) =>
    aChat({
      span: n + 1,
      parent: MANY + 1,
      responseId: `chatcmpl-${n}-of-many`,
      startMicros: NOON_MICROS - (MANY - n) * SECOND_MICROS,
      endMicros: NOON_MICROS - (MANY - n - 1) * SECOND_MICROS,
    }),
  );

  it('has a record for each of them, though they came all at once', async () => {
    const bench = aBench();
    expect(await bench.receive(...chats)).toMatchObject({ posted: MANY });
    expect(bench.store.current).toHaveLength(MANY);
  });

  it('has a record for each of them where they came one after another, each posted once', async () => {
    const bench = aBench();
    let posted = 0;
    for (let from = 0; from < MANY; from += 3000)
      posted += (await bench.receive(...chats.slice(from, from + 3000))).posted;
    expect(posted).toBe(MANY);
    expect(bench.store.postings).toHaveLength(MANY);
  });

  it('decides the newest ten thousand again when it grows, and half a minute later the others', async () => {
    const bench = aBench();
    for (let from = 0; from < MANY; from += 6000) await bench.receive(...chats.slice(from, from + 6000));
    const settled = await bench.receive(
      aSpan({ span: MANY + 1, customer: 'cus_acme', startMicros: 0, endMicros: NOON_MICROS }),
    );
    // Itself is one of the ten thousand.
    expect(settled).toMatchObject({ posted: 0, corrected: 9999 });
    // A copy meanwhile changes nothing about that.
    await bench.receiveAt(NOON + 20_000, chats[0] ?? aSpan({ span: 1 }));
    expect(await bench.receiveAt(NOON + 29_999)).toMatchObject({ corrected: 0 });
    expect(await bench.receiveAt(NOON + 30_000, chats[0] ?? aSpan({ span: 1 }))).toMatchObject({
      corrected: MANY - 9999,
    });
    expect(bench.store.current).toHaveLength(MANY);
    expect(await bench.receiveAt(NOON + 90_000)).toMatchObject({ corrected: 0 });
  });
});

describe('a span on which the core breaks', () => {
  it('is set aside where it cannot be rated, and the others of its trace are posted', async () => {
    const bench = aBench();
    const settled = await bench.receive(
      aChat({ span: 1 }),
      aChat({ span: 2, model: 'cursed', input: 10 }),
      aChat({ span: 3, input: 20 }),
      aChat({ trace: 2, span: 4 }),
    );
    expect(settled).toEqual({ posted: 3, corrected: 0, duplicates: 0, conflicts: 0 });
    expect(Object.keys(roles(bench.store)).sort()).toEqual(['1/1', '1/3', '2/4']);
    expect(bench.store.quarantined).toEqual([
      {
        tenant: 'default',
        receivedAtMillis: NOON,
        traceId: hex(1, 32),
        spanId: hex(2, 16),
        reason: 'assertion_failed',
        content: JSON.stringify({ name: 'span 2', error: 'Error: impossible' }),
      },
    ]);
    expect(bench.troubles).toMatchObject([{ spanId: hex(2, 16), cause: { message: 'impossible' } }]);
  });

  it('is set aside once, however often its trace grows', async () => {
    const bench = aBench();
    await bench.receive(aChat({ span: 1, model: 'cursed' }));
    await bench.receive(aChat({ span: 2 }));
    await bench.receive(aChat({ span: 3 }));
    expect(bench.store.quarantined).toHaveLength(1);
  });

  it('takes along what is decided together with it, not other traces, and is tried again when the trace grows', async () => {
    const bench = aBench();
    let isBroken = true;
    bench.attribution = {
      ...NO_ATTRIBUTION_SETTINGS,
      usageClassRules: [
        {
          name: 'broken',
          usageClass: 'internal',
          get service(): string {
            if (isBroken) throw new Error('impossible');
            return 'nobody';
          },
        },
      ],
    };
    const settled = await bench.receive(
      aSpan({ span: 1 }),
      aChat({ span: 2, parent: 1 }),
      aSpan({ trace: 2, span: 3 }),
    );
    expect(settled).toMatchObject({ posted: 0 });
    expect(bench.store.quarantined).toMatchObject([{ spanId: hex(2, 16), reason: 'assertion_failed' }]);
    isBroken = false;
    expect(await bench.receive(aChat({ span: 4, parent: 1, input: 600 }))).toMatchObject({ posted: 2 });
    expect(roles(bench.store)).toEqual({ '1/2': 'billed', '1/4': 'billed' });
  });
});

describe('spans of a ledger of the first schema', () => {
  it('count as copies when they are sent again, and their trace can grow', async () => {
    const { store } = await aStore({ path: await anOldLedger(), create: false });
    const bench = new Bench(store, EVERYTHING);
    const again = [1, 2].map((n) =>
      aChat({ trace: n, span: n, customer: 'cus_acme', endMicros: NOON_MICROS }),
    );
    expect(await bench.receive(...again)).toEqual({ posted: 0, corrected: 0, duplicates: 2, conflicts: 0 });
    const more = aChat({ trace: 2, span: 22, customer: 'cus_acme' });
    expect(await bench.receive(...again, more)).toEqual({
      posted: 1,
      corrected: 0,
      duplicates: 2,
      conflicts: 0,
    });
    expect(
      await readOne(
        store.instance,
        'SELECT count(*)::INTEGER AS records, count(DISTINCT usage_id)::INTEGER AS spans, max(revision)::INTEGER AS revision FROM usage',
      ),
    ).toEqual({ records: 3, spans: 3, revision: 1 });
  });
});
