import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  type DashboardLink,
  DashboardLinkBuilder,
  DashboardLinkType,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { ALL_FILTERS, type Filter } from './sql.ts';

/** The tag that the dashboards have, by which they find one another. */
export const TAG = 'spanledger';

export const DASHBOARDS = {
  overview: 'AI spend overview',
  features: 'Features',
  customers: 'Customers, credits and margin',
  models: 'Models and prices',
  budgets: 'Budgets and forecast',
  calls: 'Call explorer',
  quality: 'Data quality and pipeline',
} as const;
export type DashboardName = keyof typeof DASHBOARDS;

export const uidOf = (name: DashboardName) => `spanledger-${name}`;

/** A row of links to the other dashboards, at the top of each: time range and variables go along. */
export function linksToAll(): cog.Builder<DashboardLink> {
  return new DashboardLinkBuilder('Spanledger')
    .type(DashboardLinkType.Dashboards)
    .icon('external link')
    .tags([TAG])
    .asDropdown(false)
    .includeVars(true)
    .keepTime(true)
    .targetBlank(false);
}

/** What a link sets, by the name of the column that has the value; a variable it does not name keeps its value. */
export type Choice = Partial<Readonly<Record<Filter | 'action', string>>>;

/**
 * The address of a dashboard with the same time range and variables, but for what is chosen. Those that only it has are
 * named where it links to itself.
 */
export function linkTo(
  name: DashboardName,
  choice: Choice = {},
  ownVariables: readonly string[] = [],
): string {
  const kept = [...ALL_FILTERS.filter((filter) => !(filter in choice)), ...ownVariables].map(
    (variable) => `\${${variable}:queryparam}`,
  );
  const set = Object.entries(choice).map(
    ([variable, column]) => `var-${variable}=\${__data.fields["${column}"]:percentencode}`,
  );
  return `/d/${uidOf(name)}?${[`\${__url_time_range}`, `\${datasource:queryparam}`, ...kept, ...set].join('&')}`;
}
