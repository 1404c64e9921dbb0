import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  DatasourceVariableBuilder,
  QueryVariableBuilder,
  TextBoxVariableBuilder,
  type VariableModel,
  VariableRefresh,
  VariableSort,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { FILTERS, type Filter, NONE, shown } from './sql.ts';
import { DATA_SOURCE } from './target.ts';

const LABELS: Readonly<Record<Filter, readonly [label: string, description: string]>> = {
  environment: ['Environment', 'Where the app ran.'],
  class: [
    'Class',
    'customer, trial, internal, test, demo or admin: every class costs, two of them burn credits.',
  ],
  customer: ['Customer', 'Who is billed; (none) is the usage that nobody claimed.'],
  feature: ['Feature', 'The sellable thing that made the call.'],
  provider: ['Provider', 'Who served the model.'],
  model: ['Model', 'The model that answered.'],
};

/**
 * The variables that all dashboards share, so that a link carries them from one to the next. "All" is every value by
 * name, which needs none that Grafana would not quote. Each therefore offers whatever the ledger has, not only what the
 * time range has: panels that look at the month, or at the time before, would lack the rest. They are asked for again
 * at every refresh, so that what is new is part of "All".
 */
export function sharedVariables(): cog.Builder<VariableModel>[] {
  return [
    new DatasourceVariableBuilder('datasource')
      .label('Ledger')
      .description('The PostgreSQL data source that reads the ledger.')
      .type('grafana-postgresql-datasource'),
    ...(Object.keys(FILTERS) as Filter[]).map(filterVariable),
  ];
}

function filterVariable(filter: Filter): cog.Builder<VariableModel> {
  const sql = `SELECT '${NONE}' AS value UNION SELECT ${shown('value')} FROM dimension_values WHERE dimension = '${FILTERS[filter]}' ORDER BY 1`;
  const [label, description] = LABELS[filter];
  return new QueryVariableBuilder(filter)
    .label(label)
    .description(description)
    .datasource(DATA_SOURCE)
    .query(sql)
    .definition(sql)
    .refresh(VariableRefresh.OnTimeRangeChanged)
    .sort(VariableSort.AlphabeticalCaseInsensitiveAsc)
    .multi(true)
    .includeAll(true)
    .current({ selected: true, text: ['All'], value: ['$__all'] });
}

/** A text that the viewer may write; empty unless told. */
export function textVariable(
  name: string,
  label: string,
  description: string,
  value = '',
): cog.Builder<VariableModel> {
  return new TextBoxVariableBuilder(name)
    .label(label)
    .description(description)
    .defaultValue(value)
    .current({ selected: true, text: value, value });
}
