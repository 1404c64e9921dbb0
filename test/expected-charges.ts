import {
  type ActionLeaf,
  type Book,
  type Charge,
  keyOf,
  price,
  type Rating,
  rateAction,
  type UsageRecord,
} from '@spanledger/metering';

/** What a usage record must cost and burn in the end. */
export interface ExpectedCharge {
  readonly usage: UsageRecord;
  readonly rating: Rating;
  /** Its share of the credits of its action. */
  readonly charge: Charge;
  /** Who pays it; null: nobody does. */
  readonly payer: string | null;
}

/**
 * What the ledger must say of usage records when nothing more comes: all of them priced, put together into actions, and
 * each action rated once. It shares only prices and `rateAction` with the ledger, not how that finds out what belongs
 * together, or what has changed.
 */
export function expectedCharges(records: readonly UsageRecord[], book: Book): readonly ExpectedCharge[] {
  const actions = new Map<string, ActionLeaf[]>();
  const rated = records.map((usage) => {
    const rating = price(usage, book.catalogue, 'default');
    const action = actionNameOf(usage);
    if (action.kind === 'action') {
      const leaves = actions.get(action.name) ?? [];
      actions.set(action.name, leaves);
      leaves.push(aLeaf(usage, rating));
    }
    return { usage, rating, action };
  });
  const shares = new Map<string, Charge>();
  for (const leaves of actions.values()) {
    for (const { leaf, charge } of rateAction(leaves, book.rules, null).shares) shares.set(leaf.key, charge);
  }
  return rated.map(({ usage, rating, action }) => {
    if (action.kind === 'none') {
      return { usage, rating, charge: { kind: 'not_charged', reason: action.reason }, payer: null };
    }
    const charge = shares.get(keyOf(usage));
    if (charge === undefined) throw new Error('a call of an action has no share in it');
    return { usage, rating, charge, payer: usage.customer };
  });
}

/** Its action by the conventions C4, C7 and C18: what the app names, else the calls of a feature in one trace. */
function actionNameOf(
  usage: UsageRecord,
):
  | { readonly kind: 'action'; readonly name: string }
  | { readonly kind: 'none'; readonly reason: 'not_billed' | 'internal' | 'unattributed' | 'cost_only' } {
  const { billingRole, usageClass, customer, isCostOnly, actionId, traceId, feature } = usage;
  if (billingRole !== 'billed') return { kind: 'none', reason: 'not_billed' };
  if (!['customer', 'trial'].includes(usageClass)) return { kind: 'none', reason: 'internal' };
  if (customer === null) return { kind: 'none', reason: 'unattributed' };
  if (isCostOnly) return { kind: 'none', reason: 'cost_only' };
  const isNamed = actionId !== traceId;
  return { kind: 'action', name: JSON.stringify([customer, actionId, isNamed ? null : feature, isNamed]) };
}

function aLeaf(usage: UsageRecord, rating: Rating): ActionLeaf {
  return {
    key: keyOf(usage),
    eventTimeMicros: usage.eventTimeMicros,
    feature: usage.feature,
    status: usage.status,
    outcome: usage.outcome,
    isDegraded: usage.isDegraded,
    cost: rating.kind === 'priced' ? rating.cost : null,
    tokens: usage.usageStatus === 'invalid' ? null : usage.tokens,
    units: usage.units,
  };
}

/** Micro-credits; null while they wait for a price. */
export function creditsOf(charge: Charge): bigint | null {
  switch (charge.kind) {
    case 'charged':
      return charge.credits;
    case 'not_charged':
      return 0n;
    case 'pending':
      return null;
  }
}

/** What each customer must have used; nobody of whom that is nothing. */
export function expectedUse(charges: readonly ExpectedCharge[]): ReadonlyMap<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const { payer, charge } of charges) {
    if (payer !== null) sums.set(payer, (sums.get(payer) ?? 0n) + (creditsOf(charge) ?? 0n));
  }
  return new Map([...sums].filter(([, sum]) => sum !== 0n).sort(([one], [other]) => (one < other ? -1 : 1)));
}
