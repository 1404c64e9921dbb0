import { SQLSTATE, SqlError } from '../errors.ts';

/**
 * The lexical rules of PostgreSQL (4.1, "Lexical Structure"), with `standard_conforming_strings` on: enough to know
 * where strings, names and comments end, which is what decides where a statement ends.
 */
export interface Token {
  readonly kind: 'word' | 'quoted name' | 'string' | 'number' | 'parameter' | 'symbol';
  /** A word in lower case; a quoted name or a string as it is meant; anything else as it stands. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** The next token at or after `at`, or `undefined` when only blanks and comments follow. */
export function tokenAt(sql: string, at: number): Token | undefined {
  const start = skipBlanks(sql, at);
  if (start >= sql.length) return undefined;
  const character = sql.charAt(start);
  const next = sql.charAt(start + 1);

  if (character === "'") return quoted(sql, 'string', start, start + 1, false);
  if (character === '"') return quoted(sql, 'quoted name', start, start + 1, false);
  if (character === '$') return dollar(sql, start);
  if (next === "'" && /[ebxn]/i.test(character))
    return quoted(sql, 'string', start, start + 2, /e/i.test(character));
  if (/[uU]/.test(character) && next === '&' && /['"]/.test(sql.charAt(start + 2)))
    return quoted(sql, sql.charAt(start + 2) === '"' ? 'quoted name' : 'string', start, start + 3, false);

  const end = match(WORD, sql, start);
  if (end > start) return { kind: 'word', text: sql.slice(start, end).toLowerCase(), start, end };
  const numberEnd = match(NUMBER, sql, start);
  if (numberEnd > start) return { kind: 'number', text: sql.slice(start, numberEnd), start, end: numberEnd };
  return { kind: 'symbol', text: character, start, end: start + 1 };
}

/** All tokens from `at` on. */
export function* tokensOf(sql: string, at = 0): Generator<Token> {
  for (let token = tokenAt(sql, at); token !== undefined; token = tokenAt(sql, token.end)) yield token;
}

/** Letters are all that is not ASCII, too; a dollar may follow but not begin. */
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y;
const NUMBER = /(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?/y;
const DOLLAR_TAG = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y;
const PARAMETER = /\$\d+/y;
const BLANKS = /[ \t\r\n\f\v]+/y;

/** Where the match that begins exactly at `at` ends; `at` itself when there is none. */
function match(pattern: RegExp, sql: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(sql) ? pattern.lastIndex : at;
}

function skipBlanks(sql: string, from: number): number {
  let at = from;
  while (at < sql.length) {
    const before = at;
    at = match(BLANKS, sql, at);
    if (sql.startsWith('--', at)) at = nextLine(sql, at);
    else if (sql.startsWith('/*', at)) at = skipComment(sql, at);
    if (at === before) break;
  }
  return at;
}

function nextLine(sql: string, at: number): number {
  for (let i = at; i < sql.length; i++) {
    const code = sql.charCodeAt(i);
    if (code === 0x0a || code === 0x0d) return i + 1;
  }
  return sql.length;
}

const COMMENT_EDGE = /\/\*|\*\//g;

/** Comments nest, other than in C. */
function skipComment(sql: string, start: number): number {
  let depth = 0;
  COMMENT_EDGE.lastIndex = start;
  for (let edge = COMMENT_EDGE.exec(sql); edge !== null; edge = COMMENT_EDGE.exec(sql)) {
    depth += edge[0] === '/*' ? 1 : -1;
    if (depth === 0) return COMMENT_EDGE.lastIndex;
  }
  throw unterminated('/* comment', sql, start);
}

/** A string or a name: its quote doubled is the quote itself, and in `E''` a backslash takes the next character. */
function quoted(
  sql: string,
  kind: 'string' | 'quoted name',
  start: number,
  from: number,
  hasEscapes: boolean,
): Token {
  const quote = sql.charAt(from - 1);
  let text = '';
  let run = from;
  for (let at = from; at < sql.length; at++) {
    const character = sql.charAt(at);
    if (character === '\\' && hasEscapes) {
      text += sql.slice(run, at);
      const [escaped, end] = readEscape(sql, at + 1);
      text += escaped;
      run = end;
      at = end - 1;
    } else if (character === quote) {
      text += sql.slice(run, at);
      if (sql.charAt(at + 1) !== quote) return { kind, text, start, end: at + 1 };
      text += quote;
      at++;
      run = at + 1;
    }
  }
  throw unterminated(kind === 'string' ? 'quoted string' : 'quoted identifier', sql, start);
}

const SINGLE_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const NUMERIC_ESCAPE = /([0-7]{1,3})|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})/y;

/** What follows a backslash in `E''`, and where it ends. */
function readEscape(sql: string, at: number): readonly [string, number] {
  NUMERIC_ESCAPE.lastIndex = at;
  const [whole, octal, ...hexadecimal] = NUMERIC_ESCAPE.exec(sql) ?? [];
  if (whole !== undefined) {
    const digits = hexadecimal.find((group) => group !== undefined);
    const code = octal === undefined ? Number.parseInt(digits ?? '', 16) : Number.parseInt(octal, 8);
    return [code <= 0x10ffff ? String.fromCodePoint(code) : '\uFFFD', at + whole.length];
  }
  const character = sql.charAt(at);
  return [SINGLE_ESCAPES[character] ?? character, at + 1];
}

/** `$1`, `$$text$$`, `$tag$text$tag$`; a dollar alone is a symbol. */
function dollar(sql: string, start: number): Token {
  const bodyStart = match(DOLLAR_TAG, sql, start);
  if (bodyStart > start) {
    const tag = sql.slice(start, bodyStart);
    const bodyEnd = sql.indexOf(tag, bodyStart);
    if (bodyEnd < 0) throw unterminated('dollar-quoted string', sql, start);
    return { kind: 'string', text: sql.slice(bodyStart, bodyEnd), start, end: bodyEnd + tag.length };
  }
  const end = match(PARAMETER, sql, start);
  if (end > start) return { kind: 'parameter', text: sql.slice(start, end), start, end };
  return { kind: 'symbol', text: '$', start, end: start + 1 };
}

function unterminated(what: string, sql: string, start: number): SqlError {
  return new SqlError(SQLSTATE.syntaxError, `unterminated ${what}`, { position: positionOf(sql, start) });
}

/** An index into the text as clients are told of it: counted in characters from 1. */
export function positionOf(sql: string, index: number): number {
  let position = 1;
  for (let at = 0; at < index; at++) {
    // The second half of a character beyond the first plane is no character of its own.
    const isLowSurrogate = (sql.charCodeAt(at) & 0xfc00) === 0xdc00;
    if (!isLowSurrogate) position++;
  }
  return position;
}
