import { divideCeil, type MicroCredits, type UsdFemto } from '../amount.ts';
import type { Rating } from '../price.ts';
import type { UsageRecord } from '../usage.ts';
import type { CostPlusRule, CreditRules } from './rule.ts';

export type Charge =
  | { readonly kind: 'charged'; readonly credits: MicroCredits; readonly ruleVersion: string }
  /** Zero credits, and why. */
  | { readonly kind: 'not_charged'; readonly reason: NotChargedReason }
  /** A cost-plus rule waits for a price (convention C20). */
  | { readonly kind: 'pending'; readonly reason: 'unpriced' };

export type NotChargedReason = 'no_rule' | 'failed' | 'internal' | 'unattributed' | 'not_billed';

/** What charging looks at in a usage record. */
export type Chargeable = Pick<
  UsageRecord,
  'billingRole' | 'usageClass' | 'customer' | 'feature' | 'status' | 'eventTimeMicros'
>;

/** The feature's rule turns the call into credits, rounded up once. */
export function charge(usage: Chargeable, rating: Rating, rules: CreditRules): Charge {
  if (usage.billingRole !== 'billed') return notCharged('not_billed');
  if (usage.usageClass !== 'customer' && usage.usageClass !== 'trial') return notCharged('internal');
  if (usage.customer === null) return notCharged('unattributed');
  if (usage.status === 'error') return notCharged('failed');
  const rule = rules.ruleFor(usage.feature);
  if (rule === null) return notCharged('no_rule');

  switch (rule.kind) {
    case 'fixed':
      return { kind: 'charged', credits: rule.credits, ruleVersion: rules.version };
    case 'cost_plus':
      if (rating.kind !== 'priced') return { kind: 'pending', reason: 'unpriced' };
      return { kind: 'charged', credits: costPlusCredits(rating.cost, rule), ruleVersion: rules.version };
  }
}

/**
 * Credits = cost × factor ÷ credit value, as one exact fraction, rounded up once to the increment (conventions C4,
 * C5). The credits are worth at least cost × factor, so the realised margin is never below the target (I12).
 */
export function costPlusCredits(cost: UsdFemto, rule: CostPlusRule): MicroCredits {
  const { numerator, denominator } = rule.incrementsPerCost;
  return divideCeil(cost * numerator, denominator) * rule.increment;
}

function notCharged(reason: NotChargedReason): Charge {
  return { kind: 'not_charged', reason };
}
