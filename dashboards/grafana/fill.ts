import type { FieldValue, Frame } from './frames.ts';
import type { TimeRange } from './interval.ts';
import type { Fill } from './macros.ts';

/**
 * One row for each bucket of the range, as the third argument of `$__timeGroup` asks. A row counts for the first bucket
 * at or after it, and of several the last: Grafana fills after the query, so the query must group by the same buckets.
 */
export function filled(frame: Frame, fill: Fill, range: TimeRange): Frame {
  const [time, ...others] = frame.fields;
  if (time === undefined) return frame;
  const stepMs = fill.intervalMs;
  const firstMs = Math.floor(range.from.getTime() / stepMs) * stepMs;
  const buckets: number[] = [];
  /** Of each bucket: the row that counts for it, and the last row up to it. */
  const rows: { readonly own: number; readonly latest: number }[] = [];
  let latest = -1;
  for (let bucketMs = firstMs; bucketMs <= range.to.getTime(); bucketMs += stepMs) {
    let own = -1;
    while (latest + 1 < frame.length && Number(time.values[latest + 1]) <= bucketMs) {
      latest++;
      if (Number(time.values[latest]) > bucketMs - stepMs) own = latest;
    }
    buckets.push(bucketMs);
    rows.push({ own, latest });
  }
  const valueIn = (
    values: readonly FieldValue[],
    { own, latest: before }: { own: number; latest: number },
  ) => {
    if (own >= 0) return values[own] ?? null;
    if (fill.with.mode === 'value') return fill.with.value;
    return fill.with.mode === 'previous' ? (values[before] ?? null) : null;
  };
  return {
    fields: [
      { ...time, values: buckets },
      ...others.map((field) => ({ ...field, values: rows.map((row) => valueIn(field.values, row)) })),
    ],
    length: buckets.length,
  };
}
