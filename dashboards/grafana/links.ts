import { displayName, type Field, type Frame } from './frames.ts';
import { interpolate, type Lookup, type Substitute } from './interpolate.ts';
import { lookupIn, type Scope } from './variables.ts';

/** Where a data link leads from one cell of a panel. */

export interface Cell {
  readonly frame: Frame;
  readonly field: Field;
  readonly row: number;
}

/** Values are encoded as parts of an address, which leaves `&`, `=`, `#` and `/` unless the link says `:percentencode`. */
export function linkFrom(url: string, scope: Scope, cell?: Cell): string {
  const dashboard = lookupIn(scope);
  const lookup: Lookup = (name, path) =>
    (cell === undefined ? undefined : ofCell(cell, name, path)) ?? dashboard(name, path);
  return interpolate(url, lookup, 'uriencode');
}

function ofCell({ frame, field, row }: Cell, name: string, path = ''): Substitute | undefined {
  switch (name) {
    case '__value':
      return path === 'time'
        ? valueAt(
            frame.fields.find(({ type }) => type === 'time'),
            row,
          )
        : valueAt(field, row);
    case '__field':
      return ofField(frame, field, path);
    case '__series':
      return { value: displayName(field, [frame]) };
    case '__data':
      return ofRow(frame, row, path);
    default:
      return undefined;
  }
}

function ofField(frame: Frame, field: Field, path: string): Substitute | undefined {
  if (path === 'name' || path === 'displayName') return { value: displayName(field, [frame]) };
  const label = keyAfter('labels', path);
  return label === undefined ? undefined : { value: field.labels?.[label] ?? '' };
}

/** `fields.name`, `fields["a name"]`, `fields[0]`, each with or without `.numeric` and `.text` behind it. */
function ofRow(frame: Frame, row: number, path: string): Substitute | undefined {
  const key = keyAfter('fields', path.replace(/\.(numeric|text)$/, ''));
  if (key === undefined) return undefined;
  const field =
    frame.fields.find((one) => displayName(one, [frame]) === key || one.name === key) ??
    frame.fields[/^\d+$/.test(key) ? Number(key) : -1];
  return field === undefined ? undefined : valueAt(field, row);
}

function keyAfter(word: string, path: string): string | undefined {
  const { dotted, quoted, index } =
    new RegExp(`^${word}(?:\\.(?<dotted>[^.[\\]]+)|\\[["'](?<quoted>.+)["']\\]|\\[(?<index>\\d+)\\])$`).exec(
      path,
    )?.groups ?? {};
  return dotted ?? quoted ?? index;
}

function valueAt(field: Field | undefined, row: number): Substitute {
  const value = field?.values[row];
  return { value: value === undefined || value === null ? '' : String(value) };
}
