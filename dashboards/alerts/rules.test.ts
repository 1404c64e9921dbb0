import { readdir, readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { dashboards } from '../src/files.ts';
import { alertFiles } from './files.ts';
import { alertRules } from './rules.ts';

/** The file format of Grafana 11 to 13 (apiVersion 1), as far as it is used: nothing else is in the files. */
interface RulesFile {
  readonly apiVersion: number;
  readonly groups: readonly {
    readonly orgId: number;
    readonly name: string;
    readonly folder: string;
    readonly interval: string;
    readonly rules: readonly FileRule[];
  }[];
}
interface FileRule {
  readonly uid: string;
  readonly title: string;
  readonly condition: string;
  readonly data: readonly {
    readonly refId: string;
    readonly datasourceUid: string;
    readonly relativeTimeRange?: { readonly from: number; readonly to: number };
    readonly model: Readonly<Record<string, unknown>>;
  }[];
  readonly dashboardUid: string;
  readonly panelId: number;
  readonly noDataState: string;
  readonly execErrState: string;
  readonly for: string;
  readonly annotations: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  readonly isPaused: boolean;
}

const built = dashboards();
const [file] = alertFiles(built);
const text = file?.text ?? '';
const { apiVersion, groups } = parse(text) as RulesFile;
const rules = groups.flatMap((group) => group.rules.map((rule) => ({ ...rule, group })));

describe('the file of alert rules', () => {
  it('has every rule, in groups of one folder that are evaluated by whole minutes', () => {
    expect(apiVersion).toBe(1);
    expect(rules.map(({ uid }) => uid)).toEqual(alertRules.map(({ name }) => `spanledger-${name}`));
    for (const { orgId, name, folder, interval } of groups) {
      expect([orgId, folder], name).toEqual([1, 'Spanledger']);
      expect(interval, name).toMatch(/^[1-9]\d*m$/);
    }
  });

  it('has no dollar, which would be a variable of the environment to Grafana', () => {
    expect(text).not.toContain('$');
  });

  it('has uids that Grafana takes, and neither they nor titles twice', () => {
    for (const { uid } of rules) expect(uid).toMatch(/^[a-zA-Z0-9_-]{1,40}$/);
    expect(new Set(rules.map(({ uid }) => uid)).size).toBe(rules.length);
    expect(new Set(rules.map(({ title }) => title)).size).toBe(rules.length);
  });
});

describe.each(rules)('$uid', (rule) => {
  it('asks one query of the ledger, takes its last value, and compares it', () => {
    const [query, last, bound, ...others] = rule.data;
    expect(others).toEqual([]);
    expect([rule.condition, query?.refId, last?.refId, bound?.refId]).toEqual(['C', 'A', 'B', 'C']);
    expect([query?.datasourceUid, last?.datasourceUid, bound?.datasourceUid]).toEqual([
      'spanledger',
      '__expr__',
      '__expr__',
    ]);
    expect(query?.model).toMatchObject({ refId: 'A', format: 'time_series', rawQuery: true });
    expect(query?.relativeTimeRange).toEqual({ from: 600, to: 0 });
    expect(last?.model).toMatchObject({ type: 'reduce', expression: 'A', reducer: 'last' });
    expect(bound?.model).toMatchObject({ type: 'threshold', expression: 'B' });
    expect(bound?.model.conditions).toEqual([
      { evaluator: { type: expect.stringMatching(/^[gl]t$/), params: [expect.any(Number)] } },
    ]);
  });

  it('says now, a number that is not NULL, and gives a row in any case', () => {
    const sql = String(rule.data[0]?.model.rawSql);
    expect(sql).toMatch(/SELECT now\(\) AS "time"/);
    expect(sql).toMatch(/coalesce\(.*::DOUBLE AS value/s);
    expect(/UNION ALL\nSELECT now\(\).* WHERE NOT EXISTS/.test(sql) || !sql.includes('FROM found')).toBe(
      true,
    );
  });

  it('leads to a panel that is there, and to a runbook', async () => {
    const dashboard = built.find(({ uid }) => uid === rule.dashboardUid);
    const ids = (dashboard?.panels ?? []).flatMap((panel) => ('id' in panel ? [panel.id] : []));
    expect(ids).toContain(rule.panelId);
    expect(rule.annotations).toMatchObject({
      __dashboardUid__: rule.dashboardUid,
      __panelId__: String(rule.panelId),
    });
    const page = String(rule.annotations.runbook_url).replace('dashboards/runbooks/', '');
    const runbook = await readFile(new URL(`../runbooks/${page}`, import.meta.url), 'utf8');
    for (const heading of ['## Check', '## Likely causes', '## What to do', '## When to silence'])
      expect(runbook).toContain(`\n${heading}\n`);
    expect(runbook).toMatch(/```sql\n/);
    expect(runbook.split('\n')[0]).toBe(`# ${rule.title}`);
  });

  it('says in its summary the value, and every label that tells its series apart', () => {
    const sql = String(rule.data[0]?.model.rawSql);
    const labels = [...sql.matchAll(/coalesce\((\w+), '\(none\)'\) AS \1/g)].map(([, label]) => label);
    expect(rule.annotations.summary).toContain('.Values.B.Value');
    for (const label of labels) expect(rule.annotations.summary).toContain(`{{ .Labels.${label} }}`);
    expect(rule.annotations.summary).not.toContain('$');
    expect(rule.annotations.description?.length).toBeGreaterThan(40);
  });

  it('is routed by severity and team, and quiet while the ledger cannot be read unless it is about that', () => {
    expect(rule.labels).toEqual({
      source: 'spanledger',
      severity: expect.stringMatching(/^(critical|warning|info)$/),
      team: expect.stringMatching(/^(finance|product|platform)$/),
    });
    const states = [rule.noDataState, rule.execErrState];
    expect(states).toEqual(rule.uid === 'spanledger-no-data' ? ['Alerting', 'Alerting'] : ['OK', 'KeepLast']);
    expect(rule.for).toMatch(/^(0s|[1-9]\d*[mh])$/);
    expect(rule.isPaused).toBe(false);
  });
});

it('there is no runbook without a rule', async () => {
  const pages = await readdir(new URL('../runbooks/', import.meta.url));
  expect(pages.sort()).toEqual([...alertRules.map(({ name }) => `${name}.md`), 'README.md'].sort());
});
