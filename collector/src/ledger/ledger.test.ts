import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  ATTRIBUTES_READ,
  type Book,
  type CreditRules,
  creditRules,
  DEFAULT_OBSERVE_SETTINGS,
  decideRelease,
  decideTopUp,
  LOG_ATTRIBUTES_READ,
  type Movement,
  NO_ATTRIBUTION_SETTINGS,
  NO_PLANS,
} from '@spanledger/metering';
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { JOURNAL_DEFAULTS, JOURNAL_START, JournalReader, JournalWriter } from '../journal/index.ts';
import { SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import {
  aRequest,
  aRequestSpan,
  attributes,
  encodeTraces,
  type RequestSpan,
} from '../otlp/testing/bodies.ts';
import { MemoryStore } from '../store/memory.ts';
import { aStore, read } from '../store/testing/stores.ts';
import type { Command } from './commands.ts';
import {
  type Committed,
  LEDGER_LIMITS,
  Ledger,
  type LedgerLimits,
  type LedgerParts,
  type Trouble,
} from './ledger.ts';
import { MemoryCommandJournal } from './memory-command-journal.ts';
import type { BatchCounts, LedgerStore, Posting } from './store.ts';
import { ITEM_BYTES, MemoryJournal, NOON } from './testing/journal.ts';
import { GPT_4O } from './testing/rate-card.ts';

const BOOK: Book = {
  catalogue: { find: () => ({ kind: 'found', card: GPT_4O, matchKind: 'exact', region: null }) },
  rules: rules(),
};

function rules(): CreditRules {
  const parsed = creditRules({ default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' } } });
  if (parsed.kind === 'problems') throw new Error('the rules of the tests are wrong');
  return parsed.rules;
}

const LIMITS: LedgerLimits = { ...LEDGER_LIMITS, maxInflatedBytes: 2 ** 20, scan: SCAN_LIMITS };

/** A chat of customer `cus_acme`, one millisecond before it is received; the number tells its ids. */
function aChat(
  number: number,
  changes: { customer?: string; input?: number; end?: number } & RequestSpan = {},
) {
  const { customer = 'cus_acme', input = 1000, end = NOON - 1, ...span } = changes;
  return aRequestSpan({
    traceId: hex(number, 32),
    spanId: hex(number, 16),
    startTimeUnixNano: `${end - 500}000000`,
    endTimeUnixNano: `${end}000000`,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': input,
      'gen_ai.usage.output_tokens': 100,
      'spanledger.customer.id': customer,
    }),
    ...span,
  });
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, '0');
}

interface ARun {
  readonly ledger: Ledger;
  readonly committed: Committed[];
  readonly troubles: Trouble[];
}

function aLedger(parts: Partial<LedgerParts> & Pick<LedgerParts, 'journal' | 'store'>): ARun {
  const committed: Committed[] = [];
  const troubles: Trouble[] = [];
  const ledger = new Ledger({
    book: BOOK,
    bookVersion: 'book-1',
    pastRules: new Map(),
    plans: NO_PLANS,
    commands: new MemoryCommandJournal(),
    newId: randomUUID,
    onRerated: () => {},
    wanted: new WantedAttributes(ATTRIBUTES_READ),
    wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
    observing: DEFAULT_OBSERVE_SETTINGS,
    attribution: NO_ATTRIBUTION_SETTINGS,
    limits: LIMITS,
    nowMillis: () => NOON,
    onCommit: (commit) => committed.push(commit),
    onAlerts: () => {},
    onTrouble: (trouble) => troubles.push(trouble),
    ...parts,
  });
  return { ledger, committed, troubles };
}

/** Follows the journal to its end, or to another place, and drains. */
async function follow(
  journal: MemoryJournal,
  store: LedgerStore,
  { to = journal.end, ...parts }: Partial<LedgerParts> & { to?: MemoryJournal['end'] } = {},
): Promise<ARun> {
  const run = aLedger({ journal, store, ...parts });
  run.ledger.advance(to);
  run.ledger.drain();
  await run.ledger.run();
  return run;
}

const ACME = { tenant: 'default', customer: 'cus_acme' } as const;
const BY_HAND = { actor: 'ops@example.com', reason: 'sold' };

const A_COMMAND = {
  ...ACME,
  key: null,
  fingerprint: 'the request',
  actor: BY_HAND.actor,
  answer: () => ({ status: 201, body: null }),
};

const aTopUp: Command = {
  ...A_COMMAND,
  decide: (_account, id, nowMicros) =>
    decideTopUp({ ...BY_HAND, id, amount: 1n, paidUsd: 0n, expiresMicros: null, priority: null }, nowMicros),
};

const aReleaseOfNothing: Command = {
  ...A_COMMAND,
  decide: (account, id, nowMicros) => decideRelease(account, { ...BY_HAND, id, hold: 'never' }, nowMicros),
};

function spanIds(postings: readonly Posting[]): string[] {
  return postings.map(({ usage }) => usage.spanId);
}

describe('the ledger', () => {
  it('posts what is in the journal, in its order, with what it cost and burned', async () => {
    const journal = new MemoryJournal()
      .addRequest(aRequest([aChat(3), aChat(1)]), { tenant: 'acme', receivedAtMillis: NOON + 5 })
      .addRequest(aRequest([aChat(2)]));
    const store = new MemoryStore();
    await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(3, 16), hex(1, 16), hex(2, 16)]);
    expect(store.postings[0]).toMatchObject({
      tenant: 'acme',
      receivedAtMillis: NOON + 5,
      usage: { customer: 'cus_acme', service: 'support-api' },
      // 1000 × 2.5 + 100 × 10 USD per million = 0.0035 USD; at half margin and a cent a credit 0.7, so 1 credit.
      rating: {
        cost: 3_500_000_000_000n,
        credits: 1_000_000n,
        bookVersion: 'book-1',
        rulesVersion: BOOK.rules.version,
      },
      bookings: [{ customer: 'cus_acme', movement: { to: 'used', amount: 1_000_000n } }],
    });
  });

  it('commits the position with what was posted up to it', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1)])).addRequest(aRequest([aChat(2)]));
    const store = new MemoryStore();
    const { committed } = await follow(journal, store);
    expect(store.position).toEqual(journal.end);
    expect(committed).toEqual([
      {
        position: journal.end,
        bodies: 2,
        spans: 2,
        posted: 2,
        corrected: 0,
        duplicates: 0,
        conflicts: 0,
        durationMs: 0,
      },
    ]);
  });

  it('never reads past what is durable', async () => {
    const journal = new MemoryJournal();
    for (let n = 1; n <= 5; n++) journal.addRequest(aRequest([aChat(n)]));
    const store = new MemoryStore();
    await follow(journal, store, { to: journal.endOf(2) });
    expect(spanIds(store.postings)).toEqual([1, 2, 3].map((n) => hex(n, 16)));
    expect(store.position).toEqual(journal.endOf(2));
    expect(journal.limits.length).toBeGreaterThan(0);
    for (const limit of journal.limits) expect(limit).toEqual(journal.endOf(2));
  });

  it('reads nothing before it is told that something is durable, and does not go back', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1)]));
    const store = new MemoryStore();
    const { ledger } = aLedger({ journal, store });
    const ended = ledger.run();
    await turns();
    expect(store.postings).toEqual([]);
    ledger.advance(journal.end);
    ledger.advance({ segment: 1, offset: 0 });
    ledger.drain();
    await ended;
    expect(store.position).toEqual(journal.end);
    expect(store.postings).toHaveLength(1);
  });

  it('stays at the start of an empty journal, and ends', async () => {
    const store = new MemoryStore();
    await follow(new MemoryJournal(), store, { to: JOURNAL_START });
    expect(store.postings).toEqual([]);
    expect(store.position ?? JOURNAL_START).toEqual(JOURNAL_START);
  });

  it('posts everything on the way out, however much there is', async () => {
    const journal = new MemoryJournal();
    for (let n = 1; n <= 200; n++) journal.addRequest(aRequest([aChat(n)]));
    const store = new MemoryStore();
    await follow(journal, store, { limits: { ...LIMITS, readBytes: 7 * ITEM_BYTES } });
    expect(store.postings).toHaveLength(200);
    expect(store.position).toEqual(journal.end);
  });

  it('ends with the error when the store fails, and has not moved on', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1)]));
    const memory = new MemoryStore();
    const run = follow(journal, failingAt(1, memory));
    await expect(run).rejects.toThrow('the disk is gone');
    expect(memory.position).toBeNull();
    expect(memory.postings).toEqual([]);
  });
});

/** Some turns of the event loop: whatever would be done wrongly has its chance to be. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** A store in memory whose n-th commit fails: the batch is lost, as by a crash. */
function failingAt(nth: number, store: MemoryStore): LedgerStore {
  let commits = 0;
  return new Proxy<LedgerStore>(store, {
    get(target, property) {
      if (property !== 'commit') {
        const value: unknown = Reflect.get(target, property, target);
        return typeof value === 'function' ? value.bind(target) : value;
      }
      return async (...args: Parameters<LedgerStore['commit']>) => {
        if (++commits !== nth) return store.commit(...args);
        store.crash();
        throw new Error('the disk is gone');
      };
    },
  });
}

describe('what cannot be posted', () => {
  it('is damage where the journal is damaged, and what follows is posted', async () => {
    const journal = new MemoryJournal()
      .addRequest(aRequest([aChat(1)]))
      .addDamage('The checksum does not match.')
      .addRequest(aRequest([aChat(2)]));
    const store = new MemoryStore();
    const { troubles, committed } = await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(1, 16), hex(2, 16)]);
    expect(store.damages).toEqual([
      { position: journal.endOf(0), bytes: ITEM_BYTES, reason: 'The checksum does not match.' },
    ]);
    expect(troubles).toEqual([
      { kind: 'journal_damage', detail: '100 bytes of segment 1 at 100: The checksum does not match.' },
    ]);
    expect(committed).toMatchObject([{ bodies: 2, spans: 2 }]);
  });

  it('is damage where a body does not decode, and what follows is posted', async () => {
    const journal = new MemoryJournal()
      .add({ body: Buffer.from('not protobuf') })
      .addRequest(aRequest([aChat(2)]));
    const store = new MemoryStore();
    const { troubles } = await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(2, 16)]);
    expect(store.damages).toEqual([
      {
        position: { segment: 1, offset: 0 },
        bytes: 12,
        reason: expect.stringContaining('the body does not decode'),
      },
    ]);
    expect(troubles).toMatchObject([
      { kind: 'undecodable_body', detail: 'segment 1 at 0', cause: { code: 'SL_OTLP_MALFORMED' } },
    ]);
  });

  it('is damage where a body inflates past the bound', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1)]));
    const store = new MemoryStore();
    const { troubles } = await follow(journal, store, { limits: { ...LIMITS, maxInflatedBytes: 10 } });
    expect(store.postings).toEqual([]);
    expect(store.damages).toHaveLength(1);
    expect(troubles).toMatchObject([{ kind: 'undecodable_body', cause: { code: 'SL_OTLP_TOO_LARGE' } }]);
  });

  it('is rejected where a span is malformed, and its neighbours are posted', async () => {
    const journal = new MemoryJournal().addRequest(
      aRequest([aChat(1), aChat(2, { spanId: hex(0, 16) }), aChat(3)]),
      { tenant: 'acme' },
    );
    const store = new MemoryStore();
    await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(1, 16), hex(3, 16)]);
    expect(store.rejections).toMatchObject([
      { tenant: 'acme', receivedAtMillis: NOON, span: { reason: 'span_id_invalid', traceId: hex(2, 32) } },
    ]);
  });

  it('is quarantined where the core breaks, with the error, and its neighbours are posted', async () => {
    const broken: Book = {
      ...BOOK,
      catalogue: {
        find({ model, ...query }) {
          if (model === 'cursed') throw new Error('impossible');
          return BOOK.catalogue.find({ model, ...query });
        },
      },
    };
    const cursed = attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.request.model': 'cursed',
      'gen_ai.usage.input_tokens': 1,
      'gen_ai.usage.output_tokens': 1,
    });
    const journal = new MemoryJournal().addRequest(
      aRequest([aChat(1), aChat(2, { attributes: cursed }), aChat(3)]),
    );
    const store = new MemoryStore();
    const { troubles } = await follow(journal, store, { book: broken });
    expect(spanIds(store.postings)).toEqual([hex(1, 16), hex(3, 16)]);
    expect(store.quarantined).toEqual([
      {
        tenant: 'default',
        receivedAtMillis: NOON,
        traceId: hex(2, 32),
        spanId: hex(2, 16),
        reason: 'assertion_failed',
        content: JSON.stringify({ name: 'chat gpt-4o', error: 'Error: impossible' }),
      },
    ]);
    expect(troubles).toMatchObject([
      {
        kind: 'assertion_failed',
        detail: `span ${hex(2, 32)}/${hex(2, 16)}`,
        cause: { message: 'impossible' },
      },
    ]);
  });

  it('is quarantined where a call ended in 1970: milliseconds stand where nanoseconds belong', async () => {
    const tenYears = 10 * 366 * 24 * 3_600_000;
    const journal = new MemoryJournal().addRequest(
      aRequest([aChat(1, { end: NOON - tenYears }), aChat(2, { end: Math.floor(NOON / 1_000_000) })]),
    );
    const store = new MemoryStore();
    await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(1, 16)]);
    expect(store.quarantined).toMatchObject([{ spanId: hex(2, 16), reason: 'event_long_ago' }]);
  });

  it('is quarantined where a call ended more than five minutes after it was received', async () => {
    const fiveMinutes = 5 * 60_000;
    const journal = new MemoryJournal().addRequest(
      aRequest([aChat(1, { end: NOON + fiveMinutes }), aChat(2, { end: NOON + fiveMinutes + 1 })]),
    );
    const store = new MemoryStore();
    await follow(journal, store);
    expect(spanIds(store.postings)).toEqual([hex(1, 16)]);
    expect(store.quarantined).toMatchObject([{ spanId: hex(2, 16), reason: 'event_in_future' }]);
    expect(JSON.parse(store.quarantined[0]?.content ?? '')).toMatchObject({
      labels: { customer: { value: 'cus_acme' } },
      endTimeMicros: (NOON + fiveMinutes + 1) * 1000,
    });
  });

  it('is only counted where a span is no model call, now or in the future', async () => {
    const other = { attributes: attributes({ 'http.request.method': 'GET' }) };
    const journal = new MemoryJournal().addRequest(
      aRequest([aChat(1), aChat(2, other), aChat(3, { ...other, end: NOON + 86_400_000 })]),
    );
    const store = new MemoryStore();
    await follow(journal, store);
    expect(store.postings).toHaveLength(1);
    expect(store.quarantined).toEqual([]);
    expect(store.counts).toMatchObject([{ bodies: 1, spans: 3, notModelCalls: 2, posted: 1 }]);
  });
});

describe('commits', () => {
  interface Batch {
    readonly atMillis: number;
    readonly items: number;
    readonly counts: BatchCounts;
  }

  /** When each commit was made, by the clock of the test, and up to which item. */
  function recording(batches: Batch[]): MemoryStore {
    return new (class extends MemoryStore {
      override commit(position: MemoryJournal['end'], counts: BatchCounts, atMillis: number) {
        batches.push({ atMillis, items: position.offset / ITEM_BYTES, counts });
        return super.commit(position, counts, atMillis);
      }
    })();
  }

  it('come after so many rows while there is more to read', async () => {
    const journal = new MemoryJournal();
    for (let n = 1; n <= 10; n++) journal.addRequest(aRequest([aChat(2 * n), aChat(2 * n + 1)]));
    const batches: Batch[] = [];
    const limits = { ...LIMITS, commitRows: 6, readBytes: ITEM_BYTES };
    await follow(journal, recording(batches), { limits, nowMillis: () => 0 });
    expect(batches.map(({ items }) => items)).toEqual([3, 6, 9, 10]);
    expect(batches.map(({ counts }) => counts.spans)).toEqual([6, 6, 6, 2]);
  });

  it('come after so much time while there is more to read', async () => {
    const journal = new MemoryJournal();
    for (let n = 1; n <= 10; n++) journal.addRequest(aRequest([aChat(n)]));
    const batches: Batch[] = [];
    let now = 0;
    journal.onRead = () => {
      now += 400;
    };
    await follow(journal, recording(batches), {
      limits: { ...LIMITS, commitEveryMs: 1000, readBytes: ITEM_BYTES },
      nowMillis: () => now,
    });
    expect(batches.map(({ items, atMillis }) => [items, atMillis])).toEqual([
      [3, 1200],
      [6, 2400],
      [9, 3600],
      [10, 4000],
    ]);
  });

  it('come at once when the journal has been quiet, and then no more often than the idle interval', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1)]));
    const batches: Batch[] = [];
    let now = 10_000;
    let onCommit = Promise.withResolvers<void>();
    const { ledger } = aLedger({
      journal,
      store: recording(batches),
      limits: { ...LIMITS, idleCommitMs: 30 },
      nowMillis: () => now,
      onCommit: () => onCommit.resolve(),
    });
    ledger.advance(journal.end);
    const ended = ledger.run();
    await onCommit.promise;
    expect(batches.map(({ items, atMillis }) => [items, atMillis])).toEqual([[1, 10_000]]);

    onCommit = Promise.withResolvers();
    now = 10_029;
    journal.addRequest(aRequest([aChat(2)]));
    ledger.advance(journal.end);
    await turns();
    journal.addRequest(aRequest([aChat(3)]));
    ledger.advance(journal.end);
    await turns();
    expect(batches).toHaveLength(1);
    now = 10_030;
    await onCommit.promise;
    // Both in one commit, made without any further news.
    expect(batches.map(({ items, atMillis }) => [items, atMillis])).toEqual([
      [1, 10_000],
      [3, 10_030],
    ]);
    ledger.drain();
    await ended;
    expect(batches).toHaveLength(2);
  });

  it('take a position along although nothing was posted, so that the journal may let go', async () => {
    const journal = new MemoryJournal().addRequest(aRequest([aChat(1, { attributes: [] })]));
    const store = new MemoryStore();
    await follow(journal, store);
    expect(store.postings).toEqual([]);
    expect(store.position).toEqual(journal.end);
  });

  it('count bodies and spans once each, though there are several commits', async () => {
    const journal = new MemoryJournal();
    for (let n = 1; n <= 9; n++) journal.addRequest(aRequest([aChat(n), aChat(n + 100, { attributes: [] })]));
    const store = new MemoryStore();
    await follow(journal, store, { limits: { ...LIMITS, commitRows: 2, readBytes: ITEM_BYTES } });
    const sum = (key: keyof BatchCounts) => store.counts.reduce((total, counts) => total + counts[key], 0);
    expect(store.counts.length).toBeGreaterThan(2);
    expect([sum('bodies'), sum('spans'), sum('notModelCalls')]).toEqual([9, 18, 9]);
  });
});

/** Bodies of one to three calls, of few identities, so that copies are frequent. Equal numbers are equal calls. */
const bodies = fc.array(fc.array(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 3 }), {
  minLength: 1,
  maxLength: 12,
});

function callNumber(n: number): RequestSpan {
  return aChat(n, { customer: `cus_${n % 3}`, input: 1000 + n * n });
}

function journalOf(contents: readonly (readonly number[])[]): MemoryJournal {
  const journal = new MemoryJournal();
  for (const numbers of contents) journal.addRequest(aRequest(numbers.map(callNumber)));
  return journal;
}

/** Credits used, signed: those of a movement out of `used` are given back. */
function usedBy({ to, amount }: Movement): bigint {
  return to === 'used' ? amount : -amount;
}

/** What each customer cost and burned, and how many calls there were. */
function totals(store: MemoryStore) {
  const sums = new Map<string | null, { calls: number; cost: bigint; credits: bigint }>();
  for (const { usage, rating, bookings } of store.postings) {
    const { customer } = usage;
    const sum = sums.get(customer) ?? { calls: 0, cost: 0n, credits: 0n };
    sums.set(customer, {
      calls: sum.calls + 1,
      cost: sum.cost + (rating.cost ?? 0n),
      credits: bookings.reduce((total, { movement }) => total + usedBy(movement), sum.credits),
    });
  }
  return new Map([...sums].sort());
}

describe('the ledger that is told to stop', () => {
  /** A commit that ends when it is let. */
  class SlowStore extends MemoryStore {
    readonly begun = Promise.withResolvers<void>();
    readonly end = Promise.withResolvers<void>();

    override async commit(...given: Parameters<MemoryStore['commit']>): Promise<void> {
      this.begun.resolve();
      await this.end.promise;
      await super.commit(...given);
    }
  }

  const journal = new MemoryJournal().addRequest(aRequest([aChat(1)]));

  it('does what it is asked while it makes its last commit, also what needs a moment of its own', async () => {
    const store = new SlowStore();
    const { ledger } = aLedger({ journal, store });
    ledger.advance(journal.end);
    ledger.drain();
    const ended = ledger.run();
    await store.begun.promise;
    const topUp = ledger.commands.run(aTopUp);
    // Whether the ledger knows of a hold is asked between two batches.
    const release = ledger.commands.run(aReleaseOfNothing);
    const committed = topUp.then(() => ledger.whenCommitted());
    store.end.resolve();
    expect(await topUp).toMatchObject({ kind: 'answered' });
    expect(await release).toMatchObject({ kind: 'refused', code: 'HOLD_UNKNOWN' });
    await committed;
    expect(await store.loadFacts(ACME)).toContainEqual(expect.objectContaining(BY_HAND));
    await ended;
  });

  it('refuses what it cannot do any more, and lets nobody wait; what is written down is done by the next', async () => {
    const store = new MemoryStore();
    const commands = new MemoryCommandJournal();
    const { ledger } = await follow(journal, store, { commands });
    const stopping = { code: 'SL_LEDGER_UNAVAILABLE', message: expect.stringContaining('stopping') };
    await ledger.whenCommitted();
    await expect(ledger.commands.run(aReleaseOfNothing)).rejects.toMatchObject(stopping);
    expect(await ledger.commands.run(aTopUp)).toMatchObject({ kind: 'answered' });
    await expect(ledger.whenCommitted()).rejects.toMatchObject(stopping);
    const request = { fromMicros: 0, toMicros: NOON * 1000, model: null, policy: 'neutral' } as const;
    await expect(ledger.rerate(request)).rejects.toMatchObject({ code: 'SL_RERATE_BUSY' });

    const next = new MemoryStore();
    await follow(journal, next, { commands });
    expect(await next.loadFacts(ACME)).toContainEqual(expect.objectContaining(BY_HAND));
  });

  it('tells those who wait when it ends by a failure', async () => {
    const store = new SlowStore();
    const { ledger } = aLedger({ journal, store });
    ledger.advance(journal.end);
    ledger.drain();
    const ended = ledger.run();
    await store.begun.promise;
    const release = ledger.commands.run(aReleaseOfNothing);
    store.end.reject(new Error('the disk is full'));
    await expect(ended).rejects.toThrow('the disk is full');
    await expect(release).rejects.toMatchObject({ code: 'SL_LEDGER_UNAVAILABLE' });
  });
});

describe('the ledger after all that can happen', () => {
  it('is the same whether the journal is followed in one run or in many', async () => {
    await fc.assert(
      fc.asyncProperty(
        bodies,
        fc.array(fc.nat({ max: 11 })),
        fc.integer({ min: 1, max: 5 }),
        async (contents, stops, commitRows) => {
          const journal = journalOf(contents);
          const once = new MemoryStore();
          await follow(journal, once);
          const often = new MemoryStore();
          const limits = { ...LIMITS, commitRows, readBytes: ITEM_BYTES };
          for (const stop of [...stops].sort((a, b) => a - b)) {
            if (stop < contents.length) await follow(journal, often, { to: journal.endOf(stop), limits });
          }
          await follow(journal, often, { limits });
          expect(often.postings).toEqual(once.postings);
          expect(often.position).toEqual(once.position);
        },
      ),
    );
  });

  it('is the same when any commit fails and the next process goes on from the stored position', async () => {
    let crashes = 0;
    await fc.assert(
      fc.asyncProperty(
        bodies,
        fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 6 }),
        async (contents, failures) => {
          const journal = journalOf(contents);
          const once = new MemoryStore();
          await follow(journal, once);
          const crashed = new MemoryStore();
          const limits = { ...LIMITS, commitRows: 2, readBytes: ITEM_BYTES };
          for (const nth of failures) {
            await follow(journal, failingAt(nth, crashed), { limits }).catch((error: unknown) => {
              expect(error).toMatchObject({ message: 'the disk is gone' });
              crashes++;
            });
          }
          await follow(journal, crashed, { limits });
          expect(crashed.postings).toEqual(once.postings);
          expect(crashed.position).toEqual(once.position);
        },
      ),
    );
    expect(crashes).toBeGreaterThan(50);
  });

  it('has the same totals for any order, batching and repetition of the same calls', async () => {
    const distinctCalls = fc.uniqueArray(fc.integer({ min: 1, max: 25 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        distinctCalls,
        fc.infiniteStream(fc.nat()),
        fc.nat({ max: 30 }),
        async (calls, random, repetitions) => {
          const plainly = new MemoryStore();
          await follow(journalOf(calls.map((call) => [call])), plainly);

          const draw = (below: number) => random.next().value % below;
          const sent = [...calls];
          for (let n = 0; n < repetitions; n++) sent.push(calls[draw(calls.length)] ?? 1);
          const batches: number[][] = Array.from({ length: 1 + draw(8) }, () => []);
          while (sent.length > 0) batches[draw(batches.length)]?.push(...sent.splice(draw(sent.length), 1));

          const wildly = new MemoryStore();
          await follow(journalOf(batches), wildly, {
            limits: { ...LIMITS, commitRows: 1 + draw(5), readBytes: ITEM_BYTES },
          });
          expect(totals(wildly)).toEqual(totals(plainly));
          expect(totals(wildly).size).toBeGreaterThan(0);
        },
      ),
      { numRuns: 150 },
    );
  });
});

describe('the ledger on a real journal and a real store', () => {
  it('follows what is appended while it runs, and each call is a row once, over a restart', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'spanledger-ledger-'));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const writer = await JournalWriter.open({
      ...JOURNAL_DEFAULTS,
      minFreeBytes: 0,
      directory,
      node: 'n1',
      nowMillis: () => NOON,
    });
    onTestFinished(() => writer.close());
    const append = (numbers: readonly number[]) =>
      writer.append({
        receivedAtMillis: NOON,
        tenant: 'default',
        signal: 'traces',
        bodyType: 'protobuf',
        bodyEncoding: 'identity',
        spans: numbers.length,
        body: encodeTraces(aRequest(numbers.map(callNumber))),
      });
    const { store, path, close } = await aStore();
    const reader = new JournalReader({ directory });
    const first = aLedger({ journal: reader, store, nowMillis: Date.now });
    writer.onDurable((end) => first.ledger.advance(end));
    const ended = first.ledger.run();
    await append([1, 2]);
    await append([2, 3]);
    first.ledger.drain();
    await ended;
    await reader.close();
    await close();

    await append([3, 4]);
    await append([1, 5, 5]);
    const again = await aStore({ path, create: false });
    expect(again.store.position).not.toBeNull();
    const second = new JournalReader({ directory });
    const { ledger, committed } = aLedger({ journal: second, store: again.store, nowMillis: Date.now });
    ledger.advance(writer.durableEnd);
    ledger.drain();
    await ledger.run();
    await second.close();

    expect(again.store.position).toEqual(writer.durableEnd);
    expect(committed.reduce((sum, { posted }) => sum + posted, 0)).toBe(2);
    const inMemory = new MemoryStore();
    await follow(journalOf([[1], [2], [3], [4], [5]]), inMemory);
    const rows = await read(
      again.store.instance,
      `SELECT customer, count(*)::INTEGER AS calls, (sum(cost_usd) * 1e15::DECIMAL(16, 0))::HUGEINT::VARCHAR AS cost,
         (sum(credits) * 1000000)::HUGEINT::VARCHAR AS credits
       FROM usage GROUP BY ALL ORDER BY customer`,
    );
    expect(rows).toEqual(
      [...totals(inMemory)].map(([customer, { calls, cost, credits }]) => ({
        customer,
        calls,
        cost: String(cost),
        credits: String(credits),
      })),
    );
  });
});
