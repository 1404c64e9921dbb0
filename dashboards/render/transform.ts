import { regularExpression } from './field.ts';
import { type CellValue, type Field, type Frame, rowCount } from './frame.ts';
import { at, entriesAt, flagAt, type Json, listAt, numberAt, textAt, textsAt } from './json.ts';

/** What a panel does with its frames before it draws them (`transformations`), as far as our dashboards use it. */

export interface Transformed {
  readonly frames: readonly Frame[];
  readonly problems: readonly string[];
}

export function transformed(frames: readonly Frame[], transformations: readonly Json[]): Transformed {
  const problems: string[] = [];
  let result = frames;
  for (const transformation of transformations) {
    if (flagAt(transformation, 'disabled') === true) continue;
    const id = textAt(transformation, 'id') ?? '';
    const next = apply(id, at(transformation, 'options'), result);
    if (next === undefined) problems.push(`the transformation '${id}' is not drawn`);
    else result = next;
  }
  return { frames: result, problems };
}

function apply(id: string, options: Json, frames: readonly Frame[]): readonly Frame[] | undefined {
  switch (id) {
    case 'organize':
      return frames.map((frame) => organized(frame, options));
    case 'filterFieldsByName':
      return frames.map((frame) => keptByName(frame, options));
    case 'sortBy':
      return frames.map((frame) => sorted(frame, options));
    case 'limit':
      return frames.map((frame) => rowsOf(frame, firstRows(frame, numberAt(options, 'limitField') ?? 10)));
    case 'renameByRegex':
      return frames.map((frame) => renamed(frame, options));
    case 'merge':
      return [merged(frames)];
    case 'seriesToColumns':
    case 'joinByField':
      return [joined(frames, textAt(options, 'byField'))];
    case 'filterByRefId':
      return frames.filter(
        ({ refId }) => regularExpression(textAt(options, 'include') ?? '')?.test(refId ?? '') === true,
      );
    default:
      return undefined;
  }
}

function rowsOf(frame: Frame, rows: readonly number[]): Frame {
  const fields = frame.fields.map((field) => ({
    ...field,
    values: rows.map((row) => field.values[row] ?? null),
  }));
  return { ...frame, fields };
}

function firstRows(frame: Frame, count: number): readonly number[] {
  return Array.from({ length: Math.min(count, rowCount(frame)) }, (_, row) => row);
}

function organized(frame: Frame, options: Json): Frame {
  const position = (field: Field): number =>
    numberAt(options, 'indexByName', field.name) ?? Number.MAX_SAFE_INTEGER;
  const names = new Map(entriesAt(options, 'renameByName'));
  const fields = frame.fields
    .filter((field) => flagAt(options, 'excludeByName', field.name) !== true)
    .sort((a, b) => position(a) - position(b))
    .map((field) => {
      const name = names.get(field.name);
      return typeof name === 'string' && name !== '' ? { ...field, name } : field;
    });
  return { ...frame, fields };
}

function keptByName(frame: Frame, options: Json): Frame {
  const included = at(options, 'include');
  const excluded = at(options, 'exclude');
  const isNamed = (field: Field, matcher: Json): boolean => {
    const pattern = textAt(matcher, 'pattern');
    return (
      textsAt(matcher, 'names').includes(field.name) ||
      (pattern !== undefined && regularExpression(pattern)?.test(field.name) === true)
    );
  };
  const fields = frame.fields.filter(
    (field) =>
      (included === undefined || isNamed(field, included)) &&
      (excluded === undefined || !isNamed(field, excluded)),
  );
  return { ...frame, fields };
}

function sorted(frame: Frame, options: Json): Frame {
  const wish = listAt(options, 'sort')[0];
  const field = frame.fields.find(({ name }) => name === textAt(wish, 'field'));
  if (field === undefined) return frame;
  const sign = flagAt(wish, 'desc') === true ? -1 : 1;
  const rows = Array.from({ length: rowCount(frame) }, (_, row) => row);
  return rowsOf(
    frame,
    rows.sort((a, b) => sign * compared(field.values[a] ?? null, field.values[b] ?? null) || a - b),
  );
}

function compared(a: CellValue, b: CellValue): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  return typeof a === 'number' && typeof b === 'number' ? a - b : String(a).localeCompare(String(b));
}

function renamed(frame: Frame, options: Json): Frame {
  const pattern = regularExpression(textAt(options, 'regex') ?? '');
  const replacement = textAt(options, 'renamePattern') ?? '';
  if (pattern === undefined) return frame;
  const fields = frame.fields.map((field) => ({ ...field, name: field.name.replace(pattern, replacement) }));
  return { ...frame, fields };
}

/** Rows of all frames below one another, and in one row where the fields that they share say the same. */
function merged(frames: readonly Frame[]): Frame {
  const names = [...new Set(frames.flatMap(({ fields }) => fields.map(({ name }) => name)))];
  const shared = names.filter((name) =>
    frames.every(({ fields }) => fields.some((field) => field.name === name)),
  );
  return joinedOn(frames, names, shared);
}

function joined(frames: readonly Frame[], byField: string | undefined): Frame {
  const key = byField ?? frames[0]?.fields.find(({ type }) => type === 'time')?.name ?? '';
  const names = [...new Set(frames.flatMap(({ fields }) => fields.map(({ name }) => name)))];
  return joinedOn(frames, [key, ...names.filter((name) => name !== key)], [key]);
}

function joinedOn(frames: readonly Frame[], names: readonly string[], keys: readonly string[]): Frame {
  const rows = new Map<string, Map<string, CellValue>>();
  for (const frame of frames)
    for (let row = 0; row < rowCount(frame); row += 1) {
      const value = (name: string): CellValue =>
        frame.fields.find((field) => field.name === name)?.values[row] ?? null;
      const id = JSON.stringify(keys.map(value));
      const cells = rows.get(id) ?? new Map<string, CellValue>();
      for (const { name } of frame.fields) cells.set(name, value(name));
      rows.set(id, cells);
    }
  const fields = names.flatMap((name): Field[] => {
    const field = frames.flatMap((frame) => frame.fields).find((each) => each.name === name);
    return field === undefined
      ? []
      : [{ ...field, values: [...rows.values()].map((cells) => cells.get(name) ?? null) }];
  });
  return { fields };
}
