import type { Client } from 'pg';
import type { AlertRule } from './rule.ts';

/** A series as Grafana makes it of a row: its labels, and the value that B and C are about. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly isFiring: boolean;
}

/**
 * What Grafana does with a rule, for tests: runs query A, takes what it says as time series by the rules of the data
 * source, and compares each value with the bound.
 *
 * @throws where Grafana would say "no data" or "error", or would not understand the columns
 */
export async function evaluate(client: Client, rule: AlertRule): Promise<readonly Series[]> {
  const { rows, fields } = await client.query<Record<string, unknown>>(rule.sql);
  if (fields[0]?.name !== 'time' || fields.filter(({ name }) => name === 'value').length !== 1)
    throw new Error(`${rule.name}: the columns are ${fields.map(({ name }) => name).join(', ')}`);
  if (rows.length === 0) throw new Error(`${rule.name} gives no row`);
  const series = rows.map((row) => seriesOf(rule, row));
  const names = new Set(series.map(({ labels }) => JSON.stringify(labels)));
  if (names.size < series.length) throw new Error(`${rule.name} gives the same labels twice`);
  return series;
}

function seriesOf(rule: AlertRule, { time, value, ...labels }: Record<string, unknown>): Series {
  if (!(time instanceof Date)) throw new Error(`${rule.name}: ${String(time)} is no time`);
  if (typeof value !== 'number' || !Number.isFinite(value))
    throw new Error(`${rule.name}: ${String(value)} is no finite number`);
  const texts: Record<string, string> = {};
  for (const [name, label] of Object.entries(labels)) {
    if (typeof label !== 'string') throw new Error(`${rule.name}: the label ${name} is no text`);
    texts[name] = label;
  }
  const isFiring = 'above' in rule.fires ? value > rule.fires.above : value < rule.fires.below;
  return { labels: texts, value, isFiring };
}
