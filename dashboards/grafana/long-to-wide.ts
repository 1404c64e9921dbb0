import type { Field, FieldValue, Frame } from './frames.ts';
import type { Fill } from './macros.ts';

/** A time series with text columns -> one series for each set of their values and each value column. */

export interface LongSeries {
  /** Without NULL, ascending. */
  readonly time: Field;
  readonly labels: readonly Field[];
  readonly values: readonly Field[];
}

export function wideOf(long: LongSeries, fill: Fill | undefined, problems: string[]): Frame {
  const times = [...new Set(long.time.values)];
  const rowOfTime = new Map(times.map((time, row) => [time, row]));
  const series = new Map<string, WideSeries>();
  let doubles = 0;
  long.time.values.forEach((time, longRow) => {
    const row = rowOfTime.get(time) ?? 0;
    const labels = labelsAt(long.labels, longRow);
    const key = JSON.stringify(Object.values(labels));
    const one = series.get(key) ?? newSeries(labels, long.values, times.length);
    series.set(key, one);
    if (one.rows.has(row)) doubles++;
    one.rows.add(row);
    long.values.forEach((value, index) => {
      const column = one.columns[index];
      if (column !== undefined) column[row] = value.values[longRow] ?? null;
    });
  });
  if (doubles > 0)
    problems.push(
      `${doubles} rows have the time and the labels of another one, of which only the last is drawn`,
    );
  const fields = [...series.values()].flatMap((one) =>
    long.values.map((value, index) => ({
      name: value.name,
      type: value.type,
      labels: one.labels,
      values: withMissing(one.columns[index] ?? [], one.rows, fill),
    })),
  );
  const sorted = sortedFields(
    fields,
    long.labels.map(({ name }) => name),
  );
  return {
    fields: [{ ...long.time, values: times }, ...namedByMetric(sorted, long)],
    length: times.length,
  };
}

interface WideSeries {
  readonly labels: Readonly<Record<string, string>>;
  readonly columns: FieldValue[][];
  /** The rows that the series has; a NULL there stays one. */
  readonly rows: Set<number>;
}

function newSeries(
  labels: Readonly<Record<string, string>>,
  values: readonly Field[],
  length: number,
): WideSeries {
  return { labels, columns: values.map(() => new Array<FieldValue>(length).fill(null)), rows: new Set() };
}

/** NULL in a text column is the empty text. */
function labelsAt(labels: readonly Field[], row: number): Readonly<Record<string, string>> {
  return Object.fromEntries(labels.map(({ name, values }) => [name, String(values[row] ?? '')]));
}

function withMissing(
  column: readonly FieldValue[],
  rows: ReadonlySet<number>,
  fill: Fill | undefined,
): FieldValue[] {
  if (fill === undefined || fill.with.mode === 'null') return [...column];
  const mode = fill.with;
  let previous: FieldValue = null;
  return column.map((value, row) => {
    if (rows.has(row)) previous = value;
    else return mode.mode === 'value' ? mode.value : previous;
    return value;
  });
}

/** By name, then by the labels in the order of their columns: which colour a series gets depends on it. */
function sortedFields(fields: readonly Field[], labels: readonly string[]): readonly Field[] {
  return fields.toSorted((one, other) => {
    if (one.name !== other.name) return one.name < other.name ? -1 : 1;
    const name = labels.find((label) => one.labels?.[label] !== other.labels?.[label]) ?? '';
    return (one.labels?.[name] ?? '') < (other.labels?.[name] ?? '') ? -1 : 1;
  });
}

/** Three columns `time`, `metric` and a value: the series is called what `metric` says, as in old dashboards. */
function namedByMetric(fields: readonly Field[], { labels, values }: LongSeries): readonly Field[] {
  if (values.length !== 1 || labels.length !== 1 || labels[0]?.name !== 'metric') return fields;
  return fields.map(({ name, type, labels: one, values: cells }) => ({
    name: one?.metric ?? name,
    type,
    values: cells,
  }));
}
