import { mix, textOn, withAlpha } from '../colors.ts';
import type { DrawnField, Shown } from '../field.ts';
import { type CellValue, rowCount } from '../frame.ts';
import { at, flagAt, type Json, listAt, numberAt, textAt, textsAt } from '../json.ts';
import { type Canvas, type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { REDUCER_NAMES, reduce } from '../reduce.ts';
import { escaped, px, textWidth } from '../text.ts';

const HEADER_PX = 36;
const ROW_PX = 36;
const SMALLEST_COLUMN_PX = 50;
/** A column without a width of its own is at least this wide; beyond that the table scrolls sideways. */
const FLEXIBLE_COLUMN_PX = 150;
const CELL_PADDING_PX = 12;
const FONT_PX = 14;

interface Column {
  readonly drawn: DrawnField;
  readonly widthPx: number;
  readonly isRightAligned: boolean;
}

export function drawTable(input: PanelInput): Drawing {
  const { options, fields, canvas } = input;
  const frame = input.frames[numberAt(options, 'frameIndex') ?? 0] ?? input.frames[0];
  const shown = fields.filter(
    (drawn) =>
      drawn.frame === frame &&
      flagAt(drawn.custom, 'hidden') !== true &&
      flagAt(drawn.custom, 'hideFrom', 'viz') !== true,
  );
  if (frame === undefined || shown.length === 0 || rowCount(frame) === 0) return NO_DATA;
  const columns = columnsOf(shown, canvas.widthPx);
  const order = sortedRows(shown, rowCount(frame), listAt(options, 'sortBy'));
  const hasHeader = flagAt(options, 'showHeader') !== false;
  const footer = footerOf(options, columns);
  const rowPx = cellHeight(textAt(options, 'cellHeight'));
  const room = canvas.heightPx - (hasHeader ? HEADER_PX : 0) - (footer === '' ? 0 : ROW_PX);
  const rows = order.slice(0, Math.ceil(room / rowPx));
  const tableWidth = columns.reduce((sum, { widthPx }) => sum + widthPx, 0);
  const header = hasHeader
    ? `<tr style="height:${HEADER_PX}px">${columns.map((column) => headerCell(column, options)).join('')}</tr>`
    : '';
  const body = rows.map((row) => {
    const cells = columns.map((column) => cell(column, row, canvas));
    return `<tr style="height:${rowPx}px">${cells.join('')}</tr>`;
  });
  const problems = [
    ...(tableWidth > canvas.widthPx + 1
      ? [`columns are ${Math.round(tableWidth - canvas.widthPx)} px wider than the panel`]
      : []),
    ...cutHeadings(columns),
    ...cutCells(columns, rows),
    ...(input.frames.length > 1 ? [`a table shows one of the ${input.frames.length} frames`] : []),
  ];
  const html = `<div class="tablebox" style="height:${px(canvas.heightPx)}px"><table class="grid" style="width:${px(tableWidth)}px"><colgroup>${columns.map(({ widthPx }) => `<col style="width:${px(widthPx)}px">`).join('')}</colgroup>${header}${body.join('')}</table>${footer}</div>`;
  return drawing(html, problems);
}

function cellHeight(size: string | undefined): number {
  if (size === 'md') return 42;
  return size === 'lg' ? 48 : ROW_PX;
}

function columnsOf(fields: readonly DrawnField[], widthPx: number): readonly Column[] {
  const fixedPx = fields.map((drawn) => numberAt(drawn.custom, 'width'));
  const usedPx = fixedPx.reduce<number>((sum, width) => sum + (width ?? 0), 0);
  const flexible = fixedPx.filter((width) => width === undefined).length;
  const sharePx = flexible === 0 ? 0 : (widthPx - usedPx) / flexible;
  return fields.map((drawn, index) => {
    const align = textAt(drawn.custom, 'align') ?? 'auto';
    const least = numberAt(drawn.custom, 'minWidth') ?? FLEXIBLE_COLUMN_PX;
    return {
      drawn,
      widthPx: Math.max(SMALLEST_COLUMN_PX, fixedPx[index] ?? Math.max(least, sharePx)),
      isRightAligned: align === 'right' || (align === 'auto' && drawn.field.type === 'number'),
    };
  });
}

function sortedRows(
  fields: readonly DrawnField[],
  count: number,
  sortBy: readonly Json[],
): readonly number[] {
  const rows = Array.from({ length: count }, (_, row) => row);
  const wishes = sortBy.flatMap((wish) => {
    const drawn = fields.find(({ name, field }) =>
      [name, field.name].includes(textAt(wish, 'displayName') ?? ''),
    );
    return drawn === undefined ? [] : [{ drawn, sign: flagAt(wish, 'desc') === true ? -1 : 1 }];
  });
  return rows.sort((a, b) => {
    for (const { drawn, sign } of wishes) {
      const difference = compared(drawn.field.values[a] ?? null, drawn.field.values[b] ?? null);
      if (difference !== 0) return sign * difference;
    }
    return a - b;
  });
}

function compared(a: CellValue, b: CellValue): number {
  if (a === null || b === null) return (a === null ? 0 : 1) - (b === null ? 0 : 1);
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return String(a).localeCompare(String(b));
}

function headerCell({ drawn, isRightAligned }: Column, options: Json): string {
  const sort = listAt(options, 'sortBy').find((wish) => textAt(wish, 'displayName') === drawn.name);
  const arrow = sort === undefined ? '' : flagAt(sort, 'desc') === true ? ' ↓' : ' ↑';
  return `<th class="${isRightAligned ? 'right' : ''}">${escaped(drawn.name)}${arrow}</th>`;
}

function cellType({ custom }: DrawnField): string {
  return textAt(custom, 'cellOptions', 'type') ?? textAt(custom, 'displayMode') ?? 'auto';
}

function cell(column: Column, row: number, canvas: Canvas): string {
  const { drawn, widthPx, isRightAligned } = column;
  const { theme } = canvas;
  const value = drawn.field.values[row] ?? null;
  const shown = drawn.show(value);
  const isLink = listAt(drawn.config, 'links').length > 0;
  const side = isRightAligned ? 'right' : '';
  const text = `<span class="fit">${escaped(shown.text)}</span>`;
  const plain = (style: string): string =>
    `<td class="${side}${isLink ? ' link' : ''}" style="${style}">${text}</td>`;
  switch (cellType(drawn)) {
    case 'color-text':
      return plain(`color:${shown.color}`);
    case 'color-background':
    case 'color-background-solid':
      return plain(backgroundStyle(shown, textAt(drawn.custom, 'cellOptions', 'mode') ?? 'basic', canvas));
    case 'gauge':
    case 'gradient-gauge':
    case 'lcd-gauge':
    case 'basic':
      return `<td class="gaugecell">${gaugeBar(drawn, shown, widthPx - CELL_PADDING_PX, canvas)}</td>`;
    case 'json-view':
      return `<td class="mono">${text}</td>`;
    case 'data-links':
      return `<td class="link">${listAt(drawn.config, 'links')
        .map((link) => escaped(textAt(link, 'title') ?? ''))
        .join(', ')}</td>`;
    default:
      return plain(isLink ? `color:${theme.link}` : '');
  }
}

function backgroundStyle(shown: Shown, mode: string, { theme }: Canvas): string {
  const background =
    mode === 'gradient'
      ? `linear-gradient(120deg,${mix(shown.color, '#000000', 0.15)},${shown.color})`
      : shown.color;
  return `background:${background};color:${textOn(shown.color, theme)}`;
}

function gaugeBar(drawn: DrawnField, shown: Shown, widthPx: number, { theme }: Canvas): string {
  const longest = Math.max(...drawn.field.values.map((value) => textWidth(drawn.show(value).text, FONT_PX)));
  const isTextHidden = textAt(drawn.custom, 'cellOptions', 'valueDisplayMode') === 'hidden';
  const room = Math.max(4, widthPx - (isTextHidden ? 0 : longest + 12));
  const { low, high } = drawn;
  const share =
    shown.numeric === null || high === low
      ? 0
      : Math.max(0, Math.min(1, (shown.numeric - low) / (high - low)));
  const mode = textAt(drawn.custom, 'cellOptions', 'mode') ?? 'gradient';
  const fill =
    mode === 'gradient'
      ? `background:linear-gradient(90deg,${withAlpha(shown.color, 0.35)},${shown.color})`
      : `background:${withAlpha(shown.color, 0.4)};border-right:2px solid ${shown.color}`;
  const empty = `<div style="width:${px(room)}px;height:20px;background:${theme.secondary};border-radius:2px"><div style="width:${px(room * share)}px;height:20px;border-radius:2px;${fill}"></div></div>`;
  return isTextHidden ? empty : `${empty}<span style="color:${shown.color}">${escaped(shown.text)}</span>`;
}

/** Sums below the columns (`options.footer`), or by field (`custom.footer` of Grafana 12 on). */
function footerOf(options: Json, columns: readonly Column[]): string {
  const isShown = flagAt(options, 'footer', 'show') === true;
  const named = textsAt(options, 'footer', 'fields');
  const common = isShown ? textsAt(options, 'footer', 'reducer') : [];
  const cells = columns.map(({ drawn, isRightAligned, widthPx }) => {
    const own = textsAt(at(drawn.custom, 'footer'), 'reducers');
    const calc = own[0] ?? common[0];
    const isSummed =
      own.length > 0 ||
      (drawn.field.type === 'number' &&
        (named.length === 0 || named.includes(drawn.field.name) || named.includes(drawn.name)));
    const text =
      calc !== undefined && isSummed ? drawn.show(reduce(drawn.field.values, calc) ?? null).text : '';
    return { text, calc, isRightAligned, widthPx };
  });
  if (cells.every(({ text }) => text === '')) return '';
  const name = REDUCER_NAMES[common[0] ?? cells.find(({ text }) => text !== '')?.calc ?? ''] ?? '';
  return `<div class="footer">${cells
    .map(({ text, isRightAligned, widthPx }, index) => {
      const content = index === 0 && text === '' ? name : text;
      return `<span class="${isRightAligned ? 'right' : ''}" style="width:${px(widthPx)}px">${escaped(content)}</span>`;
    })
    .join('')}</div>`;
}

function cutHeadings(columns: readonly Column[]): readonly string[] {
  return columns
    .filter(({ drawn, widthPx }) => textWidth(drawn.name, FONT_PX, 500) > widthPx - CELL_PADDING_PX + 1)
    .map(({ drawn }) => `the heading '${drawn.name}' is cut`);
}

function cutCells(columns: readonly Column[], rows: readonly number[]): readonly string[] {
  return columns.flatMap(({ drawn, widthPx }) => {
    if (cellType(drawn).includes('gauge') || cellType(drawn) === 'data-links') return [];
    const texts = rows.map((row) => drawn.show(drawn.field.values[row] ?? null).text);
    const cut = texts.filter((text) => textWidth(text, FONT_PX) > widthPx - CELL_PADDING_PX + 1);
    return cut.length === 0 ? [] : [`${cut.length} cells of '${drawn.name}' are cut, such as '${cut[0]}'`];
  });
}
