import { QueryBuilder, type Rule, RuleBuilder } from '@grafana/grafana-foundation-sdk/alerting';
import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { type AlertRule, type Bound, panelAddress } from './rule.ts';

/** The uid of the data source that provisioning makes; alert rules have no variables, so it is the same everywhere. */
export const DATA_SOURCE_UID = 'spanledger';
export const FOLDER = 'Spanledger';
/** Grafana's own data source for what is done with results of others. */
const EXPRESSION = { type: '__expr__', uid: '__expr__' };
/** Where runbooks are: within the repository. Grafana links them once it is an address. */
export const RUNBOOKS = 'dashboards/runbooks';

/** The query reads the clock itself; Grafana wants a range all the same. */
const LAST_TEN_MINUTES = { from: 600, to: 0 };

/** Dataqueries of the SDK have a marker that is no part of what is written. */
function model(query: object): cog.Builder<cog.Dataquery> {
  return { build: () => query as cog.Dataquery };
}

/** Query A, its last value B, and C: whether that is beyond the bound. */
export function ruleOf(
  rule: AlertRule,
  group: string,
  dashboards: readonly Dashboard[],
  runbooks: string,
): Rule {
  const { dashboardUid, panelId } = panelAddress(dashboards, rule);
  return (
    new RuleBuilder(rule.title)
      .uid(`spanledger-${rule.name}`)
      .ruleGroup(group)
      .folderUID(FOLDER)
      .condition('C')
      .withQuery(
        new QueryBuilder('A')
          .datasourceUid(DATA_SOURCE_UID)
          .relativeTimeRange(LAST_TEN_MINUTES)
          .model(
            model({
              refId: 'A',
              datasource: { type: 'grafana-postgresql-datasource', uid: DATA_SOURCE_UID },
              rawSql: rule.sql,
              format: 'time_series',
              editorMode: 'code',
              rawQuery: true,
            }),
          ),
      )
      .withQuery(
        new QueryBuilder('B')
          .datasourceUid(EXPRESSION.uid)
          .model(
            model({ refId: 'B', datasource: EXPRESSION, type: 'reduce', expression: 'A', reducer: 'last' }),
          ),
      )
      .withQuery(
        new QueryBuilder('C').datasourceUid(EXPRESSION.uid).model(
          model({
            refId: 'C',
            datasource: EXPRESSION,
            type: 'threshold',
            expression: 'B',
            conditions: [{ evaluator: evaluatorOf(rule.fires) }],
          }),
        ),
      )
      .forDuration(rule.forDuration)
      // Every query gives a row: without one the data source is not the ledger. One rule says so, the others keep quiet.
      .noDataState(rule.whenUnreadable ?? 'OK')
      .execErrState(rule.whenUnreadable ?? 'KeepLast')
      .labels({ source: 'spanledger', severity: rule.severity, team: rule.team })
      .annotations({
        summary: rule.summary,
        description: rule.description,
        runbook_url: `${runbooks}/${rule.name}.md`,
        __dashboardUid__: dashboardUid,
        __panelId__: String(panelId),
      })
      .build()
  );
}

function evaluatorOf(bound: Bound) {
  return 'above' in bound ? { type: 'gt', params: [bound.above] } : { type: 'lt', params: [bound.below] };
}
