import { describe, expect, it } from 'vitest';
import { displayName, type Framing, frameOf, type ResultColumn } from './frames.ts';
import type { Fill } from './macros.ts';

const OID = {
  bool: 16,
  int8: 20,
  text: 25,
  json: 114,
  float8: 701,
  date: 1082,
  timestamptz: 1184,
  interval: 1186,
  numeric: 1700,
};

const HOUR_MS = 3_600_000;
const T0 = Date.parse('2026-11-01T00:00:00Z');
const at = (hour: number) => `2026-11-01 ${String(hour).padStart(2, '0')}:00:00+00`;

const range = { from: new Date(T0), to: new Date(T0 + 3 * HOUR_MS) };

type Columns = Readonly<Record<string, number>>;

const columnsOf = (columns: Columns): readonly ResultColumn[] =>
  Object.entries(columns).map(([name, oid]) => ({ name, oid }));

const framed = (
  columns: Columns | readonly ResultColumn[],
  rows: readonly (readonly (string | null)[])[],
  framing: Partial<Framing> = {},
) =>
  frameOf(
    { columns: Array.isArray(columns) ? columns : columnsOf(columns as Columns), rows },
    { format: 'time_series', range, ...framing },
  );

describe('a table', () => {
  it('keeps columns and rows as they are, with values by their type', () => {
    const { frame, problems } = framed(
      {
        day: OID.date,
        at: OID.timestamptz,
        calls: OID.int8,
        cost: OID.numeric,
        on: OID.bool,
        name: OID.text,
        raw: OID.json,
      },
      [
        ['2026-11-01', '2026-11-01 10:00:00.5+01', '12', '0.000000000000001', 't', 'a', '{}'],
        [null, null, null, null, 'f', null, null],
      ],
      { format: 'table' },
    );
    expect(problems).toEqual([]);
    expect(frame.fields.map(({ name, type, values }) => [name, type, values])).toEqual([
      ['day', 'time', [T0, null]],
      ['at', 'time', [T0 + 9 * HOUR_MS + 500, null]],
      ['calls', 'number', [12, null]],
      ['cost', 'number', [1e-15, null]],
      ['on', 'boolean', [true, false]],
      ['name', 'string', ['a', null]],
      ['raw', 'json', ['{}', null]],
    ]);
  });

  it('without rows has no fields, but its columns are looked at', () => {
    expect(framed({ a: OID.text, b: OID.interval }, [], { format: 'table' })).toEqual({
      frame: { fields: [], length: 0 },
      problems: ['column "b" has type 1186, which not every Grafana reads'],
    });
  });

  it.each([
    ['NaN', OID.float8, 'column "x" has NaN, which is no finite number'],
    ['Infinity', OID.float8, 'column "x" has Infinity, which is no finite number'],
    ['infinity', OID.timestamptz, 'column "x" has infinity, which is no time'],
  ])('with %s is a problem', (text, oid, problem) => {
    expect(framed({ x: oid }, [[text]], { format: 'table' }).problems).toEqual([problem]);
  });

  it('with two columns of one name is a problem', () => {
    const twice = [...columnsOf({ x: OID.text }), ...columnsOf({ x: OID.text })];
    expect(framed(twice, [], { format: 'table' }).problems).toEqual(['two columns are called "x"']);
  });
});

describe('a time series', () => {
  it('has its values as numbers, whatever counts they are', () => {
    const { frame, problems } = framed({ time: OID.timestamptz, calls: OID.int8, up: OID.bool }, [
      [at(0), '1', 't'],
      [at(1), null, 'f'],
    ]);
    expect(problems).toEqual([]);
    expect(frame.fields).toEqual([
      { name: 'Time', type: 'time', values: [T0, T0 + HOUR_MS] },
      { name: 'calls', type: 'number', values: [1, null] },
      { name: 'up', type: 'number', values: [1, 0] },
    ]);
  });

  it('takes a number as time: seconds, milliseconds or nanoseconds by its size', () => {
    const timeOf = (text: string) =>
      framed({ time: OID.int8, x: OID.int8 }, [[text, '1']]).frame.fields[0]?.values;
    expect(timeOf(String(T0 / 1000))).toEqual([T0]);
    expect(timeOf(String(T0))).toEqual([T0]);
    expect(timeOf(`${T0}000000`)).toEqual([T0]);
  });

  it('has one series for each set of labels, with NULL where one has no row', () => {
    const { frame, problems } = framed(
      { time: OID.timestamptz, feature: OID.text, model: OID.text, cost: OID.numeric },
      [
        [at(0), 'b', 'm', '1'],
        [at(0), 'a', null, '2'],
        [at(1), 'a', null, '3'],
        [at(1), 'c', 'm', '4'],
      ],
    );
    expect(problems).toEqual([]);
    expect(frame).toEqual({
      fields: [
        { name: 'Time', type: 'time', values: [T0, T0 + HOUR_MS] },
        { name: 'cost', type: 'number', labels: { feature: 'a', model: '' }, values: [2, 3] },
        { name: 'cost', type: 'number', labels: { feature: 'b', model: 'm' }, values: [1, null] },
        { name: 'cost', type: 'number', labels: { feature: 'c', model: 'm' }, values: [null, 4] },
      ],
      length: 2,
    });
  });

  it('is called by its metric when there are three columns, else by column and labels', () => {
    const namesOf = (columns: Columns, row: string[]) => {
      const { frame } = framed(columns, [row]);
      return frame.fields.slice(1).map((field) => displayName(field, [frame]));
    };
    const { timestamptz, text, int8 } = OID;
    expect(namesOf({ time: timestamptz, metric: text, x: int8 }, [at(0), 'chat', '1'])).toEqual(['chat']);
    expect(namesOf({ time: timestamptz, feature: text, x: int8 }, [at(0), 'chat', '1'])).toEqual(['x chat']);
    expect(namesOf({ time: timestamptz, feature: text, Value: int8 }, [at(0), 'chat', '1'])).toEqual([
      'chat',
    ]);
    expect(namesOf({ time: timestamptz, a: text, b: text, x: int8 }, [at(0), '1', '2', '3'])).toEqual([
      'x {a="1", b="2"}',
    ]);
    expect(namesOf({ time: timestamptz, cost: int8, calls: int8 }, [at(0), '1', '2'])).toEqual([
      'cost',
      'calls',
    ]);
  });

  const series = { time: OID.timestamptz, x: OID.int8 };
  const labelled = { time: OID.timestamptz, who: OID.text, x: OID.int8 };

  it.each<[string, Columns, (string | null)[][], string]>([
    [
      'without "time"',
      { hour: OID.timestamptz, x: OID.int8 },
      [[at(0), '1']],
      'a time series without a column "time"',
    ],
    ['without "time" or rows', { x: OID.int8 }, [], 'a time series without a column "time"'],
    ['without a value', { time: OID.timestamptz, who: OID.text }, [], 'a time series without a value'],
    ['with NULL as time', series, [[null, '1']], 'column "time" has NULL'],
    [
      'that goes back',
      series,
      [
        [at(1), '1'],
        [at(0), '1'],
      ],
      'the rows of a time series are not in the order of "time"',
    ],
    [
      'with a time twice',
      series,
      [
        [at(1), '1'],
        [at(1), '1'],
      ],
      'two rows have the same time',
    ],
    [
      'with a time and its labels twice',
      labelled,
      [
        [at(1), 'a', '1'],
        [at(1), 'a', '2'],
        [at(1), 'b', '2'],
      ],
      '1 rows have the time and the labels of another one, of which only the last is drawn',
    ],
    ['of JSON', { time: OID.timestamptz, x: OID.json }, [], 'column "x" of a time series is of type json'],
  ])('%s is a problem', (_, columns, rows, problem) => {
    expect(framed(columns, rows).problems).toEqual([problem]);
  });
});

describe('the empty buckets of a time series', () => {
  const fill = (mode: Fill['with']): Fill => ({ intervalMs: HOUR_MS, with: mode });
  const filledWith = (mode: Fill['with']) =>
    framed(
      { time: OID.timestamptz, x: OID.int8 },
      [
        [at(1), '7'],
        [at(3), '9'],
      ],
      { fill: fill(mode) },
    ).frame.fields.map(({ values }) => values);
  const hours = [0, 1, 2, 3].map((hour) => T0 + hour * HOUR_MS);

  it('are there, with what the macro asks for', () => {
    expect(filledWith({ mode: 'null' })).toEqual([hours, [null, 7, null, 9]]);
    expect(filledWith({ mode: 'previous' })).toEqual([hours, [null, 7, 7, 9]]);
    expect(filledWith({ mode: 'value', value: 0 })).toEqual([hours, [0, 7, 0, 9]]);
  });

  it('are filled in each series, where it has no row at a time that another one has', () => {
    const { frame } = framed(
      { time: OID.timestamptz, who: OID.text, x: OID.int8 },
      [
        [at(0), 'a', '1'],
        [at(1), 'b', null],
        [at(2), 'b', '2'],
      ],
      { fill: fill({ mode: 'value', value: 0 }) },
    );
    expect(frame.fields.slice(1).map(({ values }) => values)).toEqual([
      [1, 0, 0, 0],
      [0, null, 2, 0],
    ]);
  });
});
