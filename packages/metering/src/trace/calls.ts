import { hasTokens, isExact, type Observation, type ObservedUsage } from '../observation.ts';
import { inputTokens, type Operation, outputTokens } from '../usage.ts';
import { byKey, type Forest, type Node } from './forest.ts';
import { answerLink, DisjointSets, MAX_TRACES_OF_A_LINK, requestLink, responseLink } from './linked.ts';

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
 * Which spans are one call, by the index of their nodes. Three things make them one: a common identity (the id of the
 * response or of the request) at the same time; likeness, where a side knows no id; or standing directly around one
 * another without a tool or an agent between.
 */
export function findCalls(forest: Forest): readonly (Call | undefined)[] {
  const nodes = forest.nodes.filter(({ observation }) => isCallLike(observation));
  const calls = new Array<Call | undefined>(forest.nodes.length).fill(undefined);
  const settle = (spans: readonly Node[], exceptions: Exceptions) => {
    const call = callOf(spans, exceptions);
    for (const span of spans) {
      // A candidate that nothing identifies stays a candidate; its tree decides.
      const isAlone = span.observation.kind === 'candidate' && call.accounts.length === 1;
      if (!isAlone) calls[span.index] = call;
    }
  };
  if (nodes.length === 1) {
    settle(nodes, NO_EXCEPTIONS);
  } else if (nodes.length > 1) {
    const same = new DisjointSets(forest.nodes.length);
    joinByIdentity(nodes, same);
    joinByLikeness(nodes, same);
    const exceptions = joinByNesting(forest, nodes, same);
    for (const spans of groupedBy(nodes, (node) => same.find(node.index)).values()) settle(spans, exceptions);
  }
  return calls;
}

function isCallLike({ kind }: Observation): boolean {
  return kind === 'call' || kind === 'candidate';
}

function joinByIdentity(nodes: readonly Node[], same: DisjointSets): void {
  for (const linkOf of [responseLink, requestLink]) {
    for (const spans of groupedBy(nodes, ({ observation }) => linkOf(observation)).values()) {
      // An id of more spans than see one call is no identity.
      if (spans.length === 1 || spans.length > MAX_TRACES_OF_A_LINK) continue;
      eachPair(spans, (one, other) => {
        if (
          mayShareAnId(one.observation, other.observation) &&
          mayBeOneCall(one.observation, other.observation)
        ) {
          same.join(one.index, other.index);
        }
      });
    }
  }
}

/**
 * One instrumentation of one service tells the same of one call each time. Where it gives one id to spans with other
 * counts, the id is a constant (of a test server, a gateway), and they are two calls.
 */
function mayShareAnId(one: Observation, other: Observation): boolean {
  const isOneView =
    one.scopeName === other.scopeName &&
    one.service === other.service &&
    one.dialect === other.dialect &&
    one.spanKind === other.spanKind;
  return !isOneView || !haveOtherCounts(one.usage, other.usage);
}

function haveOtherCounts(one: ObservedUsage | null, other: ObservedUsage | null): boolean {
  if (!isExact(one) || !isExact(other)) return false;
  const [mine, theirs] = [one?.tokens ?? null, other?.tokens ?? null];
  if (mine === null || theirs === null) return false;
  return inputTokens(mine) !== inputTokens(theirs) || outputTokens(mine) !== outputTokens(theirs);
}

/** By so many traces that it is no likeness of one call. */
function isShared(spans: readonly Node[]): boolean {
  if (spans.length <= MAX_TRACES_OF_A_LINK) return false;
  return new Set(spans.map(({ observation }) => observation.traceId)).size > MAX_TRACES_OF_A_LINK;
}

/**
 * Where a side knows no id, likeness has to do: the same answer to the same question, or, within one trace, the same
 * counts, at the same time from another instrumentation. Equal calls in parallel look like that too, so here one span
 * is paired with one other, the nearest in time, and never with more.
 */
function joinByLikeness(nodes: readonly Node[], same: DisjointSets): void {
  if (haveOneScope(nodes)) return;
  const answers = groupedBy(nodes, ({ observation }) => answerLink(observation));
  const counts = groupedBy(nodes, ({ observation }) => countsOf(observation));
  const paired = new Set<string>();
  const groups = [...answers.values(), ...counts.values()].sort((a, b) => placeOf(a) - placeOf(b));
  for (const spans of groups) {
    if (spans.length === 1 || haveOneScope(spans) || isShared(spans)) continue;
    const pairs: Pair[] = [];
    eachPair(spans, (one, other) => {
      if (areAlike(one.observation, other.observation)) pairs.push({ one, other });
    });
    for (const { one, other } of pairs.sort(byNearness)) {
      if (same.find(one.index) === same.find(other.index)) continue;
      // A third instrumentation may see the call too, so a span is free for each scope.
      const places = [
        `${one.key} ${other.observation.scopeName}`,
        `${other.key} ${one.observation.scopeName}`,
      ];
      if (places.some((place) => paired.has(place))) continue;
      for (const place of places) paired.add(place);
      same.join(one.index, other.index);
    }
  }
}

/** Groups are gone through in the order of their first spans, so that of two likenesses the earlier is believed. */
function placeOf([first]: readonly Node[]): number {
  return first?.index ?? 0;
}

function haveOneScope(spans: readonly Node[]): boolean {
  const scopeName = spans[0]?.observation.scopeName;
  return spans.every(({ observation }) => observation.scopeName === scopeName);
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

function eachPair(spans: readonly Node[], visit: (one: Node, other: Node) => void): void {
  const inOrder = [...spans].sort(
    (a, b) => a.observation.startTimeMicros - b.observation.startTimeMicros || byKey(a, b),
  );
  inOrder.forEach((other, index) => {
    for (const one of inOrder.slice(Math.max(0, index - NEIGHBOURS), index)) visit(one, other);
  });
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

function countsOf({ traceId, usage }: Observation): string | null {
  if (usage?.status !== 'reported' || usage.tokens === null) return null;
  const input = inputTokens(usage.tokens);
  const output = outputTokens(usage.tokens);
  return input + output < MIN_TELLING_TOKENS ? null : `${traceId}:${input}:${output}`;
}

/** The nodes that have a name, by their names, both in the order of the nodes. */
function groupedBy<Name>(
  nodes: readonly Node[],
  nameOf: (node: Node) => Name | null,
): ReadonlyMap<Name, readonly Node[]> {
  const groups = new Map<Name, Node[]>();
  for (const node of nodes) {
    const name = nameOf(node);
    if (name === null) continue;
    const before = groups.get(name);
    if (before === undefined) groups.set(name, [node]);
    else before.push(node);
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
  readonly sums: ReadonlySet<Node>;
  /** Calls whose usage only the span around them knows. */
  readonly inside: ReadonlyMap<Node, Node>;
  readonly failed: ReadonlySet<Node>;
}

interface Findings extends Exceptions {
  readonly sums: Set<Node>;
  readonly inside: Map<Node, Node>;
  readonly failed: Set<Node>;
}

const NO_EXCEPTIONS: Exceptions = { sums: new Set(), inside: new Map(), failed: new Set() };

function joinByNesting(forest: Forest, nodes: readonly Node[], same: DisjointSets): Exceptions {
  const wrapperOf = wrappersIn(forest);
  const inner = groupedBy(nodes, wrapperOf);
  if (inner.size === 0) return NO_EXCEPTIONS;
  const found: Findings = { sums: new Set(), inside: new Map(), failed: new Set() };
  // From the inside out, so that what a wrapper holds is settled before the wrapper is looked at.
  for (const outer of [...inner.keys()].sort((a, b) => b.depth - a.depth || byKey(a, b))) {
    settleWrapper(outer, inner.get(outer) ?? [], same, found);
  }
  return found;
}

function settleWrapper(outer: Node, inner: readonly Node[], same: DisjointSets, found: Findings): void {
  const answered = inner.filter((node) => !node.observation.failedUnanswered && !found.failed.has(node));
  const held = new Map(answered.map((node) => [same.find(node.index), node]));
  const knowsUsage = hasTokens(outer.observation.usage);
  if (held.has(same.find(outer.index))) return;
  const [first] = held.values();
  if (first === undefined) {
    if (!knowsUsage) found.failed.add(outer);
  } else if (held.size === 1) {
    same.join(outer.index, first.index);
  } else if (!knowsUsage || answered.some(({ observation }) => hasTokens(observation.usage))) {
    found.sums.add(outer);
  } else {
    for (const node of answered) found.inside.set(node, outer);
  }
}

/** Tells of a node the call span that stands around it for the same work, if there is one. */
function wrappersIn({ nodes }: Forest): (node: Node) => Node | null {
  // Parents come before their children, so what is around a parent is known when its child is looked at.
  const around: (Node | null)[] = [];
  for (const { parent } of nodes) {
    if (parent === null) around.push(null);
    else around.push(endsWork(parent.observation) ? parent : (around[parent.index] ?? null));
  }
  return ({ index, observation }) => {
    if (observation.kind !== 'call') return null;
    const outer = around[index]?.observation;
    if (outer === undefined || outer.kind !== 'call') return null;
    return family(outer.operation) === family(observation.operation) ? (around[index] ?? null) : null;
  };
}

/** What is around these is other work than what is below them. */
function endsWork({ kind, operation }: Observation): boolean {
  return kind === 'call' || kind === 'tool' || (kind === 'container' && operation === 'agent');
}

/** Emitters name one request chat, completion or realtime; embeddings under a chat are another request. */
function family(operation: Operation): Operation {
  return operation === 'completion' || operation === 'realtime' || operation === 'other' ? 'chat' : operation;
}

function callOf(spans: readonly Node[], { sums, inside, failed }: Exceptions): Call {
  const real = sums.size === 0 ? spans : spans.filter((node) => !sums.has(node));
  const members = real.length === 0 ? spans : real;
  const accounts = members.length === 1 ? members : [...members].sort(byAccount);
  const [primary] = members.length === 1 ? members : [...members].sort(byIdentity);
  if (primary === undefined) throw new Error('a call has at least one span');
  const held = inside.size === 0 ? undefined : spans.find((node) => inside.has(node));
  const around = (held && inside.get(held)) ?? null;
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
