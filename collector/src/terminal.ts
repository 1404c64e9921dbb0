import { styleText } from 'node:util';

/** Where a command prints; a terminal says so and how wide it is. */
export type Output = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

type Format = Parameters<typeof styleText>[0];
export type Paint = (format: Format, text: string) => string;

/** Colours on a terminal, unless the user wants none (no-color.org); nothing but the text anywhere else. */
export function painter(
  out: Output,
  { NO_COLOR = '', TERM }: Readonly<Record<string, string | undefined>>,
): Paint {
  const isColoured = out.isTTY === true && NO_COLOR === '' && TERM !== 'dumb';
  return (format, text) => (isColoured ? styleText(format, text, { validateStream: false }) : text);
}

/** Control characters, those of writing direction too (a customer may be called anything), shown instead of obeyed. */
export function visible(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, escaped);
}

/** As in JSON, which leaves out the upper control characters although terminals obey them too (U+009B is `ESC [`). */
function escaped(character: string): string {
  if (character < ' ') return JSON.stringify(character).slice(1, -1);
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Made when something is measured: its tables take long to load, and most of what runs this file prints nothing. */
let segmenter: Intl.Segmenter | null = null;

function segmentsOf(text: string): Intl.Segments {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: 'grapheme' });
  return segmenter.segment(text);
}
const WIDE =
  /[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}\p{Emoji_Presentation}\u3000-\u303f\uff00-\uff60\uffe0-\uffe6]/u;

/** How many columns of a terminal a text without control characters takes. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of segmentsOf(text)) width += WIDE.test(segment) ? 2 : 1;
  return width;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - widthOf(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - widthOf(text))) + text;
}

const GROUPS = new Intl.NumberFormat('en-US');

/** `1,200`: digits in groups, the same everywhere. */
export function grouped(count: number): string {
  return GROUPS.format(count);
}

/** `1 call`, `2 calls` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** A stretch of a line in one format. */
export interface Piece {
  readonly text: string;
  readonly format?: Format;
}

export function widthOfPieces(pieces: readonly Piece[]): number {
  return pieces.reduce((width, { text }) => width + widthOf(text), 0);
}

/** The pieces of a line that fit into so many columns; what is cut off is shown by an ellipsis. */
export function cutPieces(pieces: readonly Piece[], columns: number): readonly Piece[] {
  if (widthOfPieces(pieces) <= columns) return pieces;
  if (columns < 1) return [];
  const fitting: Piece[] = [];
  let left = columns - 1;
  for (const piece of pieces) {
    const text = startOf(piece.text, left);
    const isCut = text !== piece.text;
    fitting.push({ ...piece, text: isCut ? `${text}…` : text });
    if (isCut) break;
    left -= widthOf(text);
  }
  return fitting;
}

function startOf(text: string, columns: number): string {
  let start = '';
  let width = 0;
  for (const { segment } of segmentsOf(text)) {
    width += WIDE.test(segment) ? 2 : 1;
    if (width > columns) break;
    start += segment;
  }
  return start;
}

export function painted(pieces: readonly Piece[], paint: Paint): string {
  return pieces.map(({ text, format }) => (format === undefined ? text : paint(format, text))).join('');
}
