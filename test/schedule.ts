import { randomUUID } from 'node:crypto';
import {
  ATTRIBUTES_READ,
  type Book,
  creditRules,
  DEFAULT_OBSERVE_SETTINGS,
  decide,
  LOG_ATTRIBUTES_READ,
  linkedGroups,
  NO_ATTRIBUTION_SETTINGS,
  NO_PLANS,
  observe,
  type UsageRecord,
} from '@spanledger/metering';
import { defaultCatalogue } from '../collector/src/catalogue/index.ts';
import {
  LEDGER_LIMITS,
  Ledger,
  type LedgerLimits,
  type LedgerParts,
} from '../collector/src/ledger/ledger.ts';
import { MemoryCommandJournal } from '../collector/src/ledger/memory-command-journal.ts';
import type { LedgerStore } from '../collector/src/ledger/store.ts';
import { ITEM_BYTES, MemoryJournal } from '../collector/src/ledger/testing/journal.ts';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../collector/src/otlp/index.ts';
import { encodeTraces, type TracesRequest, toJsonBody } from '../collector/src/otlp/testing/bodies.ts';
import { CAPTURES, onePerRequest, requestsOf } from './captures.ts';

/**
 * The captures, sent as a bad day would have it: span by span in any order, some of them several times, in bodies of
 * any size and either encoding, to a ledger that commits, forgets and restarts when it likes.
 */

const wanted = new WantedAttributes(ATTRIBUTES_READ);
const HOUR_MS = 3_600_000;

const singles = new Map(CAPTURES.map((name) => [name, onePerRequest(requestsOf(name))]));

/** After the last span of every capture. */
const LAST_END_MS = Math.max(
  ...[...singles.values()]
    .flat()
    .flatMap((request) => spansOf(request).map(({ endTimeMicros }) => Math.ceil(endTimeMicros / 1000))),
);

function spansOf(request: TracesRequest) {
  return readTraces(encodeTraces(request), 'protobuf', wanted, SCAN_LIMITS).spans;
}

const rules = creditRules({ default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.0001' } } });
if (rules.kind === 'problems') throw new Error('the rules of the tests are wrong');
const catalogue = defaultCatalogue();
export const BOOK: Book = { catalogue, rules: rules.rules };

/** Draws a whole number below a bound. */
export type Draw = (below: number) => number;

export interface Schedule {
  readonly captures: readonly string[];
  readonly journal: MemoryJournal;
  /** After which bodies the process ends and another one goes on, without what was in memory. */
  readonly restarts: readonly number[];
  readonly commitRows: number;
  readonly settleSpans: number;
  readonly openSpans: number;
  readonly openAccounts: number;
}

export function aSchedule(draw: Draw, captures: number): Schedule {
  const chosen = [...CAPTURES];
  while (chosen.length > captures) chosen.splice(draw(chosen.length), 1);
  const spans = chosen.flatMap((name) => singles.get(name) ?? []);
  const sent = [...spans];
  for (let copies = draw(1 + spans.length); copies > 0; copies--) {
    const copy = spans[draw(spans.length)];
    if (copy !== undefined) sent.push(copy);
  }
  const journal = new MemoryJournal();
  let receivedAtMillis = LAST_END_MS;
  while (sent.length > 0) {
    const body: TracesRequest[] = [];
    for (let size = 1 + draw(12); size > 0 && sent.length > 0; size--) {
      body.push(...sent.splice(draw(sent.length), 1));
    }
    const request = { resourceSpans: body.flatMap(({ resourceSpans = [] }) => resourceSpans) };
    const bodyType = draw(2) === 0 ? 'protobuf' : 'json';
    const bytes = bodyType === 'json' ? toJsonBody(request) : encodeTraces(request);
    // Some come at once, some minutes later.
    receivedAtMillis += draw(4) === 0 ? draw(180_000) : 10;
    journal.add({ body: bytes, bodyType, receivedAtMillis });
  }
  return {
    captures: chosen,
    journal,
    restarts: Array.from({ length: draw(4) }, () => draw(journal.items.length)).sort((a, b) => a - b),
    commitRows: 1 + draw(100),
    settleSpans: 1 + draw(60),
    openSpans: [1, 20, 300_000][draw(3)] ?? 1,
    openAccounts: [0, 1, 20_000][draw(3)] ?? 0,
  };
}

/** One process: it follows the journal up to a body, and ends. */
export async function follow(
  { journal, commitRows, settleSpans, openSpans, openAccounts }: Schedule,
  store: LedgerStore,
  upTo: number,
): Promise<void> {
  const item = journal.items[upTo];
  const nowMillis = item?.kind === 'record' ? item.receivedAtMillis : LAST_END_MS + 1000 * HOUR_MS;
  const ledger = aLedgerOver(
    { journal, store, nowMillis, commitRows, settleSpans, openSpans, openAccounts },
    {
      book: BOOK,
      bookVersion: catalogue.version,
    },
  );
  ledger.advance(upTo < journal.items.length ? journal.endOf(upTo) : journal.end);
  ledger.drain();
  await ledger.run();
}

/** A ledger as one process has it, at one moment; it must not be troubled. */
export function aLedgerOver(
  {
    journal,
    store,
    nowMillis,
    ...limits
  }: Pick<LedgerLimits, 'commitRows' | 'settleSpans' | 'openSpans' | 'openAccounts'> & {
    readonly journal: MemoryJournal;
    readonly store: LedgerStore;
    readonly nowMillis: number;
  },
  book: Pick<LedgerParts, 'book' | 'bookVersion'>,
): Ledger {
  return new Ledger({
    ...book,
    journal,
    store,
    pastRules: new Map(),
    plans: NO_PLANS,
    commands: new MemoryCommandJournal(),
    newId: randomUUID,
    onRerated: () => {},
    wanted,
    wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
    observing: DEFAULT_OBSERVE_SETTINGS,
    attribution: NO_ATTRIBUTION_SETTINGS,
    limits: {
      ...LEDGER_LIMITS,
      maxInflatedBytes: 2 ** 20,
      scan: SCAN_LIMITS,
      ...limits,
      readBytes: ITEM_BYTES,
    },
    nowMillis: () => nowMillis,
    onCommit: () => {},
    onAlerts: () => {},
    onTrouble({ detail, cause }) {
      throw new Error(detail, { cause });
    },
  });
}

/** What the ledger must say in the end: everything decided together, long after. */
export function expectedRecords(captures: readonly string[]): readonly UsageRecord[] {
  const observations = captures
    .flatMap((name) => singles.get(name) ?? [])
    .flatMap(spansOf)
    .flatMap((span) => observe(span) ?? []);
  const settled = { nowMicros: (LAST_END_MS + 1000 * HOUR_MS) * 1000, graceMicros: 60_000_000 };
  return linkedGroups(observations).flatMap((group) => decide(group, settled).map(({ usage }) => usage));
}

export function inKeyOrder<Keyed extends { readonly traceId: string; readonly spanId: string }>(
  records: readonly Keyed[],
): readonly Keyed[] {
  return [...records].sort((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1));
}
