import { bears, type LabelField, type Labels } from '../labels.ts';
import { isDeveloperTool } from '../observation.ts';
import type { Forest, Node } from './forest.ts';
import { running } from './running.ts';

/** For each field, the nearest span that bears a label for it. */
export type Nearest = { readonly [Field in LabelField]: Node | null };

/** What is found on the way up from a span, itself left out. */
export interface Around {
  readonly nearest: Nearest;
  /** The way ends at a span that names a parent which is not there. */
  readonly isBroken: boolean;
}

/** Where in some traces labels stand that count for other spans too. */
export interface Bearers {
  /**
   * The spans around one, up to the border of a developer's tool: a program that was merely started from the tool
   * joins its trace, but whoever sits at the tool is not who the program works for.
   */
  around(node: Node): Around;
  /**
   * The span of the trace that was running when the call began and bears the label; of several, the shortest, because
   * it is the most likely to be around the call. Null when there is none. Another call's labels speak for that call,
   * and a developer's tool only for itself.
   */
  inTime(node: Node, field: LabelField): Node | null;
}

/**
 * A way up as far as it is the same for whoever comes: below a developer's tool it goes on only for spans of the
 * tool's own service. The way from the tool itself is that of such a span.
 */
interface Way extends Around {
  readonly tool: Node | null;
}

const NOBODY: Nearest = {
  customer: null,
  feature: null,
  userId: null,
  sessionId: null,
  usageClass: null,
  actionId: null,
  customerStandIn: null,
  featureStandIn: null,
  importBatch: null,
  importMode: null,
  degraded: null,
};
const END: Way = { nearest: NOBODY, isBroken: false, tool: null };
const BROKEN_END: Way = { nearest: NOBODY, isBroken: true, tool: null };

/**
 * Every way is made once, from the tops down, and shared by all the spans below: climbing from each span anew would
 * cost the square of a deep trace.
 */
export function bearersIn(forest: Forest): Bearers {
  const ways: Way[] = [];
  for (const node of forest.nodes) {
    // Nobody comes from below a leaf.
    ways.push(node.children.length === 0 ? END : wayFrom(node, ways));
  }
  const runningSpans = running(forest);
  return {
    around: ({ parent, isOrphan, observation }) =>
      parent === null ? endOf(isOrphan) : wayThrough(parent, observation.service, ways),
    inTime: runningSpans,
  };
}

function wayFrom(node: Node, ways: readonly Way[]): Way {
  const { parent, isOrphan, observation } = node;
  if (parent === null) return withLabelsOf(node, endOf(isOrphan));
  if (isDeveloperTool(observation)) {
    return withLabelsOf(node, wayThrough(parent, observation.service, ways));
  }
  if (isDeveloperTool(parent.observation)) return withLabelsOf(node, { ...END, tool: parent });
  return withLabelsOf(node, ways[parent.index] ?? END);
}

/** The way from a parent up, for a child of this service. */
function wayThrough(parent: Node, service: string | null, ways: readonly Way[]): Way {
  const way = ways[parent.index] ?? END;
  if (isDeveloperTool(parent.observation)) return parent.observation.service === service ? way : END;
  const { tool } = way;
  if (tool === null) return way;
  if (tool.observation.service !== service) return { ...way, tool: null };
  const { nearest, isBroken } = ways[tool.index] ?? END;
  return { nearest: before(way.nearest, nearest), isBroken, tool: null };
}

function endOf(isOrphan: boolean): Way {
  return isOrphan ? BROKEN_END : END;
}

function withLabelsOf(node: Node, { nearest, isBroken, tool }: Way): Way {
  const { labels } = node.observation;
  return { nearest: bears(labels) ? before(borneBy(node, labels), nearest) : nearest, isBroken, tool };
}

function borneBy(node: Node, labels: Labels): Nearest {
  return {
    customer: labels.customer === undefined ? null : node,
    feature: labels.feature === undefined ? null : node,
    userId: labels.userId === undefined ? null : node,
    sessionId: labels.sessionId === undefined ? null : node,
    usageClass: labels.usageClass === undefined ? null : node,
    actionId: labels.actionId === undefined ? null : node,
    customerStandIn: labels.customerStandIn === undefined ? null : node,
    featureStandIn: labels.featureStandIn === undefined ? null : node,
    importBatch: labels.importBatch === undefined ? null : node,
    importMode: labels.importMode === undefined ? null : node,
    degraded: labels.degraded === undefined ? null : node,
  };
}

function before(near: Nearest, far: Nearest): Nearest {
  return {
    customer: near.customer ?? far.customer,
    feature: near.feature ?? far.feature,
    userId: near.userId ?? far.userId,
    sessionId: near.sessionId ?? far.sessionId,
    usageClass: near.usageClass ?? far.usageClass,
    actionId: near.actionId ?? far.actionId,
    customerStandIn: near.customerStandIn ?? far.customerStandIn,
    featureStandIn: near.featureStandIn ?? far.featureStandIn,
    importBatch: near.importBatch ?? far.importBatch,
    importMode: near.importMode ?? far.importMode,
    degraded: near.degraded ?? far.degraded,
  };
}
