import type { Label, LabelField, Labels } from './labels.ts';
import type { Observation } from './observation.ts';
import { ancestors, byKey, type Forest, type Node } from './trace.ts';
import type {
  AttributionLevel,
  AttributionSource,
  AttributionSources,
  UsageClass,
  UsageRecord,
} from './usage.ts';

/** Who is spending, on what, and how that is known. */
export type Attribution = Pick<
  UsageRecord,
  'actionId' | 'customer' | 'feature' | 'userId' | 'sessionId' | 'usageClass' | 'sources'
>;

/** A rule of the configuration: usage that fits all its conditions is of this class, unless a label says another. */
export interface UsageClassRule {
  readonly usageClass: UsageClass;
  /** Shown as the source. */
  readonly name: string;
  readonly environment?: string;
  readonly service?: string;
  readonly customer?: string;
}

export interface AttributionSettings {
  readonly usageClassRules: readonly UsageClassRule[];
  /** What is bound to the key that the spans were sent with; it counts where no span says anything. */
  readonly defaults: Labels;
}

export const NO_ATTRIBUTION_SETTINGS: AttributionSettings = { usageClassRules: [], defaults: {} };

/**
 * Reads the labels of a call from everything that bears any for it, nearest first: its own span, the other spans of
 * the same call, the spans around them up to the root, any labelled span of the trace where the way up is broken, the
 * resource, the sender's key. A resource comes late: it speaks for a process, not for a call.
 */
export function attribute(
  node: Node,
  others: readonly Node[],
  forest: Forest,
  settings: AttributionSettings,
): Attribution {
  const levels = levelsOf(node, others, forest);
  const near = (field: LabelField) => levels.find((level) => level.labels[field] !== undefined);
  const resource: Level = { level: 'resource', labels: node.observation.resourceLabels };
  const fallback: Level = { level: 'default', labels: settings.defaults };

  const customer =
    found('customer', [near('customer')]) ??
    found('customerStandIn', [near('customerStandIn')]) ??
    found('customer', [resource]) ??
    found('customerStandIn', [resource]) ??
    found('customer', [fallback]);
  const feature =
    found('feature', [near('feature'), resource]) ??
    found('featureStandIn', [near('featureStandIn'), resource]) ??
    found('feature', [fallback]);
  const userId = found('userId', [near('userId'), resource, fallback]);
  const sessionId = found('sessionId', [near('sessionId'), resource, fallback]);
  const usageClass = usageClassOf(
    found('usageClass', [near('usageClass'), resource]),
    node,
    customer,
    settings,
  );
  return {
    actionId: found('actionId', [near('actionId')])?.value ?? node.observation.traceId,
    customer: customer?.value ?? null,
    feature: feature?.value ?? null,
    userId: userId?.value ?? null,
    sessionId: sessionId?.value ?? null,
    usageClass: usageClass.usageClass,
    sources: {
      customer: sourceOf(customer),
      feature: sourceOf(feature),
      userId: sourceOf(userId),
      sessionId: sourceOf(sessionId),
      usageClass: usageClass.source,
    },
  };
}

export const NO_SOURCES: AttributionSources = {
  customer: null,
  feature: null,
  userId: null,
  sessionId: null,
  usageClass: null,
};

interface Level {
  readonly level: AttributionLevel;
  readonly labels: Labels;
}

interface Found extends Label {
  readonly level: AttributionLevel;
}

function found(field: LabelField, levels: readonly (Level | undefined)[]): Found | null {
  for (const level of levels) {
    const label = level?.labels[field];
    if (level !== undefined && label !== undefined) return { ...label, level: level.level };
  }
  return null;
}

function sourceOf(label: Found | null): AttributionSource | null {
  return label === null ? null : { level: label.level, key: label.key };
}

/** All that bears labels for a call, nearest first. */
function levelsOf(node: Node, others: readonly Node[], forest: Forest): readonly Level[] {
  const levels: Level[] = [{ level: 'span', labels: node.observation.labels }];
  for (const other of others) levels.push({ level: 'duplicate', labels: other.observation.labels });
  let isBroken = false;
  for (const start of [node, ...others]) {
    const way = wayUp(start);
    for (const above of way.above) {
      const level = above.parent === null && !above.isOrphan ? 'root' : 'ancestor';
      levels.push({ level, labels: above.observation.labels });
    }
    isBroken ||= way.isBroken;
  }
  if (isBroken) {
    for (const near of aroundInTime(node, forest))
      levels.push({ level: 'trace', labels: near.observation.labels });
  }
  return levels;
}

interface WayUp {
  readonly above: readonly Node[];
  /** It ends at a span that names a parent which is not there. */
  readonly isBroken: boolean;
}

/**
 * The spans around one, up to the border of a developer's tool: a program that was merely started from the tool joins
 * its trace, but whoever sits at the tool is not who the program works for.
 */
function wayUp(node: Node): WayUp {
  const above: Node[] = [];
  for (const span of ancestors(node)) {
    if (isForeign(span, node)) return { above, isBroken: false };
    above.push(span);
  }
  return { above, isBroken: node.top.isOrphan };
}

const DEVELOPER_TOOL =
  /^(?:claude[-_]?code|codex(?:[-_].*)?|gemini[-_]cli|copilot[-_]chat|github[-_]copilot)$/;

function isForeign({ observation: above }: Node, { observation }: Node): boolean {
  if (above.service === observation.service) return false;
  return above.dialect === 'claude-code' || DEVELOPER_TOOL.test(above.service ?? '');
}

/**
 * The labelled spans of a trace that a broken way up does not reach: those that were running when the call began, the
 * shortest first, because it is the most likely to be around it.
 */
function aroundInTime(node: Node, { nodes }: Forest): readonly Node[] {
  const { traceId, startTimeMicros } = node.observation;
  return nodes
    .filter((other) => {
      const { observation } = other;
      return (
        observation.traceId === traceId &&
        other !== node &&
        Object.keys(observation.labels).length > 0 &&
        observation.startTimeMicros <= startTimeMicros &&
        startTimeMicros <= observation.endTimeMicros &&
        // Another call's labels speak for that call.
        observation.kind !== 'call' &&
        !isForeign(other, node)
      );
    })
    .sort((one, other) => durationOf(one.observation) - durationOf(other.observation) || byKey(one, other));
}

function durationOf({ startTimeMicros, endTimeMicros }: Observation): number {
  return endTimeMicros - startTimeMicros;
}

interface ClassWithSource {
  readonly usageClass: UsageClass;
  readonly source: AttributionSource | null;
}

/** A label, else a rule, else an environment that is named like a class, else `customer`. */
function usageClassOf(
  label: Found | null,
  { observation: { environment, service } }: Node,
  customer: Found | null,
  { usageClassRules }: AttributionSettings,
): ClassWithSource {
  if (label !== null) {
    return { usageClass: usageClassNamed(label.value) ?? 'customer', source: sourceOf(label) };
  }
  const rule = usageClassRules.find(
    (candidate) =>
      (candidate.environment === undefined || candidate.environment === environment) &&
      (candidate.service === undefined || candidate.service === service) &&
      (candidate.customer === undefined || candidate.customer === customer?.value),
  );
  if (rule !== undefined) return { usageClass: rule.usageClass, source: { level: 'rule', key: rule.name } };
  const named = environment === null ? null : usageClassNamed(environment);
  return named === null
    ? { usageClass: 'customer', source: null }
    : { usageClass: named, source: { level: 'environment', key: 'deployment.environment.name' } };
}

/** An unknown word means no class, so `customer`: a spelling mistake must not make usage free. */
function usageClassNamed(word: string): UsageClass | null {
  const name = word.trim().toLowerCase();
  switch (name) {
    case 'customer':
    case 'trial':
    case 'internal':
    case 'test':
    case 'demo':
    case 'admin':
      return name;
    default:
      return null;
  }
}
