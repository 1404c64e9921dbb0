import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/**
 * The part of Grafana's classic dashboard model that tests, benchmarks and pictures read. Grafana fills in whatever is
 * left out, so most is optional; what is of another shape than Grafana reads is refused here, once.
 */

const DataSource = Type.Object({ type: Type.Optional(Type.String()), uid: Type.Optional(Type.String()) });

/** One query of a panel, a variable or an annotation to the PostgreSQL data source. */
const Target = Type.Object({
  refId: Type.String(),
  datasource: Type.Optional(DataSource),
  rawSql: Type.String(),
  format: Type.Union([Type.Literal('time_series'), Type.Literal('table')]),
  editorMode: Type.Optional(Type.String()),
  rawQuery: Type.Optional(Type.Boolean()),
  hide: Type.Optional(Type.Boolean()),
});

const Link = Type.Object({
  title: Type.String(),
  url: Type.Optional(Type.String()),
  targetBlank: Type.Optional(Type.Boolean()),
});

const DashboardLink = Type.Object({
  ...Link.properties,
  type: Type.Optional(Type.String()),
  tags: Type.Optional(Type.Array(Type.String())),
  keepTime: Type.Optional(Type.Boolean()),
  includeVars: Type.Optional(Type.Boolean()),
});

const Thresholds = Type.Object({
  mode: Type.String(),
  steps: Type.Array(
    Type.Object({
      value: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
      color: Type.String(),
    }),
  ),
});

/** What holds for a field: of a panel's defaults, or of the properties that an override sets. */
const FieldDefaults = Type.Object({
  unit: Type.Optional(Type.String()),
  decimals: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  min: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  max: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  displayName: Type.Optional(Type.String()),
  noValue: Type.Optional(Type.String()),
  thresholds: Type.Optional(Thresholds),
  mappings: Type.Optional(Type.Array(Type.Unknown())),
  links: Type.Optional(Type.Array(Link)),
  color: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  custom: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const Override = Type.Object({
  matcher: Type.Object({ id: Type.String(), options: Type.Optional(Type.Unknown()) }),
  properties: Type.Array(Type.Object({ id: Type.String(), value: Type.Optional(Type.Unknown()) })),
});

const Transformation = Type.Object({
  id: Type.String(),
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
});

const GridPosition = Type.Object({
  x: Type.Integer(),
  y: Type.Integer(),
  w: Type.Integer(),
  h: Type.Integer(),
});

const panelProperties = {
  id: Type.Integer(),
  type: Type.String(),
  title: Type.Optional(Type.String()),
  description: Type.Optional(Type.String()),
  gridPos: GridPosition,
  datasource: Type.Optional(DataSource),
  targets: Type.Optional(Type.Array(Target)),
  links: Type.Optional(Type.Array(DashboardLink)),
  /** Minimum interval: `1h`. */
  interval: Type.Optional(Type.String()),
  maxDataPoints: Type.Optional(Type.Union([Type.Number(), Type.Null()])),
  timeFrom: Type.Optional(Type.String()),
  timeShift: Type.Optional(Type.String()),
  repeat: Type.Optional(Type.String()),
  transformations: Type.Optional(Type.Array(Transformation)),
  fieldConfig: Type.Optional(
    Type.Object({
      defaults: Type.Optional(FieldDefaults),
      overrides: Type.Optional(Type.Array(Override)),
    }),
  ),
  options: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
};

const Panel = Type.Object({
  ...panelProperties,
  collapsed: Type.Optional(Type.Boolean()),
  /** Of a collapsed row: what it hides. */
  panels: Type.Optional(Type.Array(Type.Object(panelProperties))),
});

const TextOrTexts = Type.Union([Type.String(), Type.Array(Type.String())]);

const VariableOption = Type.Object({
  text: Type.Optional(TextOrTexts),
  value: Type.Optional(TextOrTexts),
});

const Variable = Type.Object({
  name: Type.String(),
  type: Type.String(),
  label: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  description: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  datasource: Type.Optional(DataSource),
  /** SQL as text or as a target, the list of a custom variable, the type of a data source, a constant. */
  query: Type.Optional(Type.Union([Type.String(), Type.Record(Type.String(), Type.Unknown())])),
  definition: Type.Optional(Type.String()),
  current: Type.Optional(VariableOption),
  options: Type.Optional(Type.Array(VariableOption)),
  multi: Type.Optional(Type.Boolean()),
  includeAll: Type.Optional(Type.Boolean()),
  allValue: Type.Optional(Type.Union([Type.String(), Type.Null()])),
  /** 0: never, 1: when the dashboard is loaded, 2: when the time range changes. */
  refresh: Type.Optional(Type.Integer()),
  regex: Type.Optional(Type.String()),
  sort: Type.Optional(Type.Integer()),
  hide: Type.Optional(Type.Integer()),
  skipUrlSync: Type.Optional(Type.Boolean()),
});

const Annotation = Type.Object({
  name: Type.String(),
  enable: Type.Optional(Type.Boolean()),
  hide: Type.Optional(Type.Boolean()),
  iconColor: Type.Optional(Type.String()),
  builtIn: Type.Optional(Type.Number()),
  datasource: Type.Optional(DataSource),
  target: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  rawQuery: Type.Optional(Type.String()),
});

const Dashboard = Type.Object({
  uid: Type.String(),
  title: Type.String(),
  description: Type.Optional(Type.String()),
  tags: Type.Optional(Type.Array(Type.String())),
  schemaVersion: Type.Integer(),
  time: Type.Optional(Type.Object({ from: Type.String(), to: Type.String() })),
  refresh: Type.Optional(Type.Union([Type.String(), Type.Boolean()])),
  timezone: Type.Optional(Type.String()),
  links: Type.Optional(Type.Array(DashboardLink)),
  panels: Type.Array(Panel),
  templating: Type.Optional(Type.Object({ list: Type.Optional(Type.Array(Variable)) })),
  annotations: Type.Optional(Type.Object({ list: Type.Optional(Type.Array(Annotation)) })),
});

export type Dashboard = Static<typeof Dashboard>;
export type Panel = Static<typeof Panel>;
export type Target = Static<typeof Target>;
export type Variable = Static<typeof Variable>;
export type Annotation = Static<typeof Annotation>;
export type Override = Static<typeof Override>;
export type DashboardLink = Static<typeof DashboardLink>;
export type GridPosition = Static<typeof GridPosition>;
export type Thresholds = Static<typeof Thresholds>;
export type FieldDefaults = Static<typeof FieldDefaults>;

/** @throws with every place that is of another shape than Grafana reads. */
export function parseDashboard(json: unknown): Dashboard {
  if (Value.Check(Dashboard, json)) return json;
  const mistakes = Value.Errors(Dashboard, json).map(
    ({ instancePath, message }) => `${instancePath === '' ? '/' : instancePath} ${message}`,
  );
  throw new Error(`not a dashboard of the classic model: ${mistakes.join('; ')}`);
}

/** The panels in the order of the file, with those that collapsed rows hide after their row. */
export function panelsOf(dashboard: Dashboard): readonly Panel[] {
  return dashboard.panels.flatMap((panel) => [panel, ...(panel.panels ?? [])]);
}

export function variablesOf(dashboard: Dashboard): readonly Variable[] {
  return dashboard.templating?.list ?? [];
}

/** Those with a query of their own; the one that Grafana brings along reads its own database. */
export function annotationsOf(dashboard: Dashboard): readonly Annotation[] {
  return (dashboard.annotations?.list ?? []).filter(({ builtIn }) => builtIn !== 1);
}

/** The SQL of a variable, whichever of the two ways it is written down in; undefined when it is no query. */
export function sqlOfVariable({ type, query }: Variable): string | undefined {
  if (type !== 'query') return undefined;
  if (typeof query === 'string') return query;
  const sql = query?.rawSql ?? query?.query;
  return typeof sql === 'string' ? sql : undefined;
}

/** The SQL of an annotation, whichever of the two ways it is written down in. */
export function sqlOfAnnotation({ target, rawQuery }: Annotation): string | undefined {
  const sql = target?.rawSql ?? rawQuery;
  return typeof sql === 'string' ? sql : undefined;
}
