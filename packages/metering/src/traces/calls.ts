import { DisjointSets, linkKeys } from './linked.ts';
import { hasTokens, isExact, type Observation } from './observation.ts';
import { ancestors, byKey, type Forest, type Node } from './trace.ts';
import { inputTokens, type Operation, outputTokens } from './usage.ts';

/**
 * Everything that is known of one request to a model, from however many spans saw it.
 *
 * - `billed`: it is the request.
 * - `sum`: its span adds up several requests below it.
 * - `inside`: its usage is only known from the span around it, which bills.
 * - `failed`: the provider gave no answer.
 */
export interface Call {
  readonly state: 'billed' | 'sum' | 'inside' | 'failed';
  /** The span that stands for the call. */
  readonly primary: Node;
  /** All its spans, the best account of its usage first. */
  readonly accounts: readonly Node[];
  /** For `inside`: the span that bills instead. */
  readonly around: Node | null;
}

/** Clocks of one machine agree; those of two may differ by minutes, and gateways report with delay. */
const SAME_SERVICE_TOLERANCE_MICROS = 100_000;
const OTHER_SERVICE_TOLERANCE_MICROS = 15 * 60 * 1_000_000;

/**
 * Which spans are one call. Three things make them one: a common identity (the id of the response or of the request)
 * at the same time; likeness, where a side knows no id; or standing directly around one another without a tool or an
 * agent between.
 */
export function findCalls(forest: Forest): ReadonlyMap<Node, Call> {
  const nodes = forest.nodes.filter(({ observation }) => isCallLike(observation));
  const same = new DisjointSets<Node>();
  for (const node of nodes) same.add(node);
  const exceptions: Exceptions = { sums: new Set(), inside: new Map(), failed: new Set() };
  if (nodes.length > 1) {
    joinByIdentity(nodes, same);
    joinByLikeness(nodes, same);
    joinByNesting(nodes, same, exceptions);
  }

  const calls = new Map<Node, Call>();
  for (const spans of groupedBy(nodes, (node) => [same.find(node)]).values()) {
    const call = callOf(spans, exceptions);
    for (const span of spans) calls.set(span, call);
  }
  for (const node of nodes) {
    // A candidate that nothing identifies stays a candidate; its tree decides.
    if (node.observation.kind === 'candidate' && calls.get(node)?.accounts.length === 1) calls.delete(node);
  }
  return calls;
}

function isCallLike({ kind }: Observation): boolean {
  return kind === 'call' || kind === 'candidate';
}

function joinByIdentity(nodes: readonly Node[], same: DisjointSets<Node>): void {
  for (const [name, spans] of groupedBy(nodes, ({ observation }) => linkKeys(observation))) {
    if (name.startsWith('answer:')) continue;
    for (const { one, other } of neighbours(spans)) {
      if (mayBeOneCall(one.observation, other.observation)) same.join(one, other);
    }
  }
}

/**
 * Where a side knows no id, likeness has to do: the same answer to the same question, or, within one trace, the same
 * counts, at the same time from another instrumentation. Equal calls in parallel look like that too, so here one span
 * is paired with one other, the nearest in time, and never with more.
 */
function joinByLikeness(nodes: readonly Node[], same: DisjointSets<Node>): void {
  const likenesses = groupedBy(nodes, ({ observation }) => [
    ...linkKeys(observation).filter((name) => name.startsWith('answer:')),
    ...countsOf(observation),
  ]);
  const paired = new Set<string>();
  for (const spans of likenesses.values()) {
    if (new Set(spans.map(({ observation }) => observation.scopeName)).size === 1) continue;
    for (const { one, other } of neighbours(spans).sort(byNearness)) {
      const [mine, theirs] = [one.observation, other.observation];
      if (same.find(one) === same.find(other) || !areAlike(mine, theirs)) continue;
      // A third instrumentation may see the call too, so a span is free for each scope.
      const places = [`${one.key} ${theirs.scopeName}`, `${other.key} ${mine.scopeName}`];
      if (places.some((place) => paired.has(place))) continue;
      for (const place of places) paired.add(place);
      same.join(one, other);
    }
  }
}

interface Pair {
  readonly one: Node;
  readonly other: Node;
}

/**
 * Views of one call start together, so each span is compared with this many that started before it. The bound keeps a
 * constant id, or a batch of equal calls, from costing the square of their number.
 */
const NEIGHBOURS = 32;

function neighbours(spans: readonly Node[]): Pair[] {
  const inOrder = [...spans].sort(
    (a, b) => a.observation.startTimeMicros - b.observation.startTimeMicros || byKey(a, b),
  );
  return inOrder.flatMap((other, index) =>
    inOrder.slice(Math.max(0, index - NEIGHBOURS), index).map((one) => ({ one, other })),
  );
}

function byNearness(a: Pair, b: Pair): number {
  return apart(a) - apart(b) || byKey(a.one, b.one) || byKey(a.other, b.other);
}

function apart({ one, other }: Pair): number {
  return Math.abs(one.observation.startTimeMicros - other.observation.startTimeMicros);
}

function areAlike(one: Observation, other: Observation): boolean {
  const bothKnown = one.responseId !== null && other.responseId !== null;
  return !bothKnown && one.scopeName !== other.scopeName && mayBeOneCall(one, other);
}

/** Fewer tokens than this are too common to tell calls apart. */
const MIN_TELLING_TOKENS = 32;

function countsOf({ traceId, usage }: Observation): readonly string[] {
  if (usage?.status !== 'reported' || usage.tokens === null) return [];
  const input = inputTokens(usage.tokens);
  const output = outputTokens(usage.tokens);
  return input + output < MIN_TELLING_TOKENS ? [] : [`counts:${traceId}:${input}:${output}`];
}

function groupedBy<Name>(
  nodes: readonly Node[],
  namesOf: (node: Node) => readonly Name[],
): ReadonlyMap<Name, readonly Node[]> {
  const groups = new Map<Name, Node[]>();
  for (const node of nodes) {
    for (const name of namesOf(node)) {
      const before = groups.get(name);
      if (before === undefined) groups.set(name, [node]);
      else before.push(node);
    }
  }
  return groups;
}

function mayBeOneCall(one: Observation, other: Observation): boolean {
  return isAtTheSameTime(one, other) && family(one.operation) === family(other.operation);
}

/**
 * Duplicates of one call overlap in time. Constant ids exist (test servers, some gateways), and calls that follow one
 * another under one id are still several calls.
 */
function isAtTheSameTime(one: Observation, other: Observation): boolean {
  const tolerance =
    one.service === other.service ? SAME_SERVICE_TOLERANCE_MICROS : OTHER_SERVICE_TOLERANCE_MICROS;
  return (
    one.startTimeMicros <= other.endTimeMicros + tolerance &&
    other.startTimeMicros <= one.endTimeMicros + tolerance
  );
}

/** What nesting found that is more than a wrapper around one call. */
interface Exceptions {
  /** Spans that add up several calls below them. */
  readonly sums: Set<Node>;
  /** Calls whose usage only the span around them knows. */
  readonly inside: Map<Node, Node>;
  readonly failed: Set<Node>;
}

function joinByNesting(nodes: readonly Node[], same: DisjointSets<Node>, exceptions: Exceptions): void {
  const inner = groupedBy(nodes, wrappersOf);
  // From the inside out, so that what a wrapper holds is settled before the wrapper is looked at.
  for (const outer of [...inner.keys()].sort((a, b) => b.depth - a.depth || byKey(a, b))) {
    settle(outer, inner.get(outer) ?? [], same, exceptions);
  }
}

function settle(outer: Node, inner: readonly Node[], same: DisjointSets<Node>, found: Exceptions): void {
  const answered = inner.filter((node) => !node.observation.failedUnanswered && !found.failed.has(node));
  const held = new Map(answered.map((node) => [same.find(node), node]));
  const knowsUsage = hasTokens(outer.observation.usage);
  if (held.has(same.find(outer))) return;
  const [first] = held.values();
  if (first === undefined) {
    if (!knowsUsage) found.failed.add(outer);
  } else if (held.size === 1) {
    same.join(outer, first);
  } else if (!knowsUsage || answered.some(({ observation }) => hasTokens(observation.usage))) {
    found.sums.add(outer);
  } else {
    for (const node of answered) found.inside.set(node, outer);
  }
}

/** The call span that stands around this one for the same work, if there is one. */
function wrappersOf(node: Node): readonly Node[] {
  if (node.observation.kind !== 'call') return [];
  for (const above of ancestors(node)) {
    const { kind, operation } = above.observation;
    if (kind === 'tool' || (kind === 'container' && operation === 'agent')) return [];
    if (kind === 'call') return family(operation) === family(node.observation.operation) ? [above] : [];
  }
  return [];
}

/** Emitters name one request chat, completion or realtime; embeddings under a chat are another request. */
function family(operation: Operation): Operation {
  return operation === 'completion' || operation === 'realtime' || operation === 'other' ? 'chat' : operation;
}

function callOf(spans: readonly Node[], { sums, inside, failed }: Exceptions): Call {
  const real = spans.filter((node) => !sums.has(node));
  const members = real.length === 0 ? spans : real;
  const accounts = [...members].sort(byAccount);
  const [primary] = [...members].sort(byIdentity);
  if (primary === undefined) throw new Error('a call has at least one span');
  const around = spans.map((node) => inside.get(node)).find((node) => node !== undefined) ?? null;
  if (real.length === 0) return { state: 'sum', primary, accounts, around };
  if (around !== null) return { state: 'inside', primary, accounts, around };
  const hasFailed = members.every((node) => node.observation.failedUnanswered || failed.has(node));
  return { state: hasFailed ? 'failed' : 'billed', primary, accounts, around };
}

/**
 * Whose numbers count: exact before guessed; one that tells parts before one that tells none, and among those one
 * whose meaning is known before an assumed one; the richer; the one closest to the provider.
 */
function byAccount(one: Node, other: Node): number {
  return (
    certainty(one) - certainty(other) ||
    assumption(one) - assumption(other) ||
    (other.observation.usage?.detail ?? 0) - (one.observation.usage?.detail ?? 0) ||
    other.depth - one.depth ||
    byKey(one, other)
  );
}

/** Which span is the call: one with the usage, the app's own before a gateway's, the innermost. */
function byIdentity(one: Node, other: Node): number {
  return (
    certainty(one) - certainty(other) ||
    remoteness(one) - remoteness(other) ||
    other.depth - one.depth ||
    byKey(one, other)
  );
}

function certainty({ observation: { usage } }: Node): number {
  if (isExact(usage)) return 0;
  if (usage?.status === 'estimated') return 1;
  if (usage?.status === 'invalid') return 2;
  return usage?.hasCounts === true ? 3 : 4;
}

function assumption({ observation: { usage } }: Node): number {
  const levels = [usage?.cacheSemantics ?? null, usage?.reasoningSemantics ?? null];
  if (levels.every((level) => level === null)) return 2;
  return levels.includes('assumed') ? 1 : 0;
}

const SERVER_SPAN = 2;
const GATEWAY_DIALECTS: ReadonlySet<string> = new Set(['openrouter', 'litellm']);

function remoteness({ observation: { spanKind, dialect } }: Node): number {
  return spanKind === SERVER_SPAN || GATEWAY_DIALECTS.has(dialect ?? '') ? 1 : 0;
}
