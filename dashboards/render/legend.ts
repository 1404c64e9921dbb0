import type { DrawnField } from './field.ts';
import type { CellValue } from './frame.ts';
import { flagAt, type Json, textAt, textsAt } from './json.ts';
import { REDUCER_NAMES, reduce } from './reduce.ts';
import { escaped, textWidth } from './text.ts';

/** The legend of a chart: a list or a table, below or at the right, and how much room it leaves to the chart. */

export interface LegendEntry {
  readonly name: string;
  readonly color: string;
  /** Of each column of the table. */
  readonly cells: readonly string[];
  readonly isLine?: boolean;
}

export interface Legend {
  readonly headings: readonly string[];
  readonly entries: readonly LegendEntry[];
  readonly isTable: boolean;
  readonly isRight: boolean;
}

/** undefined where the panel shows none. */
export function legendOf(
  options: Json,
  entries: readonly LegendEntry[],
  headings: readonly string[],
): Legend | undefined {
  const mode = textAt(options, 'legend', 'displayMode') ?? 'list';
  if (mode === 'hidden' || flagAt(options, 'legend', 'showLegend') === false || entries.length === 0)
    return undefined;
  const isRight = textAt(options, 'legend', 'placement') === 'right';
  return { entries: sorted(options, entries, headings), headings, isTable: mode === 'table', isRight };
}

export function legendCalcs(options: Json): readonly string[] {
  return textsAt(options, 'legend', 'calcs');
}

export function calcNames(calcs: readonly string[]): readonly string[] {
  return calcs.map((calc) => REDUCER_NAMES[calc] ?? calc);
}

export function calcCells(
  drawn: DrawnField,
  values: readonly CellValue[],
  calcs: readonly string[],
): readonly string[] {
  return calcs.map((calc) => drawn.show(reduce(values, calc) ?? null).text);
}

/** Values behind their text would be lost here, so the order is that of the numbers the texts begin with. */
function sorted(
  options: Json,
  entries: readonly LegendEntry[],
  headings: readonly string[],
): readonly LegendEntry[] {
  const by = textAt(options, 'legend', 'sortBy');
  const column = by === undefined ? -1 : headings.indexOf(by);
  if (column < 0) return entries;
  const sign = flagAt(options, 'legend', 'sortDesc') === true ? -1 : 1;
  return [...entries].sort((a, b) => sign * (sizeOf(a.cells[column] ?? '') - sizeOf(b.cells[column] ?? '')));
}

const SIZES: Readonly<Record<string, number>> = { K: 1e3, Mil: 1e6, M: 1e6, Bil: 1e9, B: 1e9, T: 1e12 };

function sizeOf(text: string): number {
  const parts = /(-?)[^\d-]*([\d.,]+)\s*([A-Za-z]*)/.exec(text);
  if (parts === null) return Number.NEGATIVE_INFINITY;
  const value = Number((parts[2] ?? '').replaceAll(',', '')) * (SIZES[parts[3] ?? ''] ?? 1);
  return parts[1] === '-' ? -value : value;
}

const ROW_PX = 24;
const LIST_ROW_PX = 22;

export interface LegendRoom {
  readonly html: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly problems: readonly string[];
}

/** Lays the legend out: it takes at most 35 % of the height or half of the width, and scrolls beyond. */
export function drawLegend(legend: Legend | undefined, widthPx: number, heightPx: number): LegendRoom {
  if (legend === undefined) return { html: '', widthPx: 0, heightPx: 0, problems: [] };
  const wantedPx = legend.isTable ? tableWidth(legend) : 20 + Math.max(...legend.entries.map(listWidth));
  const roomWidth = legend.isRight ? Math.min(wantedPx, widthPx * 0.5) : widthPx;
  const wantedHeight = legend.isTable
    ? ROW_PX * (legend.entries.length + 1)
    : LIST_ROW_PX * (legend.isRight ? legend.entries.length : listRows(legend, widthPx)) + 6;
  const roomHeight = legend.isRight ? heightPx : Math.min(wantedHeight, heightPx * 0.35);
  const hidden = Math.ceil((wantedHeight - roomHeight - 4) / (legend.isTable ? ROW_PX : LIST_ROW_PX));
  const problems = [
    ...(hidden > 0 ? [`legend scrolls: about ${hidden} of its rows are out of sight`] : []),
    ...(wantedPx > roomWidth + 1 && legend.isRight ? ['legend is cut at its side'] : []),
  ];
  const html = legend.isTable ? tableHtml(legend) : listHtml(legend);
  const size = `width:${Math.floor(roomWidth)}px;height:${Math.floor(roomHeight)}px`;
  const place = legend.isRight ? 'right' : 'bottom';
  return {
    html: `<div class="legend ${place}" style="${size}">${html}</div>`,
    widthPx: legend.isRight ? roomWidth + 8 : 0,
    heightPx: legend.isRight ? 0 : roomHeight + 2,
    problems,
  };
}

function listWidth(entry: LegendEntry): number {
  return 22 + textWidth([entry.name, ...entry.cells].join('  '), 12) + 16;
}

function listRows(legend: Legend, widthPx: number): number {
  let rows = 1;
  let usedPx = 0;
  for (const entry of legend.entries) {
    const width = listWidth(entry);
    if (usedPx > 0 && usedPx + width > widthPx) {
      rows += 1;
      usedPx = 0;
    }
    usedPx += width;
  }
  return rows;
}

function tableWidth(legend: Legend): number {
  const name = Math.max(40, ...legend.entries.map((entry) => textWidth(entry.name, 12))) + 30;
  const columns = legend.headings.map(
    (heading, index) =>
      16 +
      Math.max(
        textWidth(heading, 12, 500) + 8,
        ...legend.entries.map((entry) => textWidth(entry.cells[index] ?? '', 12)),
      ),
  );
  return columns.reduce((sum, width) => sum + width, name) + 8;
}

function icon({ color, isLine }: LegendEntry): string {
  return `<i class="${isLine === false ? 'dot' : 'dash'}" style="background:${color}"></i>`;
}

function listHtml(legend: Legend): string {
  return legend.entries
    .map((entry) => {
      const calcs = entry.cells
        .map((cell, index) => `<b>${legend.headings[index]}: ${escaped(cell)}</b>`)
        .join('');
      return `<span class="entry">${icon(entry)}<span>${escaped(entry.name)}</span>${calcs}</span>`;
    })
    .join('');
}

function tableHtml(legend: Legend): string {
  const head = legend.headings.map((heading) => `<th>${escaped(heading)}</th>`).join('');
  const rows = legend.entries.map((entry) => {
    const cells = entry.cells.map((cell) => `<td>${escaped(cell)}</td>`).join('');
    return `<tr><td class="name">${icon(entry)}${escaped(entry.name)}</td>${cells}</tr>`;
  });
  return `<table><tr><th class="name">Name</th>${head}</tr>${rows.join('')}</table>`;
}
