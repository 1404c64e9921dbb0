/**
 * Pieces of SQL that several panels have in common.
 *
 * What the ledger keeps by the hour is read in whole hours: those that the time range touches. A range that begins at
 * 10:20 has the hour of 10:00, all of it; otherwise a range of less than an hour would show nothing.
 */
export const FIRST_HOUR = `time_bucket(INTERVAL '1 hour', $__timeFrom()::timestamptz)`;

/** The rows of an hourly view that the range touches. */
export const IN_RANGE = `hour >= ${FIRST_HOUR} AND hour <= $__timeTo()::timestamptz`;

/** As long a time before the range, for comparison. */
export const PREVIOUS_FIRST_HOUR = `(${FIRST_HOUR} - ($__timeTo()::timestamptz - ${FIRST_HOUR}))`;
export const IN_PREVIOUS_RANGE = `hour >= ${PREVIOUS_FIRST_HOUR} AND hour < ${FIRST_HOUR}`;

/** Where every call is looked at, at most those of a day: a month of calls takes seconds. */
export const LAST_DAY = `$__timeFilter(event_time) AND event_time > $__timeTo()::timestamptz - INTERVAL '1 day'`;

/** The calendar month (UTC) in which the range ends, up to that end: budgets and bills are by the month. */
export const MONTH_START = `date_trunc('month', $__timeTo()::timestamptz)`;
export const MONTH_END = `(${MONTH_START} + INTERVAL '1 month')`;

/** Where nothing is said there is this, so that it can be seen, chosen and followed. */
export const NONE = '(none)';

/** The variables that filter, and the column that each of them is of. */
export const FILTERS = {
  environment: 'environment',
  class: 'usage_class',
  customer: 'customer',
  feature: 'feature',
  provider: 'provider',
  model: 'model',
} as const;
export type Filter = keyof typeof FILTERS;
export const ALL_FILTERS = Object.keys(FILTERS) as readonly Filter[];

/** A column as people see it. */
export const shown = (column: string) => `coalesce(${column}, '${NONE}')`;

/** The model that a dated snapshot is one of: `gpt-4o-2024-08-06` is `gpt-4o`. */
export const withoutDate = (column: string) =>
  `regexp_replace(${column}, '-?([0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8})$', '')`;

/** What the variables choose. Values are quoted by Grafana, whatever its version, only when asked for by `sqlstring`. */
export function chosen(filters: readonly Filter[] = ALL_FILTERS, alias = ''): string {
  return choices(filters, alias, (names) => `(${names})`);
}

/**
 * `listOf`: the right-hand side of IN. A plain list is compared name by name with each row that is read, which for the few
 * thousand combinations of keys that sums have is the quickest; of a million calls a hundred names would take a second,
 * and what is selected from a list is looked up by its hash.
 */
function choices(filters: readonly Filter[], alias: string, listOf: (names: string) => string): string {
  return filters
    .map((filter) => `${shown(`${alias}${FILTERS[filter]}`)} IN ${listOf(`\${${filter}:sqlstring}`)}`)
    .join('\n  AND ');
}

/** The billed calls of the last day of the range that the variables choose. */
export const CHOSEN_CALLS = `${LAST_DAY} AND billing_role = 'billed'
  AND ${choices(ALL_FILTERS, '', (names) => `(SELECT unnest([${names}]))`)}`;

/** The rows of `usage_hourly` in the range that the variables choose. */
export const CHOSEN_USAGE = `${IN_RANGE}\n  AND ${chosen()}`;
export const FROM_CHOSEN = `FROM usage_hourly\nWHERE ${CHOSEN_USAGE}`;

/**
 * The models of some usage, by the names that they are listed under. Each name once before the date is taken off: that
 * takes longer for a million rows than to find the few names in them.
 */
export const usedModels = (where: string) => `keys AS (
  SELECT DISTINCT provider, model
  FROM usage_hourly
  WHERE ${where}
), used AS (
  SELECT DISTINCT provider, ${withoutDate('model')} AS model FROM keys
)`;

export interface Series {
  readonly from: string;
  /** What `value` and `rank` are made of; others are not read. */
  readonly columns: readonly string[];
  readonly where: string;
  /** The text that tells the series apart. */
  readonly by: string;
  /** The value of a point: an aggregate. */
  readonly value: string;
  /** By which the series are ranked: an aggregate; the first of them are shown by name. */
  readonly rank?: string;
}

/** More series than this nobody can tell apart. */
const NAMED_SERIES = 8;

/**
 * A series for each of the greatest, and one for all the others together: nothing is left out of a stack. Added up by the
 * hour first: what is grouped twice after that is hundreds of rows, not a million.
 */
export function topSeries({ from, columns, where, by, value, rank = value }: Series): string {
  return `WITH hours AS (
  SELECT hour, ${by} AS series, ${listed(sumsOf(...columns))}
  FROM ${from}
  WHERE ${where}
  GROUP BY 1, 2
), named AS (
  SELECT series FROM hours GROUP BY series ORDER BY ${rank} DESC NULLS LAST, series LIMIT ${NAMED_SERIES}
)
SELECT $__timeGroup(hour, $__interval) AS "time",
  CASE WHEN series IN (SELECT series FROM named) THEN series ELSE '(others)' END AS metric,
  ${value} AS value
FROM hours
GROUP BY 1, 2
ORDER BY 1, 2`;
}

export interface Columns {
  readonly from: string;
  readonly where: string;
  /** What is added up for each hour, by the name that the values call it. */
  readonly of: Readonly<Record<string, string>>;
  /** The value of a point, by the name of its series: an aggregate over hours. */
  readonly values: Readonly<Record<string, string>>;
}

/** One series for each value. Added up by the hour first: to find the bucket of a million rows takes longer than to add them up. */
export function hourlySeries({ from, where, of, values }: Columns): string {
  const hours = `(
  SELECT hour, ${listed(of)}
  FROM ${from}
  WHERE ${where}
  GROUP BY hour
)`;
  return columnSeries(values, hours);
}

/** Sums of columns under their own names. */
export const sumsOf = (...columns: readonly string[]): Readonly<Record<string, string>> =>
  Object.fromEntries(columns.map((column) => [column, `sum(${column})`]));

const listed = (columns: Readonly<Record<string, string>>) =>
  Object.entries(columns)
    .map(([name, of]) => `${of} AS ${name}`)
    .join(', ');

/** One series for each column, of what has few rows. */
export function columnSeries(
  columns: Readonly<Record<string, string>>,
  from: string,
  where = 'true',
  time = 'hour',
): string {
  const values = Object.entries(columns).map(([name, value]) => `  ${value} AS "${name}"`);
  return `SELECT $__timeGroup(${time}, $__interval) AS "time",
${values.join(',\n')}
FROM ${from}
WHERE ${where}
GROUP BY 1
ORDER BY 1`;
}
