import { SpanledgerError } from '../errors.ts';
import { type FileRecord, isFields, parseJson, type RecordContent, shown } from './record.ts';

/** One value of a file of JSON, as text. */
export interface JsonText {
  readonly text: string;
  readonly line: number;
}

/** Bounds the memory for one record; a row of usage with its whole prompts is far below. */
const MAX_RECORD_CHARACTERS = 16 * 1024 * 1024;

/**
 * The records of a JSON file: one on each line, or the elements of one array, or of the array that pages of an API have
 * under `data`.
 *
 * @throws {SpanledgerError} SL_IMPORT_UNREADABLE
 */
export async function* jsonRecords(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  let row = 0;
  for await (const { text, line } of jsonTexts(chunks, MAX_RECORD_CHARACTERS)) {
    const value = parseJson(text);
    if (isFields(value) && Array.isArray(value.data) && isFields(value.meta)) {
      const page: readonly unknown[] = value.data;
      for (const element of page) yield { row: ++row, line, content: contentOf(element) };
    } else yield { row: ++row, line, content: value === undefined ? broken(text) : contentOf(value) };
  }
}

function contentOf(value: unknown): RecordContent {
  return isFields(value)
    ? { kind: 'fields', fields: value }
    : { kind: 'broken', expected: 'a JSON object', found: shown(value) };
}

function broken(text: string): RecordContent {
  return { kind: 'broken', expected: 'a JSON object', found: `what is no JSON: ${shown(text)}` };
}

/**
 * Cuts a file of JSON into its values without holding more of it than one. Lines are taken where each is a value of its
 * own, because then one that is broken spoils no other; else brackets are counted.
 *
 * @throws {SpanledgerError} SL_IMPORT_UNREADABLE for a value longer than the bound
 */
export async function* jsonTexts(
  chunks: AsyncIterable<string>,
  maxCharacters: number,
): AsyncGenerator<JsonText> {
  let text = '';
  let line = 1;
  let cut: Cutter | null = null;
  const take = function* (isEnd: boolean): Generator<JsonText> {
    cut ??= cutterFor(text, isEnd);
    if (cut === null) return;
    let start = 0;
    for (;;) {
      const piece = cut(text, start, isEnd);
      line += linesIn(text, start, piece.start);
      start = piece.start;
      if (piece.end === null) break;
      yield { text: text.slice(start, piece.end), line };
      line += linesIn(text, start, piece.end);
      start = piece.end;
    }
    text = text.slice(start);
  };
  for await (const chunk of chunks) {
    text += chunk;
    yield* take(false);
    if (text.length > maxCharacters) throw tooLong(line, maxCharacters);
  }
  yield* take(true);
}

/** Finds the next value: where it begins, past white space, and where it ends; null while that is not to be seen. */
type Cutter = (text: string, from: number, isEnd: boolean) => { start: number; end: number | null };

/** Null while the file's beginning does not tell. */
function cutterFor(text: string, isEnd: boolean): Cutter | null {
  const begin = text.search(/\S/);
  if (begin < 0) return null;
  if (text[begin] === '[') {
    let isInside = false;
    return (all, from, isLast) => {
      const piece = cutElement(all, isInside ? from : begin + 1, isLast);
      isInside = true;
      // A download that broke off would otherwise pass for the whole.
      if (isLast && piece.start === all.length) throw cutOff();
      if (all[piece.start] === ']') assertNothingAfter(all.slice(piece.start + 1));
      return piece;
    };
  }
  const lineEnd = text.indexOf('\n', begin);
  if (lineEnd < 0 && !isEnd) return null;
  const first = lineEnd < 0 ? text.slice(begin) : text.slice(begin, lineEnd);
  // A value over several lines is one that was printed for people.
  const isOpen = parseJson(first) === undefined && balance(first) > 0;
  return isOpen ? cutElement : cutLine;
}

function cutLine(text: string, from: number, isEnd: boolean): { start: number; end: number | null } {
  const start = afterBlanks(text, from, false);
  if (start === text.length) return { start, end: null };
  const lineEnd = text.indexOf('\n', start);
  if (lineEnd >= 0) return { start, end: lineEnd };
  return { start, end: isEnd ? text.length : null };
}

const STRUCTURE = /["{}[\]]/g;

function cutElement(text: string, from: number, isEnd: boolean): { start: number; end: number | null } {
  const start = afterBlanks(text, from, true);
  if (start === text.length || text[start] === ']') return { start, end: null };
  let depth = 0;
  STRUCTURE.lastIndex = start;
  for (;;) {
    const found = STRUCTURE.exec(text);
    if (found === null) return { start, end: isEnd ? text.length : null };
    switch (found[0]) {
      case '"': {
        const end = stringEnd(text, found.index);
        if (end === null) return { start, end: isEnd ? text.length : null };
        STRUCTURE.lastIndex = end;
        break;
      }
      case '{':
      case '[':
        depth++;
        break;
      default:
        depth--;
        // The array around the values ends: what stands before it is a value without brackets.
        if (depth < 0) return { start, end: found.index };
        if (depth === 0) return { start, end: found.index + 1 };
    }
  }
}

/** Where a string ends that begins at a quote; null while its end is not to be seen. */
function stringEnd(text: string, start: number): number | null {
  for (let quote = text.indexOf('"', start + 1); quote >= 0; quote = text.indexOf('"', quote + 1)) {
    let slashes = 0;
    while (text[quote - 1 - slashes] === '\\') slashes++;
    if (slashes % 2 === 0) return quote + 1;
  }
  return null;
}

function afterBlanks(text: string, from: number, skipsCommas: boolean): number {
  let at = from;
  for (; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x20 && !(skipsCommas && code === 0x2c)) break;
  }
  return at;
}

/** How many brackets are left open. */
function balance(text: string): number {
  const bare = text.replace(/"(?:[^"\\]|\\.)*"/g, '');
  return (bare.match(/[{[]/g)?.length ?? 0) - (bare.match(/[}\]]/g)?.length ?? 0);
}

function linesIn(text: string, start: number, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

function cutOff(): SpanledgerError {
  return new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    'The file is cut off: the array that it begins with does not end.',
  );
}

/** Two exports in one file, for instance: what is behind the first array would be left out. */
function assertNothingAfter(rest: string): void {
  const more = rest.trim();
  if (more === '') return;
  throw new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    `Expected nothing after the array that the file begins with, found ${shown(more)}. Import each array from a file of its own, or one record on each line.`,
  );
}

function tooLong(line: number, maxCharacters: number): SpanledgerError {
  return new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    `The file cannot be read, line ${line}: what begins here is longer than ${maxCharacters} characters.`,
  );
}
