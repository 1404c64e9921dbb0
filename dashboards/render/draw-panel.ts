import { type DrawingContext, drawnFields } from './field.ts';
import { type Frame, rowCount } from './frame.ts';
import { at, flagAt, type Json, listAt, textAt } from './json.ts';
import type { Canvas, Drawing, DrawPanel } from './panel.ts';
import { drawBarChart } from './panels/barchart.ts';
import { drawBarGauge, drawGauge } from './panels/gauges.ts';
import { drawHeatmap } from './panels/heatmap.ts';
import { drawHistogram } from './panels/histogram.ts';
import { drawPieChart } from './panels/piechart.ts';
import { drawStat } from './panels/stat.ts';
import { drawStateTimeline } from './panels/state-timeline.ts';
import { drawTable } from './panels/table.ts';
import { drawText } from './panels/text-panel.ts';
import { drawTimeseries } from './panels/timeseries.ts';
import { transformed } from './transform.ts';
import { isKnownUnit } from './units.ts';

/** A panel's frames -> its drawing: transformations, then fields with their config, then the type of panel. */

interface PanelType {
  readonly draw: DrawPanel;
  /** The colour mode that Grafana takes where the dashboard says none. */
  readonly colorMode: string;
}

const TYPES: Readonly<Record<string, PanelType>> = {
  timeseries: { draw: drawTimeseries, colorMode: 'palette-classic' },
  stat: { draw: drawStat, colorMode: 'thresholds' },
  table: { draw: drawTable, colorMode: 'thresholds' },
  barchart: { draw: drawBarChart, colorMode: 'palette-classic' },
  bargauge: { draw: drawBarGauge, colorMode: 'thresholds' },
  gauge: { draw: drawGauge, colorMode: 'thresholds' },
  piechart: { draw: drawPieChart, colorMode: 'palette-classic' },
  heatmap: { draw: drawHeatmap, colorMode: 'thresholds' },
  histogram: { draw: drawHistogram, colorMode: 'palette-classic' },
  'state-timeline': { draw: drawStateTimeline, colorMode: 'continuous-GrYlRd' },
  'status-history': { draw: drawStateTimeline, colorMode: 'thresholds' },
  text: { draw: drawText, colorMode: 'thresholds' },
};

export function drawPanel(panel: Json, frames: readonly Frame[], canvas: Canvas): Drawing {
  const name = textAt(panel, 'type') ?? '';
  const type = Object.hasOwn(TYPES, name) ? TYPES[name] : undefined;
  if (type === undefined)
    return {
      html: `<div class="nodata">${name}</div>`,
      problems: [`panels of type '${name}' are not drawn`],
    };
  const prepared = transformed(frames, listAt(panel, 'transformations'));
  const context: DrawingContext = { theme: canvas.theme, now: canvas.now, defaultColorMode: type.colorMode };
  const fields = drawnFields(prepared.frames, at(panel, 'fieldConfig'), context);
  const isEmpty = prepared.frames.every((frame) => rowCount(frame) === 0);
  const noValue = textAt(panel, 'fieldConfig', 'defaults', 'noValue');
  if (isEmpty && name !== 'text')
    return { html: `<div class="nodata">${noValue ?? 'No data'}</div>`, problems: ['no data'] };
  const drawn = type.draw({ options: at(panel, 'options'), frames: prepared.frames, fields, canvas });
  const units = fields.flatMap(({ unit }) =>
    unit === undefined || isKnownUnit(unit) ? [] : [`unknown unit '${unit}'`],
  );
  return { html: drawn.html, problems: [...new Set([...prepared.problems, ...units, ...drawn.problems])] };
}

/** Panels that Grafana draws without a border and background. */
export function isTransparent(panel: Json): boolean {
  return flagAt(panel, 'transparent') === true;
}
