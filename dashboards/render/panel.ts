import type { Theme } from './colors.ts';
import type { DrawnField } from './field.ts';
import type { Frame } from './frame.ts';
import type { Json } from './json.ts';

/** What a panel is drawn from, and what comes of it. */

export interface Canvas {
  /** Room inside the panel, below its title. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly theme: Theme;
  readonly now: Date;
  readonly range: { readonly fromMs: number; readonly toMs: number };
  /** Makes ids within the page unlike one another. */
  readonly panelId: number;
  readonly annotations: readonly Mark[];
}

/** An annotation: a moment that is marked on every chart over time. */
export interface Mark {
  readonly timeMs: number;
  readonly color: string;
}

export interface PanelInput {
  readonly options: Json;
  readonly frames: readonly Frame[];
  readonly fields: readonly DrawnField[];
  readonly canvas: Canvas;
}

export interface Drawing {
  readonly html: string;
  /** What a person should look into: parts that could not be drawn as Grafana would. */
  readonly problems: readonly string[];
}

export type DrawPanel = (input: PanelInput) => Drawing;

export const NO_DATA: Drawing = { html: '<div class="nodata">No data</div>', problems: ['no data'] };

export function drawing(html: string, problems: readonly string[] = []): Drawing {
  return { html, problems };
}
