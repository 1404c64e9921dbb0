import type pg from 'pg';
import type { Dashboard } from '../grafana/dashboard.ts';
import type { TimeRange } from '../grafana/interval.ts';
import { type DashboardOutcome, type PanelOutcome, runDashboardOn } from '../grafana/run.ts';
import { ALL, type ChosenVariable, type VariableChoices } from '../grafana/variables.ts';
import type { Theme } from './colors.ts';
import { drawPage, markColor, type Page, type Selector } from './page.ts';

/** A dashboard, opened against a service and laid out. */

export interface Opening {
  readonly range: TimeRange;
  readonly rangeText: string;
  readonly now: Date;
  readonly choices: VariableChoices;
  readonly theme: Theme;
  readonly widthPx: number;
}

export interface Opened {
  readonly page: Page;
  readonly problems: readonly string[];
}

export async function openedPage(pool: pg.Pool, dashboard: Dashboard, opening: Opening): Promise<Opened> {
  const { range, now, theme, widthPx } = opening;
  const outcome = await runDashboardOn(pool, dashboard, {
    range,
    now,
    choices: opening.choices,
  });
  const page = drawPage({
    dashboard,
    frames: new Map(outcome.panels.map((each) => [each.panel.id, framesOf(each)])),
    errors: new Map(outcome.panels.flatMap((each) => errorOf(each))),
    variables: selectors(dashboard, outcome),
    annotations: outcome.annotations.flatMap(({ annotation, query }) => {
      const times = query.frame.fields.find(
        ({ name, type }) => type === 'time' && name.toLowerCase() === 'time',
      );
      const color = markColor(annotation.iconColor, theme);
      return annotation.enable === false || annotation.hide === true
        ? []
        : (times?.values ?? []).flatMap((timeMs) => (typeof timeMs === 'number' ? [{ timeMs, color }] : []));
    }),
    range: { fromMs: range.from.getTime(), toMs: range.to.getTime(), text: opening.rangeText },
    panelRanges: new Map(
      outcome.panels.map(({ panel, range: own }) => [
        panel.id,
        { fromMs: own.from.getTime(), toMs: own.to.getTime() },
      ]),
    ),
    now,
    theme,
    widthPx,
  });
  const ofQueries = outcome.problems.map(({ place, problem }) => `${place}: ${problem}`);
  const ofPanels = page.problems.map(({ panel, problem }) => `panel ${panel}: ${problem}`);
  return { page, problems: [...new Set([...ofQueries, ...ofPanels])] };
}

function framesOf({ queries, frames, panel }: PanelOutcome) {
  const shown = queries.filter((_, index) => panel.targets?.[index]?.hide !== true);
  return frames.map((frame, index) => {
    const refId = shown[index]?.refId;
    return { fields: frame.fields, ...(refId === undefined ? {} : { refId }) };
  });
}

/** A query that failed has no frame and says why; others that have a problem are still drawn. */
function errorOf({ panel, queries }: PanelOutcome): readonly (readonly [number, string])[] {
  const failed = queries.find(
    ({ problems, rows, elapsedMs }) => problems.length > 0 && rows === 0 && elapsedMs === 0,
  );
  return failed === undefined ? [] : [[panel.id, failed.problems[0] ?? '']];
}

function selectors(dashboard: Dashboard, { variables }: DashboardOutcome): readonly Selector[] {
  return (dashboard.templating?.list ?? []).flatMap(({ name, label, hide }) => {
    const variable = variables.get(name);
    return variable === undefined || hide === 2
      ? []
      : [{ name, label: label ?? name, text: choiceText(variable) }];
  });
}

function choiceText({ chosen, options }: ChosenVariable): string {
  if (chosen === ALL) return 'All';
  return chosen.map((value) => options.find((option) => option.value === value)?.text ?? value).join(' + ');
}
