import { describe, expect, it } from 'vitest';
import { paletteColorByName, THEMES } from './colors.ts';
import { drawPanel } from './draw-panel.ts';
import type { Frame } from './frame.ts';
import type { Json } from './json.ts';
import type { Canvas } from './panel.ts';

const HOUR_MS = 3_600_000;
const now = new Date('2026-11-23T12:00:00Z');
const canvas: Canvas = {
  widthPx: 700,
  heightPx: 300,
  theme: THEMES.dark,
  now,
  range: { fromMs: now.getTime() - 4 * HOUR_MS, toMs: now.getTime() },
  panelId: 1,
  annotations: [],
};

const hours = [3, 2, 1].map((ago) => now.getTime() - ago * HOUR_MS);
const costByFeature: Frame = {
  fields: [
    { name: 'Time', type: 'time', values: hours },
    { name: 'cost', type: 'number', labels: { feature: 'chat' }, values: [1.5, 2, 2.5] },
    { name: 'cost', type: 'number', labels: { feature: 'search' }, values: [null, 1, null] },
  ],
};
const customers: Frame = {
  fields: [
    { name: 'customer', type: 'string', values: ['acme', 'globex'] },
    { name: 'cost', type: 'number', values: [1234.5, null] },
    { name: 'trace', type: 'string', values: ['0af7651916cd43dd8448eb211c80319c', ''] },
  ],
};

function panel(type: string, parts: Readonly<Record<string, Json>> = {}): Json {
  return { type, options: {}, ...parts };
}

/** The text that a person would read, without what draws it. */
function words(html: string): string {
  return html
    .replace(/<[^>]*>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

describe('fields', () => {
  it('take defaults, and what an override changes of them', () => {
    const drawn = drawPanel(
      panel('table', {
        fieldConfig: {
          defaults: { noValue: '-' },
          overrides: [
            {
              matcher: { id: 'byName', options: 'cost' },
              properties: [
                { id: 'unit', value: 'currencyUSD' },
                { id: 'displayName', value: 'Spend' },
                { id: 'custom.width', value: 120 },
              ],
            },
          ],
        },
      }),
      [customers],
      canvas,
    );
    expect(words(drawn.html)).toContain('customer Spend trace acme $1.23K');
    expect(words(drawn.html)).toContain('globex -');
    expect(drawn.html).toContain('<col style="width:120px">');
  });

  it('are red from 80 on where a panel sets no thresholds, as in Grafana', () => {
    const frame: Frame = { fields: [{ name: 'calls', type: 'number', values: [81] }] };
    expect(drawPanel(panel('stat'), [frame], canvas).html).toContain('#F2495C');
  });

  it('show the text of a mapping instead of a value', () => {
    const frame: Frame = { fields: [{ name: 'behind', type: 'number', values: [0] }] };
    const mappings = [{ type: 'value', options: { 0: { text: 'up to date', color: 'blue' } } }];
    const { html } = drawPanel(panel('stat', { fieldConfig: { defaults: { mappings } } }), [frame], canvas);
    expect(words(html)).toBe('up to date');
    expect(html).toContain('#5794F2');
  });

  it('share the ends of their gauges unless they ask for their own, as in Grafana', () => {
    const frame: Frame = {
      fields: [
        { name: 'cost', type: 'number', values: [5, 10] },
        { name: 'calls', type: 'number', values: [50, 100] },
      ],
    };
    const gauge = (own: boolean): string =>
      drawPanel(
        panel('table', {
          fieldConfig: {
            defaults: { min: 0 },
            overrides: [
              {
                matcher: { id: 'byName', options: 'cost' },
                properties: [
                  { id: 'custom.cellOptions', value: { type: 'gauge', mode: 'basic' } },
                  { id: 'fieldMinMax', value: own },
                ],
              },
            ],
          },
        }),
        [frame],
        canvas,
      ).html;
    const widths = (html: string): readonly number[] =>
      [...html.matchAll(/<div style="width:([\d.]+)px;height:20px/g)].map(([, width]) => Number(width));
    const [room, , , tenth] = widths(gauge(false));
    expect(tenth).toBeCloseTo((room ?? 0) / 10, 0);
    const [, , own, ownFull] = widths(gauge(true));
    expect(ownFull).toBe(own);
  });

  // As @grafana/data 13.2.3 gives them.
  it.each([
    ['Cost', 'dark', '#37872D'],
    ['gpt-4.1', 'dark', '#E0F9D7'],
    ['(none)', 'dark', '#F2495C'],
    ['Cost', 'light', '#584477'],
    ['cus_acme', 'light', '#EA6460'],
  ] as const)('called %s have the same colour everywhere on %s: %s', (name, theme, color) => {
    expect(paletteColorByName(name, THEMES[theme])).toBe(color);
  });
});

describe('a time series', () => {
  const legend = { showLegend: true, displayMode: 'table', placement: 'bottom', calcs: ['sum', 'max'] };
  const { html, problems } = drawPanel(
    panel('timeseries', { options: { legend }, fieldConfig: { defaults: { unit: 'currencyUSD' } } }),
    [costByFeature],
    canvas,
  );

  it('is called by what tells it apart, with its sums in the legend', () => {
    expect(words(html)).toContain('Name Total Max cost chat $6 $2.50 cost search $1 $1');
    expect(problems).toEqual([]);
  });

  it('has its unit on the axis, and the hours of the range below', () => {
    expect(words(html)).toContain('$1 $1.50 $2 $2.50');
    expect(words(html)).toContain('09:00');
  });

  it('shows a value between two gaps as a point', () => {
    const never = { defaults: { custom: { showPoints: 'never' } } };
    const alone = drawPanel(panel('timeseries', { fieldConfig: never }), [costByFeature], canvas).html;
    expect(alone.match(/<circle/g)).toHaveLength(1);
  });

  it('stacks values on those below them', () => {
    const custom = { stacking: { mode: 'normal' }, drawStyle: 'bars' };
    const stacked = drawPanel(
      panel('timeseries', { fieldConfig: { defaults: { custom } } }),
      [costByFeature],
      canvas,
    );
    const tops = [...stacked.html.matchAll(/M[\d.]+ ([\d.]+)V([\d.]+)h/g)].map(([, from, to]) => [from, to]);
    // The second series has one bar, and it begins where the bar of the same hour in the first one ends.
    expect(tops.at(-1)?.[0]).toBe(tops[1]?.[1]);
  });
});

describe('what a person should look into', () => {
  it('is a panel without data', () => {
    expect(drawPanel(panel('timeseries'), [], canvas)).toEqual({
      html: '<div class="nodata">No data</div>',
      problems: ['no data'],
    });
  });

  it('is a type of panel, a unit and a transformation that are not known here', () => {
    expect(drawPanel(panel('geomap'), [customers], canvas).problems).toEqual([
      "panels of type 'geomap' are not drawn",
    ]);
    const { problems } = drawPanel(
      panel('table', {
        fieldConfig: { defaults: { unit: 'furlongs' } },
        transformations: [{ id: 'groupBy' }],
      }),
      [customers],
      canvas,
    );
    expect(problems).toContain("unknown unit 'furlongs'");
    expect(problems).toContain("the transformation 'groupBy' is not drawn");
  });

  it('is text that does not fit into its cell', () => {
    const narrow = { ...canvas, widthPx: 450 };
    expect(drawPanel(panel('table'), [customers], narrow).problems).toEqual([
      "1 cells of 'trace' are cut, such as '0af7651916cd43dd8448eb211c80319c'",
    ]);
  });

  it.each(['stat', 'gauge', 'bargauge', 'piechart', 'barchart', 'histogram', 'table'])(
    'is nothing in a %s of a small table',
    (type) => {
      const options = { reduceOptions: { values: true, calcs: [] } };
      const frame: Frame = {
        fields: [
          { name: 'customer', type: 'string', values: ['acme', 'globex', 'initech'] },
          { name: 'cost', type: 'number', values: [3, 2, 1] },
        ],
      };
      const drawn = drawPanel(panel(type, { options }), [frame], canvas);
      expect(drawn.problems).toEqual([]);
      expect(drawn.html.length).toBeGreaterThan(200);
      expect(drawn.html).not.toMatch(/NaN|undefined|Infinity/);
    },
  );

  it.each(['heatmap', 'state-timeline', 'timeseries'])('is nothing in a %s over hours', (type) => {
    const drawn = drawPanel(panel(type), [costByFeature], canvas);
    expect(drawn.problems).toEqual([]);
    expect(drawn.html).not.toMatch(/NaN|undefined|Infinity/);
  });
});

describe('transformations', () => {
  it('leave columns out, order and rename them', () => {
    const options = {
      excludeByName: { trace: true },
      indexByName: { cost: 0, customer: 1 },
      renameByName: { customer: 'Who' },
    };
    const drawn = drawPanel(
      panel('table', { transformations: [{ id: 'organize', options }] }),
      [customers],
      canvas,
    );
    expect(words(drawn.html)).toMatch(/^cost Who /);
    expect(words(drawn.html)).not.toContain('0af7');
  });
});

describe('text panels', () => {
  it('show Markdown, and nothing of what is in it as HTML', () => {
    const options = {
      mode: 'markdown',
      content: '# Title\n\nSome **bold** `code`, [a link](http://x).\n\n- one <b>\n- two',
    };
    const { html } = drawPanel(panel('text', { options }), [], canvas);
    expect(html).toContain(
      '<h1>Title</h1><p>Some <strong>bold</strong> <code>code</code>, <a>a link</a>.</p>',
    );
    expect(html).toContain('<ul><li>one &lt;b&gt;</li><li>two</li></ul>');
  });
});
