import type { MicroCredits } from '../amount.ts';
import type { Rating } from '../price.ts';
import type { UsageRecord } from '../usage.ts';
import type { CreditRules } from './rule.ts';

export type Charge =
  | { readonly kind: 'charged'; readonly credits: MicroCredits; readonly ruleVersion: string }
  /** Zero credits, and why. */
  | { readonly kind: 'not_charged'; readonly reason: NotChargedReason }
  /** A cost-plus rule waits for a price (convention C20). */
  | { readonly kind: 'pending'; readonly reason: 'unpriced' };

export type NotChargedReason = 'no_rule' | 'failed' | 'internal' | 'unattributed' | 'not_billed';

/** The feature's rule turns the call into credits, rounded up once. */
export declare function charge(usage: UsageRecord, rating: Rating, rules: CreditRules): Charge;
