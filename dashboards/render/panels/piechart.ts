import { textOn } from '../colors.ts';
import { flagAt, textAt, textsAt } from '../json.ts';
import { drawLegend, legendOf } from '../legend.ts';
import { type Drawing, drawing, NO_DATA, type PanelInput } from '../panel.ts';
import { svg, svgText, withLegend } from '../plot.ts';
import { px } from '../text.ts';
import { reducedValues } from './reduced.ts';

/** Slices smaller than this have no label. */
const SMALLEST_LABELLED = 0.04;

export function drawPieChart(input: PanelInput): Drawing {
  const { options, canvas } = input;
  const values = reducedValues(input, 'palette-classic').filter(({ shown }) => (shown.numeric ?? 0) > 0);
  const total = values.reduce((sum, { shown }) => sum + (shown.numeric ?? 0), 0);
  if (total === 0) return NO_DATA;
  const order = textAt(options, 'sort') ?? 'desc';
  const sign = order === 'asc' ? 1 : -1;
  const slices =
    order === 'none'
      ? values
      : [...values].sort((a, b) => sign * ((a.shown.numeric ?? 0) - (b.shown.numeric ?? 0)));
  const shares = slices.map(({ shown }) => (shown.numeric ?? 0) / total);
  const percentage = (share: number): string => `${Math.round(share * 100)}%`;
  const columns = textsAt(options, 'legend', 'values');
  const legend = drawLegend(
    legendOf(
      plainLegend(options),
      slices.map(({ title, shown }, index) => ({
        name: title,
        color: shown.color,
        cells: columns.map((column) => (column === 'percent' ? percentage(shares[index] ?? 0) : shown.text)),
        isLine: false,
      })),
      columns.map((column) => (column === 'percent' ? 'Percent' : 'Value')),
    ),
    canvas.widthPx,
    canvas.heightPx,
  );
  const width = canvas.widthPx - legend.widthPx;
  const height = canvas.heightPx - legend.heightPx;
  const radius = Math.max(10, Math.min(width, height) / 2 - 8);
  const [cx, cy] = [width / 2, height / 2];
  const hole = textAt(options, 'pieType') === 'donut' ? radius * 0.55 : 0;
  const labels = textsAt(options, 'displayLabels');
  let turned = 0;
  const parts = slices.map(({ title, shown }, index) => {
    const share = shares[index] ?? 0;
    const [from, to] = [turned, turned + share];
    turned = to;
    const point = (part: number, r: number): string => {
      const angle = (part - 0.25) * 2 * Math.PI;
      return `${px(cx + r * Math.cos(angle))} ${px(cy + r * Math.sin(angle))}`;
    };
    const end = Math.min(to, from + 0.99999);
    const large = share > 0.5 ? 1 : 0;
    const path = `M${point(from, radius)}A${px(radius)} ${px(radius)} 0 ${large} 1 ${point(end, radius)}L${point(end, hole)}${hole > 0 ? `A${px(hole)} ${px(hole)} 0 ${large} 0 ${point(from, hole)}` : ''}Z`;
    const texts = labels.map((label) =>
      label === 'percent' ? percentage(share) : label === 'name' ? title : shown.text,
    );
    const angle = ((from + to) / 2 - 0.25) * 2 * Math.PI;
    const middle = hole > 0 ? (radius + hole) / 2 : radius * 0.65;
    const written =
      share < SMALLEST_LABELLED
        ? ''
        : texts
            .map((text, row) =>
              svgText(
                text,
                cx + middle * Math.cos(angle),
                cy + middle * Math.sin(angle) + 4 + row * 13,
                'middle',
                textOn(shown.color, canvas.theme),
              ),
            )
            .join('');
    return `<path d="${path}" fill="${shown.color}" stroke="${canvas.theme.panel}"/>${written}`;
  });
  return drawing(
    withLegend(legend.widthPx > 0, svg(width, height, parts.join('')), legend.html),
    legend.problems,
  );
}

/** A pie's legend lists its slices as they are sorted, whatever a sort of the legend says. */
function plainLegend(options: unknown): Readonly<Record<string, unknown>> {
  return {
    legend: {
      displayMode: textAt(options, 'legend', 'displayMode') ?? 'list',
      placement: textAt(options, 'legend', 'placement') ?? 'bottom',
      showLegend: flagAt(options, 'legend', 'showLegend') ?? true,
    },
  };
}
