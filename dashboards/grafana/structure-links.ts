import { type Dashboard, type DashboardLink, type Panel, variablesOf } from './dashboard.ts';
import { type VariableUse, variableUsesIn } from './interpolate.ts';

/** Where a panel leads: to a dashboard that there is, at the same time and with the same choices but for those it sets. */

/** The variables of every dashboard of the folder, by uid: where links may lead, and what they may set there. */
export type Folder = ReadonlyMap<string, ReadonlySet<string>>;

export interface PanelLink {
  readonly title: string;
  readonly url: string;
}

/** Of the panel, of its fields, and of its overrides. */
export function linksOf({ links = [], fieldConfig }: Panel): readonly PanelLink[] {
  const ofOverrides = (fieldConfig?.overrides ?? []).flatMap(({ properties }) =>
    properties.flatMap(({ id, value }) => (id === 'links' && Array.isArray(value) ? value : [])),
  );
  const all: readonly unknown[] = [...links, ...(fieldConfig?.defaults?.links ?? []), ...ofOverrides];
  return all.map((link) => ({ title: textOf(link, 'title'), url: textOf(link, 'url') }));
}

function textOf(link: unknown, key: 'title' | 'url'): string {
  const value: unknown = typeof link === 'object' && link !== null ? Reflect.get(link, key) : undefined;
  return typeof value === 'string' ? value : '';
}

export function sqlOfPanel({ targets = [] }: Panel): string {
  return targets.map(({ rawSql }) => rawSql).join('\n');
}

export function problemsOfLink(
  { title, url }: PanelLink,
  panel: Panel,
  dashboard: Dashboard,
  folder: Folder,
): readonly string[] {
  const defined = new Set(variablesOf(dashboard).map(({ name }) => name));
  const uses = variableUsesIn(url);
  return [
    ...(title === '' ? ['has no title'] : []),
    ...uses.flatMap((use) => problemsOfUse(use, panel, defined)),
    ...problemsOfTarget(url, uses, defined, folder),
  ].map((problem) => `link "${title}" ${problem}`);
}

const GRAFANAS_OWN: ReadonlySet<string> = new Set([
  '__url_time_range',
  '__all_variables',
  '__from',
  '__to',
  '__dashboard',
  '__series',
]);

/** Of the row and the field that was clicked: their texts may have `&` and `#` in them. */
const OF_THE_CLICK: ReadonlySet<string> = new Set(['__data', '__value', '__field']);

function problemsOfUse(
  { match, name, path = '', format }: VariableUse,
  panel: Panel,
  defined: ReadonlySet<string>,
): readonly string[] {
  if (GRAFANAS_OWN.has(name) || defined.has(name)) return [];
  if (!OF_THE_CLICK.has(name)) return [`reads ${match}, which nobody defines`];
  const problems: string[] = [];
  if (format !== 'percentencode') problems.push(`has ${match}, which is not encoded without :percentencode`);
  const { quoted, dotted } =
    /^fields(?:\[["'](?<quoted>[^"']+)["']\]|\.(?<dotted>\w+))/.exec(path)?.groups ?? {};
  const column = quoted ?? dotted;
  if (name === '__data' && (column === undefined || !hasColumn(column, panel)))
    problems.push(`reads ${match}, and no query has such a column`);
  return problems;
}

function hasColumn(column: string, panel: Panel): boolean {
  const sql = sqlOfPanel(panel);
  return sql.includes(`"${column}"`) || (/^\w+$/.test(column) && new RegExp(`\\b${column}\\b`).test(sql));
}

function problemsOfTarget(
  url: string,
  uses: readonly VariableUse[],
  defined: ReadonlySet<string>,
  folder: Folder,
): readonly string[] {
  const uid = /^\/d\/(?<uid>[^/?]+)/.exec(url)?.groups?.uid;
  // Elsewhere: to where a viewer says, or over TLS.
  if (uid === undefined) return /^(\$\{|https:\/\/)/.test(url) ? [] : [`leads to ${url}`];
  const there = folder.get(uid);
  if (there === undefined) return [`leads to ${uid}, which there is not`];
  const problems: string[] = [];
  if (!uses.some(({ name }) => name === '__url_time_range')) problems.push('does not keep the time range');
  const set = [...url.matchAll(/[?&]var-(?<name>\w+)=/g)].map(({ groups }) => groups?.name ?? '');
  const carried = uses.filter(({ format }) => format === 'queryparam').map(({ name }) => name);
  const takesAll = uses.some(({ name }) => name === '__all_variables');
  for (const name of set) if (!there.has(name)) problems.push(`sets ${name}, which ${uid} does not have`);
  for (const name of carried)
    if (!there.has(name)) problems.push(`takes ${name} to ${uid}, which does not have it`);
  // Twice in an address a variable has both values.
  const twice = [...set, ...carried].filter((name, index, all) => all.indexOf(name) !== index);
  if (twice.length > 0 || (takesAll && set.length > 0))
    problems.push(`sets ${[...twice, ...set][0]} and keeps it too`);
  const lost = [...there].filter(
    (name) => defined.has(name) && !takesAll && !set.includes(name) && !carried.includes(name),
  );
  if (lost.length > 0) problems.push(`loses ${lost.join(', ')} on the way to ${uid}`);
  return problems;
}

/** The row of links at the top of a dashboard. */
export function problemsOfDashboardLink(link: DashboardLink): readonly string[] {
  const problems: string[] = [];
  if (link.type !== 'dashboards' && link.type !== 'link') problems.push(`is of type ${link.type}`);
  if (link.type === 'dashboards' && (link.tags ?? []).length === 0)
    problems.push('leads to every dashboard there is');
  if (link.keepTime !== true) problems.push('does not keep the time range');
  if (link.includeVars !== true) problems.push('does not keep the variables');
  return problems.map((problem) => `link "${link.title}" ${problem}`);
}
