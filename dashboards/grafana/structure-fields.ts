import type { FieldDefaults, Override, Panel, Thresholds } from './dashboard.ts';
import { sqlOfPanel } from './structure-links.ts';

/** How values are shown: a unit for each, thresholds that rise, and overrides of columns that there are. */

/** Ids of Grafana's units. One that it does not know is written behind the number as it is. */
const UNITS: ReadonlySet<string> = new Set([
  'none',
  'string',
  'short',
  'sishort',
  'locale',
  'percent',
  'percentunit',
  'currencyUSD',
  'bytes',
  'decbytes',
  'ms',
  's',
  'm',
  'h',
  'd',
  'dtdurations',
  'dtdurationms',
  'dateTimeAsIso',
  'dateTimeAsIsoNoDateIfToday',
  'dateTimeFromNow',
  'ops',
  'reqps',
  'cps',
  'cpm',
  'bool',
  'bool_yes_no',
  'bool_on_off',
]);

const MATCHERS: ReadonlySet<string> = new Set(['byName', 'byNames', 'byRegexp', 'byType', 'byFrameRefID']);

const PROPERTIES =
  /^(unit|decimals|min|max|fieldMinMax|displayName|description|thresholds|mappings|links|color|noValue|filterable|custom\.[\w.]+)$/;

const COLOURS =
  /^(text|transparent|#[0-9a-fA-F]{6}([0-9a-fA-F]{2})?|((super-light|light|semi-dark|dark)-)?(green|yellow|orange|red|blue|purple))$/;

export function problemsOfFields(panel: Panel): readonly string[] {
  if (panel.type === 'text') return [];
  const { defaults = {}, overrides = [] } = panel.fieldConfig ?? {};
  return [
    ...problemsOfUnit(defaults.unit),
    ...problemsOfRange(defaults),
    ...(defaults.thresholds === undefined ? [] : problemsOfThresholds(defaults.thresholds)),
    ...overrides.flatMap((override) => problemsOfOverride(override, panel)),
  ];
}

function problemsOfUnit(unit: unknown): readonly string[] {
  if (typeof unit !== 'string' || unit === '') return ['its values have no unit'];
  const isKnown = UNITS.has(unit) || /^(suffix|prefix|time):.+$/.test(unit);
  return isKnown ? [] : [`unit ${unit} is not known`];
}

function problemsOfRange({ min, max }: FieldDefaults): readonly string[] {
  return typeof min === 'number' && typeof max === 'number' && min >= max ? ['min is not below max'] : [];
}

function problemsOfThresholds({ mode, steps }: Thresholds): readonly string[] {
  const problems: string[] = [];
  if (mode !== 'absolute' && mode !== 'percentage') problems.push(`thresholds of mode ${mode}`);
  const [first, ...others] = steps;
  if (first === undefined) problems.push('thresholds without a step');
  if (typeof first?.value === 'number')
    problems.push('the first threshold has a value: below it nothing is said');
  others.forEach(({ value }, index) => {
    const before = others[index - 1]?.value;
    if (typeof value !== 'number' || (typeof before === 'number' && value <= before))
      problems.push('thresholds do not rise');
  });
  for (const { color } of steps) if (!COLOURS.test(color)) problems.push(`colour ${color} is not known`);
  return problems;
}

function problemsOfOverride({ matcher, properties }: Override, panel: Panel): readonly string[] {
  const problems: string[] = [];
  if (!MATCHERS.has(matcher.id)) problems.push(`an override is for ${matcher.id}`);
  const names =
    matcher.id === 'byName' ? [matcher.options] : matcher.id === 'byNames' ? namesIn(matcher.options) : [];
  for (const name of names)
    if (typeof name !== 'string' || !canBeNamed(name, panel))
      problems.push(`an override is for "${String(name)}", which no query gives`);
  for (const { id, value } of properties) {
    if (!PROPERTIES.test(id)) problems.push(`an override sets ${id}`);
    if (id === 'unit') problems.push(...problemsOfUnit(value));
    if (id === 'thresholds' && isThresholds(value)) problems.push(...problemsOfThresholds(value));
  }
  return problems;
}

function namesIn(options: unknown): readonly unknown[] {
  const names = typeof options === 'object' && options !== null && 'names' in options ? options.names : [];
  return Array.isArray(names) ? names : [];
}

function isThresholds(value: unknown): value is Thresholds {
  return (
    typeof value === 'object' &&
    value !== null &&
    'mode' in value &&
    'steps' in value &&
    Array.isArray(value.steps)
  );
}

/** A column or a series by a text of the query; what the texts in the ledger are nobody knows here. */
function canBeNamed(name: string, panel: Panel): boolean {
  const sql = sqlOfPanel(panel);
  return (
    sql.includes(`"${name}"`) ||
    sql.includes(`'${name.replaceAll("'", "''")}'`) ||
    (/^\w+$/.test(name) && new RegExp(`\\b${name}\\b`).test(sql))
  );
}
