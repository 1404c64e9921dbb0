import pg from 'pg';
import {
  type Annotation,
  annotationsOf,
  type Dashboard,
  type Panel,
  panelsOf,
  sqlOfAnnotation,
  sqlOfVariable,
  type Variable,
} from './dashboard.ts';
import type { Frame } from './frames.ts';
import { panelIntervalMs, type TimeRange } from './interval.ts';
import { panelRange } from './relative-time.ts';
import { type QueryOutcome, runQuery } from './sql.ts';
import {
  type ChosenVariable,
  choose,
  fixedOptions,
  optionsOf,
  type VariableChoices,
  wavesOf,
} from './variables.ts';

/**
 * Opens a dashboard as Grafana does: the variables, each after those it needs, then every query of every panel and every
 * annotation at once, as many as there are connections.
 */

export interface DashboardView {
  readonly range: TimeRange;
  /** Variables that are not named are as the dashboard was saved. */
  readonly choices?: VariableChoices;
  /** What `now` is for panels with a time of their own. Default: the end of the range. */
  readonly now?: Date;
  /** Points that a panel has room for. Default: its width on a screen of 1,800 pixels. */
  readonly maxDataPoints?: number;
  /** Connections, as `maxOpenConns` of the provisioned data source. Default 4. */
  readonly concurrency?: number;
}

export interface PanelOutcome {
  readonly panel: Panel;
  readonly range: TimeRange;
  readonly intervalMs: number;
  readonly queries: readonly QueryOutcome[];
  /** Of the queries that are not hidden. */
  readonly frames: readonly Frame[];
}

export interface AnnotationOutcome {
  readonly annotation: Annotation;
  readonly query: QueryOutcome;
}

export interface Problem {
  /** `overview, panel 3 "Spend", A`. */
  readonly place: string;
  readonly problem: string;
  readonly sql?: string;
}

export interface DashboardOutcome {
  readonly variables: ReadonlyMap<string, ChosenVariable>;
  readonly variableQueries: readonly QueryOutcome[];
  readonly panels: readonly PanelOutcome[];
  readonly annotations: readonly AnnotationOutcome[];
  readonly problems: readonly Problem[];
  /** From opening it until everything is drawn, connections included. */
  readonly elapsedMs: number;
}

const CONNECTIONS = 4;
const SCREEN_PIXELS = 1800;
const GRID_COLUMNS = 24;

/** A pool as Grafana's data source has one: kept between dashboards. End it when done. */
export function openPool(sqlUrl: string, concurrency = CONNECTIONS): pg.Pool {
  const pool = new pg.Pool({ connectionString: sqlUrl, max: concurrency });
  // A connection that the service ends is opened anew by the next query; the query that it had says what went wrong.
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return pool;
}

export async function runDashboardOn(
  pool: pg.Pool,
  dashboard: Dashboard,
  view: DashboardView,
): Promise<DashboardOutcome> {
  const startedAt = performance.now();
  const problems: Problem[] = [];
  const { variables, queries: variableQueries } = await askVariables(pool, dashboard, view, problems);
  const scope = { dashboard, variables };
  const [panels, annotations] = await Promise.all([
    Promise.all(panelsOf(dashboard).map((panel) => runPanel(pool, panel, scope, view))),
    Promise.all(annotationsOf(dashboard).map((annotation) => runAnnotation(pool, annotation, scope, view))),
  ]);
  for (const { panel, queries } of panels)
    for (const query of queries)
      problems.push(
        ...problemsAt(`${dashboard.uid}, panel ${panel.id} "${panel.title}", ${query.refId}`, query),
      );
  for (const { annotation, query } of annotations)
    problems.push(...problemsAt(`${dashboard.uid}, annotation "${annotation.name}"`, query));
  return {
    variables,
    variableQueries,
    panels,
    annotations,
    problems,
    elapsedMs: performance.now() - startedAt,
  };
}

type PartialScope = {
  readonly dashboard: Dashboard;
  readonly variables: ReadonlyMap<string, ChosenVariable>;
};

async function askVariables(
  pool: pg.Pool,
  dashboard: Dashboard,
  view: DashboardView,
  problems: Problem[],
): Promise<{ variables: ReadonlyMap<string, ChosenVariable>; queries: readonly QueryOutcome[] }> {
  const variables = new Map<string, ChosenVariable>();
  const queries: QueryOutcome[] = [];
  for (const wave of wavesOf(dashboard)) {
    const known = new Map(variables);
    const answers = await Promise.all(
      wave.map((variable) => askVariable(pool, variable, { dashboard, variables: known }, view)),
    );
    wave.forEach((variable, index) => {
      const query = answers[index];
      const options = query === undefined ? fixedOptions(variable) : optionsOf(query.frame);
      variables.set(variable.name, choose(variable, options, view.choices?.[variable.name]));
      if (query === undefined) return;
      queries.push(query);
      problems.push(...problemsOfVariable(`${dashboard.uid}, variable ${variable.name}`, variable, query));
    });
  }
  // In the order of the dashboard, which is that of its addresses.
  const inOrder = new Map((dashboard.templating?.list ?? []).map(({ name }) => [name, variables.get(name)]));
  return {
    variables: new Map([...inOrder].flatMap(([name, one]) => (one === undefined ? [] : [[name, one]]))),
    queries,
  };
}

async function askVariable(
  pool: pg.Pool,
  variable: Variable,
  scope: PartialScope,
  { range, maxDataPoints = SCREEN_PIXELS }: DashboardView,
): Promise<QueryOutcome | undefined> {
  const rawSql = sqlOfVariable(variable);
  if (rawSql === undefined) return undefined;
  const intervalMs = panelIntervalMs(range, maxDataPoints);
  return runQuery(pool, { refId: variable.name, rawSql, format: 'table' }, { ...scope, range, intervalMs });
}

function problemsOfVariable(place: string, variable: Variable, query: QueryOutcome): readonly Problem[] {
  const problems = [...problemsAt(place, query)];
  const say = (problem: string) => problems.push({ place, problem, sql: query.sql });
  if (query.frame.fields.some(({ values }) => values.includes(null))) say('NULL among what can be chosen');
  if (query.problems.length === 0 && query.rows === 0 && variable.includeAll === true)
    say('there is nothing to choose, so All is an empty list: IN () is no SQL');
  return problems;
}

async function runPanel(
  pool: pg.Pool,
  panel: Panel,
  scope: PartialScope,
  view: DashboardView,
): Promise<PanelOutcome> {
  const range = panelRange(view.range, panel, view.now ?? view.range.to);
  const points =
    panel.maxDataPoints ?? view.maxDataPoints ?? (panel.gridPos.w / GRID_COLUMNS) * SCREEN_PIXELS;
  const intervalMs = panelIntervalMs(range, points, panel.interval);
  const targets = panel.targets ?? [];
  const queries = await Promise.all(
    targets.map((target) => runQuery(pool, target, { ...scope, range, intervalMs })),
  );
  return {
    panel,
    range,
    intervalMs,
    queries,
    frames: queries.filter((_, index) => targets[index]?.hide !== true).map(({ frame }) => frame),
  };
}

/** Grafana asks annotations for a hundred points of the whole range. */
const ANNOTATION_POINTS = 100;

async function runAnnotation(
  pool: pg.Pool,
  annotation: Annotation,
  scope: PartialScope,
  { range }: DashboardView,
): Promise<AnnotationOutcome> {
  const rawSql = sqlOfAnnotation(annotation);
  const refId = annotation.name;
  if (rawSql === undefined) {
    const problems = ['an annotation without SQL'];
    const frame: Frame = { fields: [], length: 0 };
    return { annotation, query: { refId, sql: '', frame, problems, elapsedMs: 0, rows: 0 } };
  }
  const intervalMs = panelIntervalMs(range, ANNOTATION_POINTS);
  const query = await runQuery(pool, { refId, rawSql, format: 'table' }, { ...scope, range, intervalMs });
  return { annotation, query: { ...query, problems: [...query.problems, ...problemsOfEvents(query.frame)] } };
}

/** An annotation stands at its `time`, up to `timeend` if it has one, and says `text`; `tags` are separated by commas. */
function problemsOfEvents({ fields, length }: Frame): readonly string[] {
  if (length === 0) return [];
  const time = fields.find(({ name }) => name === 'time');
  const problems: string[] = [];
  if (time?.type !== 'time') problems.push('an annotation without a column "time"');
  if (time?.values.includes(null) === true) problems.push('column "time" has NULL');
  if (!fields.some(({ name, type }) => name === 'text' && type === 'string'))
    problems.push('an annotation without a column "text"');
  const unknown = fields.filter(
    ({ name }) => !['time', 'timeend', 'text', 'title', 'tags', 'id'].includes(name),
  );
  if (unknown.length > 0)
    problems.push(`annotations have no ${unknown.map(({ name }) => `"${name}"`).join(', ')}`);
  return problems;
}

function problemsAt(place: string, { problems, sql }: QueryOutcome): readonly Problem[] {
  return problems.map((problem) => ({ place, problem, sql }));
}
