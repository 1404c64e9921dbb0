import type { Label, LabelField, Labels } from '../labels.ts';
import type { AttributionLevel, AttributionSource, UsageClass, UsageRecord } from '../usage.ts';
import type { Bearers } from './bearers.ts';
import { type ActionOfCall, type DegradedMark, isDegradedBy } from './degraded.ts';
import type { Node } from './forest.ts';

/** Who is spending, on what, and how that is known. */
export type Attribution = Pick<
  UsageRecord,
  | 'actionId'
  | 'isDegraded'
  | 'customer'
  | 'feature'
  | 'userId'
  | 'sessionId'
  | 'usageClass'
  | 'importBatch'
  | 'isCostOnly'
  | 'sources'
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
  bearers: Bearers,
  settings: AttributionSettings,
): Attribution {
  const near = nearestLabels(node, others, bearers);
  const { resourceLabels } = node.observation;
  const { defaults } = settings;

  const customer =
    near('customer') ??
    near('customerStandIn') ??
    found(resourceLabels.customer, 'resource') ??
    found(resourceLabels.customerStandIn, 'resource') ??
    found(defaults.customer, 'default');
  const feature =
    near('feature') ??
    found(resourceLabels.feature, 'resource') ??
    near('featureStandIn') ??
    found(resourceLabels.featureStandIn, 'resource') ??
    found(defaults.feature, 'default');
  const userId =
    near('userId') ?? found(resourceLabels.userId, 'resource') ?? found(defaults.userId, 'default');
  const sessionId =
    near('sessionId') ?? found(resourceLabels.sessionId, 'resource') ?? found(defaults.sessionId, 'default');
  const usageClass = usageClassOf(
    near('usageClass') ?? found(resourceLabels.usageClass, 'resource'),
    node,
    customer,
    settings,
  );
  const action: ActionOfCall = {
    actionId: near('actionId')?.label.value ?? node.observation.traceId,
    customer: customer?.label.value ?? null,
    feature: feature?.label.value ?? null,
  };
  // A process is no action: what a resource says of it does not count.
  const degraded = near('degraded');
  return {
    actionId: action.actionId,
    isDegraded: degraded !== null && isDegradedBy(degraded, action, bearers),
    customer: action.customer,
    feature: action.feature,
    userId: userId?.label.value ?? null,
    sessionId: sessionId?.label.value ?? null,
    usageClass: usageClass.usageClass,
    importBatch: (near('importBatch')?.label ?? resourceLabels.importBatch)?.value ?? null,
    isCostOnly: (near('importMode')?.label ?? resourceLabels.importMode)?.value === COST_ONLY,
    sources: {
      customer: sourceOf(customer),
      feature: sourceOf(feature),
      userId: sourceOf(userId),
      sessionId: sourceOf(sessionId),
      usageClass: usageClass.source,
    },
  };
}

/** Usage of the past that is not to burn credits (convention C16). */
const COST_ONLY = 'cost_only';

interface Found {
  readonly label: Label;
  readonly level: AttributionLevel;
}

/** By a span of the traces: its own words, not those of a resource or of the settings. */
interface Borne extends Found, DegradedMark {}

function found(label: Label | undefined, level: AttributionLevel): Found | null {
  return label === undefined ? null : { label, level };
}

function sourceOf(found: Found | null): AttributionSource | null {
  return found === null ? null : { level: found.level, key: found.label.key };
}

/** Finds in all that bears labels for a call, nearest first. */
function nearestLabels(
  node: Node,
  others: readonly Node[],
  bearers: Bearers,
): (field: LabelField) => Borne | null {
  const { labels } = node.observation;
  const around = bearers.around(node);
  const aroundOthers = others.map((other) => bearers.around(other));
  const isBroken = around.isBroken || aroundOthers.some((other) => other.isBroken);
  return (field) => {
    const own = labels[field];
    if (own !== undefined) return { label: own, level: 'span', bearer: node };
    for (const other of others) {
      const label = other.observation.labels[field];
      if (label !== undefined) return { label, level: 'duplicate', bearer: other };
    }
    let above = around.nearest[field];
    for (let index = 0; above === null && index < aroundOthers.length; index++)
      above = aroundOthers[index]?.nearest[field] ?? null;
    if (above !== null) {
      return borne(field, above, isRoot(above) ? 'root' : 'ancestor');
    }
    const near = isBroken ? bearers.inTime(node, field) : null;
    return near === null ? null : borne(field, near, 'trace');
  };
}

function borne(field: LabelField, bearer: Node, level: AttributionLevel): Borne | null {
  const label = bearer.observation.labels[field];
  return label === undefined ? null : { label, level, bearer };
}

function isRoot({ parent, isOrphan }: Node): boolean {
  return parent === null && !isOrphan;
}

interface ClassWithSource {
  readonly usageClass: UsageClass;
  readonly source: AttributionSource | null;
}

/** A label, else a rule, else an environment that is named like a class, else `customer`. */
function usageClassOf(
  stated: Found | null,
  { observation: { environment, service } }: Node,
  customer: Found | null,
  { usageClassRules }: AttributionSettings,
): ClassWithSource {
  if (stated !== null) {
    return { usageClass: usageClassNamed(stated.label.value) ?? 'customer', source: sourceOf(stated) };
  }
  const rule = usageClassRules.find(
    (candidate) =>
      (candidate.environment === undefined || candidate.environment === environment) &&
      (candidate.service === undefined || candidate.service === service) &&
      (candidate.customer === undefined || candidate.customer === customer?.label.value),
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
