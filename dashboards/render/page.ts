import { colorByName, type Theme } from './colors.ts';
import { dateText } from './dates.ts';
import { drawPanel, isTransparent } from './draw-panel.ts';
import type { Frame } from './frame.ts';
import { at, type Json, listAt, numberAt, textAt } from './json.ts';
import type { Mark } from './panel.ts';
import { stylesheet } from './stylesheet.ts';
import { escaped, px, textWidth } from './text.ts';

/** A dashboard with what its queries gave -> one page of HTML that a browser only has to paint. */

export interface PageInput {
  readonly dashboard: Json;
  /** By the panel's id. */
  readonly frames: ReadonlyMap<number, readonly Frame[]>;
  /** By the panel's id: where a query failed, what it said. */
  readonly errors: ReadonlyMap<number, string>;
  /** What is chosen, as the selectors above the panels show it. */
  readonly variables: readonly Selector[];
  readonly annotations: readonly Mark[];
  readonly range: { readonly fromMs: number; readonly toMs: number; readonly text: string };
  /** By the panel's id, where it has a time of its own. */
  readonly panelRanges?: ReadonlyMap<number, { readonly fromMs: number; readonly toMs: number }>;
  readonly now: Date;
  readonly theme: Theme;
  readonly widthPx: number;
}

/** A variable with what is chosen of it. */
export interface Selector {
  readonly name: string;
  readonly label: string;
  readonly text: string;
}

export interface Page {
  readonly html: string;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly problems: readonly PanelProblem[];
}

export interface PanelProblem {
  readonly panel: string;
  readonly problem: string;
}

/** Grafana's grid: 24 columns, units of 30 px in height, 8 px between panels. */
const COLUMNS = 24;
const UNIT_PX = 30;
const GAP_PX = 8;
const MARGIN_PX = 16;
const TITLE_PX = 40;
const PADDING_PX = 8;

export function drawPage(input: PageInput): Page {
  const { dashboard, theme, widthPx } = input;
  const problems: PanelProblem[] = [];
  const header = headerOf(input);
  const panels = listAt(dashboard, 'panels');
  const bottoms = panels.map(
    (panel) => (numberAt(panel, 'gridPos', 'y') ?? 0) + (numberAt(panel, 'gridPos', 'h') ?? 1),
  );
  const heightPx = header.heightPx + Math.max(0, ...bottoms) * (UNIT_PX + GAP_PX) + MARGIN_PX;
  const boxes = panels.map((panel) => panelBox(panel, input, header.heightPx, problems));
  const title = textAt(dashboard, 'title') ?? '';
  const html = `<!doctype html><html><head><meta charset="utf-8"><title>${escaped(title)}</title><style>${stylesheet(theme)}</style></head><body style="width:${widthPx}px;height:${px(heightPx)}px">${header.html}${boxes.join('')}</body></html>`;
  return { html, widthPx, heightPx: Math.ceil(heightPx), problems };
}

function headerOf({ dashboard, variables, range, widthPx }: PageInput): { html: string; heightPx: number } {
  const title = textAt(dashboard, 'title') ?? '';
  const time =
    range.text ||
    `${dateText(range.fromMs, 'YYYY-MM-DD HH:mm')} to ${dateText(range.toMs, 'YYYY-MM-DD HH:mm')}`;
  const selectors = variables.map(
    ({ label, text }) =>
      `<span class="variable"><b>${escaped(label)}</b><i>${escaped(text)} <u></u></i></span>`,
  );
  const links = listAt(dashboard, 'links').map(
    (link) => `<span class="link button">${escaped(textAt(link, 'title') ?? '')}</span>`,
  );
  const widths = [
    ...variables.map(({ label, text }) => textWidth(label, 12, 500) + textWidth(text, 14) + 56),
    ...listAt(dashboard, 'links').map((link) => textWidth(textAt(link, 'title') ?? '', 14) + 34),
  ];
  let rows = widths.length === 0 ? 0 : 1;
  let usedPx = 0;
  for (const width of widths) {
    if (usedPx + width > widthPx - 2 * MARGIN_PX) {
      rows += 1;
      usedPx = 0;
    }
    usedPx += width + GAP_PX;
  }
  return {
    html: `<header><div class="bar"><span class="crumbs">Dashboards <em>›</em> Spanledger <em>›</em> <strong>${escaped(title)}</strong></span><span class="time"><svg width="14" height="14" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.5"/><path d="M8 4v4l2.5 2" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>${escaped(time)}<small>UTC</small></span></div><div class="selectors">${selectors.join('')}<span class="gap"></span>${links.join('')}</div></header>`,
    heightPx: 48 + rows * 40 + 8,
  };
}

function panelBox(panel: Json, input: PageInput, topPx: number, problems: PanelProblem[]): string {
  const { theme, widthPx } = input;
  const columnPx = (widthPx - 2 * MARGIN_PX - GAP_PX * (COLUMNS - 1)) / COLUMNS;
  const [x, y, w, h] = ['x', 'y', 'w', 'h'].map((key) => numberAt(panel, 'gridPos', key) ?? 1);
  const left = MARGIN_PX + (x ?? 0) * (columnPx + GAP_PX);
  const top = topPx + (y ?? 0) * (UNIT_PX + GAP_PX);
  const width = (w ?? 1) * columnPx + ((w ?? 1) - 1) * GAP_PX;
  const height = (h ?? 1) * UNIT_PX + ((h ?? 1) - 1) * GAP_PX;
  const place = `left:${px(left)}px;top:${px(top)}px;width:${px(width)}px;height:${px(height)}px`;
  const title = filledIn(textAt(panel, 'title') ?? '', input);
  const type = textAt(panel, 'type');
  if (type === 'row') {
    const hidden = listAt(panel, 'panels').length;
    const isCollapsed = at(panel, 'collapsed') === true;
    return `<div class="rowhead" style="${place}">${chevron(isCollapsed)}${escaped(title)}${isCollapsed ? `<small>(${hidden} panels)</small>` : ''}</div>`;
  }
  const id = numberAt(panel, 'id') ?? 0;
  const headerPx = title === '' ? 0 : TITLE_PX;
  const canvas = {
    widthPx: width - 2 * PADDING_PX - 2,
    heightPx: height - headerPx - (title === '' ? PADDING_PX : 0) - PADDING_PX - 2,
    theme,
    now: input.now,
    range: input.panelRanges?.get(id) ?? input.range,
    panelId: id,
    annotations: input.annotations,
  };
  const error = input.errors.get(id);
  const drawn =
    error === undefined
      ? drawPanel(withContent(panel, input), input.frames.get(id) ?? [], canvas)
      : { html: `<div class="nodata">${escaped(error)}</div>`, problems: [`query failed: ${error}`] };
  for (const problem of drawn.problems) problems.push({ panel: `${id} "${title}"`, problem });
  const titlePx = textWidth(title, 14, 500) + (textAt(panel, 'description') === undefined ? 0 : 24);
  if (titlePx > width - 24) problems.push({ panel: `${id} "${title}"`, problem: 'the title is cut' });
  const description =
    (textAt(panel, 'description') ?? '') === ''
      ? ''
      : '<svg class="about" width="14" height="14" viewBox="0 0 16 16"><circle cx="8" cy="8" r="6.5" fill="none" stroke="currentColor" stroke-width="1.4"/><path d="M8 7.2V11.5M8 4.3v1.5" stroke="currentColor" stroke-width="1.6"/></svg>';
  const own = textAt(panel, 'timeFrom');
  const ownTime = own === undefined || own === '' ? '' : `<small>Last ${escaped(own)}</small>`;
  const head =
    title === '' ? '' : `<h2><span class="fit">${escaped(title)}</span>${description}${ownTime}</h2>`;
  const padding = `${title === '' ? PADDING_PX : 0}px ${PADDING_PX}px ${PADDING_PX}px`;
  const className = isTransparent(panel) ? 'panel transparent' : 'panel';
  return `<section class="${className}" style="${place}">${head}<div class="content" data-panel="${id}" style="padding:${padding};height:${px(canvas.heightPx)}px">${drawn.html}</div></section>`;
}

function chevron(isCollapsed: boolean): string {
  return `<svg width="12" height="12" viewBox="0 0 12 12"><path d="${isCollapsed ? 'M4 2l4 4-4 4' : 'M2 4l4 4 4-4'}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>`;
}

/** Variables in titles and texts, as what is chosen. */
function filledIn(text: string, { variables }: PageInput): string {
  return text.replace(/\$\{(\w+)(?::\w+)?\}|\$(\w+)/g, (whole, braced?: string, plain?: string) => {
    const name = braced ?? plain ?? '';
    return variables.find((variable) => variable.name === name)?.text ?? whole;
  });
}

function withContent(panel: Json, input: PageInput): Json {
  const content = textAt(panel, 'options', 'content');
  if (content === undefined || typeof panel !== 'object' || panel === null) return panel;
  const options = at(panel, 'options');
  return {
    ...panel,
    options: { ...(typeof options === 'object' ? options : {}), content: filledIn(content, input) },
  };
}

export function markColor(name: string | undefined, theme: Theme): string {
  return colorByName(name ?? 'blue', theme);
}
