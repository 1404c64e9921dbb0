import { crc32, deflateSync, inflateSync } from 'node:zlib';

/**
 * A screenshot -> the same picture with a palette of 256 colours, about a third as large. Panels have few colours and
 * their soft edges, so that no eye sees the difference.
 */
export function withPalette(png: Buffer): Buffer {
  const { width, height, pixels } = decoded(png);
  const counts = new Map<number, number>();
  for (const color of pixels) counts.set(color, (counts.get(color) ?? 0) + 1);
  const palette = paletteOf(counts);
  const nearest = new Map<number, number>();
  for (const color of counts.keys()) nearest.set(color, nearestIn(palette, color));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1)
    for (let x = 0; x < width; x += 1)
      rows[y * (width + 1) + 1 + x] = nearest.get(pixels[y * width + x] ?? 0) ?? 0;
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  // 8 bits a pixel, colour type 3: a palette.
  header.set([8, 3, 0, 0, 0], 8);
  const colors = Buffer.from(palette.flatMap((color) => [color >> 16, (color >> 8) & 255, color & 255]));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('PLTE', colors),
    chunk('IDAT', deflateSync(rows, { level: 9 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const MAX_COLORS = 256;

function chunk(type: string, body: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), body]);
  const framed = Buffer.alloc(named.length + 8);
  framed.writeUInt32BE(body.length, 0);
  named.copy(framed, 4);
  framed.writeUInt32BE(crc32(named), named.length + 4);
  return framed;
}

interface Pixels {
  readonly width: number;
  readonly height: number;
  /** One number a pixel: red, green, blue. */
  readonly pixels: Uint32Array;
}

/** Reads what Chromium writes: 8 bits a channel, with or without transparency, not interlaced. */
function decoded(png: Buffer): Pixels {
  if (!png.subarray(0, 8).equals(SIGNATURE)) throw new Error('not a PNG');
  let [width, height, channels] = [0, 0, 0];
  const parts: Buffer[] = [];
  for (let offset = 8; offset < png.length; ) {
    const length = png.readUInt32BE(offset);
    const type = png.toString('latin1', offset + 4, offset + 8);
    const body = png.subarray(offset + 8, offset + 8 + length);
    if (type === 'IHDR') {
      [width, height] = [body.readUInt32BE(0), body.readUInt32BE(4)];
      channels = body[9] === 2 ? 3 : body[9] === 6 ? 4 : 0;
      if (body[8] !== 8 || channels === 0 || body[12] !== 0)
        throw new Error('a PNG of a kind that is not read');
    }
    if (type === 'IDAT') parts.push(body);
    offset += length + 12;
  }
  const bytes = unfiltered(inflateSync(Buffer.concat(parts)), width * channels, height, channels);
  const pixels = new Uint32Array(width * height);
  for (let index = 0; index < pixels.length; index += 1) {
    const at = index * channels;
    pixels[index] = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
  }
  return { width, height, pixels };
}

/** PNG stores of each byte how it differs from its neighbours (specification, section 9.2). */
function unfiltered(raw: Buffer, stride: number, height: number, step: number): Uint8Array {
  const bytes = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)] ?? 0;
    for (let x = 0; x < stride; x += 1) {
      const at = y * stride + x;
      const left = x >= step ? (bytes[at - step] ?? 0) : 0;
      const above = y > 0 ? (bytes[at - stride] ?? 0) : 0;
      const corner = x >= step && y > 0 ? (bytes[at - stride - step] ?? 0) : 0;
      bytes[at] = (raw[y * (stride + 1) + 1 + x] ?? 0) + predicted(filter, left, above, corner);
    }
  }
  return bytes;
}

function predicted(filter: number, left: number, above: number, corner: number): number {
  switch (filter) {
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) >> 1;
    case 4: {
      const [toLeft, toAbove, toCorner] = [
        Math.abs(above - corner),
        Math.abs(left - corner),
        Math.abs(left + above - 2 * corner),
      ];
      return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
    }
    default:
      return 0;
  }
}

type Counted = readonly [color: number, count: number];
const NONE: Counted = [0, -1];

/** Median cut: the box of colours that spreads most is halved, until there are enough. */
function paletteOf(counts: ReadonlyMap<number, number>): readonly number[] {
  const boxes: Counted[][] = [[...counts]];
  while (boxes.length < MAX_COLORS) {
    const widest = boxes.reduce(
      (best, box, index) => (weightOf(box) > weightOf(boxes[best] ?? []) ? index : best),
      0,
    );
    const box = boxes[widest] ?? [];
    if (box.length < 2) break;
    const shift = [16, 8, 0].reduce(
      (best, each) => (spread(box, each) > spread(box, best) ? each : best),
      16,
    );
    const sorted = [...box].sort(([a], [b]) => ((a >> shift) & 255) - ((b >> shift) & 255));
    const middle = Math.max(1, Math.floor(sorted.length / 2));
    boxes.splice(widest, 1, sorted.slice(0, middle), sorted.slice(middle));
  }
  return boxes.map(mostUsed);
}

/** Many pixels weigh, but not so much that small coloured marks lose their colour. */
function weightOf(box: readonly Counted[]): number {
  if (box.length < 2) return 0;
  const widest = Math.max(spread(box, 16), spread(box, 8), spread(box, 0));
  return widest * Math.sqrt(Math.sqrt(box.reduce((sum, [, count]) => sum + count, 0)));
}

function spread(box: readonly Counted[], shift: number): number {
  let [low, high] = [255, 0];
  for (const [color] of box) {
    const value = (color >> shift) & 255;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low;
}

/** A colour that is really there: backgrounds stay exactly what they are. */
function mostUsed(box: readonly Counted[]): number {
  return box.reduce((best, each) => (each[1] > best[1] ? each : best), NONE)[0];
}

function nearestIn(palette: readonly number[], color: number): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  palette.forEach((each, index) => {
    const distance =
      ((each >> 16) - (color >> 16)) ** 2 +
      (((each >> 8) & 255) - ((color >> 8) & 255)) ** 2 +
      ((each & 255) - (color & 255)) ** 2;
    if (distance < least) [best, least] = [index, distance];
  });
  return best;
}
