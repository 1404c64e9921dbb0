import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { type DashboardName, uidOf } from '../src/links.ts';

/** A rule as it is written down; Grafana's form of it is made in `provisioned.ts`. */
export interface AlertRule {
  /** The last part of the uid, by which Grafana knows the rule for ever, and the name of its runbook. */
  readonly name: string;
  readonly title: string;
  /** Always gives a row: see `always` in `sql.ts`. */
  readonly sql: string;
  readonly fires: Bound;
  /** How long the bound must be crossed: at least two evaluations, unless the value spans a time itself. */
  readonly forDuration: '0s' | '5m' | '15m' | '30m' | '1h';
  readonly severity: Severity;
  readonly team: Team;
  /** One line, in Go's templates. `.Labels` and not `$labels`: a dollar is a variable of the environment in some files. */
  readonly summary: string;
  readonly description: string;
  /** Where to look first. */
  readonly panel: { readonly dashboard: DashboardName; readonly title: string };
  /**
   * What Grafana does when the ledger cannot be read. All rules but one keep their last state, so that a ledger that is
   * away is told of once and not by every rule.
   */
  readonly whenUnreadable?: 'Alerting';
}

export type Bound = { readonly above: number } | { readonly below: number };

/** critical: now, whatever the hour. warning: today. info: good to know. */
export type Severity = 'critical' | 'warning' | 'info';

/** Who can do something about it: of money, of the features, of the pipeline. */
export type Team = 'finance' | 'product' | 'platform';

/** Rules that are evaluated together, one after the other. */
export interface AlertGroup {
  readonly name: string;
  readonly everyMinutes: number;
  readonly rules: readonly AlertRule[];
}

export interface PanelAddress {
  readonly dashboardUid: string;
  readonly panelId: number;
}

/**
 * The last panel of that title: charts are below the single numbers that have the same.
 *
 * @throws when there is none: a link that leads nowhere is found when it is made.
 */
export function panelAddress(dashboards: readonly Dashboard[], { panel }: AlertRule): PanelAddress {
  const dashboardUid = uidOf(panel.dashboard);
  const panels = dashboards.find(({ uid }) => uid === dashboardUid)?.panels ?? [];
  const ids = panels.flatMap((each) => ('title' in each && each.title === panel.title ? [each.id] : []));
  const panelId = ids.at(-1);
  if (panelId === undefined) throw new Error(`${dashboardUid} has no panel "${panel.title}".`);
  return { dashboardUid, panelId };
}
