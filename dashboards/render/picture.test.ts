import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateSync, inflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { findChromium, paint } from './browser.ts';
import { THEMES } from './colors.ts';
import { drawPage, type PageInput } from './page.ts';
import { withPalette } from './png.ts';

const now = new Date('2026-11-23T12:00:00Z');
const input: PageInput = {
  dashboard: {
    title: 'Spend',
    panels: [
      { id: 1, type: 'stat', title: 'Calls', gridPos: { x: 0, y: 0, w: 12, h: 4 } },
      { id: 2, type: 'stat', title: 'Failing', gridPos: { x: 12, y: 0, w: 12, h: 4 } },
      { type: 'row', title: 'More', gridPos: { x: 0, y: 4, w: 24, h: 1 } },
      {
        id: 3,
        type: 'text',
        gridPos: { x: 0, y: 5, w: 24, h: 2 },
        options: { mode: 'markdown', content: `${'Of ${customer}. '.repeat(200)}` },
      },
    ],
  },
  frames: new Map([[1, [{ fields: [{ name: 'calls', type: 'number', values: [12] }] }]]]),
  errors: new Map([[2, 'no such view']]),
  variables: [{ name: 'customer', label: 'Customer', text: 'acme + globex' }],
  annotations: [],
  range: { fromMs: now.getTime() - 3_600_000, toMs: now.getTime(), text: 'Last 1 hour' },
  now,
  theme: THEMES.dark,
  widthPx: 800,
};

describe('the page of a dashboard', () => {
  const page = drawPage(input);

  it('puts panels on the grid of 24 columns, 38 pixels a row', () => {
    const places = [...page.html.matchAll(/style="left:([\d.]+)px;top:([\d.]+)px;width:([\d.]+)px/g)];
    const [first, second, row] = places.map(([, left, top, width]) => [left, top, width].map(Number));
    expect(first?.[0]).toBe(16);
    expect((second?.[0] ?? 0) - (first?.[0] ?? 0)).toBeCloseTo((first?.[2] ?? 0) + 8, 1);
    expect((row?.[1] ?? 0) - (first?.[1] ?? 0)).toBe(4 * 38);
    expect(page.heightPx).toBe((first?.[1] ?? 0) + 7 * 38 + 16);
  });

  it('says which queries failed', () => {
    expect(page.problems).toEqual([{ panel: '2 "Failing"', problem: 'query failed: no such view' }]);
    expect(page.html).toContain('no such view');
  });

  it('puts what is chosen in place of variables', () => {
    expect(page.html).toContain('Of acme + globex.');
  });
});

describe('a picture with a palette', () => {
  it('has the same pixels, as long as there are no more than 256 colours', () => {
    const colors = [0x181b1f, 0x73bf69, 0x5794f2, 0xff9830];
    const png = trueColorPng(2, 2, colors);
    expect(pixelsOf(withPalette(png))).toEqual(colors);
  });
});

const chromium = await findChromium(process.env.SPANLEDGER_CHROMIUM);

describe.skipIf(chromium === undefined)('painted by Chromium (skipped where the machine has none)', () => {
  it('a page becomes a picture of its size, and text that is too high is reported', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'spanledger-picture-test-'));
    try {
      const page = drawPage(input);
      const overflowing = await paint(chromium ?? '', page, join(folder, 'page.png'));
      const png = await readFile(join(folder, 'page.png'));
      expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([800, page.heightPx]);
      expect(overflowing).toEqual(['text is higher than its panel: 3']);
      expect(withPalette(png).length).toBeLessThan(png.length);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

/** An unfiltered PNG of 8 bits a channel. Its checksums are left out: what reads it here does not look at them. */
function trueColorPng(width: number, height: number, colors: readonly number[]): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const bytes = colors.map((color) => [color >> 16, (color >> 8) & 255, color & 255]);
  const rows = Array.from({ length: height }, (_, y) => [
    0,
    ...bytes.slice(y * width, (y + 1) * width).flat(),
  ]);
  const parts: readonly (readonly [string, Buffer])[] = [
    ['IHDR', header],
    ['IDAT', deflateSync(Buffer.from(rows.flat()))],
    ['IEND', Buffer.alloc(0)],
  ];
  const chunks = parts.map(([type, body]) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, Buffer.from(type), body, Buffer.alloc(4)]);
  });
  return Buffer.concat([Buffer.from('89504e470d0a1a0a', 'hex'), ...chunks]);
}

/** Of a PNG with a palette, without filters. */
function pixelsOf(png: Buffer): readonly number[] {
  const found = new Map<string, Buffer>();
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12)
    found.set(png.toString('latin1', at + 4, at + 8), png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const [header, palette, body] = ['IHDR', 'PLTE', 'IDAT'].map((type) => found.get(type) ?? Buffer.alloc(0));
  const width = header?.readUInt32BE(0) ?? 0;
  const rows = inflateSync(body ?? Buffer.alloc(0));
  return [...rows].flatMap((index, at) =>
    at % (width + 1) === 0 ? [] : [palette?.readUIntBE(index * 3, 3) ?? -1],
  );
}
