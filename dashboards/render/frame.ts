/** What a query gave, in the shape that panels draw: columns of equal length, as Grafana's data frames. */

export type CellValue = string | number | boolean | null;

export type FieldType = 'time' | 'number' | 'string' | 'boolean' | 'json';

export interface Field {
  readonly name: string;
  readonly type: FieldType;
  /** What tells the series of one query apart. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Times are milliseconds since 1970. */
  readonly values: readonly CellValue[];
}

export interface Frame {
  readonly refId?: string;
  readonly name?: string;
  readonly fields: readonly Field[];
}

export function rowCount(frame: Frame): number {
  return Math.max(0, ...frame.fields.map((field) => field.values.length));
}

/** The numbers of a field, NULL where it has none. */
export function numbersOf(field: Field): readonly (number | null)[] {
  return field.values.map((value) =>
    typeof value === 'number' && Number.isFinite(value)
      ? value
      : typeof value === 'boolean'
        ? Number(value)
        : null,
  );
}
