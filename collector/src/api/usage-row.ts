import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

/** A value as `/api/query` gives it: decimals, 64-bit integers and instants are texts. */
const Cell = Type.Union([Type.String(), Type.Number(), Type.Null()]);

/** The columns of the view `usage` that a trace's report shows. */
const UsageRowSchema = Type.Object({
  trace_id: Type.String(),
  span_id: Type.String(),
  parent_span_id: Cell,
  event_time: Type.String(),
  duration_ms: Cell,
  service: Cell,
  operation: Cell,
  model: Cell,
  provider: Cell,
  dialect: Cell,
  billing_role: Cell,
  role_reason: Cell,
  superseded_by: Cell,
  usage_status: Cell,
  uncached_input_tokens: Cell,
  cache_read_tokens: Cell,
  cache_write_tokens: Cell,
  output_tokens: Cell,
  reasoning_tokens: Cell,
  cost_usd: Cell,
  price_status: Cell,
  credits: Cell,
  customer: Cell,
  customer_source: Cell,
  feature: Cell,
  feature_source: Cell,
  user_id: Cell,
  usage_class: Cell,
  status: Cell,
});
export type UsageRow = Static<typeof UsageRowSchema>;

/** What to select from the view for `usageRowsOf`. */
export const USAGE_ROW_COLUMNS: readonly string[] = Object.keys(UsageRowSchema.properties);

/** The rows of an answer with at least these columns, in any order. Throws when one is missing: a mistake of ours. */
export function usageRowsOf({
  columns,
  rows,
}: {
  readonly columns: readonly { readonly name: string }[];
  readonly rows: readonly (readonly unknown[])[];
}): readonly UsageRow[] {
  return rows.map((cells) => {
    const row: unknown = Object.fromEntries(columns.map(({ name }, index) => [name, cells[index]]));
    return Value.Parse(UsageRowSchema, row);
  });
}
