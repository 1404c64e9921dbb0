import type * as cog from '@grafana/grafana-foundation-sdk/cog';
import {
  type AnnotationQuery,
  DashboardBuilder,
  DashboardCursorSync,
  type Panel,
  RowBuilder,
  type VariableModel,
} from '@grafana/grafana-foundation-sdk/dashboard';
import { DASHBOARDS, type DashboardName, linksToAll, TAG, uidOf } from './links.ts';
import { sharedVariables } from './variables.ts';

/** What the panel builders of the SDK have in common. */
export interface PlaceablePanel extends cog.Builder<Panel> {
  id(id: number): this;
  gridPos(position: { x: number; y: number; w: number; h: number }): this;
}

/** Panels side by side, each with its width in 24ths. */
export interface Line {
  readonly height: number;
  readonly panels: readonly (readonly [panel: PlaceablePanel, width: number])[];
}

/** A heading with lines below it. */
export interface Section {
  readonly title: string;
  readonly lines: readonly Line[];
}

export interface DashboardDescription {
  readonly name: DashboardName;
  readonly description: string;
  /** The time range at first, as Grafana writes it. */
  readonly from: string;
  readonly variables?: readonly cog.Builder<VariableModel>[];
  readonly annotations: readonly cog.Builder<AnnotationQuery>[];
  readonly sections: readonly Section[];
}

/** How wide the grid of Grafana is. */
const COLUMNS = 24;

export const line = (height: number, ...panels: Line['panels']): Line => ({ height, panels });
export const section = (title: string, ...lines: readonly Line[]): Section => ({ title, lines });

/** Places everything from top to bottom; ids are the order, so that they are the same at every build. */
export function layOut(description: DashboardDescription): DashboardBuilder {
  const dashboard = new DashboardBuilder(`Spanledger: ${DASHBOARDS[description.name]}`)
    .uid(uidOf(description.name))
    .description(description.description)
    .tags([TAG])
    .timezone('utc')
    .time({ from: description.from, to: 'now' })
    .refresh('1m')
    .tooltip(DashboardCursorSync.Crosshair)
    .editable()
    .variables([...sharedVariables(), ...(description.variables ?? [])])
    .annotations([...description.annotations])
    .link(linksToAll());
  let id = 0;
  let y = 0;
  for (const { title, lines } of description.sections) {
    dashboard.withRow(new RowBuilder(title).id(++id).gridPos({ x: 0, y, w: COLUMNS, h: 1 }));
    y += 1;
    for (const { height, panels } of lines) {
      let x = 0;
      for (const [panel, width] of panels) {
        dashboard.withPanel(panel.id(++id).gridPos({ x, y, w: width, h: height }));
        x += width;
      }
      if (x !== COLUMNS) throw new Error(`A line of "${title}" is ${x} columns wide, not ${COLUMNS}.`);
      y += height;
    }
  }
  return dashboard;
}
