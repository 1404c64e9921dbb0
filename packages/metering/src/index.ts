/** The pure core of Spanledger. Read `meter.ts` first. */
export {
  CREDIT_SCALE,
  ceilToMultiple,
  type DecimalProblem,
  divideCeil,
  divideHalfEven,
  formatDecimal,
  type MicroCredits,
  type ParsedDecimal,
  parseDecimal,
  RATE_SCALE,
  type Ratio,
  USD_SCALE,
  type UsdFemto,
} from './amount.ts';
export type {
  Catalogue,
  MatchKind,
  PriceMatch,
  PriceQuery,
  RateCard,
  Rates,
  RateTier,
  UnpricedReason,
} from './catalogue.ts';
export {
  type Account,
  type Booked,
  difference,
  post,
  type Transfer,
  type TransferKind,
} from './credits/ledger.ts';
export { type Charge, charge, type NotChargedReason } from './credits/rate.ts';
export {
  type CostPlusConfiguration,
  type CostPlusRule,
  type CreditRule,
  type CreditRules,
  costPlusRule,
  creditRules,
  type FixedConfiguration,
  type FixedRule,
  type ParsedRules,
  type RuleConfiguration,
  type RuleProblem,
  type RulesConfiguration,
} from './credits/rule.ts';
export { fingerprint } from './fingerprint.ts';
export { Hash53 } from './hash.ts';
export { type Book, type Metered, rate } from './meter.ts';
export { type CostLine, explainCost, price, type Rating } from './price.ts';
export type { Attributes, AttributeValue, Span } from './span.ts';
export {
  type BillingRole,
  billedModel,
  type CallStatus,
  inputTokens,
  type Operation,
  outputTokens,
  TOKEN_CLASSES,
  type TokenClass,
  type TokenClasses,
  type UsageClass,
  type UsageRecord,
  type UsageStatus,
} from './usage.ts';
