import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type Dashboard, parseDashboard } from './dashboard.ts';
import { folderOf, problemsOfModel, problemsOfStructure } from './structure.ts';
import type { Folder } from './structure-links.ts';

const GENERATED = new URL('../generated/', import.meta.url);
const NAMES = ['budgets', 'calls', 'customers', 'features', 'models', 'overview', 'quality'];

describe('the dashboards of the folder', () => {
  const files = readdirSync(GENERATED).filter((file) => file.endsWith('.json'));
  const read = (file: string): unknown => JSON.parse(readFileSync(new URL(file, GENERATED), 'utf8'));
  const dashboards = files.map((file) => parseDashboard(read(file)));
  const folder = folderOf(dashboards);

  it('are the seven, each under its own uid', () => {
    expect(files.map((file) => file.replace('.json', '')).sort()).toEqual(NAMES);
    expect(dashboards.map(({ uid }) => uid).sort()).toEqual(NAMES.map((name) => `spanledger-${name}`));
  });

  it.each(files)('%s is as it must be', (file) => {
    const json = read(file);
    expect(problemsOfModel(json)).toEqual([]);
    expect(problemsOfStructure(parseDashboard(json), folder)).toEqual([]);
  });
});

const datasource = { type: 'grafana-postgresql-datasource', uid: '${datasource}' };

const variables = [
  { name: 'datasource', type: 'datasource', label: 'Ledger', query: 'grafana-postgresql-datasource' },
  {
    name: 'customer',
    type: 'query',
    label: 'Customer',
    query: 'SELECT customer FROM customers',
    datasource,
    refresh: 2,
    multi: true,
    includeAll: true,
  },
];

const aTarget = {
  refId: 'A',
  datasource,
  rawSql: 'SELECT customer AS "Customer" FROM usage WHERE customer IN (${customer:sqlstring})',
  format: 'table',
  editorMode: 'code',
  rawQuery: true,
};

const KEEP = '${__url_time_range}&${datasource:queryparam}';

const aPanel = {
  id: 1,
  type: 'table',
  title: 'Customers',
  description: 'Who has used something in the time range.',
  datasource,
  gridPos: { x: 0, y: 0, w: 24, h: 8 },
  targets: [aTarget],
  fieldConfig: {
    defaults: { unit: 'short', thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }] } },
    overrides: [
      {
        matcher: { id: 'byName', options: 'Customer' },
        properties: [
          { id: 'unit', value: 'string' },
          {
            id: 'links',
            value: [
              {
                title: 'More',
                url: `/d/spanledger-customers?${KEEP}&var-customer=\${__data.fields["Customer"]:percentencode}`,
              },
            ],
          },
        ],
      },
    ],
  },
};

const aDashboard = {
  uid: 'spanledger-customers',
  title: 'Customers',
  description: 'Who uses what.',
  tags: ['spanledger'],
  schemaVersion: 42,
  time: { from: 'now-30d', to: 'now' },
  links: [{ title: 'All', type: 'dashboards', tags: ['spanledger'], keepTime: true, includeVars: true }],
  panels: [aPanel],
  templating: { list: variables },
};

const FOLDER: Folder = new Map([['spanledger-customers', new Set(['datasource', 'customer'])]]);

const withPanel = (changes: object) => ({ ...aDashboard, panels: [{ ...aPanel, ...changes }] });
const withSql = (rawSql: string) => withPanel({ targets: [{ ...aTarget, rawSql }] });
const withDefaults = (defaults: object) =>
  withPanel({ fieldConfig: { defaults: { unit: 'short', ...defaults } } });
const withLink = (url: string) => withDefaults({ links: [{ title: 'More', url }] });
const withVariable = (changes: object) => ({
  ...aDashboard,
  templating: { list: [variables[0], { ...variables[1], ...changes }] },
});
const steps = (...values: (number | null)[]) =>
  withDefaults({ thresholds: { mode: 'absolute', steps: values.map((value) => ({ color: 'red', value })) } });

describe('a dashboard', () => {
  it('as it must be has no problems', () => {
    expect(problemsOfStructure(parseDashboard(aDashboard), FOLDER)).toEqual([]);
  });

  it.each<[string, object, RegExp]>([
    ['with a schema of the future', { ...aDashboard, schemaVersion: 43 }, /schemaVersion 43/],
    ['without the tag', { ...aDashboard, tags: [] }, /lacks the tag/],
    [
      'with two panels of one id',
      { ...aDashboard, panels: [aPanel, { ...aPanel, gridPos: { x: 0, y: 8, w: 24, h: 1 } }] },
      /two panels have one id/,
    ],
    [
      'with a panel on another',
      { ...aDashboard, panels: [aPanel, { ...aPanel, id: 2 }] },
      /panel 2 covers panel 1/,
    ],
    [
      'with a panel beyond the edge',
      withPanel({ gridPos: { x: 20, y: 0, w: 8, h: 4 } }),
      /outside of the grid/,
    ],
    ['with a gap', withPanel({ gridPos: { x: 0, y: 0, w: 20, h: 1 } }), /4 columns are empty in line 0/],
    [
      'with a panel of a plugin',
      withPanel({ type: 'grafana-polystat-panel' }),
      /none that every Grafana has/,
    ],
    ['without a title', withPanel({ title: '' }), /no title/],
    ['without a description', withPanel({ description: 'Customers' }), /no description/],
    ['without a unit', withPanel({ fieldConfig: {} }), /no unit/],
    ['with an unknown unit', withDefaults({ unit: 'dollars' }), /unit dollars/],
    [
      'with a fixed data source',
      withPanel({ datasource: { ...datasource, uid: 'abc' } }),
      /not the chosen one/,
    ],
    ['with a chart of a table', withPanel({ type: 'timeseries' }), /of a chart over time is a table/],
    [
      'with scripts in a text',
      withPanel({ type: 'text', targets: [], options: { mode: 'markdown', content: '<script>' } }),
      /HTML/,
    ],
    ['with thresholds that fall', steps(null, 2, 1), /do not rise/],
    ['with nothing said below the first threshold', steps(1, 2), /first threshold has a value/],
    [
      'with an override of no column',
      withPanel({
        fieldConfig: {
          defaults: { unit: 'short' },
          overrides: [{ matcher: { id: 'byName', options: 'Feature' }, properties: [] }],
        },
      }),
      /"Feature", which no query gives/,
    ],
    [
      'that leaves the quoting to Grafana',
      withSql('SELECT 1 WHERE 1 IN ($customer)'),
      /quoted only as \$\{customer:sqlstring\}/,
    ],
    [
      'that reads an unknown variable',
      withSql('SELECT 1 WHERE 1 IN (${feature:sqlstring})'),
      /\$\{feature:sqlstring\}, which nobody defines/,
    ],
    [
      'with an unknown macro',
      withSql('SELECT $__timeFilters(x) WHERE 1 IN (${customer:sqlstring})'),
      /unknown macro "__timeFilters"/,
    ],
    ['with a comment in SQL', withSql('SELECT 1 WHERE 1 IN (${customer:sqlstring}) -- x'), /has a comment/],
    [
      'with a variable that nothing reads',
      withPanel({
        targets: [{ ...aTarget, rawSql: 'SELECT 1 AS "Customer"' }],
        fieldConfig: { defaults: { unit: 'short' } },
      }),
      /customer is read by nothing/,
    ],
    ['with a value of its own for All', withVariable({ allValue: '.*' }), /which Grafana does not quote/],
    ['with a variable that is never asked for', withVariable({ refresh: 0 }), /never asked for/],
    [
      'with a link to nowhere',
      withLink(`/d/spanledger-x?${KEEP}&\${customer:queryparam}`),
      /spanledger-x, which there is not/,
    ],
    [
      'with a link that forgets the time',
      withLink('/d/spanledger-customers?${__all_variables}'),
      /does not keep the time/,
    ],
    ['with a link that forgets a choice', withLink(`/d/spanledger-customers?${KEEP}`), /loses customer/],
    [
      'with a link that chooses twice',
      withLink(`/d/spanledger-customers?${KEEP}&\${customer:queryparam}&var-customer=x`),
      /sets customer and keeps it too/,
    ],
    [
      'with a link of unencoded text',
      withLink(`/d/spanledger-customers?${KEEP}&var-customer=\${__data.fields.Customer}`),
      /not encoded/,
    ],
    [
      'with a link by a column there is not',
      withLink(`/d/spanledger-customers?${KEEP}&var-customer=\${__data.fields.Payer:percentencode}`),
      /no query has such a column/,
    ],
    [
      'with links that forget the variables',
      { ...aDashboard, links: [{ ...aDashboard.links[0], includeVars: false }] },
      /does not keep the variables/,
    ],
  ])('%s has that problem', (_, json, problem) => {
    const dashboard: Dashboard = parseDashboard(json);
    expect(problemsOfStructure(dashboard, FOLDER).join('\n')).toMatch(problem);
  });

  it('of the second model is none', () => {
    expect(
      problemsOfModel({ apiVersion: 'dashboard.grafana.app/v2beta1', kind: 'Dashboard', spec: {} }),
    ).toHaveLength(3);
    expect(() => parseDashboard({ title: 'x' })).toThrow(/not a dashboard of the classic model/);
  });
});
