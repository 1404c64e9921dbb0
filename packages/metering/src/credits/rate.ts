import type { MicroCredits } from '../amount.ts';
import type { Rating } from '../price.ts';
import type { UsageRecord } from '../usage.ts';
import { rateInOrder } from './action.ts';
import type { CreditRules } from './rule.ts';

export type Charge =
  | { readonly kind: 'charged'; readonly credits: MicroCredits; readonly ruleVersion: string }
  /** Zero credits, and why. */
  | { readonly kind: 'not_charged'; readonly reason: NotChargedReason }
  /** What the rule counts of the call is not known: a cost-plus rule waits for a price (convention C20). */
  | { readonly kind: 'pending'; readonly reason: 'unpriced' };

/** `no_credit_value`: the rule turns cost into credits, and neither it nor a plan says what a credit is worth. */
export type NotChargedReason =
  | 'no_rule'
  | 'no_credit_value'
  | 'failed'
  | 'internal'
  | 'unattributed'
  | 'not_billed'
  | 'cost_only';

/** What charging looks at in a usage record. */
export type Chargeable = Pick<
  UsageRecord,
  | 'billingRole'
  | 'usageClass'
  | 'usageStatus'
  | 'customer'
  | 'feature'
  | 'status'
  | 'eventTimeMicros'
  | 'tokens'
  | 'units'
>;

/** The credits of a call that is an action of its own. */
export function charge(usage: Chargeable, rating: Rating, rules: CreditRules): Charge {
  if (usage.billingRole !== 'billed') return notCharged('not_billed');
  if (usage.usageClass !== 'customer' && usage.usageClass !== 'trial') return notCharged('internal');
  if (usage.customer === null) return notCharged('unattributed');
  const { eventTimeMicros, feature, status, units } = usage;
  const cost = rating.kind === 'priced' ? rating.cost : null;
  // Counts that contradict each other are no measure.
  const tokens = usage.usageStatus === 'invalid' ? null : usage.tokens;
  const leaf = { eventTimeMicros, feature, status, outcome: status, cost, tokens, units };
  const [share] = rateInOrder([leaf], rules, null).shares;
  return share?.charge ?? notCharged('not_billed');
}

function notCharged(reason: NotChargedReason): Charge {
  return { kind: 'not_charged', reason };
}
