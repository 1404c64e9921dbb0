import { hasTokens } from '../observation.ts';
import type { BillingRole } from '../usage.ts';
import { type Call, findCalls } from './calls.ts';
import type { Forest, Node } from './forest.ts';
import { NO_STRAYS, type Strays, straysAmong } from './strays.ts';

/** When a decision is made: containers bill only after others had time to arrive. */
export interface Deadline {
  /** Microseconds since the Unix epoch. */
  readonly nowMicros: number;
  /** How long after its end a container waits for calls below it. */
  readonly graceMicros: number;
}

/** The part that a span plays in billing, and why. */
export interface Role {
  readonly role: BillingRole;
  readonly reason: string;
  /** The span that bills in this one's place. */
  readonly supersededBy: Node | null;
  /** The call that this span tells of; null for containers, tools and the like. */
  readonly call: Call | null;
  /** When time alone changes the role, if nothing else arrives; null when it does not. */
  readonly dueAtMicros: number | null;
}

/**
 * Who bills in these traces, by the index of their nodes; undefined for spans that have no part in it. Calls are
 * settled first, wherever they are; then each tree from its leaves up: what holds a billed call repeats it, and what
 * holds none may be the only witness of its calls.
 */
export function assignRoles(forest: Forest, deadline: Deadline): readonly (Role | undefined)[] {
  const calls = findCalls(forest);
  const strays = straysOf(forest, calls);
  const pathTo = pathsToTops();
  const roles = new Array<Role | undefined>(forest.nodes.length).fill(undefined);
  /** Whether something at or below a node bills, or will when its time has come. */
  const bills = new Array<boolean>(forest.nodes.length).fill(false);

  for (let index = forest.nodes.length - 1; index >= 0; index--) {
    const node = forest.nodes[index];
    if (node === undefined) continue;
    const billsBelow = bills[index] === true;
    const call = calls[index];
    const role =
      call === undefined
        ? roleAround(node, billsBelow, strays, deadline)
        : roleOfCall(node, call, strays, pathTo);
    if (role !== null) roles[index] = role;
    // What the app counts beside its calls is none of those that a container sums.
    const billsItself =
      call === undefined ? node.observation.kind !== 'unit' && isOrMayBeBilled(role) : wasAnswered(call);
    if (node.parent !== null && (billsBelow || billsItself)) bills[node.parent.index] = true;
  }
  return roles;
}

function isOrMayBeBilled(role: Role | null): boolean {
  return role?.role === 'billed' || (role?.dueAtMicros ?? null) !== null;
}

/** A call that failed is no reason for a container not to bill; one that is billed anywhere is. */
function wasAnswered(call: Call): boolean {
  return call.state !== 'failed';
}

function roleOfCall(node: Node, call: Call, strays: Strays, pathTo: PathTo): Role {
  const role = (as: BillingRole, reason: string, supersededBy: Node | null): Role => ({
    role: as,
    reason,
    supersededBy,
    call,
    dueAtMicros: null,
  });
  switch (call.state) {
    case 'failed':
      return role('ignored', `${node.observation.why}, which failed before the provider answered`, null);
    case 'sum':
      return role('container', `${node.observation.why}, but several calls below it are its sum`, null);
    case 'inside':
      return role('duplicate', 'its usage is only known from the span around it', call.around);
    case 'billed': {
      if (node !== call.primary)
        return role('duplicate', duplicateReason(node, call.primary, pathTo), call.primary);
      if (!knowsUsage(call) && strays.mayBeBelow(node)) {
        return role('pending', 'a call of this trace whose parent is missing may be the same one', null);
      }
      const others = call.accounts.length - 1;
      const seen = others === 0 ? '' : `, seen by ${others} more ${others === 1 ? 'span' : 'spans'}`;
      return role('billed', node.observation.why + seen, null);
    }
  }
}

function knowsUsage({ accounts }: Call): boolean {
  return accounts.some(({ observation }) => observation.usage?.hasCounts === true);
}

function duplicateReason(node: Node, primary: Node, pathTo: PathTo): string {
  if (node.observation.traceId !== primary.observation.traceId) return 'the same call, seen in another trace';
  return pathTo(primary)[node.depth] === node
    ? 'wraps the span of the same call'
    : 'a second view of the same call';
}

/** The way from the top to a node, itself included. */
type PathTo = (node: Node) => readonly Node[];

/** Each path is made once, because thousands of spans may ask for that to their primary. */
function pathsToTops(): PathTo {
  const paths = new Map<Node, readonly Node[]>();
  return (node) => {
    const before = paths.get(node);
    if (before !== undefined) return before;
    const path: Node[] = [];
    for (let step: Node | null = node; step !== null; step = step.parent) path[step.depth] = step;
    paths.set(node, path);
    return path;
  };
}

function roleAround(node: Node, billsBelow: boolean, strays: Strays, deadline: Deadline): Role | null {
  const { kind, why, usage, isCumulative, endTimeMicros } = node.observation;
  const role = (as: BillingRole, reason: string, dueAtMicros: number | null = null): Role => ({
    role: as,
    reason,
    supersededBy: null,
    call: null,
    dueAtMicros,
  });
  switch (kind) {
    case 'plain':
    case 'pending_twin':
      return null;
    case 'tool':
    case 'zero_rated':
    case 'other':
      return role('ignored', why);
    case 'partial':
      return role('container', why);
    case 'unit':
      return role('billed', why);
    case 'call':
      throw new Error('every call span belongs to a call');
    case 'container':
    case 'candidate':
      break;
  }
  const waiting: BillingRole = kind === 'candidate' ? 'pending' : 'container';
  // A candidate is one because it has counts, if only half of them (a cut stream).
  if (kind === 'container' && !hasTokens(usage)) return role('container', why);
  if (billsBelow)
    return role('container', kind === 'candidate' ? 'repeats the usage of the calls below it' : why);
  if (strays.mayBeBelow(node)) {
    return role('container', 'a call of this trace whose parent is missing may be below it');
  }
  if (isCumulative) return role('pending', `${why}, and no call below it says how much is new`);
  const dueAtMicros = endTimeMicros + deadline.graceMicros;
  if (deadline.nowMicros < dueAtMicros) return role(waiting, why, dueAtMicros);
  return role(
    'billed',
    `fallback: no call below it was seen, so ${kind === 'candidate' ? 'it is the call' : 'it is the only witness'}`,
  );
}

/** The tops with a missing parent below which something was called. */
function straysOf({ nodes }: Forest, calls: readonly (Call | undefined)[]): Strays {
  let strays: Set<Node> | null = null;
  for (const node of nodes) {
    const call = calls[node.index];
    if (call === undefined || !wasAnswered(call) || !node.top.isOrphan) continue;
    strays ??= new Set();
    strays.add(node.top);
  }
  return strays === null ? NO_STRAYS : straysAmong(strays);
}
