import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { stringify } from 'yaml';
import { FOLDER, RUNBOOKS, ruleOf } from './provisioned.ts';
import { alertGroups } from './rules.ts';

/** A file below the folder `dashboards`, as `npm run dashboards` writes it. */
interface AlertFile {
  readonly path: string;
  readonly text: string;
}

/**
 * What Grafana reads at its start from `provisioning/alerting`. Contact points and policies are written by hand beside it.
 *
 * @param dashboards whose panels the rules lead to
 */
export function alertFiles(dashboards: readonly Dashboard[]): readonly AlertFile[] {
  return [
    {
      path: 'provisioning/alerting/rules.yaml',
      text: `# Written by \`npm run dashboards\` from dashboards/alerts; see dashboards/README.md.\n${rulesYaml(dashboards)}`,
    },
  ];
}

/** The file format (apiVersion 1) names a few things differently than the API, whose objects the SDK builds. */
function rulesYaml(dashboards: readonly Dashboard[]): string {
  const groups = alertGroups.map(({ name, everyMinutes, rules }) => ({
    orgId: 1,
    name,
    folder: FOLDER,
    interval: `${everyMinutes}m`,
    rules: rules.map((rule) => {
      const { uid, title, condition, data, noDataState, execErrState, annotations, labels, ...rest } = ruleOf(
        rule,
        name,
        dashboards,
        RUNBOOKS,
      );
      return {
        uid,
        title,
        condition,
        data,
        dashboardUid: annotations?.__dashboardUid__,
        panelId: Number(annotations?.__panelId__),
        noDataState,
        execErrState,
        for: rest.for,
        annotations,
        labels,
        isPaused: false,
      };
    }),
  }));
  // Long lines stay whole: SQL and sentences are easier to compare that way.
  return stringify({ apiVersion: 1, groups }, { lineWidth: 0, aliasDuplicateObjects: false });
}
