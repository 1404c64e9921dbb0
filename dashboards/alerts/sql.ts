/**
 * SQL of alert rules. Grafana takes it only as a time series: a column `time`, one number, and texts that become labels.
 * Where no row comes it says "no data", which is neither right nor wrong, so each query gives a row on an empty ledger too.
 * Variables of dashboards and Grafana's fill do not exist here. Everything is in UTC, like the ledger.
 */

/** What stands for a label that has no value, and for a set that has no members. */
export const NONE = '(none)';

export const THIS_HOUR = `date_trunc('hour', now())`;
export const TODAY = `date_trunc('day', now())`;
export const MONTH_START = `date_trunc('month', now())`;
export const MONTH_END = `(${MONTH_START} + INTERVAL '1 month')`;

/** Series in one answer; the worst come first. What has more to say than this is one alert, and not a thousand. */
export const MAX_SERIES = 50;

export interface Found {
  /** Common table expressions before `found`. */
  readonly tables?: Readonly<Record<string, string>>;
  /** Gives the labels and `value`; NULL where a value cannot be told, which then is `otherwise`. */
  readonly found: string;
  readonly labels: readonly string[];
  /** A value that does not fire. */
  readonly otherwise: number;
}

/** A row for each that was found, or one for nothing. */
export function always({ tables = {}, found, labels, otherwise }: Found): string {
  const all = Object.entries({ ...tables, found }).map(([name, sql]) => `${name} AS (\n${indented(sql)}\n)`);
  const named = labels.map((label) => `coalesce(${label}, '${NONE}') AS ${label}, `).join('');
  const nobody = labels.map(() => `'${NONE}', `).join('');
  return `WITH ${all.join(', ')}
SELECT now() AS "time", ${named}coalesce(value, ${otherwise})::DOUBLE AS value FROM found
UNION ALL
SELECT now(), ${nobody}${otherwise} WHERE NOT EXISTS (SELECT 1 FROM found)`;
}

/** One number without labels; NULL where it cannot be told. */
export function single(select: string, otherwise: number): string {
  return `SELECT now() AS "time", coalesce((\n${indented(select)}\n), ${otherwise})::DOUBLE AS value`;
}

function indented(sql: string): string {
  return sql.replace(/^/gm, '  ');
}
