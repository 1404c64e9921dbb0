/** The pure core of Spanledger. Read `meter.ts` first: it tells the life of a span, and which file has which part. */
export {
  CREDIT_SCALE,
  ceilToMultiple,
  type DecimalProblem,
  divideCeil,
  divideHalfAwayFromZero,
  divideHalfEven,
  formatDecimal,
  type MicroCredits,
  type ParsedDecimal,
  parseDecimal,
  RATE_SCALE,
  type Ratio,
  reduced,
  USD_SCALE,
  type UsdFemto,
} from './amount.ts';
export {
  type Catalogue,
  type Factors,
  isCustomUnit,
  type MatchKind,
  NO_FACTORS,
  PRICE_CLASSES,
  PRICED_UNITS,
  type PriceClass,
  type PricedUnit,
  type PriceMatch,
  type PriceQuery,
  type RateCard,
  type Rates,
  type RateTable,
  type RateTier,
  type ServiceTier,
  type UnitPrices,
  type UnpricedReason,
} from './catalogue.ts';
export {
  type Comparison,
  comparisonOf,
  formatRevenue,
  marginOf,
  noComparison,
  type RatedAmounts,
  type Sums,
  Tally,
} from './comparison.ts';
export type {
  AccountName,
  Applied,
  Balance,
  BookedBalance,
  CustomerAccount,
  HoldState,
  LotBalance,
  Movement,
  MovementKind,
  Outcome,
  UsageChange,
  UsageSum,
  UsageTotals,
} from './credits/account.ts';
export { type ActionCharge, type ActionLeaf, type LeafShare, rateAction } from './credits/action.ts';
export { alertsDue, lateAlertsDue } from './credits/alert.ts';
export { type AtZero, atZero } from './credits/at-zero.ts';
export { decideSince } from './credits/backdated.ts';
export { CLOSE_GRACE_MICROS } from './credits/closing.ts';
export type { CommandBase, Decided, RefusalCode, Refused } from './credits/commands.ts';
export { evaluate } from './credits/evaluate.ts';
export { explain } from './credits/explain.ts';
export type {
  Calculation,
  ExplainedCharging,
  ExplainedLeaf,
  ExplainedUse,
  Explanation,
} from './credits/explanation.ts';
export type { AccountFact, AlertFact, PeriodOpenedFact, PlanFact } from './credits/fact.ts';
export { exhaustionForecast } from './credits/forecast.ts';
export { GrowingAction } from './credits/growing-action.ts';
export { type AccountHistory, openHistory } from './credits/history.ts';
export {
  type AuthoriseCommand,
  decideAuthorise,
  decideHeartbeat,
  decideRelease,
  decideSettle,
  type HeartbeatCommand,
  MAX_HOLD_MICROS,
  type ReleaseCommand,
  type SettleCommand,
} from './credits/hold-commands.ts';
export {
  type AdjustCommand,
  decideAdjust,
  decideGrant,
  decideTopUp,
  type GrantCommand,
  type TopUpCommand,
} from './credits/lot-commands.ts';
export {
  type CreditWorth,
  creditWorth,
  type FeeShare,
  type KnownCost,
  type Margin,
  marginOfCredits,
  type PeriodMargin,
  periodMargin,
  type ValuedCredits,
} from './credits/margin.ts';
export type { ActionTerms, MeasuredUsage } from './credits/measure.ts';
export { openAccount } from './credits/open-account.ts';
export {
  type Anchor,
  addLocalDays,
  DEFAULT_ANCHOR,
  isZone,
  localDays,
  type PeriodBounds,
  periodAt,
  periodsFrom,
  startOfLocalDay,
} from './credits/period.ts';
export {
  NO_PLANS,
  type OveragePolicy,
  type OverageTerms,
  type Plans,
  type PlanTerms,
  type RolloverTerms,
  type TrialTerms,
} from './credits/plan.ts';
export {
  type CancelCommand,
  type ChangePlanCommand,
  decideCancel,
  decideChangePlan,
  decideSubscribe,
  type SubscribeCommand,
} from './credits/plan-commands.ts';
export type { PlanConfiguration, PlansConfiguration } from './credits/plan-configuration.ts';
export { type ParsedPlans, plans } from './credits/plans.ts';
export {
  type Funds,
  fundsAt,
  type Preflight,
  type PreflightReason,
  type PreflightRequest,
  preflight,
} from './credits/preflight.ts';
export {
  type AskedAction,
  byRecentUse,
  type KnownEstimate,
  type PreflightEstimate,
  preflightEstimate,
  type RecentUse,
} from './credits/preflight-estimate.ts';
export type { Charge, NotChargedReason, ReratePolicy } from './credits/rate.ts';
export {
  type CreditRules,
  creditRules,
  type DatedRule,
  type DegradedRule,
  type ParsedRules,
  type RuleProblem,
} from './credits/rule.ts';
export type { RuleConfiguration, RulesConfiguration } from './credits/rule-configuration.ts';
export {
  type Breakdown,
  type BreakdownRow,
  NO_BREAKDOWN,
  type Statement,
  type StatementSource,
  statementOf,
} from './credits/statement.ts';
export {
  lotJson,
  type MarginJson,
  marginJson,
  type StatementJson,
  statementJson,
} from './credits/statement-json.ts';
export { courseOf, hadTrial, type Subscription, subscriptionAt } from './credits/subscription.ts';
export type { Charging, RuleTerms } from './credits/terms.ts';
export { DEFAULT_GRACE_MICROS, type Decision, decide } from './decide.ts';
export { digest } from './digest.ts';
export { expectedPriceQuery } from './expected-cost.ts';
export { fingerprint } from './fingerprint.ts';
export { Hash53 } from './hash.ts';
export { instantMicros } from './instant.ts';
export { type KeptObservation, keep, linkHashes, recall, tellTheSame } from './kept.ts';
export { type Label, type LabelField, type LabelSettings, type Labels, NO_LABEL_SETTINGS } from './labels.ts';
export { LOG_ATTRIBUTES_READ, logAttributesRead, observeLog } from './logs/observe-log.ts';
export type { LogRecord } from './logs/record.ts';
export type { Book } from './meter.ts';
export { completeness, keyOf, type Observation, type ObservedUsage } from './observation.ts';
export {
  ATTRIBUTES_READ,
  attributesRead,
  DEFAULT_OBSERVE_SETTINGS,
  type ObserveSettings,
  observe,
  observeSettings,
} from './observe.ts';
export { type CostLine, price, type Ratable, type Rating } from './price.ts';
export { canonicalProvider, providerOfModel } from './provider.ts';
export type { Attributes, AttributeValue, Span } from './span.ts';
export {
  type AttributionSettings,
  NO_ATTRIBUTION_SETTINGS,
  type UsageClassRule,
} from './trace/attribution.ts';
export { linkedGroups, linkKeys, MAX_TRACES_OF_A_LINK } from './trace/linked.ts';
export type { Deadline } from './trace/roles.ts';
export {
  type AttributionLevel,
  type AttributionSource,
  type AttributionSources,
  type BillingRole,
  billedModel,
  type CallStatus,
  type ConsumedUnits,
  type CustomUnits,
  inputTokens,
  type ModalityTokens,
  type Operation,
  outputTokens,
  type SemanticsLevel,
  type SpanKey,
  TOKEN_CLASSES,
  type TokenClass,
  type TokenClasses,
  type UsageClass,
  type UsageRecord,
  type UsageStatus,
} from './usage.ts';
