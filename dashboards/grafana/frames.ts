import { filled } from './fill.ts';
import type { TimeRange } from './interval.ts';
import { wideOf } from './long-to-wide.ts';
import type { Fill } from './macros.ts';

/**
 * Rows of an answer -> the frame that a panel draws, by the rules of Grafana's PostgreSQL data source. Whatever Grafana
 * would drop, draw wrong or refuse is said as a problem, in a sentence.
 */

export type FieldType = 'time' | 'number' | 'string' | 'boolean' | 'json';

/** Times are milliseconds since 1970, UTC. */
export type FieldValue = number | string | boolean | null;

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  readonly labels?: Readonly<Record<string, string>>;
  readonly values: readonly FieldValue[];
}

export interface Frame {
  readonly fields: readonly Field[];
  /** Rows. */
  readonly length: number;
}

export interface ResultColumn {
  readonly name: string;
  /** PostgreSQL's number of the type. */
  readonly oid: number;
}

/** An answer of the simple protocol: every value as text. */
export interface QueryRows {
  readonly columns: readonly ResultColumn[];
  readonly rows: readonly (readonly (string | null)[])[];
}

export interface Framing {
  readonly format: 'time_series' | 'table';
  readonly range: TimeRange;
  readonly fill?: Fill;
}

export interface Framed {
  readonly frame: Frame;
  readonly problems: readonly string[];
}

/** Grafana's limit of rows; the rest is dropped with a notice that few read. */
export const MAX_ROWS = 1_000_000;

/**
 * What every driver that Grafana 11 to 13 has reads alike. Others come as text in one version and as an error in another;
 * arrays, intervals and times of day are shown as no panel should show them.
 */
const TYPE_OF_OID: ReadonlyMap<number, FieldType> = new Map<number, FieldType>([
  [16, 'boolean'],
  [20, 'number'], // int8
  [21, 'number'], // int2
  [23, 'number'], // int4
  [25, 'string'], // text
  [114, 'json'],
  [700, 'number'], // float4
  [701, 'number'], // float8
  [1042, 'string'], // bpchar
  [1043, 'string'], // varchar
  [1082, 'time'], // date
  [1114, 'time'], // timestamp
  [1184, 'time'], // timestamptz
  [1700, 'number'], // numeric
  [2950, 'string'], // uuid
  [3802, 'json'], // jsonb
]);

const NO_FIELDS: Frame = { fields: [], length: 0 };

export function frameOf(result: QueryRows, framing: Framing): Framed {
  const problems = problemsOfColumns(result.columns);
  if (result.rows.length > MAX_ROWS)
    problems.push(`${result.rows.length} rows, of which Grafana shows ${MAX_ROWS}`);
  const rows = result.rows.slice(0, MAX_ROWS);
  const fields = result.columns.map((column, index) => fieldOf(column, index, rows, problems));
  const timeIndex = fields.findIndex(({ name }) => name === 'time');
  if (framing.format === 'time_series') problems.push(...problemsOfSeries(fields, timeIndex));
  // Grafana drops the fields of an answer without rows, so that panels say 'No data'.
  if (rows.length === 0) return { frame: NO_FIELDS, problems };
  const timed = fields.map((field, index) => (index === timeIndex ? inMilliseconds(field) : field));
  if (framing.format === 'table') return { frame: { fields: timed, length: rows.length }, problems };
  const [time, ...others] = timeFirst(timed, timeIndex);
  if (time === undefined) return { frame: NO_FIELDS, problems };
  return series(time, others.map(asFloats), framing, problems);
}

function problemsOfColumns(columns: readonly ResultColumn[]): string[] {
  const problems = columns
    .filter(({ oid }) => !TYPE_OF_OID.has(oid))
    .map(({ name, oid }) => `column "${name}" has type ${oid}, which not every Grafana reads`);
  const seen = new Set<string>();
  for (const { name } of columns) {
    if (seen.has(name)) problems.push(`two columns are called "${name}"`);
    seen.add(name);
  }
  if (columns.length === 0) problems.push('an answer without columns');
  return problems;
}

function problemsOfSeries(fields: readonly Field[], timeIndex: number): string[] {
  const time = fields[timeIndex];
  if (time === undefined) return ['a time series without a column "time"'];
  const problems: string[] = [];
  if (time.type !== 'time' && time.type !== 'number') problems.push(`column "time" is of type ${time.type}`);
  const others = fields.filter((field) => field !== time);
  for (const { name, type } of others) {
    if (type === 'json') problems.push(`column "${name}" of a time series is of type json`);
    if (type === 'time')
      problems.push(`column "${name}" of a time series is a second time, drawn as a number`);
  }
  if (!others.some(({ type }) => type !== 'string')) problems.push('a time series without a value');
  return problems;
}

function fieldOf(
  { name, oid }: ResultColumn,
  index: number,
  rows: QueryRows['rows'],
  problems: string[],
): Field {
  const type = TYPE_OF_OID.get(oid) ?? 'string';
  const isUnfit = new Set<string>();
  const values = rows.map((row) => {
    const text = row[index] ?? null;
    if (text === null) return null;
    const value = parsed(type, text);
    if (typeof value === 'number' && !Number.isFinite(value)) isUnfit.add(text);
    return value;
  });
  for (const text of isUnfit)
    problems.push(`column "${name}" has ${text}, which is no ${type === 'time' ? 'time' : 'finite number'}`);
  return { name, type, values };
}

function parsed(type: FieldType, text: string): FieldValue {
  switch (type) {
    case 'number':
      return Number(text);
    case 'time':
      return epochMs(text);
    case 'boolean':
      return text === 't' || text === 'true';
    case 'string':
    case 'json':
      return text;
  }
}

/** `2026-11-23 10:00:00.5+00`, `2026-11-23 10:00:00`, `2026-11-23`: without an offset it is UTC. */
function epochMs(text: string): number {
  const [, day, clock = '00:00:00', offset = ''] =
    /^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}:\d{2}:\d{2}(?:\.\d+)?))?([+-]\d{2}(?::?\d{2})?|Z)?$/.exec(text) ?? [];
  if (day === undefined) return Number.NaN;
  const zone = offset === '' || offset === 'Z' ? 'Z' : offset.length === 3 ? `${offset}:00` : offset;
  return Date.parse(`${day}T${clock}${zone}`);
}

/** A number called "time" is seconds around 1e9, nanoseconds around 1e18, else milliseconds. */
function inMilliseconds(field: Field): Field {
  if (field.type !== 'number') return field;
  const values = field.values.map((value) => {
    if (typeof value !== 'number') return null;
    const magnitude = value === 0 ? 0 : Math.floor(Math.log10(Math.abs(value)));
    if (magnitude === 9) return Math.trunc(value * 1000);
    return Math.trunc(magnitude === 18 ? value / 1e6 : value);
  });
  return { ...field, type: 'time', values };
}

function timeFirst(fields: readonly Field[], timeIndex: number): readonly Field[] {
  const time = fields[timeIndex];
  if (time === undefined) return [];
  return [{ ...time, name: 'Time' }, ...fields.filter((_, index) => index !== timeIndex)];
}

/** In a time series everything but text is drawn as a number. */
function asFloats(field: Field): Field {
  if (field.type === 'string' || field.type === 'number') return field;
  const values = field.values.map((value) => (value === null ? null : Number(value)));
  return { ...field, type: 'number', values };
}

function series(time: Field, others: readonly Field[], framing: Framing, problems: string[]): Framed {
  problems.push(...problemsOfTimes(time.values));
  if (problems.length > 0 && time.values.some((value) => typeof value !== 'number'))
    return { frame: NO_FIELDS, problems };
  const labels = others.filter(({ type }) => type === 'string');
  const values = others.filter(({ type }) => type === 'number');
  if (labels.length === 0 && hasRepeats(time.values)) problems.push('two rows have the same time');
  const wide =
    labels.length === 0
      ? { fields: [time, ...values], length: time.values.length }
      : wideOf({ time, labels, values }, framing.fill, problems);
  const frame = framing.fill === undefined ? wide : filled(wide, framing.fill, framing.range);
  return { frame, problems };
}

function problemsOfTimes(times: readonly FieldValue[]): string[] {
  const problems: string[] = [];
  if (times.includes(null)) problems.push('column "time" has NULL');
  const isAscending = times.every((time, index) => {
    const before = index === 0 ? null : (times[index - 1] ?? null);
    return time === null || before === null || time >= before;
  });
  if (!isAscending) problems.push('the rows of a time series are not in the order of "time"');
  return problems;
}

function hasRepeats(times: readonly FieldValue[]): boolean {
  return new Set(times).size !== times.length;
}

/** What the legend and the tooltip call a field, among all the frames of its panel. */
export function displayName(field: Field, frames: readonly Frame[]): string {
  if (field.type === 'time' && field.labels === undefined) return field.name;
  const parts = field.name === '' || field.name === 'Value' ? [] : [field.name];
  const labels = Object.entries(field.labels ?? {});
  const only = onlyLabelOf(frames);
  if (only !== undefined) parts.push(...labels.filter(([name]) => name === only).map(([, value]) => value));
  else if (labels.length > 0)
    parts.push(`{${labels.map(([name, value]) => `${name}="${value}"`).join(', ')}}`);
  return parts.filter((part) => part !== '').join(' ') || 'Value';
}

/** The one label that all fields of all frames have; undefined when there are several. */
function onlyLabelOf(frames: readonly Frame[]): string | undefined {
  const names = new Set(
    frames.flatMap(({ fields }) => fields.flatMap(({ labels }) => Object.keys(labels ?? {}))),
  );
  return names.size === 1 ? [...names][0] : undefined;
}
