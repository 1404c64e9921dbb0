import {
  CREDIT_SCALE,
  ceilToMultiple,
  formatDecimal,
  type MicroCredits,
  type Ratio,
  USD_SCALE,
} from '../amount.ts';
import type { ConsumedUnits, TokenClass } from '../usage.ts';
import {
  type ActionCharge,
  type ActionLeaf,
  type LeafShare,
  rateAction,
  successfulCalls,
  type Verdict,
  verdictOn,
} from './action.ts';
import { creditsOf, microCreditsOf, rawOf, rawOfUse } from './evaluate.ts';
import type {
  Calculation,
  ExplainedCharging,
  ExplainedLeaf,
  ExplainedUnitRates,
  ExplainedUnits,
  ExplainedUse,
  Explanation,
} from './explanation.ts';
import { type ActionTerms, complexityFactor, startedMinutes } from './measure.ts';
import { formatRatio, isAbove, ONE, product, ZERO } from './ratio.ts';
import type { CreditRules } from './rule.ts';
import type { Charging, CostPlusCharging, TokenRates, UnitRates } from './terms.ts';

/** Rates an action as `rateAction` does and says how. Made when somebody asks: it takes many times as long. */
export function explain(
  leaves: readonly ActionLeaf[],
  rules: CreditRules,
  plan: ActionTerms | null,
): Explanation {
  const charge = rateAction(leaves, rules, plan);
  const verdict = verdictOn(leaves, charge.rule, plan);
  const charging = verdict.kind === 'charged' ? explainedCharging(verdict.terms.charging, plan) : null;
  const explained = charge.shares.map((share) => explainedLeaf(share, charging));
  return {
    status: statusOf(charge),
    credits: charge.credits === null ? null : formatCredits(charge.credits),
    feature: charge.feature,
    rule: charge.rule?.id ?? null,
    isDegraded: verdict.kind === 'charged' && verdict.terms === charge.rule?.degraded?.terms,
    rulesVersion: rules.version,
    planVersion: plan?.version ?? null,
    leaves: explained,
    calculation:
      verdict.kind === 'charged' && charging !== null
        ? calculationOf(verdict, charging, explained, successfulCalls(leaves), plan)
        : null,
  };
}

function statusOf({ credits, shares }: ActionCharge<unknown>): Explanation['status'] {
  // If one call is not charged, none is.
  const [first] = shares;
  if (first?.charge.kind === 'not_charged') return `not_charged:${first.charge.reason}`;
  return credits === null ? 'pending' : 'charged';
}

function calculationOf(
  { terms }: Extract<Verdict, { kind: 'charged' }>,
  charging: ExplainedCharging,
  leaves: readonly ExplainedLeaf[],
  calls: number,
  plan: ActionTerms | null,
): Calculation {
  const factor = complexityFactor(terms.complexity, calls);
  const planMultiplier = plan?.multiplier ?? ONE;
  const raw = rawOf(charging, leaves);
  const multiplied = product(raw, factor, terms.featureValue, planMultiplier);
  const least = creditsOf(terms.minimum);
  const rounded = ceilToMultiple(
    microCreditsOf(isAbove(least, multiplied) ? least : multiplied),
    terms.increment,
  );
  return {
    charging,
    raw: formatRatio(raw),
    complexity: { calls, factor: formatRatio(factor) },
    featureValue: formatRatio(terms.featureValue),
    planMultiplier: formatRatio(product(planMultiplier)),
    multiplied: formatRatio(multiplied),
    minimum: { credits: formatCredits(terms.minimum), isApplied: isAbove(least, multiplied) },
    increment: formatCredits(terms.increment),
    cap: terms.cap === null ? null : { credits: formatCredits(terms.cap), isApplied: rounded > terms.cap },
  };
}

function explainedLeaf(
  { leaf, charge }: LeafShare<ActionLeaf>,
  charging: ExplainedCharging | null,
): ExplainedLeaf {
  const used = charging === null || charge.kind === 'pending' ? null : usedBy(leaf, charging);
  return {
    key: leaf.key,
    isSuccessful: leaf.status === 'ok',
    used,
    raw: charging === null || used === null ? null : formatRatio(rawOfUse(charging, used)),
    credits:
      charge.kind === 'pending' ? null : formatCredits(charge.kind === 'charged' ? charge.credits : 0n),
  };
}

function usedBy(leaf: ActionLeaf, charging: ExplainedCharging): ExplainedUse | null {
  switch (charging.kind) {
    case 'fixed':
      return null;
    case 'cost_plus':
      return leaf.cost === null ? null : { kind: 'cost', usd: formatDecimal(leaf.cost, USD_SCALE) };
    case 'usage':
      return {
        kind: 'usage',
        tokens: charging.tokens === null ? null : leaf.tokens,
        units: charging.units === null ? null : countedUnits(leaf.units),
      };
  }
}

const PER_MILLE: Ratio = { numerator: 1n, denominator: 1000n };

function countedUnits(units: ConsumedUnits | null): ExplainedUnits {
  const custom = units?.custom ?? null;
  return {
    image: formatRatio(whole(units?.images ?? 0)),
    minute: formatRatio(whole(startedMinutes(units))),
    second: formatRatio(product(whole(units?.milliseconds ?? 0), PER_MILLE)),
    page: formatRatio(whole(units?.pages ?? 0)),
    request: formatRatio(whole(units?.requests ?? 1)),
    webSearch: formatRatio(whole(units?.webSearches ?? 0)),
    custom: custom && {
      unit: custom.unit,
      count: formatRatio(product(whole(custom.thousandths), PER_MILLE)),
    },
  };
}

function explainedCharging(charging: Charging, plan: ActionTerms | null): ExplainedCharging {
  switch (charging.kind) {
    case 'fixed':
      return { kind: 'fixed', credits: formatCredits(charging.credits) };
    case 'cost_plus':
      return {
        kind: 'cost_plus',
        factor: formatRatio(charging.factor),
        creditValueUsd: formatRatio(creditValueUsd(charging, plan)),
        creditValueOf: charging.creditValue === null ? 'plan' : 'rule',
      };
    case 'usage': {
      const { tokens, units } = charging;
      return {
        kind: 'usage',
        tokens: tokens && { per: String(tokens.per), credits: tokenTexts(tokens) },
        units: units && unitTexts(units),
      };
    }
  }
}

function creditValueUsd({ creditValue }: CostPlusCharging, plan: ActionTerms | null): Ratio {
  const femto = creditValue === null ? plan?.creditValue : { numerator: creditValue, denominator: 1n };
  return product(femto ?? ZERO, { numerator: 1n, denominator: 10n ** BigInt(USD_SCALE) });
}

function tokenTexts({ credits }: TokenRates): { readonly [Class in TokenClass]: string } {
  return {
    uncachedInput: formatCredits(credits.uncachedInput),
    cacheRead: formatCredits(credits.cacheRead),
    cacheWrite: formatCredits(credits.cacheWrite),
    visibleOutput: formatCredits(credits.visibleOutput),
    reasoning: formatCredits(credits.reasoning),
  };
}

function unitTexts(units: UnitRates): ExplainedUnitRates {
  return {
    image: formatCredits(units.image),
    minute: formatCredits(units.minute),
    second: formatCredits(units.second),
    page: formatCredits(units.page),
    request: formatCredits(units.request),
    webSearch: formatCredits(units.webSearch),
    custom: [...units.custom].map(([unit, rate]) => ({ unit, credits: formatCredits(rate) })),
  };
}

function formatCredits(amount: MicroCredits): string {
  return formatDecimal(amount, CREDIT_SCALE);
}

function whole(count: number): Ratio {
  return { numerator: BigInt(count), denominator: 1n };
}
