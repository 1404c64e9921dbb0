import { SQLSTATE, SqlError } from '../errors.ts';
import { positionOf, type Token, tokenAt, tokensOf } from '../sql/lexer.ts';

/** What is about the session rather than about what the backend keeps, and so is answered here. */
export type Command =
  | { readonly kind: 'begin'; readonly tag: 'BEGIN' | 'START TRANSACTION' }
  | { readonly kind: 'commit'; readonly chain: boolean }
  | { readonly kind: 'rollback'; readonly chain: boolean }
  | { readonly kind: 'savepoint'; readonly name: string }
  | { readonly kind: 'release'; readonly name: string }
  | { readonly kind: 'rollback to'; readonly name: string }
  | {
      readonly kind: 'set';
      readonly name: string;
      /** `undefined` for the default. */
      readonly value: string | undefined;
      /** Until the end of the transaction. */
      readonly local: boolean;
    }
  | { readonly kind: 'set transaction' }
  | { readonly kind: 'reset'; readonly name: string | 'all' }
  | { readonly kind: 'show'; readonly name: string | 'all' }
  | { readonly kind: 'discard'; readonly what: 'all' | 'plans' | 'sequences' | 'temp' }
  | { readonly kind: 'deallocate'; readonly name: string | undefined }
  | {
      readonly kind: 'declare';
      readonly cursor: string;
      readonly isBinary: boolean;
      readonly isHeld: boolean;
      readonly sql: string;
    }
  | {
      readonly kind: 'fetch';
      readonly cursor: string;
      /** Rows from where the cursor stands. */
      readonly count: number;
      /** Only goes there, without giving rows. */
      readonly isMove: boolean;
    }
  | { readonly kind: 'close'; readonly cursor: string | undefined }
  | { readonly kind: 'listen' }
  | { readonly kind: 'unlisten' };

/**
 * The command that a statement is, or `undefined` for a query, which only the backend understands.
 *
 * @throws {SqlError} 42601 for a command with a mistake in it, 0A000 for one that goes further than this package does
 */
export function parseCommand(sql: string): Command | undefined {
  const first = tokenAt(sql, 0);
  if (first === undefined || first.kind !== 'word' || !Object.hasOwn(GRAMMAR, first.text)) return undefined;
  const tokens = [...tokensOf(sql, first.end)];
  const command = GRAMMAR[first.text]?.(new Words(sql, tokens));
  return command;
}

/** Names that are written without quotes and mean something of their own. */
const GRAMMAR: Readonly<Record<string, (words: Words) => Command>> = {
  begin(words) {
    if (!words.skip('work')) words.skip('transaction');
    return begin(words, 'BEGIN');
  },
  start(words) {
    words.expect('transaction');
    return begin(words, 'START TRANSACTION');
  },
  commit: (words) => end(words, 'commit'),
  end: (words) => end(words, 'commit'),
  rollback: (words) => rollback(words),
  abort: (words) => end(words, 'rollback'),
  savepoint: (words) => words.last({ kind: 'savepoint', name: words.name() }),
  release(words) {
    words.skip('savepoint');
    return words.last({ kind: 'release', name: words.name() });
  },
  set: (words) => set(words),
  reset: (words) => words.last({ kind: 'reset', name: settingName(words) }),
  show: (words) => words.last({ kind: 'show', name: settingName(words) }),
  discard: (words) => discard(words),
  deallocate(words) {
    words.skip('prepare');
    return words.last({ kind: 'deallocate', name: words.skip('all') ? undefined : words.name() });
  },
  declare: (words) => declare(words),
  fetch: (words) => fetch(words, false),
  move: (words) => fetch(words, true),
  close: (words) => words.last({ kind: 'close', cursor: words.skip('all') ? undefined : words.name() }),
  listen(words) {
    words.name();
    return words.last({ kind: 'listen' });
  },
  unlisten(words) {
    if (!words.skip('*')) words.name();
    return words.last({ kind: 'unlisten' });
  },
};

/** The words of a command after the first one, read from left to right. */
class Words {
  readonly sql: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(sql: string, tokens: readonly Token[]) {
    this.sql = sql;
    this.#tokens = tokens;
  }

  get next(): Token | undefined {
    return this.#tokens[this.#at];
  }

  take(): Token {
    const token = this.next;
    if (token === undefined) throw this.mistake();
    this.#at++;
    return token;
  }

  /** Whether these words come next; they are read if so. */
  skip(...words: readonly string[]): boolean {
    const here = words.every((word, i) => {
      const token = this.#tokens[this.#at + i];
      return token?.text === word && (token.kind === 'word' || token.kind === 'symbol');
    });
    if (here) this.#at += words.length;
    return here;
  }

  expect(...words: readonly string[]): void {
    if (!this.skip(...words)) throw this.mistake();
  }

  name(): string {
    const token = this.take();
    if (token.kind !== 'word' && token.kind !== 'quoted name') throw this.mistake(token);
    return token.text;
  }

  end(): void {
    if (this.next !== undefined) throw this.mistake();
  }

  /** The command, when nothing follows. */
  last(command: Command): Command {
    this.end();
    return command;
  }

  mistake(token: Token | undefined = this.next): SqlError {
    if (token === undefined)
      return new SqlError(SQLSTATE.syntaxError, 'syntax error at end of input', {
        position: positionOf(this.sql, this.sql.length),
      });
    const text = this.sql.slice(token.start, token.end);
    return new SqlError(SQLSTATE.syntaxError, `syntax error at or near "${text}"`, {
      position: positionOf(this.sql, token.start),
    });
  }
}

function begin(words: Words, tag: 'BEGIN' | 'START TRANSACTION'): Command {
  transactionModes(words);
  return words.last({ kind: 'begin', tag });
}

/** Isolation levels and the like: there is nothing here that they would change. */
function transactionModes(words: Words): void {
  while (words.next !== undefined) {
    if (words.skip('isolation', 'level')) {
      const isLevel =
        words.skip('serializable') ||
        words.skip('repeatable', 'read') ||
        words.skip('read', 'committed') ||
        words.skip('read', 'uncommitted');
      if (!isLevel) throw words.mistake();
    } else if (
      !(
        words.skip('read', 'only') ||
        words.skip('read', 'write') ||
        words.skip('deferrable') ||
        words.skip('not', 'deferrable')
      )
    )
      return;
    words.skip(',');
  }
}

function end(words: Words, kind: 'commit' | 'rollback'): Command {
  if (words.next?.text === 'prepared')
    throw new SqlError(SQLSTATE.featureNotSupported, 'prepared transactions are not supported');
  if (!words.skip('work')) words.skip('transaction');
  let chain = false;
  if (words.skip('and')) {
    chain = !words.skip('no');
    words.expect('chain');
  }
  return words.last({ kind, chain });
}

function rollback(words: Words): Command {
  if (!words.skip('work', 'to') && !words.skip('transaction', 'to') && !words.skip('to'))
    return end(words, 'rollback');
  words.skip('savepoint');
  return words.last({ kind: 'rollback to', name: words.name() });
}

function set(words: Words): Command {
  if (words.skip('session', 'characteristics', 'as', 'transaction') || words.skip('transaction')) {
    transactionModes(words);
    return words.last({ kind: 'set transaction' });
  }
  const local = words.skip('local');
  if (!local && words.next?.text === 'session') {
    // `SET SESSION name = …`, but `SET SESSION AUTHORIZATION …`.
    words.take();
    if (words.skip('authorization')) return setIdentity(words, 'session_authorization');
  }
  if (words.skip('role')) return setIdentity(words, 'role');
  if (words.skip('time', 'zone')) return setTimeZone(words, local);
  if (words.skip('names'))
    return { kind: 'set', name: 'client_encoding', value: settingValue(words, false), local };
  if (words.skip('schema'))
    return { kind: 'set', name: 'search_path', value: settingValue(words, true), local };
  const name = dottedName(words);
  if (!words.skip('to')) words.expect('=');
  return { kind: 'set', name, value: settingValue(words, name === 'search_path'), local };
}

/** Back to who one is anyway is granted; anybody else one cannot become. */
function setIdentity(words: Words, what: 'role' | 'session_authorization'): Command {
  const isSelf = words.skip('default') || words.skip('none');
  if (isSelf) return words.last({ kind: 'set', name: what, value: undefined, local: false });
  throw new SqlError(SQLSTATE.insufficientPrivilege, `permission denied to set ${what.replace('_', ' ')}`);
}

function setTimeZone(words: Words, local: boolean): Command {
  if (words.skip('local') || words.skip('default'))
    return words.last({ kind: 'set', name: 'timezone', value: undefined, local });
  if (words.skip('interval'))
    throw new SqlError(SQLSTATE.featureNotSupported, 'SET TIME ZONE INTERVAL is not supported', {
      hint: 'Give the name of a time zone, or an offset in hours.',
    });
  return { kind: 'set', name: 'timezone', value: settingValue(words, false), local };
}

function settingName(words: Words): string {
  if (words.skip('time', 'zone')) return 'timezone';
  if (words.skip('transaction', 'isolation', 'level')) return 'transaction_isolation';
  if (words.skip('session', 'authorization')) return 'session_authorization';
  return dottedName(words);
}

function dottedName(words: Words): string {
  let name = words.name();
  while (words.skip('.')) name += `.${words.name()}`;
  return name.toLowerCase();
}

/** Everything up to the end: one value, or several with commas between them. `DEFAULT` alone is none. */
function settingValue(words: Words, isListOfNames: boolean): string | undefined {
  if (words.skip('default')) {
    words.end();
    return undefined;
  }
  const items: string[] = [];
  do {
    const sign = words.skip('-') ? '-' : '';
    if (sign === '') words.skip('+');
    const token = words.take();
    const isValue = token.kind === 'number' || (sign === '' && token.kind !== 'symbol');
    if (!isValue || token.kind === 'parameter') throw words.mistake(token);
    items.push(sign + (isListOfNames ? asName(token) : token.text));
  } while (words.skip(','));
  words.end();
  return items.join(', ');
}

/** As it can be read again: with quotes when it would not be the same name without. */
function asName(token: Token): string {
  return /^[a-z_][a-z0-9_$]*$/.test(token.text) ? token.text : `"${token.text.replaceAll('"', '""')}"`;
}

function discard(words: Words): Command {
  const what = words.take().text;
  switch (what) {
    case 'all':
    case 'plans':
    case 'sequences':
    case 'temp':
      return words.last({ kind: 'discard', what });
    case 'temporary':
      return words.last({ kind: 'discard', what: 'temp' });
    default:
      throw words.mistake();
  }
}

/** `DECLARE name [options] CURSOR [WITH HOLD] FOR query` */
function declare(words: Words): Command {
  const cursor = words.name();
  let isBinary = false;
  while (!words.skip('cursor')) {
    if (words.skip('binary')) isBinary = true;
    // Going back is refused when it is asked for: many clients declare SCROLL and only go forward.
    else if (!(words.skip('no', 'scroll') || words.skip('scroll') || words.skip('asensitive')))
      words.expect('insensitive');
  }
  const isHeld = words.skip('with', 'hold');
  words.skip('without', 'hold');
  words.expect('for');
  const { next } = words;
  if (next === undefined) throw words.mistake();
  return { kind: 'declare', cursor, isBinary, isHeld, sql: words.sql.slice(next.start) };
}

function fetch(words: Words, isMove: boolean): Command {
  const count = fetchCount(words);
  if (!words.skip('from')) words.skip('in');
  return words.last({ kind: 'fetch', cursor: words.name(), count, isMove });
}

function fetchCount(words: Words): number {
  if (words.skip('next')) return 1;
  if (words.skip('all')) return Infinity;
  if (words.skip('forward')) {
    if (words.skip('all')) return Infinity;
    return isCount(words) ? forward(words) : 1;
  }
  if (words.skip('relative')) {
    const count = forward(words);
    if (count === 1) return count;
    throw onlyForward();
  }
  const followedByName = words.next?.kind === 'word' || words.next?.kind === 'quoted name';
  if (followedByName) {
    const { text } = words.next;
    // A cursor may have any of these names, so they count only when something follows.
    if (['backward', 'prior', 'first', 'last', 'absolute'].includes(text)) {
      words.take();
      if (words.next !== undefined) throw onlyForward();
      throw words.mistake();
    }
    return 1;
  }
  return isCount(words) ? forward(words) : 1;
}

function isCount(words: Words): boolean {
  return words.next?.kind === 'number' || words.next?.text === '-' || words.next?.text === '+';
}

function forward(words: Words): number {
  const isNegative = words.skip('-');
  if (!isNegative) words.skip('+');
  const token = words.take();
  if (token.kind !== 'number' || !/^\d{1,15}$/.test(token.text)) throw words.mistake(token);
  const count = Number(token.text);
  // Fetching the row one stands on again is going back as well.
  if (isNegative || count === 0) throw onlyForward();
  return count;
}

function onlyForward(): SqlError {
  return new SqlError(SQLSTATE.objectNotInPrerequisiteState, 'cursor can only scan forward');
}
