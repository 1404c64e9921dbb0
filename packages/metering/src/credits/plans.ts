import {
  CREDIT_SCALE,
  formatDecimal,
  type MicroCredits,
  type Ratio,
  reduced,
  USD_SCALE,
  type UsdFemto,
} from '../amount.ts';
import { fingerprint } from '../fingerprint.ts';
import { instantMicros } from '../instant.ts';
import type { OverageTerms, Plans, PlanTerms, RolloverTerms, TrialTerms } from './plan.ts';
import type {
  OverageConfiguration,
  PlanConfiguration,
  PlansConfiguration,
  RolloverConfiguration,
  TrialConfiguration,
} from './plan-configuration.ts';
import {
  NOT_NEGATIVE,
  POSITIVE,
  type RuleProblem,
  writtenCredits,
  writtenFactor,
  writtenUsd,
} from './written.ts';

export type ParsedPlans =
  | { readonly kind: 'plans'; readonly plans: Plans }
  | { readonly kind: 'problems'; readonly problems: readonly RuleProblem[] };

/** Halfway, nearly there, nothing left: what a customer wants to hear of (convention C19). */
const DEFAULT_THRESHOLDS: readonly number[] = [50, 80, 100];

const MICRO_CREDITS_PER_CREDIT = 10n ** BigInt(CREDIT_SCALE);
const ONE: Ratio = { numerator: 1n, denominator: 1n };

/**
 * Plans from configuration whose shape is already validated. Values are checked here; all problems are returned
 * together, so that a configuration can be repaired in one go.
 */
export function plans(configuration: PlansConfiguration): ParsedPlans {
  const problems: RuleProblem[] = [];
  const byName = new Map<string, readonly DatedTerms[]>();
  for (const [name, written] of Object.entries(configuration)) {
    byName.set(name, readVersions(name, isList(written) ? written : [written], isList(written), problems));
  }
  if (problems.length > 0) return { kind: 'problems', problems };
  return {
    kind: 'plans',
    plans: {
      version: fingerprint(JSON.stringify([...byName].sort(byKey).map(canonicalPlan))),
      termsAt: (plan, atMicros) =>
        byName.get(plan)?.findLast(({ fromMicros }) => fromMicros <= atMicros)?.terms ?? null,
      names: [...byName.keys()].sort(),
    },
  };
}

function isList(
  written: PlanConfiguration | readonly PlanConfiguration[],
): written is readonly PlanConfiguration[] {
  return Array.isArray(written);
}

/** Terms that hold from an instant on, until those of the next version do. */
interface DatedTerms {
  readonly fromMicros: number;
  readonly terms: PlanTerms;
}

function readVersions(
  plan: string,
  versions: readonly PlanConfiguration[],
  isNumbered: boolean,
  problems: RuleProblem[],
): readonly DatedTerms[] {
  const dated: DatedTerms[] = [];
  if (versions.length === 0) problems.push({ path: plan, expected: 'at least one version', value: 'none' });
  let previousMicros = Number.NEGATIVE_INFINITY;
  for (const [index, version] of versions.entries()) {
    const path = isNumbered ? `${plan}.${index}` : plan;
    const fromMicros = readFrom(version.from, index, previousMicros, `${path}.from`, problems);
    if (fromMicros !== null) previousMicros = fromMicros;
    const terms = readTerms(plan, version, path, problems);
    if (terms !== null && fromMicros !== null) dated.push({ fromMicros, terms });
  }
  return dated;
}

function readFrom(
  from: string | undefined,
  index: number,
  previousMicros: number,
  path: string,
  problems: RuleProblem[],
): number | null {
  if (from === undefined) {
    if (index === 0) return Number.NEGATIVE_INFINITY;
    problems.push({
      path,
      expected: 'an instant or a date: only the first version holds since ever',
      value: 'nothing',
    });
    return null;
  }
  const fromMicros = instantMicros(from);
  if (fromMicros !== null && fromMicros > previousMicros) return fromMicros;
  const expected = fromMicros === null ? 'an instant or a date' : 'later than that of the version before it';
  problems.push({ path, expected, value: from });
  return null;
}

function readTerms(
  plan: string,
  written: PlanConfiguration,
  path: string,
  problems: RuleProblem[],
): PlanTerms | null {
  const fee = writtenUsd(written.fee_usd, NOT_NEGATIVE, `${path}.fee_usd`, problems);
  const allowance = writtenCredits(written.allowance, NOT_NEGATIVE, `${path}.allowance`, problems);
  const statedValue =
    written.credit_value_usd === undefined
      ? undefined
      : writtenUsd(written.credit_value_usd, POSITIVE, `${path}.credit_value_usd`, problems);
  const multiplier =
    written.multiplier === undefined
      ? ONE
      : writtenFactor(written.multiplier, `${path}.multiplier`, problems);
  const overage = readOverage(written.overage ?? { policy: 'block' }, `${path}.overage`, problems);
  const rollover =
    written.rollover === undefined ? null : readRollover(written.rollover, `${path}.rollover`, problems);
  const trial = written.trial === undefined ? null : readTrial(written.trial, `${path}.trial`, problems);
  if (
    fee === null ||
    allowance === null ||
    statedValue === null ||
    multiplier === null ||
    overage === null ||
    rollover === undefined ||
    trial === undefined
  ) {
    return null;
  }
  const terms: Omit<PlanTerms, 'version'> = {
    plan,
    fee,
    allowance,
    creditValue: statedValue === undefined ? impliedCreditValue(fee, allowance) : reduced(statedValue, 1n),
    multiplier,
    overage,
    rollover,
    trial,
    restoredDays: written.restored_days ?? null,
    thresholds: [...new Set(written.alerts?.thresholds ?? DEFAULT_THRESHOLDS)].sort(
      (one, other) => one - other,
    ),
  };
  return { ...terms, version: fingerprint(JSON.stringify(canonicalTerms(terms))) };
}

/** Fee ÷ allowance, exactly (convention C6). A plan that is free, or has no credits, says nothing of their value. */
function impliedCreditValue(fee: UsdFemto, allowance: MicroCredits): Ratio | null {
  return fee > 0n && allowance > 0n ? reduced(fee * MICRO_CREDITS_PER_CREDIT, allowance) : null;
}

/** 10⁻⁹ USD: times credits of six decimal places it has the 15 places of all USD, so no charge is ever rounded. */
const FINEST_OVERAGE_PRICE: UsdFemto = 10n ** BigInt(USD_SCALE - 9);

function readOverage(
  written: OverageConfiguration,
  path: string,
  problems: RuleProblem[],
): OverageTerms | null {
  const { policy, price_usd: writtenPrice, limit: writtenLimit, repay } = written;
  const isCharged = policy === 'charge';
  const before = problems.length;
  if (isCharged && writtenPrice === undefined) {
    problems.push({
      path: `${path}.price_usd`,
      expected: 'a price under the policy charge',
      value: 'nothing',
    });
  }
  if (!isCharged && writtenPrice !== undefined) {
    problems.push({
      path: `${path}.price_usd`,
      expected: 'nothing, but under the policy charge',
      value: writtenPrice,
    });
  }
  if (!isCharged && writtenLimit !== undefined) {
    problems.push({
      path: `${path}.limit`,
      expected: 'nothing, but under the policy charge',
      value: writtenLimit,
    });
  }
  if (policy !== 'allow' && repay === true) {
    problems.push({ path: `${path}.repay`, expected: 'nothing, but under the policy allow', value: 'true' });
  }
  const price =
    writtenPrice === undefined ? null : writtenUsd(writtenPrice, NOT_NEGATIVE, `${path}.price_usd`, problems);
  if (writtenPrice !== undefined && price !== null && price % FINEST_OVERAGE_PRICE !== 0n) {
    problems.push({
      path: `${path}.price_usd`,
      expected: 'a price with at most 9 decimal places, so that it times any credits is an exact amount',
      value: writtenPrice,
    });
  }
  const limit =
    writtenLimit === undefined ? null : writtenCredits(writtenLimit, NOT_NEGATIVE, `${path}.limit`, problems);
  return problems.length > before ? null : { policy, price, limit, repaysOverdraft: repay ?? false };
}

/** Undefined: there is a problem with it. */
function readRollover(
  written: RolloverConfiguration,
  path: string,
  problems: RuleProblem[],
): RolloverTerms | undefined {
  const periods = written.periods ?? 1;
  if (written.up_to === undefined) return { upTo: null, periods };
  const upTo = writtenCredits(written.up_to, POSITIVE, `${path}.up_to`, problems);
  return upTo === null ? undefined : { upTo, periods };
}

/** Undefined: there is a problem with it. */
function readTrial(
  written: TrialConfiguration,
  path: string,
  problems: RuleProblem[],
): TrialTerms | undefined {
  const credits = writtenCredits(written.credits, NOT_NEGATIVE, `${path}.credits`, problems);
  return credits === null ? undefined : { days: written.days, credits };
}

function byKey([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : 1;
}

function canonicalPlan([name, versions]: readonly [string, readonly DatedTerms[]]): readonly unknown[] {
  return [name, versions.map(({ fromMicros, terms }) => [String(fromMicros), terms.version])];
}

/** Equal terms have equal texts, however they were written. */
function canonicalTerms(terms: Omit<PlanTerms, 'version'>): readonly unknown[] {
  const { overage, rollover, trial } = terms;
  return [
    terms.plan,
    usd(terms.fee),
    credits(terms.allowance),
    ratio(terms.creditValue),
    ratio(terms.multiplier),
    [overage.policy, usd(overage.price), credits(overage.limit), overage.repaysOverdraft],
    rollover === null ? null : [credits(rollover.upTo), rollover.periods],
    trial === null ? null : [trial.days, credits(trial.credits)],
    terms.restoredDays,
    terms.thresholds,
  ];
}

function usd(amount: UsdFemto | null): string | null {
  return amount === null ? null : formatDecimal(amount, USD_SCALE);
}

function credits(amount: MicroCredits | null): string | null {
  return amount === null ? null : formatDecimal(amount, CREDIT_SCALE);
}

function ratio(value: Ratio | null): string | null {
  return value === null ? null : `${value.numerator}/${value.denominator}`;
}
