import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  type AttributionSettings,
  type Book,
  type Deadline,
  type Decision,
  decide,
  difference,
  digest,
  keep,
  linkHashes,
  MAX_TRACES_OF_A_LINK,
  type Metered,
  type Observation,
  rate,
  tellTheSame,
} from '@spanledger/metering';
import type { HeldRecord, LedgerStore, LinkQuery, TraceKey } from './store.ts';
import {
  type Arrival,
  isFuller,
  type OpenTrace,
  observationOf,
  type TraceSpan,
  type TraceWindow,
  traceKey,
} from './trace-window.ts';

export interface SettleParts {
  readonly window: TraceWindow;
  readonly store: LedgerStore;
  readonly book: Book;
  readonly bookVersion: string;
  readonly attribution: AttributionSettings;
  readonly deadline: Deadline;
  /** Called where the core breaks on some spans: they are kept aside, the others go on. */
  readonly onAssertion: (span: { readonly traceId: string; readonly spanId: string }, cause: unknown) => void;
}

export interface Settled {
  readonly posted: number;
  readonly corrected: number;
  readonly duplicates: number;
  readonly conflicts: number;
}

/**
 * Of more spans than this the newest are decided as they come, so that a trace that never ends does not cost more with
 * every span. All of them are decided together a while later.
 */
const MAX_SPANS_AT_ONCE = 10_000;
const WHOLE_AFTER_MICROS = 30_000_000;

/** Of even more, the newest are decided, and for the others stays what was posted: some seconds of work. */
const MAX_SPANS_TOGETHER = 200_000;

/** Groups decided between two turns of the event loop, so that queries are answered meanwhile. */
const GROUPS_PER_TURN = 256;

/**
 * Turns what has arrived into what the ledger says: traces that have grown (or waited long enough) are completed from
 * the store and joined with those that tell of the same calls; then all of it is decided anew, and what has changed is
 * posted. So the order of arrival changes nothing in the end.
 */
export async function settle(parts: SettleParts): Promise<Settled> {
  const { window, deadline } = parts;
  const batch = new Batch(parts);
  const touched = window.takeTouched(deadline.nowMicros);
  await batch.load(touched);
  for (const trace of touched) batch.admit(trace);
  await batch.followLinks();
  await batch.decideAll();
  window.shrink();
  return batch.counts;
}

/** One settling, from the arrivals to the postings. */
class Batch {
  readonly counts = { posted: 0, corrected: 0, duplicates: 0, conflicts: 0 };
  readonly #parts: SettleParts;
  /** Traces with something new, to be decided. */
  readonly #changed = new Set<OpenTrace>();
  /** Links to look for in the store. */
  #queries: LinkQuery[] = [];

  constructor(parts: SettleParts) {
    this.#parts = parts;
  }

  /** Completes the traces of which the store may hold a part. */
  async load(traces: Iterable<OpenTrace>): Promise<void> {
    const { window, store } = this.#parts;
    const missing = [...traces].filter((trace) => !trace.isLoaded);
    if (missing.length === 0) return;
    const held = new Map((await store.loadTraces(missing)).map((trace) => [traceKey(trace), trace]));
    for (const trace of missing) {
      const known = held.get(traceKey(trace));
      trace.isLoaded = true;
      if (known === undefined) continue;
      window.load(trace, known);
      for (const span of trace.spans) this.#link(trace, observationOf(span), true);
    }
  }

  /** Sorts out the copies; what is new is kept. */
  admit(trace: OpenTrace): void {
    const { arrivals } = trace;
    trace.arrivals = [];
    // Nothing new perhaps, but to be decided.
    if (trace.isDue) this.#changed.add(trace);
    for (const arrival of arrivals) {
      try {
        this.#admitSpan(trace, arrival);
      } catch (cause) {
        this.#setAside(trace, arrival.observation, arrival.receivedAtMillis, cause);
      }
    }
  }

  #admitSpan(trace: OpenTrace, arrival: Arrival): void {
    const { observation } = arrival;
    const before = trace.find(observation.spanId);
    if (before === null) {
      if (trace.isSettled(observation.spanId)) this.counts.duplicates++;
      else this.#parts.window.add(trace, this.#keep(trace, arrival, null));
      return;
    }
    const known = observationOf(before);
    if (isFuller(observation, known)) trace.replace(before, this.#keep(trace, arrival, before.record));
    else if (isFuller(known, observation) || observation.kind === 'plain') this.counts.duplicates++;
    else if (tellTheSame(observation, known)) this.counts.duplicates++;
    else this.#conflict(trace, arrival);
  }

  #keep(trace: OpenTrace, arrival: Arrival, record: HeldRecord | null): TraceSpan {
    const { observation, receivedAtMillis } = arrival;
    const { tenant } = trace;
    const kept = keep(observation);
    const links = this.#link(trace, observation, false);
    this.#parts.store.keep({ tenant, receivedAtMillis, kept, links });
    this.#changed.add(trace);
    return { held: { kept, receivedAtMillis }, observation, record };
  }

  #conflict({ tenant, traceId }: OpenTrace, { observation, receivedAtMillis }: Arrival): void {
    const { spanId } = observation;
    const content = JSON.stringify(observation);
    this.#parts.store.quarantine({
      tenant,
      receivedAtMillis,
      traceId,
      spanId,
      reason: 'conflicting_copy',
      content,
    });
    this.counts.conflicts++;
  }

  /** Notes the names under which other traces may tell of the same call. */
  #link(trace: OpenTrace, observation: Observation, isHeld: boolean): readonly number[] {
    const { window, store } = this.#parts;
    const { tenant } = trace;
    const { startTimeMicros, endTimeMicros } = observation;
    const links = linkHashes(tenant, observation);
    for (const link of links) {
      const mayBeHeld = isHeld || store.mayHoldLink(link, endTimeMicros);
      if (mayBeHeld && !window.isLinkKnown(trace, link)) {
        this.#queries.push({ tenant, link, startTimeMicros, endTimeMicros });
      }
      this.#part(window.link(trace, link));
    }
    return links;
  }

  /** Traces that were taken for views of one call by a link that has proved to be common are decided anew. */
  #part(strangers: Iterable<OpenTrace> | null): void {
    for (const stranger of strangers ?? []) {
      stranger.partners = null;
      this.#changed.add(stranger);
    }
  }

  /** Brings into memory whatever is linked to the changed traces, directly or through others. */
  async followLinks(): Promise<void> {
    for (;;) {
      const absent = new Set<OpenTrace>();
      for (const trace of this.#changed) {
        if (this.#parts.window.isAlone(trace)) continue;
        for (const member of this.#groupOf(trace)) if (!member.isLoaded) absent.add(member);
      }
      for (const trace of await this.#findLinked()) if (!trace.isLoaded) absent.add(trace);
      if (absent.size === 0) return;
      await this.load(absent);
    }
  }

  async #findLinked(): Promise<readonly OpenTrace[]> {
    const { window, store } = this.#parts;
    const queries = this.#queries;
    this.#queries = [];
    if (queries.length === 0) return [];
    const byLink = new Map<number, TraceKey[]>();
    for (const { link, ...key } of await store.findLinked(queries)) {
      const keys = byLink.get(link);
      if (keys === undefined) byLink.set(link, [key]);
      else keys.push(key);
    }
    const traces: OpenTrace[] = [];
    for (const [link, keys] of byLink) {
      const found = keys.map((key) => window.find(key) ?? window.open(key, false));
      traces.push(...found);
      if (found.length > MAX_TRACES_OF_A_LINK) {
        window.setCommon(link);
        this.#part(found);
      } else for (const trace of found) this.#part(window.link(trace, link));
    }
    return traces;
  }

  async decideAll(): Promise<void> {
    const decided = new Set<OpenTrace>();
    let groups = 0;
    for (const trace of this.#changed) {
      if (decided.has(trace)) continue;
      const group = this.#parts.window.isAlone(trace) ? [trace] : this.#groupOf(trace);
      for (const member of group) decided.add(member);
      this.#decideGroup(group);
      if (++groups % GROUPS_PER_TURN === 0) await nextTurn();
    }
  }

  /** The trace and all that are linked to it, directly or through others; some may not be loaded. */
  #groupOf(trace: OpenTrace): readonly OpenTrace[] {
    const { window } = this.#parts;
    const group = [trace];
    const members = new Set(group);
    const join = (other: OpenTrace) => {
      if (members.has(other)) return;
      members.add(other);
      group.push(other);
    };
    for (const member of group) {
      for (const other of window.linkedTo(member)) join(other);
      for (const traceId of member.partners ?? []) {
        const key = { tenant: member.tenant, traceId };
        join(window.find(key) ?? window.open(key, false));
      }
    }
    return group;
  }

  #decideGroup(group: readonly OpenTrace[]): void {
    const { deadline, attribution } = this.#parts;
    const recordedAtMillis = newestArrivalMillis(group) ?? Math.floor(deadline.nowMicros / 1000);
    const hasWaited = group.some(({ isDue }) => isDue);
    const atMost = hasWaited ? MAX_SPANS_TOGETHER : MAX_SPANS_AT_ONCE;
    const isWhole = group.reduce((sum, { spans }) => sum + spans.length, 0) <= atMost;
    const wholeAtMicros = isWhole || hasWaited ? null : deadline.nowMicros + WHOLE_AFTER_MICROS;
    try {
      const decisions = decide(observationsOf(group, atMost), deadline, attribution);
      for (const decision of decisions) this.#post(group, decision, recordedAtMillis);
      for (const trace of group) this.#setDue(trace, decisions, wholeAtMicros);
    } catch (cause) {
      for (const trace of group) {
        for (const { observation, held } of trace.spans) {
          if (observation !== null) this.#setAside(trace, observation, held.receivedAtMillis, cause);
        }
      }
    }
    for (const trace of group) {
      trace.isDue = false;
      for (const span of trace.spans) span.observation = null;
    }
  }

  #post(group: readonly OpenTrace[], { usage }: Decision, recordedAtMillis: number): void {
    const trace = group.find(({ traceId }) => traceId === usage.traceId);
    const span = trace?.find(usage.spanId);
    if (trace === undefined || span === undefined || span === null) {
      throw new Error(`a decision about a span that is not there: ${usage.traceId}/${usage.spanId}`);
    }
    const before = span.record;
    const mark = digest(usage);
    if (before?.digest === mark) return;

    const { store, book, bookVersion } = this.#parts;
    const { receivedAtMillis } = span.held;
    let metered: Metered;
    try {
      metered = rate(usage, book, trace.tenant);
    } catch (cause) {
      if (span.isSetAside !== true) this.#setAside(trace, observationOf(span), receivedAtMillis, cause);
      span.isSetAside = true;
      return;
    }
    const { eventTimeMicros } = usage;
    store.post({
      tenant: trace.tenant,
      receivedAtMillis,
      metered,
      bookVersion,
      rulesVersion: book.rules.version,
      transfers: difference(before?.booked ?? null, metered.transfer, eventTimeMicros),
      recordedAtMillis,
      digest: mark,
      replaces:
        before === null ? null : { revision: before.revision, eventTimeMicros: before.eventTimeMicros },
    });
    span.record = {
      spanId: usage.spanId,
      revision: (before?.revision ?? 0) + 1,
      eventTimeMicros,
      digest: mark,
      booked:
        metered.transfer === null
          ? null
          : { customer: metered.transfer.customer, amount: metered.transfer.amount },
    };
    if (before === null) this.counts.posted++;
    else this.counts.corrected++;
  }

  #setDue(trace: OpenTrace, decisions: readonly Decision[], wholeAtMicros: number | null): void {
    const { window, store } = this.#parts;
    let first = wholeAtMicros;
    // A trace that keeps growing must not put it off for ever.
    const before = trace.isDue ? null : window.dueOf(trace);
    if (first !== null && before !== null && before < first) first = before;
    for (const { usage, dueAtMicros } of decisions) {
      if (dueAtMicros === null || usage.traceId !== trace.traceId) continue;
      if (first === null || dueAtMicros < first) first = dueAtMicros;
    }
    if (window.setDue(trace, first)) store.setDue(trace, first);
  }

  /** An impossible state in the core: the span is kept for a person to look at, and does not count. */
  #setAside(trace: OpenTrace, observation: Observation, receivedAtMillis: number, cause: unknown): void {
    const { tenant, traceId } = trace;
    const { spanId, name, kind } = observation;
    if (kind !== 'plain') {
      const content = JSON.stringify({ name, error: String(cause) });
      const reason = 'assertion_failed';
      this.#parts.store.quarantine({ tenant, receivedAtMillis, traceId, spanId, reason, content });
    }
    this.#parts.onAssertion({ traceId, spanId }, cause);
  }
}

function newestArrivalMillis(group: readonly OpenTrace[]): number | null {
  let newest: number | null = null;
  for (const { spans } of group) {
    for (const { observation, held } of spans) {
      if (observation !== null && (newest === null || held.receivedAtMillis > newest)) {
        newest = held.receivedAtMillis;
      }
    }
  }
  return newest;
}

/**
 * Whatever has just arrived; then the newest spans of the trace that has changed, and with them those of the linked
 * traces while there is room.
 */
function observationsOf(group: readonly OpenTrace[], atMost: number): readonly Observation[] {
  const observations: Observation[] = [];
  for (const { spans } of group) {
    const first = spans.length - (atMost - observations.length);
    for (const [index, span] of spans.entries()) {
      if (index >= first || span.observation !== null) observations.push(observationOf(span));
    }
  }
  return observations;
}
