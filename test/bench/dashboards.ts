import { mkdir, mkdtemp, readdir, readFile, rename, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { LEDGER_FILE } from '../../collector/src/data-folder.ts';
import { exists, openDatabase, STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { type Dashboard, parseDashboard } from '../../dashboards/grafana/dashboard.ts';
import type { TimeRange } from '../../dashboards/grafana/interval.ts';
import { resolveTime } from '../../dashboards/grafana/relative-time.ts';
import { openPool, runDashboardOn } from '../../dashboards/grafana/run.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { foldEverything, type LargeLedgerFigure, makeLargeLedger } from './large-ledger.ts';

export interface DashboardFigure {
  readonly dashboard: string;
  readonly range: string;
  readonly queries: number;
  /** From opening it until everything is drawn: the best of all runs. */
  readonly wholeMs: number;
  readonly isSlow: boolean;
}

export interface PanelFigure {
  readonly dashboard: string;
  readonly range: string;
  readonly panel: string;
  readonly rows: number;
  /** Beside the other queries of its dashboard, as Grafana asks: the best of all runs. */
  readonly ms: number;
  /** With nothing beside it: as whoever looks at one panel, or changes it, waits. */
  readonly aloneMs: number;
  /** Alone. */
  readonly isSlow: boolean;
}

export interface ViewFigure {
  readonly view: string;
  readonly rows: number;
  readonly ms: number;
}

export interface DashboardsBench {
  readonly ledger: LargeLedgerFigure | { readonly kept: string };
  readonly dashboards: readonly DashboardFigure[];
  readonly panels: readonly PanelFigure[];
  readonly views: readonly ViewFigure[];
  readonly problems: readonly string[];
}

export interface DashboardsOptions {
  readonly rows: number;
  /** A folder whose ledger is used, and made if it has none; without it, one that goes at the end. */
  readonly keep?: string;
}

/** What somebody who opens a dashboard waits for without thinking of something else. */
const PANEL_MS = 500;
const WHOLE_MS = 1000;
const RUNS = 3;
const SLOWEST = 25;
/** A row of usage with its transfer and its part of the rollups, with a margin for what is written twice. */
const BYTES_OF_ROW = 600;
const GENERATED = new URL('../../dashboards/generated/', import.meta.url);

/** Every query of every dashboard through the port of the service, on a large ledger. */
export async function benchDashboards({ rows, keep }: DashboardsOptions): Promise<DashboardsBench> {
  const dataDir = keep ?? (await mkdtemp(join(tmpdir(), 'spanledger-bench-')));
  await mkdir(dataDir, { recursive: true });
  try {
    const path = join(dataDir, LEDGER_FILE);
    const ledger = (await exists(path)) ? await useLedger(path) : await makeLedger(path, rows);
    const service = await startServiceProcess({ dataDir });
    try {
      return { ledger, ...(await measure(service)) };
    } finally {
      await service.stop();
    }
  } finally {
    if (keep === undefined) await rm(dataDir, { recursive: true, force: true });
  }
}

/** As of a service that has run for long: with no tail, even if the rollups are others than when it was made. */
async function useLedger(path: string): Promise<{ readonly kept: string }> {
  const instance = await openDatabase({ ...STORE_DEFAULTS, path, create: false });
  try {
    await foldEverything(instance);
  } finally {
    instance.closeSync();
  }
  return { kept: path };
}

/** Made beside its place, so that one that was not finished is never taken for a ledger. */
async function makeLedger(path: string, rows: number): Promise<LargeLedgerFigure> {
  const { bavail, bsize } = await statfs(join(path, '..'));
  if (bavail * bsize < rows * BYTES_OF_ROW)
    throw new Error(`${rows} rows need ${rows * BYTES_OF_ROW} bytes of disk`);
  const unfinished = `${path}.unfinished`;
  await rm(unfinished, { force: true });
  const figure = await makeLargeLedger(unfinished, rows, Date.now());
  await rename(unfinished, path);
  return figure;
}

async function measure(service: RunningService): Promise<Omit<DashboardsBench, 'ledger'>> {
  const pool = openPool(service.sqlUrl);
  try {
    const dashboards: DashboardFigure[] = [];
    const panels: Timed[] = [];
    const problems = new Set<string>();
    for (const dashboard of await readDashboards()) {
      const saved = dashboard.time ?? { from: 'now-30d', to: 'now' };
      for (const from of new Set([saved.from, 'now-30d'])) {
        const found = await measureDashboard(pool, dashboard, from);
        dashboards.push(found.figure);
        panels.push(...found.panels);
        for (const problem of found.problems) problems.add(problem);
      }
    }
    return {
      dashboards,
      panels: await slowestAlone(pool, panels),
      views: await measureViews(pool),
      problems: [...problems],
    };
  } finally {
    await pool.end();
  }
}

async function readDashboards(): Promise<Dashboard[]> {
  const names = (await readdir(GENERATED)).filter((name) => name.endsWith('.json')).sort();
  return await Promise.all(
    names.map(async (name) => parseDashboard(JSON.parse(await readFile(new URL(name, GENERATED), 'utf8')))),
  );
}

interface Timed extends Omit<PanelFigure, 'aloneMs' | 'isSlow'> {
  readonly sql: string;
}

async function measureDashboard(pool: pg.Pool, dashboard: Dashboard, from: string) {
  const wholes: number[] = [];
  const best = new Map<string, Timed>();
  const problems: string[] = [];
  let queries = 0;
  for (let run = 0; run < RUNS; run++) {
    const now = new Date();
    const range: TimeRange = { from: resolveTime(from, now, 'from'), to: now };
    const outcome = await runDashboardOn(pool, dashboard, { range });
    wholes.push(outcome.elapsedMs);
    problems.push(...outcome.problems.map(({ place, problem }) => `${place}: ${problem}`));
    const asked = [
      ...outcome.variableQueries.map((query) => ({ panel: `variable ${query.refId}`, query })),
      ...outcome.panels.flatMap(({ panel, queries: ofPanel }) =>
        ofPanel.map((query) => ({ panel: `${panel.title} ${query.refId}`, query })),
      ),
      ...outcome.annotations.map(({ annotation, query }) => ({
        panel: `annotation ${annotation.name}`,
        query,
      })),
    ];
    queries = asked.length;
    for (const { panel, query } of asked) {
      const ms = Math.round(query.elapsedMs);
      if ((best.get(panel)?.ms ?? Number.POSITIVE_INFINITY) <= ms) continue;
      const { sql, rows } = query;
      best.set(panel, { dashboard: dashboard.uid, range: from, panel, rows, ms, sql });
    }
  }
  const wholeMs = Math.round(Math.min(...wholes));
  const figure = { dashboard: dashboard.uid, range: from, queries, wholeMs, isSlow: wholeMs > WHOLE_MS };
  return { figure, panels: [...best.values()], problems };
}

async function slowestAlone(pool: pg.Pool, panels: readonly Timed[]): Promise<PanelFigure[]> {
  const slowest = panels.toSorted((one, other) => other.ms - one.ms).slice(0, SLOWEST);
  const figures: PanelFigure[] = [];
  for (const { sql, ...figure } of slowest) {
    const { ms } = await bestOf(pool, sql);
    figures.push({ ...figure, aloneMs: ms, isSlow: ms > PANEL_MS });
  }
  return figures;
}

/** Views that people ask for as they are, or that dashboards may come to use. */
const VIEWS = [
  'SELECT * FROM customers',
  'SELECT * FROM unpriced',
  'SELECT * FROM billing_periods',
  'SELECT * FROM statements',
  'SELECT * FROM credit_lots',
  'SELECT * FROM credit_balances',
  "SELECT * FROM credit_hourly WHERE hour > now() - INTERVAL '30 days' AND account = 'used' LIMIT 1000",
  "SELECT hour, sum(value_usd), sum(cost_usd) FROM margin_hourly WHERE hour > now() - INTERVAL '30 days' GROUP BY 1",
  "SELECT model, sum(spans) FROM usage_quality_hourly WHERE hour > now() - INTERVAL '30 days' GROUP BY 1",
  "SELECT customer, sum(cost_usd) FROM usage_hourly WHERE hour > now() - INTERVAL '30 days' GROUP BY 1",
  "SELECT action_id, sum(cost_usd) FROM usage WHERE event_time > now() - INTERVAL '1 day' AND billing_role = 'billed' GROUP BY 1 ORDER BY 2 DESC NULLS LAST LIMIT 20",
  'SELECT * FROM alerts',
  'SELECT count(*) FROM corrections',
  'SELECT * FROM price_changes',
  'SELECT * FROM ingest_health',
];

/** As many customers by name as a variable writes out where everything is chosen. */
const NAMED_CUSTOMERS = 10_000;

async function measureViews(pool: pg.Pool): Promise<ViewFigure[]> {
  const names = Array.from(
    { length: NAMED_CUSTOMERS },
    (_, index) => `'cus_${String(index).padStart(4, '0')}'`,
  );
  const written = `SELECT hour, sum(cost_usd) FROM usage_hourly WHERE hour > now() - INTERVAL '30 days'
    AND coalesce(customer, '(none)') IN (${names.join(',')}) GROUP BY 1`;
  const figures: ViewFigure[] = [];
  for (const [view, sql] of [
    ...VIEWS.map((each) => [each, each] as const),
    [`… customer IN (${NAMED_CUSTOMERS} names)`, written] as const,
  ]) {
    const { ms, rows } = await bestOf(pool, sql);
    figures.push({ view: view.slice(0, 100), rows, ms });
  }
  return figures;
}

async function bestOf(pool: pg.Pool, sql: string): Promise<{ ms: number; rows: number }> {
  let best = Number.POSITIVE_INFINITY;
  let rows = 0;
  for (let run = 0; run < RUNS; run++) {
    const startMs = performance.now();
    const answer = await pool.query({ text: sql, rowMode: 'array' });
    best = Math.min(best, performance.now() - startMs);
    rows = answer.rows.length;
  }
  return { ms: Math.round(best), rows };
}
