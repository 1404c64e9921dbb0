import {
  ATTRIBUTES_READ,
  type Book,
  creditRules,
  decide,
  linkedGroups,
  NO_PLANS,
  observe,
  type UsageRecord,
} from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AccountKey } from '../../collector/src/ledger/account-store.ts';
import { Accounts } from '../../collector/src/ledger/accounts.ts';
import type { Ledger } from '../../collector/src/ledger/ledger.ts';
import type { LedgerStore } from '../../collector/src/ledger/store.ts';
import { MemoryJournal, NOON } from '../../collector/src/ledger/testing/journal.ts';
import { GPT_4O } from '../../collector/src/ledger/testing/rate-card.ts';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../../collector/src/otlp/index.ts';
import {
  aRequest,
  aRequestSpan,
  attributes,
  encodeTraces,
  type RequestSpan,
} from '../../collector/src/otlp/testing/bodies.ts';
import { MemoryStore } from '../../collector/src/store/memory.ts';
import { afterCrash, aStore, type OpenStore, read } from '../../collector/src/store/testing/stores.ts';
import { creditsOf, type ExpectedCharge, expectedCharges, expectedUse } from '../expected-charges.ts';
import { aLedgerOver } from '../schedule.ts';

/**
 * Actions of every kind: of one trace and of several, under a name and without, degraded and not, with failures, with calls whose trace
 * learns late who pays, and with usage that nobody pays. They are sent in any order and any batches to ledgers with any
 * memory that stop and crash, and each must be charged as if all of it had come at once.
 */

const BOOK: Book = {
  catalogue: {
    find: ({ model }) =>
      model === 'mystery'
        ? { kind: 'unpriced', reason: 'unknown_model', detail: null }
        : { kind: 'found', card: GPT_4O, matchKind: 'exact', region: null },
  },
  rules: rules(),
};

/** Rules by which no call can be charged without knowing the others of its action. */
function rules() {
  const parsed = creditRules({
    default: {
      cost_plus: { target_margin: '0.5', credit_value_usd: '0.0001' },
      minimum: '55',
      complexity: [{ calls: '2', factor: '1.5' }],
      increment: '10',
    },
    features: {
      search: { fixed: { credits: '30' }, degraded: { fixed: { credits: '3' } } },
      chat: { tokens: { input: '3', output: '7' }, increment: '2', cap: '17' },
    },
  });
  if (parsed.kind === 'problems') throw new Error(JSON.stringify(parsed.problems));
  return parsed.rules;
}

interface Call {
  readonly trace: number;
  readonly isBelowAgent: boolean;
  readonly customer: string | null;
  readonly feature: string | null;
  readonly action: string | null;
  /** Seldom, because one call of an action is enough. */
  readonly isDegraded: boolean;
  readonly usageClass: string | null;
  readonly isCostOnly: boolean;
  readonly isFailed: boolean;
  readonly model: string;
  readonly input: number;
  readonly second: number;
}

const call = fc.record<Call>({
  trace: fc.integer({ min: 1, max: 4 }),
  isBelowAgent: fc.boolean(),
  customer: fc.constantFrom('cus_acme', 'cus_acme', 'cus_globex', null),
  feature: fc.constantFrom(null, 'chat', 'search'),
  action: fc.constantFrom(null, null, 'act_1', 'act_2'),
  isDegraded: fc.constantFrom(false, false, false, false, false, true),
  usageClass: fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(null, 'trial') },
    { weight: 1, arbitrary: fc.constantFrom('internal', 'test', 'demo', 'admin') },
  ),
  isCostOnly: fc.oneof(
    { weight: 15, arbitrary: fc.constant(false) },
    { weight: 1, arbitrary: fc.constant(true) },
  ),
  isFailed: fc.constantFrom(false, false, false, true),
  model: fc.constantFrom('gpt-4o', 'gpt-4o', 'gpt-4o', 'mystery'),
  input: fc.integer({ min: 1, max: 5000 }),
  // Few, so that some calls of an action end at the same time.
  second: fc.integer({ min: 1, max: 20 }),
});

/** The agent of a trace ends after its calls, and says for those that do not whom they are for. */
interface Agent {
  readonly customer: string;
  readonly isFailed: boolean;
}

const agent = fc.option(
  fc.record<Agent>({
    customer: fc.constantFrom('cus_acme', 'cus_globex'),
    isFailed: fc.constantFrom(false, true),
  }),
);

const day = fc.record({
  calls: fc.array(call, { minLength: 4, maxLength: 16, size: 'max' }),
  agents: fc.tuple(agent, agent, agent, agent),
  /** By which the order of arrival is drawn. */
  order: fc.infiniteStream(fc.nat()),
  bodySpans: fc.integer({ min: 1, max: 3 }),
  commitRows: fc.integer({ min: 1, max: 4 }),
  settleSpans: fc.integer({ min: 1, max: 3 }),
  openSpans: fc.constantFrom(0, 1, 300_000),
  openAccounts: fc.constantFrom(0, 1, 20_000),
  ends: fc.array(fc.record({ upTo: fc.nat({ max: 20 }), isCrash: fc.boolean() }), { maxLength: 3 }),
});

type Day = typeof day extends fc.Arbitrary<infer Value> ? Value : never;

const NO_TRACE = '0'.repeat(16);
const AGENT_SPAN = 900;

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

function present(given: Readonly<Record<string, string | number | null>>) {
  return attributes(
    Object.fromEntries(
      Object.entries(given).flatMap(([key, value]) => (value === null ? [] : [[key, value]])),
    ),
  );
}

function spansOf({ calls, agents }: Day): readonly RequestSpan[] {
  const sent = calls.map((each, index) => {
    const end = NOON - 60_000 + each.second * 1000;
    return aRequestSpan({
      traceId: hex(each.trace, 32),
      spanId: hex(index + 1, 16),
      parentSpanId: each.isBelowAgent && agents[each.trace - 1] !== null ? hex(AGENT_SPAN, 16) : NO_TRACE,
      startTimeUnixNano: `${end - 500}000000`,
      endTimeUnixNano: `${end}000000`,
      status: { code: each.isFailed ? 2 : 1 },
      attributes: present({
        'gen_ai.operation.name': 'chat',
        'gen_ai.provider.name': 'openai',
        'gen_ai.request.model': each.model,
        'gen_ai.response.id': `chatcmpl-${index + 1}-of-the-day`,
        'gen_ai.usage.input_tokens': each.input,
        'gen_ai.usage.output_tokens': 100,
        'spanledger.customer.id': each.customer,
        'spanledger.feature.name': each.feature,
        'spanledger.action.id': each.action,
        'spanledger.action.degraded': each.isDegraded ? 'true' : null,
        'spanledger.usage.class': each.usageClass,
        'spanledger.import.mode': each.isCostOnly ? 'cost_only' : null,
      }),
    });
  });
  const around = agents.flatMap((each, index) =>
    each === null
      ? []
      : aRequestSpan({
          traceId: hex(index + 1, 32),
          spanId: hex(AGENT_SPAN, 16),
          parentSpanId: NO_TRACE,
          startTimeUnixNano: `${NOON - 61_000}000000`,
          endTimeUnixNano: `${NOON - 30_000}000000`,
          status: { code: each.isFailed ? 2 : 1 },
          attributes: present({
            'gen_ai.operation.name': 'invoke_agent',
            'spanledger.customer.id': each.customer,
          }),
        }),
  );
  return [...sent, ...around];
}

/** All spans in some order, some of them twice. */
function journalOf(given: Day): MemoryJournal {
  const draw = (below: number) => (given.order.next().value ?? 0) % below;
  const spans = spansOf(given);
  const waiting = [...spans, ...spans.filter(() => draw(4) === 0)];
  const journal = new MemoryJournal();
  while (waiting.length > 0) {
    const body: RequestSpan[] = [];
    for (let left = given.bodySpans; left > 0 && waiting.length > 0; left--) {
      body.push(...waiting.splice(draw(waiting.length), 1));
    }
    journal.addRequest(aRequest(body));
  }
  return journal;
}

const wanted = new WantedAttributes(ATTRIBUTES_READ);
const AN_HOUR_LATER = NOON + 3_600_000;

/** What must be in the ledger: everything decided together, long after. */
function expectedOf(given: Day): readonly ExpectedCharge[] {
  const { spans } = readTraces(encodeTraces(aRequest(spansOf(given))), 'protobuf', wanted, SCAN_LIMITS);
  const observations = spans.flatMap((span) => observe(span) ?? []);
  const settled = { nowMicros: AN_HOUR_LATER * 1000, graceMicros: 60_000_000 };
  const records = linkedGroups(observations).flatMap((group) => decide(group, settled));
  return expectedCharges(
    records.map(({ usage }) => usage),
    BOOK,
  );
}

class PowerCut extends Error {}

/** Ends with its process at some commit. */
class FragileStore extends MemoryStore {
  commitsLeft = Number.POSITIVE_INFINITY;

  override async commit(...batch: Parameters<MemoryStore['commit']>): Promise<void> {
    if (this.commitsLeft-- <= 0) throw new PowerCut();
    await super.commit(...batch);
  }
}

/** One process: it follows the journal up to a body, and ends. */
async function follow(
  given: Day,
  journal: MemoryJournal,
  store: LedgerStore,
  upTo: number,
  nowMillis: number,
): Promise<Ledger> {
  const { commitRows, settleSpans, openSpans, openAccounts } = given;
  const ledger = aLedgerOver(
    { journal, store, nowMillis, commitRows, settleSpans, openSpans, openAccounts },
    { book: BOOK, bookVersion: 'book-1' },
  );
  ledger.advance(journal.endOf(Math.min(upTo, journal.items.length - 1)));
  ledger.drain();
  await ledger.run();
  return ledger;
}

function nameOf({ traceId, spanId }: Pick<UsageRecord, 'traceId' | 'spanId'>): string {
  return `${Number.parseInt(traceId, 16)}/${Number.parseInt(spanId, 16)}`;
}

/** What is said of each call, with whoever pays its share. */
function dueOf(charges: readonly ExpectedCharge[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    charges.map(({ usage, rating, charge, payer }) => [
      nameOf(usage),
      {
        cost: rating.kind === 'priced' ? rating.cost : null,
        credits: creditsOf(charge),
        booked: payer === null || (creditsOf(charge) ?? 0n) === 0n ? {} : { [payer]: creditsOf(charge) },
      },
    ]),
  );
}

function saidIn(store: MemoryStore): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    store.current.map(({ usage, rating: { cost, credits } }) => {
      const booked: Record<string, bigint> = {};
      for (const posting of store.postings.filter((each) => nameOf(each.usage) === nameOf(usage))) {
        for (const { customer, movement } of posting.bookings) {
          const { to, amount } = movement;
          booked[customer] = (booked[customer] ?? 0n) + (to === 'used' ? amount : -amount);
        }
      }
      const left = Object.fromEntries(Object.entries(booked).filter(([, amount]) => amount !== 0n));
      return [nameOf(usage), { cost, credits, booked: left }];
    }),
  );
}

/** The balances of all accounts, as whoever asks for them gets them. */
async function balancesOf(accounts: Accounts): Promise<Readonly<Record<string, unknown>>> {
  const balances: [string, unknown][] = [];
  for (const key of accounts.keys()) {
    const account = await accounts.look(key, AN_HOUR_LATER * 1000);
    balances.push([key.customer, account?.balance(AN_HOUR_LATER * 1000)]);
  }
  return Object.fromEntries(balances.sort(([one], [other]) => (one < other ? -1 : 1)));
}

async function reopened(store: LedgerStore): Promise<Readonly<Record<string, unknown>>> {
  const accounts = new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
  await accounts.load();
  return await balancesOf(accounts);
}

async function usedBy(accounts: Accounts, key: AccountKey): Promise<bigint> {
  return (await accounts.look(key, AN_HOUR_LATER * 1000))?.balance(AN_HOUR_LATER * 1000).total.used ?? 0n;
}

describe('actions, in whatever order, batches and repetitions their calls come, to whatever ledger', () => {
  it('I6: are charged once, each call its share, in memory', async () => {
    const reached = { corrected: 0, crashes: 0, across: 0, givenBack: 0, pending: 0, unpaid: 0 };
    await fc.assert(
      fc.asyncProperty(day, async (given) => {
        const journal = journalOf(given);
        const store = new FragileStore();
        for (const { upTo, isCrash } of given.ends.toSorted((one, other) => one.upTo - other.upTo)) {
          store.commitsLeft = isCrash ? 1 + (upTo % 4) : Number.POSITIVE_INFINITY;
          await follow(given, journal, store, upTo, NOON).catch((error: unknown) => {
            if (!(error instanceof PowerCut)) throw error;
            reached.crashes++;
          });
          store.crash();
        }
        store.commitsLeft = Number.POSITIVE_INFINITY;
        await follow(given, journal, store, journal.items.length, NOON);
        const { accounts } = await follow(given, journal, store, journal.items.length, AN_HOUR_LATER);

        const charges = expectedOf(given);
        expect(saidIn(store)).toEqual(dueOf(charges));
        for (const [customer, amount] of expectedUse(charges)) {
          expect(await usedBy(accounts, { tenant: 'default', customer })).toBe(amount);
        }
        expect(await reopened(store), 'I7: what a new process opens').toEqual(await balancesOf(accounts));

        reached.corrected += store.counts.reduce((sum, { corrected }) => sum + corrected, 0);
        const movements = store.postings.flatMap(({ bookings }) => bookings);
        reached.givenBack += movements.filter(({ movement }) => movement.isCorrection).length;
        reached.pending += charges.filter(({ charge }) => charge.kind === 'pending').length;
        reached.unpaid += charges.filter(({ payer }) => payer === null).length;
        const named = charges.filter(({ usage }) => usage.actionId.startsWith('act_'));
        for (const action of ['act_1', 'act_2']) {
          const traces = named.filter(({ usage }) => usage.actionId === action);
          if (new Set(traces.map(({ usage }) => usage.traceId)).size > 1) reached.across++;
        }
      }),
      { numRuns: 150 },
    );
    // The days were bad enough to mean something.
    expect(Math.min(...Object.values(reached)), JSON.stringify(reached)).toBeGreaterThan(10);
  });

  it('I6: are charged once in DuckDB, and I5: all sums say the same', async () => {
    await fc.assert(
      fc.asyncProperty(day, async (given) => {
        const journal = journalOf(given);
        let open: OpenStore = await aStore();
        for (const { upTo, isCrash } of given.ends.toSorted((one, other) => one.upTo - other.upTo)) {
          await follow(given, journal, open.store, upTo, NOON);
          const path = isCrash ? await afterCrash(open.path) : open.path;
          await open.close();
          open = await aStore({ path, create: false });
        }
        await follow(given, journal, open.store, journal.items.length, NOON);
        const { accounts } = await follow(given, journal, open.store, journal.items.length, AN_HOUR_LATER);

        const charges = expectedOf(given);
        const { instance } = open.store;
        const shares = await read(
          instance,
          `SELECT trace_id, span_id, (credits * 1000000)::BIGINT AS micro FROM usage ORDER BY usage_id`,
        );
        const expected = charges.map(({ usage: { traceId, spanId }, charge }) => {
          const credits = creditsOf(charge);
          return { trace_id: traceId, span_id: spanId, micro: credits === null ? null : String(credits) };
        });
        expect(shares).toEqual(
          expected.toSorted((one, other) =>
            one.trace_id + one.span_id < other.trace_id + other.span_id ? -1 : 1,
          ),
        );
        const total = String([...expectedUse(charges).values()].reduce((sum, amount) => sum + amount, 0n));
        const micro = (sum: string) => `coalesce(${sum} * 1000000, 0)::HUGEINT::VARCHAR AS micro`;
        for (const sql of [
          `SELECT ${micro('sum(credits)')} FROM credit_ledger WHERE account = 'used'`,
          `SELECT ${micro('sum(used_credits)')} FROM credit_balances`,
          `SELECT ${micro('sum(used_credits)')} FROM statements`,
          `SELECT ${micro('sum(credits)')} FROM usage`,
          `SELECT ${micro('sum(credits)')} FROM usage_hourly`,
          `SELECT ${micro('sum(credits)')} FROM actions`,
        ]) {
          expect(await read(instance, sql), sql).toEqual([{ micro: total }]);
        }
        expect(await reopened(open.store), 'I7: what a new process opens').toEqual(
          await balancesOf(accounts),
        );
        await open.close();
      }),
      { numRuns: 4 },
    );
  });
});
