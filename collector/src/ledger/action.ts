import {
  type ActionLeaf,
  Hash53,
  keyOf,
  type NotChargedReason,
  type UsageRecord,
} from '@spanledger/metering';

/**
 * Which calls are charged together: those of one customer with one action id, or, where the app names none, of one trace
 * under one feature.
 */
export interface ActionKey {
  readonly tenant: string;
  readonly customer: string;
  readonly actionId: string | null;
  /** Null where the app names the action. */
  readonly traceId: string | null;
  readonly feature: string | null;
}

/** A call's part in an action. */
export interface HeldLeaf {
  readonly action: ActionKey;
  readonly leaf: ActionLeaf;
}

/** What decides whether a usage is part of an action, and of which. */
export type Actionable = Pick<
  UsageRecord,
  'billingRole' | 'usageClass' | 'customer' | 'feature' | 'actionId' | 'traceId' | 'isCostOnly'
>;

export type ActionOf =
  | { readonly kind: 'action'; readonly action: ActionKey }
  | { readonly kind: 'none'; readonly reason: NotChargedReason };

/** Only billed calls of customers and trials burn credits (conventions C7, C18), and only whoever is known pays. */
export function actionOf(usage: Actionable, tenant: string): ActionOf {
  if (usage.billingRole !== 'billed') return { kind: 'none', reason: 'not_billed' };
  if (usage.usageClass !== 'customer' && usage.usageClass !== 'trial') {
    return { kind: 'none', reason: 'internal' };
  }
  if (usage.customer === null) return { kind: 'none', reason: 'unattributed' };
  if (usage.isCostOnly) return { kind: 'none', reason: 'cost_only' };
  const { customer, feature, actionId, traceId } = usage;
  const action =
    actionId === traceId
      ? { tenant, customer, actionId: null, traceId, feature }
      : // An app that names its actions may use several features in one.
        { tenant, customer, actionId, traceId: null, feature: null };
  return { kind: 'action', action };
}

/** What the credits of an action depend on in one of its calls. */
export type LeafOf = Pick<
  UsageRecord,
  | 'traceId'
  | 'spanId'
  | 'eventTimeMicros'
  | 'feature'
  | 'status'
  | 'outcome'
  | 'isDegraded'
  | 'usageStatus'
  | 'tokens'
  | 'units'
>;

export function leafOf(usage: LeafOf, cost: bigint | null): ActionLeaf {
  const { eventTimeMicros, feature, status, outcome, isDegraded, units } = usage;
  // Counts that contradict each other are no measure.
  const tokens = usage.usageStatus === 'invalid' ? null : usage.tokens;
  return { key: keyOf(usage), eventTimeMicros, feature, status, outcome, isDegraded, cost, tokens, units };
}

/** One text for each action. */
export function actionText({ tenant, customer, actionId, traceId, feature }: ActionKey): string {
  return JSON.stringify([tenant, customer, actionId, traceId, feature]);
}

/** A number under which the calls of a named action are found; other actions may rarely have it, too. */
export function actionLink({ tenant, customer, actionId }: ActionKey): number | null {
  return actionId === null ? null : new Hash53().text(tenant).text(customer).text(actionId).finish();
}

export function isSameAction(one: ActionKey, other: ActionKey): boolean {
  return (
    one.traceId === other.traceId &&
    one.actionId === other.actionId &&
    one.customer === other.customer &&
    one.feature === other.feature &&
    one.tenant === other.tenant
  );
}
