import { fingerprint } from '../fingerprint.ts';
import { instantMicros } from '../instant.ts';
import { canonicalTerms } from './canonical-terms.ts';
import { parseTerms } from './parse-terms.ts';
import type {
  DegradedConfiguration,
  RuleConfiguration,
  RulesConfiguration,
  VersionsConfiguration,
} from './rule-configuration.ts';
import type { RuleTerms } from './terms.ts';
import type { RuleProblem } from './written.ts';

export type { RuleProblem } from './written.ts';

/** How actions of a feature become credits, from an instant on until the next version begins. */
export interface DatedRule extends RuleTerms {
  /** Feature, beginning and fingerprint of the content: equal rules have equal ids in every set of rules. */
  readonly id: string;
  /** Null: the default rule. */
  readonly feature: string | null;
  /** Null: since ever. */
  readonly fromMicros: number | null;
  /** What a check offers instead where credits run short and the plan says so, and a degraded action is charged by; null: nothing. */
  readonly degraded: DegradedRule | null;
}

export interface DegradedRule {
  /** The model that the app should ask; null: the rule names none. */
  readonly model: string | null;
  readonly terms: RuleTerms;
}

/** Which rule a feature has, and when. `version` names the whole set and is pinned on every charge. */
export interface CreditRules {
  readonly version: string;
  /** The rule that holds for a feature at that time, else the default rule, or null: it burns no credits. */
  ruleAt(feature: string | null, atMicros: number): DatedRule | null;
}

export type ParsedRules =
  | { readonly kind: 'rules'; readonly rules: CreditRules }
  | { readonly kind: 'problems'; readonly problems: readonly RuleProblem[] };

/**
 * Credit rules from configuration whose shape is already validated. Values are checked here; all problems are
 * returned together, so that a configuration can be repaired in one go.
 */
export function creditRules(configuration: RulesConfiguration): ParsedRules {
  const problems: RuleProblem[] = [];
  const byFeature = new Map<string, readonly DatedRule[]>();
  for (const [feature, versions] of Object.entries(configuration.features ?? {})) {
    byFeature.set(feature, parseVersions(versions, feature, `features.${feature}`, problems));
  }
  const fallback =
    configuration.default === undefined
      ? []
      : parseVersions(configuration.default, null, 'default', problems);
  if (problems.length > 0) return { kind: 'problems', problems };
  const version = rulesVersion(byFeature, fallback);
  return {
    kind: 'rules',
    rules: {
      version,
      // Before a feature's first version the default rule holds, as it did before anybody wrote that version (I10).
      ruleAt: (feature, atMicros) =>
        (feature === null ? null : holdingAt(byFeature.get(feature) ?? [], atMicros)) ??
        holdingAt(fallback, atMicros),
    },
  };
}

/** Versions hold in half-open intervals: each from its beginning until the next one's (convention C9). */
function holdingAt(versions: readonly DatedRule[], atMicros: number): DatedRule | null {
  for (let index = versions.length - 1; index >= 0; index--) {
    const version = versions[index];
    if (version !== undefined && (version.fromMicros === null || version.fromMicros <= atMicros))
      return version;
  }
  return null;
}

function parseVersions(
  written: VersionsConfiguration,
  feature: string | null,
  path: string,
  problems: RuleProblem[],
): readonly DatedRule[] {
  if (!isList(written)) return parseVersion(written, feature, path, problems);
  if (written.length === 0) problems.push({ path, expected: 'at least one version', value: 'an empty list' });
  const versions: DatedRule[] = [];
  let lastMicros: number | null = null;
  for (const [index, version] of written.entries()) {
    const at = `${path}.${index}`;
    const fromMicros = version.from === undefined ? null : instantMicros(version.from);
    if (index > 0 && version.from === undefined) {
      problems.push({
        path: at,
        expected: 'given a `from`: only the first version may hold since ever',
        value: 'none',
      });
    }
    if (fromMicros !== null && lastMicros !== null && fromMicros <= lastMicros) {
      problems.push({
        path: `${at}.from`,
        expected: 'after that of the version before',
        value: version.from ?? '',
      });
    }
    lastMicros = fromMicros ?? lastMicros;
    versions.push(...parseVersion(version, feature, at, problems));
  }
  return versions;
}

function isList(written: VersionsConfiguration): written is readonly RuleConfiguration[] {
  return Array.isArray(written);
}

/** No version where something in it is wrong. */
function parseVersion(
  written: RuleConfiguration,
  feature: string | null,
  path: string,
  problems: RuleProblem[],
): readonly DatedRule[] {
  const fromMicros = written.from === undefined ? null : instantMicros(written.from);
  if (written.from !== undefined && fromMicros === null) {
    const expected = 'an instant (2026-12-01T00:00:00Z), or a date, which begins at 00:00 UTC';
    problems.push({ path: `${path}.from`, expected, value: written.from });
  }
  const terms = parseTerms(written, path, problems);
  const degraded =
    written.degraded === undefined ? null : parseDegraded(written.degraded, `${path}.degraded`, problems);
  return terms === null
    ? []
    : [{ ...terms, id: ruleId(feature, fromMicros, terms, degraded), feature, fromMicros, degraded }];
}

function parseDegraded(
  { model, ...written }: DegradedConfiguration,
  path: string,
  problems: RuleProblem[],
): DegradedRule | null {
  const terms = parseTerms(written, path, problems);
  return terms === null ? null : { model: model ?? null, terms };
}

function ruleId(
  feature: string | null,
  fromMicros: number | null,
  terms: RuleTerms,
  degraded: DegradedRule | null,
): string {
  const content = fingerprint(JSON.stringify([feature, fromMicros, canonicalRule({ ...terms, degraded })]));
  const from = fromMicros === null ? '' : `@${new Date(fromMicros / 1000).toISOString()}`;
  return `${feature ?? 'default'}${from}#${content}`;
}

/** Equal rules have equal versions, however they were written down and in whatever order. */
function rulesVersion(
  byFeature: ReadonlyMap<string, readonly DatedRule[]>,
  fallback: readonly DatedRule[],
): string {
  const features = [...byFeature]
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([feature, versions]) => [feature, canonicalVersions(versions)]);
  return fingerprint(JSON.stringify([features, fallback.length === 0 ? null : canonicalVersions(fallback)]));
}

/** A rule since ever is written as it was before rules had versions, so that sets of rules kept their names. */
function canonicalVersions(versions: readonly DatedRule[]): readonly unknown[] {
  const [only] = versions;
  if (only !== undefined && versions.length === 1 && only.fromMicros === null) return canonicalRule(only);
  return versions.map((version) => ['from', version.fromMicros, canonicalRule(version)]);
}

function canonicalRule({ degraded, ...terms }: RuleTerms & Pick<DatedRule, 'degraded'>): readonly unknown[] {
  const canonical = canonicalTerms(terms);
  return degraded === null
    ? canonical
    : [...canonical, ['degraded', degraded.model, canonicalTerms(degraded.terms)]];
}
