import type { Label, LabelField } from '../labels.ts';
import type { UsageRecord } from '../usage.ts';
import type { Bearers } from './bearers.ts';
import type { Node } from './forest.ts';

/** The nearest word on whether a call took the smaller form of its feature, and the span that says it. */
export interface DegradedMark {
  readonly label: Label;
  readonly bearer: Node;
}

/** What tells actions apart. */
export type ActionOfCall = Pick<UsageRecord, 'actionId' | 'customer' | 'feature'>;

/**
 * Whether the mark says so, and of this action. A mark on a span around the call counts unless that span is known to be
 * of another action: an action that was begun amid a degraded one was asked for by itself. Any word but `true` is none,
 * because a spelling mistake must not make usage cheap.
 */
export function isDegradedBy({ label, bearer }: DegradedMark, call: ActionOfCall, bearers: Bearers): boolean {
  if (label.value.trim().toLowerCase() !== 'true') return false;
  const { nearest } = bearers.around(bearer);
  const said = (field: LabelField): string | null =>
    (bearer.observation.labels[field] ?? nearest[field]?.observation.labels[field])?.value ?? null;
  const customer = said('customer');
  const actionId = said('actionId');
  const feature = said('feature');
  if (customer !== null && customer !== call.customer) return false;
  // An app that names its actions may use several features in one.
  return actionId === null ? feature === null || feature === call.feature : actionId === call.actionId;
}
