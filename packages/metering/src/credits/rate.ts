import type { MicroCredits } from '../amount.ts';

/** What a call bears of the credits of its action. */
export type Charge =
  | { readonly kind: 'charged'; readonly credits: MicroCredits; readonly ruleVersion: string }
  /** Zero credits, and why. */
  | { readonly kind: 'not_charged'; readonly reason: NotChargedReason }
  /** What the rule counts of the call is not known: a cost-plus rule waits for a price (convention C20). */
  | { readonly kind: 'pending'; readonly reason: 'unpriced' };

/**
 * `no_credit_value`: the rule turns cost into credits, and neither it nor a plan says what a credit is worth.
 * `out_of_range`: by the rule it would be more credits than there can be (`MAX_CREDITS`): a count that cannot be true.
 */
export type NotChargedReason =
  | 'no_rule'
  | 'no_credit_value'
  | 'out_of_range'
  | 'failed'
  | 'internal'
  | 'unattributed'
  | 'not_billed'
  | 'cost_only';

/**
 * What a corrected price does to credits that are settled (convention C17). `customer_favourable`: they may fall, never
 * rise. `neutral`: they follow the price, both ways. Cost is corrected under both, and a charge that waited for a price
 * is made under both: it was never settled.
 */
export type ReratePolicy = 'customer_favourable' | 'neutral';
