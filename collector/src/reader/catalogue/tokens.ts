/**
 * SQL cut into tokens as PostgreSQL does (documentation, chapter 4.1), so that nothing inside a string, a quoted name or
 * a comment is ever taken for SQL. The texts of all tokens together are the SQL, byte for byte.
 */

export type TokenKind = 'space' | 'word' | 'quoted' | 'string' | 'number' | 'parameter' | 'operator' | 'mark';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /**
   * What it stands for: a word in lower case, a quoted name without its quotes, the content of a string. Otherwise the
   * text itself.
   */
  readonly value: string;
}

const SPACE = /[ \t\r\n\f\v]+/y;
const WORD = /[\p{L}_][\p{L}\p{N}_$]*/uy;
const NUMBER = /(?:0[xX][\da-fA-F_]+|(?:\d[\d_]*\.?[\d_]*|\.\d[\d_]*)(?:[eE][+-]?\d+)?)/y;
const PARAMETER = /\$\d+/y;
const DOLLAR_QUOTE = /\$(?:[\p{L}_][\p{L}\p{N}_]*)?\$/uy;
/** No operator is longer than a name may be; without a bound a long run would be read again for each sign in it. */
const OPERATOR = /[+\-*/<>=~!@#%^&|`?]{1,63}/y;

/** An unfinished string, name or comment reaches to the end: the engine tells the user what is wrong with it. */
export function tokensOf(sql: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < sql.length) {
    const token = tokenAt(sql, at);
    tokens.push(token);
    at += token.text.length;
  }
  return tokens;
}

function tokenAt(sql: string, at: number): Token {
  const here = sql.charAt(at);
  const pair = sql.slice(at, at + 2);
  if (pair === '--') return plain('space', sql.slice(at, lineEnd(sql, at)));
  if (pair === '/*') return plain('space', sql.slice(at, commentEnd(sql, at)));
  if (here === "'") return stringToken(sql, at, at, false);
  if (here === '"') return quotedName(sql, at);
  if (pair === '::') return plain('mark', pair);
  if (here === '$') return dollar(sql, at);
  const space = match(SPACE, sql, at);
  if (space !== undefined) return plain('space', space);
  // `E'…'` and its like: a letter that touches the quote belongs to the string.
  if (/^[eEbBxXnN]'/.test(pair)) return stringToken(sql, at, at + 1, /[eE]/.test(here));
  if (/^[uU]&'/.test(sql.slice(at, at + 3))) return stringToken(sql, at, at + 2, false);
  const word = match(WORD, sql, at);
  if (word !== undefined) return { kind: 'word', text: word, value: word.toLowerCase() };
  const number = match(NUMBER, sql, at);
  if (number !== undefined) return plain('number', number);
  const operator = match(OPERATOR, sql, at);
  if (operator !== undefined) return plain('operator', endOfOperator(operator));
  return plain('mark', here);
}

function plain(kind: TokenKind, text: string): Token {
  return { kind, text, value: text };
}

function match(pattern: RegExp, sql: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(sql)?.[0];
}

function lineEnd(sql: string, at: number): number {
  const end = sql.indexOf('\n', at);
  return end < 0 ? sql.length : end + 1;
}

/** Comments nest. */
function commentEnd(sql: string, start: number): number {
  let depth = 0;
  let at = start;
  while (at < sql.length) {
    const pair = sql.slice(at, at + 2);
    if (pair === '/*') depth++;
    if (pair === '*/') depth--;
    at += pair === '/*' || pair === '*/' ? 2 : 1;
    if (depth === 0) return at;
  }
  return sql.length;
}

/** From `start`, with the opening quote at `quote`. Only in `E'…'` does a backslash escape. */
function stringToken(sql: string, start: number, quote: number, escapes: boolean): Token {
  let at = quote + 1;
  while (at < sql.length) {
    if (escapes && sql.charAt(at) === '\\') {
      at += 2;
    } else if (sql.charAt(at) !== "'") {
      at++;
    } else if (sql.charAt(at + 1) === "'") {
      at += 2;
    } else {
      break;
    }
  }
  const content = sql.slice(quote + 1, at).replaceAll("''", "'");
  return { kind: 'string', text: sql.slice(start, at + 1), value: escapes ? unescaped(content) : content };
}

const ESCAPE = /\\(?:([0-7]{1,3})|x([\da-fA-F]{1,2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([\s\S]))/g;
const NAMED_ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };

/** What stands in `E'…'` (documentation, chapter 4.1.2.2); bytes above 127 are read as Latin 1. */
function unescaped(content: string): string {
  return content.replace(ESCAPE, (text, octal, byte, short, long, letter) => {
    if (letter !== undefined) return NAMED_ESCAPES[letter] ?? letter;
    const code = octal === undefined ? Number.parseInt(byte ?? short ?? long, 16) : Number.parseInt(octal, 8);
    return code > 0x10_ffff ? text : String.fromCodePoint(code);
  });
}

function quotedName(sql: string, start: number): Token {
  let at = start + 1;
  while (at < sql.length && (sql.charAt(at) !== '"' || sql.charAt(at + 1) === '"')) {
    at += sql.charAt(at) === '"' ? 2 : 1;
  }
  const value = sql.slice(start + 1, at).replaceAll('""', '"');
  return { kind: 'quoted', text: sql.slice(start, at + 1), value };
}

function dollar(sql: string, at: number): Token {
  const parameter = match(PARAMETER, sql, at);
  if (parameter !== undefined) return plain('parameter', parameter);
  const quote = match(DOLLAR_QUOTE, sql, at);
  if (quote === undefined) return plain('mark', '$');
  const end = sql.indexOf(quote, at + quote.length);
  const stop = end < 0 ? sql.length : end;
  return {
    kind: 'string',
    text: sql.slice(at, stop + (end < 0 ? 0 : quote.length)),
    value: sql.slice(at + quote.length, stop),
  };
}

/** An operator ends where a comment begins, and in `+` or `-` only if it has one of `~!@#%^&|?` and a grave accent. */
function endOfOperator(run: string): string {
  const comment = run.search(/--|\/\*/);
  const text = comment > 0 ? run.slice(0, comment) : run;
  return /[~!@#%^&|`?]/.test(text) ? text : text.charAt(0) + text.slice(1).replace(/[+-]+$/, '');
}
