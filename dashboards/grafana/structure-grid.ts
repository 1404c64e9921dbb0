import type { Panel } from './dashboard.ts';

/** Where panels stand on the grid of 24 columns: each inside it, none on another, and no gap that looks forgotten. */

const COLUMNS = 24;
/** Grafana folds what is taller; nobody sees all of it at once. */
const MAX_HEIGHT = 40;

export function problemsOfGrid(panels: readonly Panel[]): readonly string[] {
  const problems: string[] = [];
  const cells = new Map<string, Panel>();
  for (const panel of panels) {
    const { x, y, w, h } = panel.gridPos;
    if (x < 0 || y < 0 || w < 1 || h < 1 || h > MAX_HEIGHT || x + w > COLUMNS)
      problems.push(`panel ${panel.id} stands outside of the grid`);
    else problems.push(...place(panel, cells));
  }
  const bottom = Math.max(0, ...panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  for (let y = 0; y < bottom; y++) {
    const free = Array.from({ length: COLUMNS }, (_, x) => `${x},${y}`).filter((cell) => !cells.has(cell));
    if (free.length > 0) problems.push(`${free.length} columns are empty in line ${y} of the grid`);
  }
  return problems;
}

function place(panel: Panel, cells: Map<string, Panel>): readonly string[] {
  const under = new Set<number>();
  const { x, y, w, h } = panel.gridPos;
  for (let column = x; column < x + w; column++) {
    for (let line = y; line < y + h; line++) {
      const other = cells.get(`${column},${line}`);
      if (other === undefined) cells.set(`${column},${line}`, panel);
      else under.add(other.id);
    }
  }
  return [...under].map((id) => `panel ${panel.id} covers panel ${id}`);
}
