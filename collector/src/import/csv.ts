import { SpanledgerError } from '../errors.ts';
import type { FileRecord } from './record.ts';

/** A longer row is no row: a quote was not closed, or it is no CSV. Bounds the memory for one row. */
const MAX_ROW_CHARACTERS = 16 * 1024 * 1024;
const DELIMITERS = [',', ';', '\t'] as const;

/**
 * The rows of a CSV file (RFC 4180) by the names in its first row. The delimiter is the one of `,`, `;` and tab that
 * the first row has most of; rows end with CRLF, LF or CR; fields in quotes may hold all of these, and doubled quotes.
 *
 * A quote in a wrong place ends the reading: from there on it cannot be told where a row begins.
 *
 * @throws {SpanledgerError} SL_IMPORT_UNREADABLE
 */
export async function* csvRecords(chunks: AsyncIterable<string>): AsyncGenerator<FileRecord> {
  const rows = new Rows();
  let header: readonly string[] | null = null;
  let row = 0;
  for await (const { cells, line } of rows.of(chunks)) {
    if (header === null) {
      header = headerOf(cells, line);
      continue;
    }
    row++;
    if (cells.length !== header.length) {
      const expected = `${header.length} fields, as many as the first row has`;
      yield { row, line, content: { kind: 'broken', expected, found: `${cells.length} fields` } };
      continue;
    }
    const names = header;
    const fields = Object.fromEntries(cells.map((cell, index) => [names[index] ?? '', cell]));
    yield { row, line, content: { kind: 'fields', fields } };
  }
}

function headerOf(cells: readonly string[], line: number): readonly string[] {
  const names = cells.map((cell) => cell.trim());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined)
    throw unreadable(line, `the column ${twice || '(without a name)'} stands there twice`);
  return names;
}

interface Row {
  readonly cells: readonly string[];
  readonly line: number;
}

/** Cuts text into rows. What is not yet a whole row is kept and looked at again with what follows. */
class Rows {
  private text = '';
  private line = 1;
  private delimiter: string | null = null;

  async *of(chunks: AsyncIterable<string>): AsyncGenerator<Row> {
    for await (const chunk of chunks) {
      this.text += chunk;
      yield* this.whole(false);
      if (this.text.length > MAX_ROW_CHARACTERS) {
        throw unreadable(
          this.line,
          `the row that begins here is longer than ${MAX_ROW_CHARACTERS} characters`,
        );
      }
    }
    yield* this.whole(true);
  }

  private *whole(isEnd: boolean): Generator<Row> {
    let start = 0;
    while (start < this.text.length) {
      if (this.delimiter === null) {
        this.delimiter = delimiterOf(this.text, isEnd);
        if (this.delimiter === null) break;
      }
      const cut = this.cut(start, this.delimiter, isEnd);
      if (cut === null) break;
      const { cells, next } = cut;
      const isBlank = cells.length === 1 && cells[0] === '';
      if (!isBlank) yield { cells, line: this.line };
      this.line += linesIn(this.text, start, next);
      start = next;
    }
    this.text = this.text.slice(start);
  }

  /** The row at `start`, and where the next begins; null when it may go on in what is still to come. */
  private cut(
    start: number,
    delimiter: string,
    isEnd: boolean,
  ): { readonly cells: string[]; readonly next: number } | null {
    const { text } = this;
    const cells: string[] = [];
    let at = start;
    for (;;) {
      const isQuoted = text[at] === '"';
      const field = isQuoted ? this.quoted(at, isEnd) : plain(text, at, delimiter);
      if (field === null) return null;
      if (!isQuoted && field.value.includes('"')) {
        throw unreadable(this.line, 'a field with a quote in it must be in quotes, with the quote doubled');
      }
      cells.push(field.value);
      at = field.end;
      const after = text[at];
      if (after === delimiter) {
        at++;
        // A delimiter at the very end of a file is followed by one more, empty field.
        if (at === text.length && !isEnd) return null;
      } else if (after === '\n') return { cells, next: at + 1 };
      else if (after === '\r') {
        if (at + 1 === text.length && !isEnd) return null;
        return { cells, next: text[at + 1] === '\n' ? at + 2 : at + 1 };
      } else if (after === undefined) return isEnd ? { cells, next: at } : null;
      else
        throw unreadable(
          this.line,
          `after a field in quotes a ${nameOf(delimiter)} or the end of the row must follow`,
        );
    }
  }

  private quoted(start: number, isEnd: boolean): Field | null {
    const { text } = this;
    let value = '';
    let from = start + 1;
    for (;;) {
      const quote = text.indexOf('"', from);
      if (quote < 0) {
        if (isEnd) throw unreadable(this.line, 'a quote is opened in this row and never closed');
        return null;
      }
      value += text.slice(from, quote);
      if (quote + 1 === text.length && !isEnd) return null;
      if (text[quote + 1] !== '"') return { value, end: quote + 1 };
      value += '"';
      from = quote + 2;
    }
  }
}

interface Field {
  readonly value: string;
  readonly end: number;
}

function plain(text: string, start: number, delimiter: string): Field {
  const stop = delimiter.charCodeAt(0);
  let end = start;
  for (; end < text.length; end++) {
    const code = text.charCodeAt(end);
    if (code === stop || code === 0x0a || code === 0x0d) break;
  }
  return { value: text.slice(start, end), end };
}

/** Null while the first row is not whole. */
function delimiterOf(text: string, isEnd: boolean): string | null {
  const outside = text.replace(/"(?:[^"]|"")*"/g, '');
  const end = outside.search(/[\r\n]/);
  if (end < 0 && !isEnd) return null;
  const first = end < 0 ? outside : outside.slice(0, end);
  const countOf = (delimiter: string) => first.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (countOf(delimiter) > countOf(best) ? delimiter : best));
}

function nameOf(delimiter: string): string {
  return delimiter === '\t' ? 'tab' : delimiter;
}

function linesIn(text: string, start: number, end: number): number {
  let lines = 0;
  for (let at = text.indexOf('\n', start); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++;
  return lines;
}

function unreadable(line: number, what: string): SpanledgerError {
  return new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    `The file cannot be read as CSV, line ${line}: ${what}.`,
  );
}
