import {
  type AttributionSettings,
  type Book,
  type CreditRules,
  type Deadline,
  type Decision,
  decide,
  digest,
  keep,
  keyOf,
  linkHashes,
  MAX_TRACES_OF_A_LINK,
  type NotChargedReason,
  type Observation,
  price,
  type SpanKey,
  tellTheSame,
  type UsageRecord,
} from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import type { Accounts, AccountVisit } from './accounts.ts';
import {
  type ActionKey,
  actionLink,
  actionOf,
  actionText,
  type HeldLeaf,
  isSameAction,
  leafOf,
} from './action.ts';
import type { ActionWindow, OpenAction } from './action-window.ts';
import {
  bookDifference,
  type ChargingParts,
  chargeAction,
  chargeGrowth,
  type Leaf,
  NO_CHARGES,
  notCharged,
} from './charging.ts';
import type { HeldAction, HeldRecord, LedgerStore, LinkQuery, NamedAction, TraceKey } from './store.ts';
import {
  chargesTheSame,
  type StoredCharge,
  type StoredPrice,
  type StoredRating,
  storedPrice,
} from './stored-rating.ts';
import {
  type Arrival,
  isFuller,
  type OpenTrace,
  observationOf,
  type TraceSpan,
  type TraceWindow,
  traceKey,
} from './trace-window.ts';
import { Turns } from './turns.ts';

export interface SettleParts {
  readonly window: TraceWindow;
  readonly actions: ActionWindow;
  readonly accounts: Accounts;
  readonly store: LedgerStore;
  readonly book: Book;
  readonly bookVersion: string;
  /** Credit rules by their version, those in use included; null where they are not known. */
  readonly rulesOf: (version: string) => CreditRules | null;
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

/**
 * Turns what has arrived into what the ledger says: traces that have grown (or waited long enough) are completed from
 * the store and joined with those that tell of the same calls; then all of it is decided anew, and what has changed is
 * posted. So the order of arrival changes nothing in the end.
 */
export async function settle(parts: SettleParts): Promise<Settled> {
  const { window, deadline } = parts;
  const visit = parts.accounts.visit();
  const batch = new Batch(parts, visit);
  try {
    const touched = window.takeTouched(deadline.nowMicros);
    await batch.load(touched);
    await batch.admitAll(touched);
    await batch.followLinks();
    await batch.decideAll();
  } finally {
    visit.end();
  }
  window.shrink();
  parts.actions.shrink();
  return batch.counts;
}

/** One settling, from the arrivals to the postings. */
class Batch {
  readonly counts = { posted: 0, corrected: 0, duplicates: 0, conflicts: 0 };
  readonly #parts: SettleParts;
  readonly #visit: AccountVisit;
  readonly #turns = new Turns();
  /** Traces with something new, to be decided. */
  readonly #changed = new Set<OpenTrace>();
  /** Links to look for in the store. */
  #queries: LinkQuery[] = [];
  #actionsToLoad = new Set<OpenAction>();
  /** Traces with calls of an action that has changed in another trace. */
  #recharged = new Set<OpenTrace>();
  /** Of those, the ones that are being decided. */
  readonly #due = new Set<OpenTrace>();
  readonly #charging: ChargingParts;

  constructor(parts: SettleParts, visit: AccountVisit) {
    this.#parts = parts;
    this.#visit = visit;
    const { accounts, rulesOf, book, deadline } = parts;
    this.#charging = { accounts, rules: book.rules, rulesOf, nowMicros: deadline.nowMicros };
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

  async admitAll(traces: Iterable<OpenTrace>): Promise<void> {
    for (const trace of traces) {
      this.#admit(trace);
      if (this.#turns.isOver) await this.#turns.end();
    }
  }

  /** Sorts out the copies; what is new is kept. */
  #admit(trace: OpenTrace): void {
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
    await this.#decideEach(this.#changed);
    while (this.#recharged.size > 0) {
      // A call in one trace has changed what the calls of its action in other traces bear.
      const recharged = this.#recharged;
      this.#recharged = new Set();
      await this.load(recharged);
      for (const trace of recharged) this.#due.add(trace);
      await this.#decideEach(recharged);
      this.#due.clear();
    }
  }

  async #decideEach(changed: ReadonlySet<OpenTrace>): Promise<void> {
    const decided = new Set<OpenTrace>();
    const waiting: DecidedGroup[] = [];
    for (const trace of changed) {
      if (decided.has(trace)) continue;
      const traces = this.#parts.window.isAlone(trace) ? [trace] : this.#groupOf(trace);
      for (const member of traces) decided.add(member);
      const group = this.#decideGroup(traces);
      // Whatever is not there: what is posted is posted in the order in which it came.
      const isReady = group === null || (this.#isReady(group) && waiting.length === 0);
      if (group !== null && isReady) this.#postGroup(group);
      else if (group !== null) waiting.push(group);
      if (this.#turns.isOver) await this.#turns.end();
    }
    if (waiting.length === 0) return;
    await Promise.all([this.#loadActions(), this.#visit.open(waiting.flatMap(accountsOf))]);
    await this.#chargeNamed(waiting);
    for (const group of waiting) {
      this.#postGroup(group);
      if (this.#turns.isOver) await this.#turns.end();
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

  /** Null: the core broke on it, and its spans are set aside. */
  #decideGroup(traces: readonly OpenTrace[]): DecidedGroup | null {
    const { deadline, attribution } = this.#parts;
    const recordedAtMillis = newestArrivalMillis(traces) ?? Math.floor(deadline.nowMicros / 1000);
    const hasWaited = traces.some(({ isDue }) => isDue);
    const atMost = hasWaited ? MAX_SPANS_TOGETHER : MAX_SPANS_AT_ONCE;
    const isWhole = traces.reduce((sum, { spans }) => sum + spans.length, 0) <= atMost;
    const wholeAtMicros = isWhole || hasWaited ? null : deadline.nowMicros + WHOLE_AFTER_MICROS;
    let group: DecidedGroup | null = null;
    try {
      const decisions = decide(observationsOf(traces, atMost), deadline, attribution);
      const rows = decisions.flatMap((decision) => this.#rowOf(traces, decision) ?? []);
      for (const trace of traces) this.#setDue(trace, decisions, wholeAtMicros);
      const isDue = hasWaited || traces.some((trace) => this.#due.has(trace));
      group = { traces, rows, recordedAtMillis, actions: changedActions(rows, isDue) };
    } catch (cause) {
      for (const trace of traces) {
        for (const { observation, held } of trace.spans) {
          if (observation !== null) this.#setAside(trace, observation, held.receivedAtMillis, cause);
        }
      }
    }
    for (const trace of traces) {
      trace.isDue = false;
      for (const span of trace.spans) span.observation = null;
    }
    return group;
  }

  /** What one decision says, priced; null: the core broke on it. */
  #rowOf(traces: readonly OpenTrace[], { usage }: Decision): Row | null {
    const trace = traces.length === 1 ? traces[0] : traces.find(({ traceId }) => traceId === usage.traceId);
    const span = trace?.find(usage.spanId) ?? null;
    if (trace === undefined || span === null) {
      throw new Error(`a decision about a span that is not there: ${usage.traceId}/${usage.spanId}`);
    }
    const { book, bookVersion } = this.#parts;
    const before = span.record;
    const mark = digest(usage);
    const found = actionOf(usage, trace.tenant);
    const row = { trace, span, usage, before, mark, notCharged: found.kind === 'none' ? found.reason : null };
    if (before?.digest === mark) return { ...row, isChanged: false, price: before.rating, held: before.leaf };
    try {
      const priced = storedPrice(price(usage, book.catalogue, trace.tenant), bookVersion);
      const held = found.kind === 'none' ? null : { action: found.action, leaf: leafOf(usage, priced.cost) };
      return { ...row, isChanged: true, price: priced, held };
    } catch (cause) {
      if (span.isSetAside !== true) {
        this.#setAside(trace, observationOf(span), span.held.receivedAtMillis, cause);
      }
      span.isSetAside = true;
      return null;
    }
  }

  /**
   * False: accounts must be opened from the store first; or there are calls of named actions, which are charged when all
   * calls of the batch are decided, whatever traces they are in.
   */
  #isReady({ actions: changed }: DecidedGroup): boolean {
    const { actions, accounts, store } = this.#parts;
    let isReady = true;
    for (const { key, rows, gone } of changed) {
      if (!accounts.isReady(key)) isReady = false;
      if (!isNamed(key)) continue;
      isReady = false;
      const link = actionLink(key);
      const open = actions.open(key, () => {
        const [row] = rows.length > 0 ? rows : gone;
        return link !== null && row !== undefined && store.mayHoldAction(link, row.usage.eventTimeMicros);
      });
      if (!open.isLoaded) this.#actionsToLoad.add(open);
    }
    return isReady;
  }

  async #loadActions(): Promise<void> {
    const { actions, store } = this.#parts;
    const missing = [...this.#actionsToLoad];
    if (missing.length === 0) return;
    this.#actionsToLoad = new Set();
    const found = new Map<string, HeldAction[]>();
    for (const held of await store.loadActions(missing.map(({ key }) => key))) {
      const text = actionText(held.leaf.action);
      const calls = found.get(text);
      if (calls === undefined) found.set(text, [held]);
      else calls.push(held);
    }
    for (const action of missing) actions.load(action, found.get(actionText(action.key)) ?? []);
  }

  /** Charges each named action of which a call is new, has changed or has gone: once, whatever traces they are in. */
  async #chargeNamed(groups: readonly DecidedGroup[]): Promise<void> {
    const traces = new Set(groups.flatMap((group) => group.traces));
    const changed = new Set<OpenAction>();
    for (const { actions } of groups) {
      for (const action of actions) if (isNamed(action.key)) changed.add(this.#takeIn(action.key, action));
    }
    for (const action of changed) {
      for (const [key, charge] of chargeGrowth(action, this.#charging)) {
        action.setDue(key, charge);
        this.#noteRecharged(action, key, charge, traces);
      }
      if (this.#turns.isOver) await this.#turns.end();
    }
  }

  /** What its calls in one group of traces are now. */
  #takeIn(key: NamedAction, { rows, gone }: ChangedAction): OpenAction {
    const { actions } = this.#parts;
    const action = actions.find(key);
    if (action === null) throw new Error(`the action ${key.actionId} is not open`);
    for (const { usage } of gone) actions.remove(action, keyOf(usage));
    for (const row of rows) {
      const { traceId, spanId } = row.usage;
      actions.set(action, { traceId, spanId, ...leafOfRow(row) });
    }
    return action;
  }

  /** A call in a trace that is not decided now bears another share: it is posted anew with its trace. */
  #noteRecharged(
    { key: { tenant }, leaves }: OpenAction,
    key: SpanKey,
    charge: StoredCharge,
    decided: ReadonlySet<OpenTrace>,
  ): void {
    const { window } = this.#parts;
    const leaf = leaves.get(key);
    if (leaf === undefined || leaf.posted === null || chargesTheSame(charge, leaf.posted)) return;
    const trace =
      window.find({ tenant, traceId: leaf.traceId }) ?? window.open({ tenant, traceId: leaf.traceId }, false);
    if (!decided.has(trace)) this.#recharged.add(trace);
  }

  /** Posts every usage of which anything has changed. */
  #postGroup(group: DecidedGroup): void {
    const charges = this.#chargesOf(group);
    for (const row of group.rows) {
      const { usage, before, isChanged } = row;
      const charge = this.#chargeOf(row, charges);
      if (charge === null) throw new Error(`nothing is due for ${usage.traceId}/${usage.spanId}`);
      if (!isChanged && before !== null && chargesTheSame(charge, before.rating)) continue;
      this.#post(row, charge, group.recordedAtMillis);
    }
  }

  #chargeOf(
    { usage, before, held, notCharged: reason }: Row,
    charges: ReadonlyMap<SpanKey, StoredCharge>,
  ): StoredCharge | null {
    if (held === null) return notCharged(reason ?? 'not_billed', this.#parts.book.rules);
    const due = isNamed(held.action)
      ? this.#parts.actions.find(held.action)?.dueFor(keyOf(usage))
      : charges.get(keyOf(usage));
    return due ?? before?.rating ?? null;
  }

  /** What is due for each call of the actions without a name of which a call in the group has changed. */
  #chargesOf(group: DecidedGroup): ReadonlyMap<SpanKey, StoredCharge> {
    const unnamed = group.actions.filter(({ key }) => !isNamed(key));
    const [only] = unnamed;
    if (only === undefined) return NO_CHARGES;
    if (unnamed.length === 1) return chargeAction(only.key, leavesIn(group, only), this.#charging);
    const charges = new Map<SpanKey, StoredCharge>();
    for (const action of unnamed) {
      const due = chargeAction(action.key, leavesIn(group, action), this.#charging);
      for (const [key, charge] of due) charges.set(key, charge);
    }
    return charges;
  }

  #post(row: Row, charge: StoredCharge, recordedAtMillis: number): void {
    const { trace, span, usage, before, mark, price: priced, held } = row;
    const { store, accounts, actions, deadline } = this.#parts;
    const { eventTimeMicros, actionId } = usage;
    const rating = ratingOf(priced, charge);
    const action = held?.action ?? null;
    store.post({
      tenant: trace.tenant,
      receivedAtMillis: span.held.receivedAtMillis,
      usage,
      rating,
      bookings: bookDifference(
        before,
        {
          tenant: trace.tenant,
          action,
          actionId,
          charge,
          eventTimeMicros,
          recordedMicros: recordedAtMillis * 1000,
        },
        { accounts, nowMicros: deadline.nowMicros },
      ),
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
      rating,
      leaf: held,
    };
    if (held !== null && action !== null && isNamed(action)) {
      const open = actions.find(action);
      const { traceId, spanId } = usage;
      open?.posted({ traceId, spanId, leaf: held.leaf, posted: rating });
    }
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

/** Traces that were decided together. */
interface DecidedGroup {
  readonly traces: readonly OpenTrace[];
  readonly rows: readonly Row[];
  readonly recordedAtMillis: number;
  readonly actions: readonly ChangedAction[];
}

/** What is decided of one span, and what is posted for it. */
interface Row {
  readonly trace: OpenTrace;
  readonly span: TraceSpan;
  readonly usage: UsageRecord;
  readonly before: HeldRecord | null;
  readonly mark: number;
  readonly isChanged: boolean;
  readonly price: StoredPrice;
  /** Null: it is part of no action, because: */
  readonly held: HeldLeaf | null;
  readonly notCharged: NotChargedReason | null;
}

interface ChangedAction {
  readonly key: ActionKey;
  /** Its calls in the group that are new or have changed, and those that are not its own any more. */
  readonly rows: Row[];
  readonly gone: Row[];
}

/** Up to so many, comparing is faster than a map; a trace usually has one. */
const FEW_ACTIONS = 8;

/**
 * The actions of which a call is new, has changed or has gone.
 *
 * @param isDue what every call is charged is looked at, not only what is new
 */
function changedActions(rows: readonly Row[], isDue: boolean): readonly ChangedAction[] {
  const changed: ChangedAction[] = [];
  let byText: Map<string, ChangedAction> | null = null;
  const add = (action: ActionKey, row: Row, isIn: boolean): void => {
    let found: ChangedAction | undefined;
    if (changed.length < FEW_ACTIONS) found = changed.find(({ key }) => isSameAction(key, action));
    else {
      byText ??= new Map(changed.map((each) => [actionText(each.key), each]));
      found = byText.get(actionText(action));
    }
    if (found === undefined) {
      found = { key: action, rows: [], gone: [] };
      changed.push(found);
      byText?.set(actionText(action), found);
    }
    if (isIn) found.rows.push(row);
    else found.gone.push(row);
  };
  for (const row of rows) {
    const was = row.before?.leaf?.action;
    if (row.isChanged && was !== undefined && (row.held === null || !isSameAction(was, row.held.action))) {
      add(was, row, false);
    }
  }
  for (const row of rows) {
    if (row.held !== null && (row.isChanged || isDue)) add(row.held.action, row, true);
  }
  return changed;
}

/** Those that pay for the calls of the group, or have paid so far. */
function accountsOf({ rows }: DecidedGroup): readonly AccountKey[] {
  return rows.flatMap(({ held, before }) =>
    [held?.action, before?.leaf?.action].filter((action) => action !== undefined),
  );
}

function leafOfRow({ held, before }: Row): Leaf {
  if (held === null) throw new Error('a usage that is part of no action has no leaf');
  return { leaf: held.leaf, posted: before?.rating ?? null };
}

/** All calls of an action without a name: those of the group as they are now, older ones as they are posted. */
function leavesIn(group: DecidedGroup, action: ChangedAction): readonly Leaf[] {
  const [row] = action.rows;
  if (row !== undefined && group.rows.length === 1 && row.trace.spans.length === 1) return [leafOfRow(row)];
  const leaves: Leaf[] = [];
  const known = new Set<string>();
  for (const each of group.rows) {
    if (each.usage.traceId !== action.key.traceId) continue;
    known.add(each.usage.spanId);
    if (each.held !== null && isSameAction(each.held.action, action.key)) leaves.push(leafOfRow(each));
  }
  // Of a very long trace, the oldest spans are not decided again every time.
  const trace = group.traces.find(({ traceId }) => traceId === action.key.traceId);
  for (const { held, record } of trace?.spans ?? []) {
    const leaf = record?.leaf ?? null;
    if (leaf === null || record === null || known.has(held.kept.spanId)) continue;
    if (isSameAction(leaf.action, action.key)) leaves.push({ leaf: leaf.leaf, posted: record.rating });
  }
  return leaves;
}

function isNamed(action: ActionKey): action is NamedAction {
  return action.actionId !== null;
}

function ratingOf(price: StoredPrice, charge: StoredCharge): StoredRating {
  return {
    cost: price.cost,
    priceStatus: price.priceStatus,
    priceCard: price.priceCard,
    priceMatch: price.priceMatch,
    bookVersion: price.bookVersion,
    priceNote: price.priceNote,
    costKnownPart: price.costKnownPart,
    credits: charge.credits,
    creditStatus: charge.creditStatus,
    rulesVersion: charge.rulesVersion,
    creditRule: charge.creditRule,
    planTerms: charge.planTerms,
  };
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
