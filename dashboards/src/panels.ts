import * as bargauge from '@grafana/grafana-foundation-sdk/bargauge';
import {
  AxisPlacement,
  BarGaugeDisplayMode,
  BarGaugeNamePlacement,
  BarGaugeValueMode,
  BigValueColorMode,
  BigValueGraphMode,
  BigValueTextMode,
  GraphDrawStyle,
  GraphThresholdsStyleConfigBuilder,
  GraphThresholdsStyleMode,
  LegendDisplayMode,
  LegendPlacement,
  LineInterpolation,
  ReduceDataOptionsBuilder,
  SortOrder,
  StackingConfigBuilder,
  StackingMode,
  TableSortByFieldStateBuilder,
  TooltipDisplayMode,
  VisibilityMode,
  VizLegendOptionsBuilder,
  VizOrientation,
  VizTooltipOptionsBuilder,
} from '@grafana/grafana-foundation-sdk/common';
import {
  type DynamicConfigValue,
  FieldColorBuilder,
  FieldColorModeId,
  type Threshold,
  ThresholdsConfigBuilder,
  ThresholdsMode,
} from '@grafana/grafana-foundation-sdk/dashboard';
import * as stat from '@grafana/grafana-foundation-sdk/stat';
import * as table from '@grafana/grafana-foundation-sdk/table';
import * as timeseries from '@grafana/grafana-foundation-sdk/timeseries';
import type { PlaceablePanel } from './layout.ts';
import { DATA_SOURCE, SqlTarget } from './target.ts';
import { UNIT, type Unit } from './units.ts';

/** Colours of Grafana's palette by what they say, never by themselves: each value is also written. */
export type Colour = 'green' | 'yellow' | 'orange' | 'red' | 'blue' | 'purple' | 'text';

/** From which value on which colour; the first has none. */
export type Steps = readonly (readonly [colour: Colour, from?: number])[];

const PLAIN: Steps = [['text']];

/** What every panel says of itself. */
interface Told {
  readonly title: string;
  /** What is counted, from where, and what is left out. */
  readonly description: string;
  readonly sql: string;
  readonly unit: Unit;
  readonly decimals?: number;
  readonly steps?: Steps;
  /** What is shown where there is nothing. */
  readonly noValue?: string;
}

/** How fine the data is: a point stands for at least as long. */
const FINEST = '1h';
/** More points than this, and a month of nights and days is a comb: a day has 24 of them, a month 60 of half a day. */
const MAX_POINTS = 60;

function thresholds(steps: Steps = PLAIN): ThresholdsConfigBuilder {
  return new ThresholdsConfigBuilder().mode(ThresholdsMode.Absolute).steps(thresholdSteps(steps));
}

function thresholdSteps(steps: Steps): Threshold[] {
  return steps.map(([color, from]) => ({ color, value: from ?? null }));
}

export interface Stat extends Told {
  /** Where a click leads. */
  readonly link?: { readonly title: string; readonly url: string };
  /** Several values side by side have their names beside them. */
  readonly named?: boolean;
}

/** One number, or a few of one kind. */
export function statPanel({ named = false, link, noValue = 'none', ...told }: Stat): PlaceablePanel {
  const panel = numbers(told, named).noValue(noValue).thresholds(thresholds(told.steps));
  if (told.decimals !== undefined) panel.decimals(told.decimals);
  if (link !== undefined) {
    panel.overrideByFieldType('number', [{ id: 'links', value: [{ ...link, targetBlank: false }] }]);
  }
  return panel;
}

function numbers({ title, description, sql, unit }: Told, named: boolean): stat.PanelBuilder {
  return new stat.PanelBuilder()
    .title(title)
    .description(description)
    .datasource(DATA_SOURCE)
    .withTarget(new SqlTarget(sql, 'table'))
    .unit(unit)
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .colorMode(BigValueColorMode.Value)
    .graphMode(BigValueGraphMode.None)
    .textMode(named ? BigValueTextMode.ValueAndName : BigValueTextMode.Value)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(false));
}

/** One of several numbers that one query gives. */
export interface Figure {
  /** What is counted, from where, and what is left out. */
  readonly says: string;
  /** The expression that it is. */
  readonly of: string;
  readonly unit: Unit;
  readonly decimals?: number;
  readonly steps?: Steps;
  readonly noValue?: string;
  readonly link?: { readonly title: string; readonly url: string };
}

export interface Figures {
  readonly title: string;
  /** What holds for all of them. */
  readonly description?: string;
  /** By the names that are shown. */
  readonly figures: Readonly<Record<string, Figure>>;
  /** Everything from `FROM` on. */
  readonly from: string;
  /** `WITH …`, where it needs one. */
  readonly with?: string;
}

/**
 * Numbers side by side, whatever the kind of each, from one query: most of the time of a small question goes into
 * understanding it, and each panel asks its own.
 */
export function figuresPanel({ title, description, figures, from, with: parts }: Figures): PlaceablePanel {
  const columns = Object.entries(figures).map(([name, { of }]) => `  ${of} AS "${name}"`);
  const sql = `${parts === undefined ? '' : `${parts}\n`}SELECT\n${columns.join(',\n')}\n${from}`;
  const said = Object.entries(figures).map(([name, { says }]) => `**${name}**: ${says}`);
  const told = [...(description === undefined ? [] : [description]), ...said].join('\n\n');
  const panel = numbers({ title, description: told, sql, unit: UNIT.count }, columns.length > 1)
    .noValue('none')
    .thresholds(thresholds());
  for (const [name, figure] of Object.entries(figures)) panel.overrideByName(name, figureProperties(figure));
  return panel;
}

function figureProperties({ unit, decimals, steps, noValue, link }: Figure): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [{ id: 'unit', value: unit }];
  if (decimals !== undefined) properties.push({ id: 'decimals', value: decimals });
  if (steps !== undefined) {
    properties.push({ id: 'thresholds', value: { mode: 'absolute', steps: thresholdSteps(steps) } });
  }
  if (noValue !== undefined) properties.push({ id: 'noValue', value: noValue });
  if (link !== undefined) properties.push({ id: 'links', value: [{ ...link, targetBlank: false }] });
  return properties;
}

export interface Chart extends Told {
  readonly draw: 'bars' | 'lines';
  /** Parts of a whole, or parts of 100 %. */
  readonly stack?: 'sum' | 'share';
  /** What the legend says of each series, where it has the room to. */
  readonly calcs?: readonly ('sum' | 'lastNotNull' | 'max' | 'mean')[];
  readonly min?: number;
  readonly max?: number;
  /** How fine the points are at most; an hour unless told. */
  readonly finest?: string;
  /** Series whose colour says something, by name. */
  readonly colours?: Readonly<Record<string, Colour>>;
  /** Series that are drawn in another way than the rest, by name. */
  readonly overrides?: Readonly<Record<string, readonly DynamicConfigValue[]>>;
  /** A table beside a wide chart, or the bare names below a narrow one. */
  readonly legend?: 'right' | 'bottom';
  /** Points stand for what holds until the next one, as a balance does. */
  readonly holds?: boolean;
}

/** How something went on over time. */
export function chartPanel({
  draw,
  stack,
  calcs = [],
  finest = FINEST,
  legend = 'right',
  holds = false,
  ...told
}: Chart): PlaceablePanel {
  const panel = new timeseries.PanelBuilder()
    .title(told.title)
    .description(told.description)
    .datasource(DATA_SOURCE)
    .withTarget(new SqlTarget(told.sql, 'time_series'))
    .interval(finest)
    .maxDataPoints(MAX_POINTS)
    .unit(told.unit)
    .noValue(told.noValue ?? '–')
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.PaletteClassic))
    .thresholds(thresholds(told.steps))
    .drawStyle(draw === 'bars' ? GraphDrawStyle.Bars : GraphDrawStyle.Line)
    .lineWidth(draw === 'bars' ? 0 : 2)
    .fillOpacity(draw === 'bars' ? 80 : stack === undefined ? 8 : 40)
    .showPoints(draw === 'bars' ? VisibilityMode.Never : VisibilityMode.Auto)
    .axisPlacement(AxisPlacement.Auto)
    // A gap of a day is a gap: nothing was used, and a line across it would say otherwise.
    .spanNulls(holds)
    .lineInterpolation(holds ? LineInterpolation.StepAfter : LineInterpolation.Linear)
    .legend(
      new VizLegendOptionsBuilder()
        .showLegend(true)
        .displayMode(
          legend === 'right' && calcs.length > 0 ? LegendDisplayMode.Table : LegendDisplayMode.List,
        )
        .placement(legend === 'right' ? LegendPlacement.Right : LegendPlacement.Bottom)
        .calcs(legend === 'right' ? [...calcs] : []),
    )
    .tooltip(new VizTooltipOptionsBuilder().mode(TooltipDisplayMode.Multi).sort(SortOrder.Descending));
  if (stack !== undefined) {
    panel.stacking(
      new StackingConfigBuilder()
        .mode(stack === 'share' ? StackingMode.Percent : StackingMode.Normal)
        .group('A'),
    );
  }
  if (told.steps !== undefined) {
    panel.thresholdsStyle(new GraphThresholdsStyleConfigBuilder().mode(GraphThresholdsStyleMode.Dashed));
  }
  if (told.decimals !== undefined) panel.decimals(told.decimals);
  if (told.min !== undefined) panel.min(told.min);
  if (told.max !== undefined) panel.max(told.max);
  for (const [name, fixedColor] of Object.entries(told.colours ?? {})) {
    panel.overrideByName(name, [{ id: 'color', value: { mode: 'fixed', fixedColor } }]);
  }
  for (const [name, properties] of Object.entries(told.overrides ?? {})) {
    panel.overrideByName(name, [...properties]);
  }
  return panel;
}

/** Names of customers, features and models are mostly shorter, pixels. */
const NAME_WIDTH = 145;

/** A column of a table, under the name that the query gives it. */
export interface Column {
  readonly unit?: Unit;
  readonly decimals?: number;
  readonly width?: number;
  readonly steps?: Steps;
  /** Where a click on the cell leads. */
  readonly link?: { readonly title: string; readonly url: string; readonly newTab?: boolean };
  /** A bar as long as the value, beside it. */
  readonly gauge?: boolean;
  readonly hidden?: boolean;
}

export interface Table extends Omit<Told, 'steps' | 'decimals' | 'noValue'> {
  readonly columns: Readonly<Record<string, Column>>;
  /** The column that it is sorted by at first; as the query has it, unless told. */
  readonly sortedBy?: { readonly column: string; readonly descending: boolean };
}

/** Rows that can be sorted, filtered and followed. */
export function tablePanel({ columns, sortedBy, ...told }: Table): PlaceablePanel {
  const panel = new table.PanelBuilder()
    .title(told.title)
    .description(told.description)
    .datasource(DATA_SOURCE)
    .withTarget(new SqlTarget(told.sql, 'table'))
    .unit(told.unit)
    // It stands in every empty cell.
    .noValue('–')
    .minWidth(72)
    .thresholds(thresholds())
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .filterable(true);
  if (sortedBy !== undefined) {
    panel.sortBy([new TableSortByFieldStateBuilder().displayName(sortedBy.column).desc(sortedBy.descending)]);
  }
  for (const [name, column] of Object.entries(columns)) {
    const properties = columnProperties(column);
    if (properties.length > 0) panel.overrideByName(name, properties);
  }
  return panel;
}

function columnProperties(column: Column): DynamicConfigValue[] {
  const properties: DynamicConfigValue[] = [];
  if (column.unit !== undefined) properties.push({ id: 'unit', value: column.unit });
  if (column.decimals !== undefined) properties.push({ id: 'decimals', value: column.decimals });
  if (column.width !== undefined) properties.push({ id: 'custom.width', value: column.width });
  else if (column.unit === UNIT.text) properties.push({ id: 'custom.minWidth', value: NAME_WIDTH });
  if (column.hidden === true) properties.push({ id: 'custom.hidden', value: true });
  if (column.gauge === true) {
    properties.push(
      { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic', valueDisplayMode: 'text' } },
      { id: 'color', value: { mode: 'fixed', fixedColor: 'blue' } },
      { id: 'min', value: 0 },
      // Against the greatest of its own column, not of the whole table.
      { id: 'fieldMinMax', value: true },
    );
  }
  if (column.steps !== undefined) {
    properties.push(
      { id: 'thresholds', value: { mode: 'absolute', steps: thresholdSteps(column.steps) } },
      { id: 'color', value: { mode: 'thresholds' } },
      { id: 'custom.cellOptions', value: { type: 'color-text' } },
    );
  }
  if (column.link !== undefined) {
    const { title, url, newTab = false } = column.link;
    properties.push({ id: 'links', value: [{ title, url, targetBlank: newTab }] });
  }
  return properties;
}

export interface Gauges extends Told {
  readonly min?: number;
  readonly max?: number;
}

/** A bar for each row of a query with a name and a value. */
export function gaugesPanel(told: Gauges): PlaceablePanel {
  const panel = new bargauge.PanelBuilder()
    .title(told.title)
    .description(told.description)
    .datasource(DATA_SOURCE)
    .withTarget(new SqlTarget(told.sql, 'table'))
    .unit(told.unit)
    .noValue(told.noValue ?? 'none')
    .thresholds(thresholds(told.steps))
    .colorScheme(new FieldColorBuilder().mode(FieldColorModeId.Thresholds))
    .displayMode(BarGaugeDisplayMode.Basic)
    .valueMode(BarGaugeValueMode.Text)
    .namePlacement(BarGaugeNamePlacement.Auto)
    .showUnfilled(true)
    .orientation(VizOrientation.Horizontal)
    .reduceOptions(new ReduceDataOptionsBuilder().calcs(['lastNotNull']).fields('').values(true).limit(20));
  if (told.decimals !== undefined) panel.decimals(told.decimals);
  if (told.min !== undefined) panel.min(told.min);
  if (told.max !== undefined) panel.max(told.max);
  return panel;
}
