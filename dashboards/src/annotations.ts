import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import { type AnnotationQuery, AnnotationQueryBuilder } from '@grafana/grafana-foundation-sdk/dashboard';
import { usedModels } from './sql.ts';
import { DATA_SOURCE, SqlTarget } from './target.ts';

/** A mark on every chart, for something that explains a step in it. */
function annotation(name: string, colour: string, sql: string): cog.Builder<AnnotationQuery> {
  return new AnnotationQueryBuilder()
    .name(name)
    .datasource(DATA_SOURCE)
    .enable(true)
    .iconColor(colour)
    .target(new SqlTarget(sql, 'table').refId('Anno'));
}

/** The price book knows thousands of models: only changes for those that are used in the range are marked. */
const PRICE_CHANGES = annotation(
  'Price changes',
  'purple',
  `WITH ${usedModels("hour >= $__timeFrom()::timestamptz - INTERVAL '1 day' AND hour <= $__timeTo()::timestamptz")}
SELECT changed_at AS "time",
  model || ': ' || string_agg(token_class || ' ' || coalesce(previous_usd_per_million::DOUBLE::TEXT, '?') || ' → '
    || coalesce(usd_per_million::DOUBLE::TEXT, '?'), ', ' ORDER BY token_class) || ' USD per million' AS "text",
  'price' AS "tags"
FROM price_changes
WHERE $__timeFilter(changed_at) AND service_tier = 'standard' AND (provider, model) IN (SELECT (provider, model) FROM used)
GROUP BY changed_at, model
ORDER BY 1`,
);

const PLAN_CHANGES = annotation(
  'Plan changes',
  'blue',
  `SELECT effective_at AS "time",
  customer || ': ' || replace(kind, '_', ' ') || coalesce(' (' || reason || ')', '') AS "text",
  'plan' AS "tags"
FROM account_history
WHERE $__timeFilter(effective_at) AND kind IN ('subscribed', 'plan_changed', 'canceled')
  AND coalesce(customer, '(none)') IN (\${customer:sqlstring})
ORDER BY 1`,
);

/** One mark an hour, however many rows were corrected in it. */
const CORRECTIONS = annotation(
  'Corrections',
  'orange',
  `SELECT hour AS "time", corrections || ' rows of usage corrected' AS "text", 'correction' AS "tags"
FROM ingest_health
WHERE $__timeFilter(hour) AND corrections > 0
ORDER BY 1`,
);

export const ANNOTATIONS = [PRICE_CHANGES, PLAN_CHANGES, CORRECTIONS];
