import type pg from 'pg';
import { runQuery } from '../grafana/sql.ts';
import type { AlertRule } from './rule.ts';

/** A series as Grafana makes it of a row: its labels, and the value that B and C are about. */
export interface Series {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly isFiring: boolean;
}

/**
 * What Grafana does with a rule, for tests and benchmarks: runs query A as the data source does, takes the last value of
 * each series, and compares it with the bound.
 *
 * @throws where Grafana would say "no data" or "error"
 */
export async function evaluate(pool: pg.Pool, rule: AlertRule, now = new Date()): Promise<readonly Series[]> {
  const range = { from: new Date(now.getTime() - 600_000), to: now };
  const query = { refId: 'A', rawSql: rule.sql, format: 'time_series' } as const;
  // No dashboard, and so no variables.
  const { frame, problems, rows } = await runQuery(pool, query, {
    dashboard: { uid: 'none', title: 'none' },
    variables: new Map(),
    range,
    intervalMs: 1000,
  });
  if (problems.length > 0) throw new Error(`${rule.name}: ${problems.join('; ')}`);
  const series = frame.fields.filter(({ type }) => type === 'number');
  if (series.length === 0) throw new Error(`${rule.name} gives no data`);
  if (series.length < rows) throw new Error(`${rule.name} gives the same labels twice`);
  return series.map(({ labels = {}, values }) => {
    const value = values.at(-1);
    if (typeof value !== 'number') throw new Error(`${rule.name}: ${value} is no number`);
    const isFiring = 'above' in rule.fires ? value > rule.fires.above : value < rule.fires.below;
    return { labels, value, isFiring };
  });
}
