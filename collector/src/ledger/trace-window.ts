import { completeness, MAX_TRACES_OF_A_LINK, type Observation, recall } from '@spanledger/metering';
import type { DueTrace, HeldRecord, HeldSpan, HeldTrace, TraceKey } from './store.ts';

/** A span of an open trace. */
export interface TraceSpan {
  readonly held: HeldSpan;
  /** Only until its batch is settled: what is stored is smaller, and most spans are never looked at again. */
  observation: Observation | null;
  /** What is posted for it; null while nothing is, and for spans that have no usage record. */
  record: HeldRecord | null;
  /** The core broke on it, and that was said. */
  isSetAside?: true;
}

/** A span that has arrived and is not settled yet. */
export interface Arrival {
  readonly observation: Observation;
  readonly receivedAtMillis: number;
}

/** A trace that is in memory, whole: all its spans and what is posted for them. */
export class OpenTrace implements TraceKey {
  readonly tenant: string;
  readonly traceId: string;
  /** False: the ledger may hold spans of it that are not here yet. */
  isLoaded: boolean;
  arrivals: Arrival[] = [];
  /** It has waited for its time, and that has come. */
  isDue = false;
  /** Link keys of its calls. */
  links: number[] = NONE;
  /** Traces that share a link with this one and have left the memory; null: none. */
  partners: Set<string> | null = null;
  #spans: TraceSpan[] = NONE;
  /** Records of spans whose observation the ledger does not have (written before it kept any): they stay. */
  #settled: Map<string, HeldRecord> | null = null;
  #bySpanId: Map<string, TraceSpan> | null = null;

  constructor({ tenant, traceId }: TraceKey, isLoaded: boolean) {
    this.tenant = tenant;
    this.traceId = traceId;
    this.isLoaded = isLoaded;
  }

  get spans(): readonly TraceSpan[] {
    return this.#spans;
  }

  add(span: TraceSpan): void {
    this.#bySpanId?.set(span.held.kept.spanId, span);
    this.#spans = grown(this.#spans, span);
    if (this.#bySpanId === null && this.#spans.length > FEW) {
      this.#bySpanId = new Map(this.#spans.map((each) => [each.held.kept.spanId, each]));
    }
  }

  /** Puts a fuller copy in the place of a span; what is posted for it stays known. */
  replace(before: TraceSpan, span: TraceSpan): void {
    this.#spans[this.#spans.indexOf(before)] = span;
    this.#bySpanId?.set(span.held.kept.spanId, span);
  }

  find(spanId: string): TraceSpan | null {
    if (this.#bySpanId !== null) return this.#bySpanId.get(spanId) ?? null;
    for (const span of this.#spans) if (span.held.kept.spanId === spanId) return span;
    return null;
  }

  addLink(link: number): void {
    this.links = grown(this.links, link);
  }

  isSettled(spanId: string): boolean {
    return this.#settled?.has(spanId) === true;
  }

  /** What the ledger holds of it. */
  load({ spans, records }: HeldTrace): void {
    this.isLoaded = true;
    for (const held of spans) {
      const before = this.find(held.kept.spanId);
      const span = { held, observation: null, record: null };
      if (before === null) this.add(span);
      else if (isFuller(observationOf(span), observationOf(before))) this.replace(before, span);
    }
    for (const record of records) {
      const span = this.find(record.spanId);
      if (span !== null) span.record = record;
      else {
        this.#settled ??= new Map();
        this.#settled.set(record.spanId, record);
      }
    }
  }
}

const NONE: never[] = [];

/** An array that grows by itself makes room for seventeen at once, and most traces have few spans. */
function grown<Item>(items: Item[], item: Item): Item[] {
  if (items.length < FEW) return [...items, item];
  items.push(item);
  return items;
}

/** Up to so many spans, looking at each is faster than a map, and smaller. */
const FEW = 16;

export function observationOf(span: TraceSpan): Observation {
  return span.observation ?? recall(span.held.kept);
}

/** Whether a copy of a span tells more than the one before: it was sent again when it had ended. */
export function isFuller(copy: Observation, before: Observation): boolean {
  return completeness(copy) > completeness(before);
}

/** Ids are hex, so that no trace of a tenant has the key of another. Most services have one tenant. */
export function traceKey({ tenant, traceId }: TraceKey): string {
  return tenant === 'default' ? traceId : `${tenant}/${traceId}`;
}

/** A link that more traces bear than can tell of one call: a constant, not an identity. */
const COMMON = Symbol('common');
type Linked = OpenTrace | Set<OpenTrace> | typeof COMMON;

/** Constant ids come from test servers and odd gateways; should even they be many, the first are learnt again. */
const MAX_COMMON_LINKS = 10_000;

/**
 * The traces in memory: those of the open batch, and of the settled ones the most recent, so that the usual late span
 * (a parent that ended after its children, in a later request) finds its trace here. Older ones the store knows.
 */
export class TraceWindow {
  readonly #maxSpans: number;
  /** The least recently touched first. */
  readonly #traces = new Map<string, OpenTrace>();
  readonly #links = new Map<number, Linked>();
  #commonLinks = 0;
  readonly #due = new Map<string, DueTrace>();
  /** Not later than the first of them. */
  #nextDueMicros: number | null = null;
  #touched = new Set<OpenTrace>();
  #spans = 0;

  constructor({ maxSpans }: { readonly maxSpans: number }) {
    this.#maxSpans = maxSpans;
  }

  get traces(): number {
    return this.#traces.size;
  }

  get spans(): number {
    return this.#spans;
  }

  /** Nothing changes by time alone before this; null: nothing does at all. */
  get nextDueMicros(): number | null {
    return this.#nextDueMicros;
  }

  find(key: TraceKey): OpenTrace | null {
    return this.#traces.get(traceKey(key)) ?? null;
  }

  /** @param isLoaded whether what is in memory is all that there is of it */
  open(key: TraceKey, isLoaded: boolean): OpenTrace {
    const trace = new OpenTrace(key, isLoaded);
    this.#traces.set(traceKey(key), trace);
    return trace;
  }

  add(trace: OpenTrace, span: TraceSpan): void {
    trace.add(span);
    this.#spans++;
  }

  load(trace: OpenTrace, held: HeldTrace): void {
    const before = trace.spans.length;
    trace.load(held);
    this.#spans += trace.spans.length - before;
  }

  /** A span of it was rated again. Traces that are not in memory are read back as they are then. */
  rerated(
    { spanId, ...key }: TraceKey & { readonly spanId: string },
    record: Pick<HeldRecord, 'revision' | 'rating' | 'leaf'>,
  ): void {
    const span = this.find(key)?.find(spanId) ?? null;
    if (span !== null && span.record !== null) span.record = { ...span.record, ...record };
  }

  /** It has to be decided again. */
  touch(trace: OpenTrace): void {
    if (this.#touched.has(trace)) return;
    this.#touched.add(trace);
    const key = traceKey(trace);
    this.#traces.delete(key);
    this.#traces.set(key, trace);
  }

  /** What has to be decided again, in the order in which it was touched; last what has waited long enough. */
  takeTouched(nowMicros: number): ReadonlySet<OpenTrace> {
    if (this.#nextDueMicros !== null && this.#nextDueMicros <= nowMicros) {
      this.#nextDueMicros = null;
      for (const due of this.#due.values()) {
        if (due.dueAtMicros > nowMicros) this.#expect(due.dueAtMicros);
        else {
          const trace = this.find(due) ?? this.open(due, false);
          trace.isDue = true;
          this.touch(trace);
        }
      }
    }
    const touched = this.#touched;
    this.#touched = new Set();
    return touched;
  }

  dueOf(trace: TraceKey): number | null {
    return this.#due.get(traceKey(trace))?.dueAtMicros ?? null;
  }

  /** When the trace has to be decided again at the latest. True: that is new. */
  setDue({ tenant, traceId }: TraceKey, dueAtMicros: number | null): boolean {
    const key = traceKey({ tenant, traceId });
    const before = this.#due.get(key)?.dueAtMicros ?? null;
    if (before === dueAtMicros) return false;
    if (dueAtMicros === null) this.#due.delete(key);
    else {
      this.#due.set(key, { tenant, traceId, dueAtMicros });
      this.#expect(dueAtMicros);
    }
    return true;
  }

  #expect(dueAtMicros: number): void {
    if (this.#nextDueMicros === null || dueAtMicros < this.#nextDueMicros) this.#nextDueMicros = dueAtMicros;
  }

  /**
   * A call of the trace bears this link. Returns the traces that were thought to share a call with it and do not,
   * because the link has just proved to be common.
   */
  link(trace: OpenTrace, link: number): ReadonlySet<OpenTrace> | null {
    const linked = this.#links.get(link);
    if (linked === COMMON || linked === trace) return null;
    if (linked instanceof Set) {
      if (linked.has(trace)) return null;
      linked.add(trace);
    } else this.#links.set(link, linked === undefined ? trace : new Set([linked, trace]));
    trace.addLink(link);
    if (!(linked instanceof Set) || linked.size <= MAX_TRACES_OF_A_LINK) return null;
    this.setCommon(link);
    return linked;
  }

  /** Whether another trace in memory, or too many of them, bear the link: then the store need not be asked. */
  isLinkKnown(trace: OpenTrace, link: number): boolean {
    const linked = this.#links.get(link);
    return linked !== undefined && linked !== trace;
  }

  setCommon(link: number): void {
    if (++this.#commonLinks > MAX_COMMON_LINKS) this.#forgetCommonLinks();
    this.#links.set(link, COMMON);
  }

  #forgetCommonLinks(): void {
    for (const [link, linked] of this.#links) if (linked === COMMON) this.#links.delete(link);
    this.#commonLinks = 1;
  }

  /** Nothing links it to another trace: nearly every trace. */
  isAlone(trace: OpenTrace): boolean {
    if (trace.partners !== null) return false;
    for (const link of trace.links) if (this.#links.get(link) instanceof Set) return false;
    return true;
  }

  /** The traces in memory that share a link with this one. */
  *linkedTo(trace: OpenTrace): Generator<OpenTrace> {
    for (const link of trace.links) {
      const linked = this.#links.get(link);
      if (linked instanceof Set) yield* linked;
    }
  }

  /** Lets the least recently touched traces go until there is room again; what is not settled yet stays. */
  shrink(): void {
    for (const [key, trace] of this.#traces) {
      if (this.#spans <= this.#maxSpans || trace.arrivals.length > 0 || this.#touched.has(trace)) return;
      this.#traces.delete(key);
      this.#spans -= trace.spans.length;
      for (const other of this.linkedTo(trace)) {
        if (other === trace) continue;
        other.partners ??= new Set();
        other.partners.add(trace.traceId);
      }
      for (const link of trace.links) this.#unlink(trace, link);
    }
  }

  #unlink(trace: OpenTrace, link: number): void {
    const linked = this.#links.get(link);
    if (linked === trace) this.#links.delete(link);
    else if (linked instanceof Set) {
      linked.delete(trace);
      if (linked.size === 0) this.#links.delete(link);
    }
  }
}
