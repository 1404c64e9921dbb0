import {
  annotationsOf,
  type Dashboard,
  type Panel,
  panelsOf,
  sqlOfAnnotation,
  sqlOfVariable,
  type Variable,
  variablesOf,
} from './dashboard.ts';
import { variableNamesIn } from './interpolate.ts';
import { problemsOfFields } from './structure-fields.ts';
import { problemsOfGrid } from './structure-grid.ts';
import {
  type Folder,
  linksOf,
  problemsOfDashboardLink,
  problemsOfLink,
  sqlOfPanel,
} from './structure-links.ts';
import { problemsOfSql } from './structure-sql.ts';

/**
 * What can be said of a dashboard without asking anything: that Grafana 11 to 13 reads it as it is meant, that people can
 * tell what they see, and that no link, variable or override leads nowhere.
 */

/** Of Grafana 11.0 and 13: an older dashboard would be migrated on load, a newer one not understood by 11. */
const SCHEMA_VERSIONS = { least: 39, most: 42 };

/** The panels that every Grafana has and that have something to show here. */
const PANEL_TYPES: ReadonlySet<string> = new Set([
  'row',
  'stat',
  'gauge',
  'bargauge',
  'timeseries',
  'barchart',
  'piechart',
  'table',
  'state-timeline',
  'status-history',
  'heatmap',
  'histogram',
  'text',
]);

const DATA_SOURCE_TYPE = 'grafana-postgresql-datasource';
/** In a dashboard a data source is only ever the one that is chosen. */
// biome-ignore lint/suspicious/noTemplateCurlyInString: it is Grafana that fills it in.
const CHOSEN_DATA_SOURCE = '${datasource}';

export function folderOf(dashboards: readonly Dashboard[]): Folder {
  return new Map(
    dashboards.map((dashboard) => [dashboard.uid, new Set(variablesOf(dashboard).map(({ name }) => name))]),
  );
}

export function problemsOfStructure(dashboard: Dashboard, folder: Folder): readonly string[] {
  const panels = panelsOf(dashboard);
  return [
    ...problemsOfHead(dashboard),
    ...problemsOfGrid(dashboard.panels),
    ...panels.flatMap((panel) => problemsOfPanel(panel, dashboard, folder)),
    ...variablesOf(dashboard).flatMap((variable) => problemsOfVariable(variable, dashboard)),
    ...problemsOfNames(dashboard),
    ...problemsOfAnnotations(dashboard),
    ...(dashboard.links ?? []).flatMap((link) => problemsOfDashboardLink(link)),
  ];
}

/** Of the JSON itself, before it is read: whether it is the classic model at all. */
export function problemsOfModel(json: unknown): readonly string[] {
  if (typeof json !== 'object' || json === null) return ['not an object'];
  return ['apiVersion', 'kind', 'spec', 'elements', 'layout', 'dashboard', '__inputs', 'id']
    .filter((key) => Object.hasOwn(json, key))
    .map((key) => `"${key}" is no part of a classic dashboard in a file`);
}

function problemsOfHead({ uid, title, description, tags, schemaVersion, time }: Dashboard): string[] {
  const problems: string[] = [];
  if (!/^spanledger-[a-z]+$/.test(uid)) problems.push(`uid "${uid}" is not spanledger-<name>`);
  if (title === '') problems.push('the dashboard has no title');
  if ((description ?? '') === '') problems.push('the dashboard has no description');
  if (tags?.includes('spanledger') !== true)
    problems.push('the dashboard lacks the tag by which the others link to it');
  const { least, most } = SCHEMA_VERSIONS;
  if (schemaVersion < least || schemaVersion > most)
    problems.push(`schemaVersion ${schemaVersion} is not from ${least} to ${most}`);
  if (time === undefined) problems.push('the dashboard has no time range at first');
  return problems;
}

function problemsOfPanel(panel: Panel, dashboard: Dashboard, folder: Folder): string[] {
  const place = `panel ${panel.id} "${panel.title ?? ''}"`;
  return [
    ...problemsOfPanelItself(panel),
    ...problemsOfTargets(panel, dashboard),
    ...(panel.type === 'row' ? [] : problemsOfFields(panel)),
    ...linksOf(panel).flatMap((link) => problemsOfLink(link, panel, dashboard, folder)),
  ].map((problem) => `${place}: ${problem}`);
}

function problemsOfPanelItself({ type, title, description, options, repeat }: Panel): string[] {
  const problems: string[] = [];
  if (!PANEL_TYPES.has(type)) problems.push(`type ${type} is none that every Grafana has`);
  if ((title ?? '') === '') problems.push('it has no title');
  if (type !== 'row' && (description ?? '').length < MIN_DESCRIPTION)
    problems.push('it has no description that says anything');
  if (repeat !== undefined)
    problems.push('it is repeated: how many panels there are would depend on the ledger');
  if (type === 'text' && (options?.mode === 'html' || /<\s*\w/.test(String(options?.content ?? ''))))
    problems.push('a text with HTML, which Grafana may be set to leave out');
  return problems;
}

/** Shorter than this it repeats the title. */
const MIN_DESCRIPTION = 20;

function problemsOfTargets(panel: Panel, dashboard: Dashboard): string[] {
  const { type, targets = [], datasource } = panel;
  if (type === 'row' || type === 'text') return targets.length === 0 ? [] : [`a ${type} has queries`];
  const problems: string[] = [];
  if (targets.length === 0) problems.push('it has no query');
  if (!isChosenDataSource(datasource)) problems.push('its data source is not the chosen one');
  if (new Set(targets.map(({ refId }) => refId)).size < targets.length)
    problems.push('two queries have one refId');
  for (const target of targets) {
    const say = (problem: string) => problems.push(`query ${target.refId} ${problem}`);
    if (!isChosenDataSource(target.datasource)) say('asks another data source than the chosen one');
    if (target.editorMode !== 'code' || target.rawQuery !== true) say('is not shown as code');
    if (type === 'timeseries' && target.format !== 'time_series') say('of a chart over time is a table');
    for (const problem of problemsOfSql(target.rawSql, definedIn(dashboard))) say(problem);
  }
  return problems;
}

function isChosenDataSource(datasource: Panel['datasource']): boolean {
  return datasource?.uid === CHOSEN_DATA_SOURCE && datasource.type === DATA_SOURCE_TYPE;
}

function definedIn(dashboard: Dashboard): ReadonlySet<string> {
  return new Set(variablesOf(dashboard).map(({ name }) => name));
}

function problemsOfVariable(variable: Variable, dashboard: Dashboard): string[] {
  const { name, type, multi, includeAll, allValue, refresh, datasource, label } = variable;
  const problems: string[] = [];
  if ((label ?? '') === '') problems.push('has no label');
  if (!['query', 'custom', 'datasource', 'textbox', 'constant'].includes(type))
    problems.push(`is of type ${type}`);
  if ((allValue ?? '') !== '') problems.push('has a value of its own for All, which Grafana does not quote');
  if (type === 'query') {
    const sql = sqlOfVariable(variable);
    if (!isChosenDataSource(datasource)) problems.push('asks another data source than the chosen one');
    if (refresh !== 1 && refresh !== 2) problems.push('is never asked for');
    if (multi !== true || includeAll !== true) problems.push('offers neither several values nor All');
    problems.push(...(sql === undefined ? ['has no SQL'] : problemsOfSql(sql, definedIn(dashboard))));
  }
  return problems.map((problem) => `variable ${name} ${problem}`);
}

/** Every variable has one name, and somebody reads it. */
function problemsOfNames(dashboard: Dashboard): string[] {
  const variables = variablesOf(dashboard);
  const problems: string[] = [];
  const ids = panelsOf(dashboard).map(({ id }) => id);
  if (new Set(ids).size < ids.length) problems.push('two panels have one id');
  if (new Set(variables.map(({ name }) => name)).size < variables.length)
    problems.push('two variables have one name');
  const texts = [
    ...panelsOf(dashboard).flatMap((panel) => [sqlOfPanel(panel), ...linksOf(panel).map(({ url }) => url)]),
    ...annotationsOf(dashboard).map((annotation) => sqlOfAnnotation(annotation) ?? ''),
    ...variables.map((variable) => sqlOfVariable(variable) ?? ''),
  ];
  const read = new Set(texts.flatMap((text) => [...variableNamesIn(text)]));
  const unread = variables.filter(({ name, type }) => type !== 'datasource' && !read.has(name));
  return [...problems, ...unread.map(({ name }) => `variable ${name} is read by nothing`)];
}

function problemsOfAnnotations(dashboard: Dashboard): string[] {
  return annotationsOf(dashboard).flatMap((annotation) => {
    const problems: string[] = [];
    if (!isChosenDataSource(annotation.datasource))
      problems.push('asks another data source than the chosen one');
    const sql = sqlOfAnnotation(annotation);
    problems.push(...(sql === undefined ? ['has no SQL'] : problemsOfSql(sql, definedIn(dashboard))));
    return problems.map((problem) => `annotation "${annotation.name}" ${problem}`);
  });
}
