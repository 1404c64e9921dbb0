import { type Call, findCalls } from './calls.ts';
import { hasTokens } from './observation.ts';
import type { Forest, Node } from './trace.ts';
import type { BillingRole } from './usage.ts';

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
 * Who bills in these traces. Calls are settled first, wherever they are; then each tree from its leaves up: what holds
 * a billed call repeats it, and what holds none may be the only witness of its calls.
 */
export function assignRoles(forest: Forest, deadline: Deadline): ReadonlyMap<Node, Role> {
  const calls = findCalls(forest);
  const roles = new Map<Node, Role>();
  /** Nodes at or below which something bills, or will when its time has come. */
  const billing = new Set<Node>();
  const strays = straysOf(forest, calls);

  for (let index = forest.nodes.length - 1; index >= 0; index--) {
    const node = forest.nodes[index];
    if (node === undefined) continue;
    const billsBelow = node.children.some((child) => billing.has(child));
    const call = calls.get(node) ?? null;
    const role =
      call === null ? roleAround(node, billsBelow, strays, deadline) : roleOfCall(node, call, strays);
    if (role !== null) roles.set(node, role);
    const bills =
      call === null ? role?.role === 'billed' || (role?.dueAtMicros ?? null) !== null : bears(call);
    if (billsBelow || bills) billing.add(node);
  }
  return roles;
}

/** A call that failed is no reason for a container not to bill; one that is billed anywhere is. */
function bears(call: Call): boolean {
  return call.state !== 'failed';
}

function roleOfCall(node: Node, call: Call, strays: readonly Node[]): Role {
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
      if (node !== call.primary) return role('duplicate', duplicateReason(node, call.primary), call.primary);
      if (!knowsUsage(call) && strays.some((stray) => mayBeBelow(stray, node))) {
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

function duplicateReason(node: Node, primary: Node): string {
  if (node.observation.traceId !== primary.observation.traceId) return 'the same call, seen in another trace';
  for (let above = primary.parent; above !== null; above = above.parent) {
    if (above === node) return 'wraps the span of the same call';
  }
  return 'a second view of the same call';
}

function roleAround(
  node: Node,
  billsBelow: boolean,
  strays: readonly Node[],
  deadline: Deadline,
): Role | null {
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
  if (strays.some((stray) => mayBeBelow(stray, node))) {
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
function straysOf(forest: Forest, calls: ReadonlyMap<Node, Call>): readonly Node[] {
  const strays = new Set<Node>();
  for (const node of forest.nodes) {
    const call = calls.get(node);
    if (call !== undefined && bears(call) && node.top.isOrphan) strays.add(node.top);
  }
  return [...strays];
}

/** Whether the missing parent of a stray may be a span of this container. Better to miss its usage than to double it. */
function mayBeBelow(stray: Node, { observation, top }: Node): boolean {
  const { traceId, startTimeMicros, endTimeMicros } = stray.observation;
  return (
    top !== stray &&
    traceId === observation.traceId &&
    startTimeMicros <= observation.endTimeMicros &&
    observation.startTimeMicros <= endTimeMicros
  );
}
