import { colorByName, gradientColor, paletteColor, paletteColorByName, type Theme } from './colors.ts';
import { type CellValue, type Field, type Frame, numbersOf } from './frame.ts';
import { at, flagAt, type Json, listAt, numberAt, textAt, textsAt, withAt } from './json.ts';
import { formatUnit, isDateUnit } from './units.ts';

/** How the values of a field are shown: defaults of the panel, what overrides change, and what follows from both. */

export interface Threshold {
  /** -Infinity for the base. */
  readonly from: number;
  readonly color: string;
}

export interface Shown {
  readonly text: string;
  readonly color: string;
  /** Whether a value mapping gave the colour. */
  readonly isMapped: boolean;
  readonly numeric: number | null;
  /** Where the value lies between min and max. */
  readonly share: number;
}

/** A field with all that is needed to draw it. */
export interface DrawnField {
  readonly field: Field;
  readonly frame: Frame;
  readonly name: string;
  /** Defaults with the overrides that match. */
  readonly config: Json;
  /** `custom` of it: what only this type of panel knows. */
  readonly custom: Json;
  readonly unit: string | undefined;
  readonly decimals: number | undefined;
  readonly min: number | undefined;
  readonly max: number | undefined;
  /** Where gauges and colours that go from one to another begin and end. */
  readonly low: number;
  readonly high: number;
  readonly thresholds: readonly Threshold[];
  /** Of a series as a whole: of the line, the slice, the legend. */
  readonly color: string;
  readonly show: (value: CellValue) => Shown;
}

export interface DrawingContext {
  readonly theme: Theme;
  readonly now: Date;
  /** What a type of panel takes where a dashboard says nothing. */
  readonly defaultColorMode: string;
}

/** Grafana's own where a dashboard sets none, which surprises: anything from 80 on is red. */
const DEFAULT_THRESHOLDS: Json = {
  mode: 'absolute',
  steps: [
    { color: 'green', value: null },
    { color: 'red', value: 80 },
  ],
};

export function drawnFields(
  frames: readonly Frame[],
  fieldConfig: Json,
  context: DrawingContext,
): DrawnField[] {
  let series = 0;
  const everything = endsOf(frames.flatMap(({ fields }) => fields));
  return frames.flatMap((frame) =>
    frame.fields.map((field) => {
      const config = configOf(field, frame, frames, fieldConfig);
      const isSeries = field.type === 'number';
      const drawn = drawnField(field, frame, frames, config, series, everything, context);
      if (isSeries) series += 1;
      return drawn;
    }),
  );
}

interface Ends {
  readonly low: number;
  readonly high: number;
}

function endsOf(fields: readonly Field[]): Ends {
  const numbers = fields
    .filter(({ type }) => type === 'number')
    .flatMap((field) => numbersOf(field).filter((value) => value !== null));
  const low = numbers.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = numbers.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  return numbers.length === 0 ? { low: 0, high: 100 } : { low, high };
}

function configOf(field: Field, frame: Frame, frames: readonly Frame[], fieldConfig: Json): Json {
  let config = at(fieldConfig, 'defaults');
  for (const override of listAt(fieldConfig, 'overrides')) {
    if (!matches(at(override, 'matcher'), field, frame, frames, config)) continue;
    for (const property of listAt(override, 'properties')) {
      const id = textAt(property, 'id') ?? '';
      config = withAt(config, id.split('.'), at(property, 'value'));
    }
  }
  return config;
}

function matches(matcher: Json, field: Field, frame: Frame, frames: readonly Frame[], config: Json): boolean {
  const options = at(matcher, 'options');
  const names = [field.name, displayName(field, frame, frames, config)];
  switch (textAt(matcher, 'id')) {
    case 'byName':
      return typeof options === 'string' && names.includes(options);
    case 'byNames': {
      const listed = textsAt(options, 'names');
      const isListed = names.some((name) => listed.includes(name));
      return textAt(options, 'mode') === 'exclude' ? !isListed : isListed;
    }
    case 'byRegexp': {
      const pattern = typeof options === 'string' ? regularExpression(options) : undefined;
      return pattern !== undefined && names.some((name) => pattern.test(name));
    }
    case 'byType':
      return options === field.type || textAt(options, 'type') === field.type;
    case 'byFrameRefID':
      return options === frame.refId;
    default:
      return false;
  }
}

/** `/pattern/flags`, as in Grafana; undefined for what is none. */
export function regularExpression(text: string): RegExp | undefined {
  const parts = /^\/(.*)\/([gimsuy]*)$/s.exec(text);
  try {
    return new RegExp(parts?.[1] ?? text, (parts?.[2] ?? '').replace('g', ''));
  } catch {
    return undefined;
  }
}

/** The name that Grafana gives a series: configured, else made of its field's name and what tells it apart. */
export function displayName(field: Field, frame: Frame, frames: readonly Frame[], config: Json): string {
  const configured = textAt(config, 'displayName');
  const labels = field.labels ?? {};
  if (configured !== undefined && configured !== '')
    return configured.replace(
      /\$\{__field\.(?:labels\.([\w-]+)|(\w+))\}/g,
      (_, label?: string, property?: string) =>
        label !== undefined
          ? (labels[label] ?? '')
          : property === 'name'
            ? field.name
            : Object.values(labels).join(' '),
    );
  const entries = Object.entries(labels);
  const parts: string[] = [];
  if (new Set(frames.map(({ name }) => name)).size > 1 && frame.name !== undefined) parts.push(frame.name);
  if (field.name !== 'Value' && field.name !== '') parts.push(field.name);
  const labelNames = new Set(
    frames.flatMap(({ fields }) => fields.flatMap((each) => Object.keys(each.labels ?? {}))),
  );
  if (entries.length > 0)
    parts.push(
      labelNames.size === 1
        ? (entries[0]?.[1] ?? '')
        : `{${entries.map(([name, value]) => `${name}="${value}"`).join(', ')}}`,
    );
  return parts.join(' ') || field.name;
}

function drawnField(
  field: Field,
  frame: Frame,
  frames: readonly Frame[],
  config: Json,
  seriesIndex: number,
  everything: Ends,
  context: DrawingContext,
): DrawnField {
  const { theme } = context;
  const name = displayName(field, frame, frames, config);
  const unit = textAt(config, 'unit') || undefined;
  const decimals = numberAt(config, 'decimals');
  const numbers = numbersOf(field).filter((value) => value !== null);
  const min = numberAt(config, 'min');
  const max = numberAt(config, 'max');
  // Grafana takes the ends of ALL numbers of the panel, whatever they count, unless the field asks for its own.
  const ends = flagAt(config, 'fieldMinMax') === true ? endsOf([field]) : everything;
  const low = min ?? ends.low;
  const high = max ?? ends.high;
  const steps = at(config, 'thresholds') === undefined ? DEFAULT_THRESHOLDS : at(config, 'thresholds');
  const isPercentage = textAt(steps, 'mode') === 'percentage';
  const thresholds = listAt(steps, 'steps').map((step) => {
    const value = numberAt(step, 'value');
    const from =
      value === undefined
        ? Number.NEGATIVE_INFINITY
        : isPercentage
          ? low + ((high - low) * value) / 100
          : value;
    return { from, color: colorByName(textAt(step, 'color') ?? 'green', theme) };
  });
  const mode = textAt(config, 'color', 'mode') ?? context.defaultColorMode;
  const colorAt = (value: number, share: number): string => {
    switch (mode) {
      case 'fixed':
      case 'shades':
        return colorByName(textAt(config, 'color', 'fixedColor') ?? 'text', theme);
      case 'thresholds':
        return thresholds.findLast(({ from }) => value >= from)?.color ?? thresholds[0]?.color ?? theme.text;
      case 'palette-classic-by-name':
        return paletteColorByName(name, theme);
      default:
        return gradientColor(mode, share, theme) ?? paletteColor(seriesIndex, theme);
    }
  };
  const shareOf = (value: number): number => (high === low ? 0 : (value - low) / (high - low));
  const show = (value: CellValue): Shown => {
    const numeric = typeof value === 'number' ? value : null;
    const share = numeric === null ? 0 : shareOf(numeric);
    const mapped = mappedBy(listAt(config, 'mappings'), value);
    const text =
      mapped?.text ?? writtenValue(field, value, unit, decimals, textAt(config, 'noValue'), context);
    const color =
      mapped?.color === undefined
        ? colorAt(numeric ?? Number.NEGATIVE_INFINITY, share)
        : colorByName(mapped.color, theme);
    return { text, color, numeric, share, isMapped: mapped?.color !== undefined };
  };
  const by = textAt(config, 'color', 'seriesBy') ?? 'last';
  const typical =
    by === 'max' ? Math.max(...numbers) : by === 'min' ? Math.min(...numbers) : (numbers.at(-1) ?? 0);
  return {
    field,
    frame,
    name,
    config,
    custom: at(config, 'custom'),
    unit,
    decimals,
    min,
    max,
    low,
    high,
    thresholds,
    color: colorAt(typical, shareOf(typical)),
    show,
  };
}

function writtenValue(
  field: Field,
  value: CellValue,
  unit: string | undefined,
  decimals: number | undefined,
  noValue: string | undefined,
  context: DrawingContext,
): string {
  if (value === null || value === '') return noValue ?? '';
  if (field.type === 'time' && typeof value === 'number')
    return formatUnit(isDateUnit(unit) ? unit : 'dateTimeAsSystem', value, undefined, context);
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (typeof value === 'string') return value;
  return formatUnit(unit, value, decimals, context);
}

interface Mapped {
  readonly text?: string;
  readonly color?: string;
}

function mappedBy(mappings: readonly Json[], value: CellValue): Mapped | undefined {
  for (const mapping of mappings) {
    const result = mappingResult(mapping, value);
    if (result === undefined) continue;
    const text = textAt(result, 'text');
    const color = textAt(result, 'color');
    return { ...(text === undefined ? {} : { text }), ...(color === undefined ? {} : { color }) };
  }
  return undefined;
}

function mappingResult(mapping: Json, value: CellValue): Json {
  const options = at(mapping, 'options');
  switch (textAt(mapping, 'type')) {
    case 'value':
      return value === null ? undefined : at(options, String(value));
    case 'range': {
      const from = numberAt(options, 'from') ?? Number.NEGATIVE_INFINITY;
      const to = numberAt(options, 'to') ?? Number.POSITIVE_INFINITY;
      return typeof value === 'number' && value >= from && value <= to ? at(options, 'result') : undefined;
    }
    case 'regex': {
      const pattern = regularExpression(textAt(options, 'pattern') ?? '');
      return typeof value === 'string' && pattern?.test(value) === true ? at(options, 'result') : undefined;
    }
    case 'special':
      return isSpecial(textAt(options, 'match'), value) ? at(options, 'result') : undefined;
    default:
      return undefined;
  }
}

function isSpecial(match: string | undefined, value: CellValue): boolean {
  switch (match) {
    case 'null':
    case 'null+nan':
      return value === null;
    case 'true':
      return value === true;
    case 'false':
      return value === false;
    case 'empty':
      return value === '';
    default:
      return false;
  }
}

/** What a tick on an axis says. Steps below one give the decimals, and zeros at their end are dropped, but not of money. */
export function axisText(drawn: DrawnField | undefined, value: number, step: number, now: Date): string {
  const unit = drawn?.unit;
  if (drawn?.decimals !== undefined) return formatUnit(unit, value, drawn.decimals, { now });
  const isExact = unit === 'locale' || unit?.startsWith('currency') === true || isDateUnit(unit);
  if (isExact || step >= 1) return formatUnit(unit, value, undefined, { now });
  const text = formatUnit(unit, value, decimalsOf(step), { now });
  return text.replace(/(\.\d*?)0+(?=\D|$)/, (_, kept: string) => (kept === '.' ? '' : kept));
}

/** Places behind the point of a round number such as 0.25. */
function decimalsOf(step: number): number {
  const text = step.toFixed(6).replace(/0+$/, '');
  return text.length - text.indexOf('.') - 1;
}

/** Whether a series is to be left out of the drawing, or of the legend. */
export function isHidden(drawn: DrawnField, where: 'viz' | 'legend' | 'tooltip'): boolean {
  return flagAt(drawn.custom, 'hideFrom', where) === true;
}
