/**
 * Credit rules as they are written, in `spanledger.yaml` and wherever rules are stored. All values are texts, as
 * written, so that no number becomes a float on its way.
 */
export interface RulesConfiguration {
  readonly features?: { readonly [feature: string]: VersionsConfiguration } | undefined;
  /** For features without a rule of their own at that time, and for calls without a feature. */
  readonly default?: VersionsConfiguration | undefined;
}

/** One rule for ever, or its versions in the order in which they begin. */
export type VersionsConfiguration = RuleConfiguration | readonly RuleConfiguration[];

/** Exactly one of `fixed`, `cost_plus`, and `tokens` or `units` or both. */
export interface RuleConfiguration extends TermsConfiguration {
  /** An instant, or a date, which begins at 00:00 UTC. Only the first version may be without: it holds since ever. */
  readonly from?: string | undefined;
  /** What is offered instead where credits run short and the plan says so. */
  readonly degraded?: DegradedConfiguration | undefined;
}

export interface TermsConfiguration {
  readonly fixed?: FixedConfiguration | undefined;
  readonly cost_plus?: CostPlusConfiguration | undefined;
  readonly tokens?: TokensConfiguration | undefined;
  readonly units?: UnitsConfiguration | undefined;
  readonly minimum?: string | undefined;
  /** One credit when left out; fixed credits of less than one are their own. */
  readonly increment?: string | undefined;
  readonly cap?: string | undefined;
  readonly feature_value?: string | undefined;
  readonly complexity?: readonly ComplexityConfiguration[] | undefined;
  readonly charge?: 'success' | 'always' | undefined;
}

export interface DegradedConfiguration extends TermsConfiguration {
  /** The model that the app should ask instead. */
  readonly model?: string | undefined;
}

export interface FixedConfiguration {
  readonly credits: string;
}

/** Either `target_margin` or `markup`. */
export interface CostPlusConfiguration {
  readonly target_margin?: string | undefined;
  readonly markup?: string | undefined;
  /** That of the customer's plan when left out. */
  readonly credit_value_usd?: string | undefined;
  /** Where rules had it before it belonged to all kinds of them. */
  readonly increment?: string | undefined;
}

/** Credits for so many tokens of a class. What is not named and not covered by another name is free. */
export interface TokensConfiguration {
  /** 1,000 when left out. */
  readonly per?: string | undefined;
  /** All classes of input that are not named. */
  readonly input?: string | undefined;
  readonly uncached_input?: string | undefined;
  readonly cache_read?: string | undefined;
  readonly cache_write?: string | undefined;
  /** Reasoning too, unless that is named. */
  readonly output?: string | undefined;
  readonly reasoning?: string | undefined;
}

/** Credits for one of each; any other name is a unit that only the app knows (`isCustomUnit`). */
export interface UnitsConfiguration {
  readonly image?: string | undefined;
  /** Each started minute of each call. */
  readonly minute?: string | undefined;
  readonly second?: string | undefined;
  readonly page?: string | undefined;
  readonly request?: string | undefined;
  readonly web_search?: string | undefined;
  readonly [customUnit: string]: string | undefined;
}

export interface ComplexityConfiguration {
  readonly calls: string;
  readonly factor: string;
}
