import { INFORMATION_SCHEMA } from './system-relations.ts';
import {
  INFORMATION_SCHEMA_SHIM,
  MATCH_OPERATORS,
  RENAMED_FUNCTIONS,
  SHIM_DATABASE,
} from './names.ts';
import { type Token, tokensOf } from './tokens.ts';

/**
 * Turns what PostgreSQL's clients write and DuckDB does not read into what DuckDB reads. SQL that has none of it comes
 * out byte for byte as it was; what is left of it is the engine's to answer or to refuse.
 *
 * This is no guard: it may change what a statement means only towards what PostgreSQL means by it, and what may run is
 * decided afterwards, of the result.
 */
export function rewriteForDuckDb(sql: string): string {
  const draft = new Draft(tokensOf(sql));
  for (let at = 0; at < draft.length; at++) {
    leadToShim(draft, at);
    openOperator(draft, at);
    dropCollation(draft, at);
    matchPartly(draft, at);
    readArray(draft, at);
    castToObject(draft, at);
    renameFunction(draft, at);
    callInFrom(draft, at);
  }
  return draft.changed ? draft.text() : sql;
}

/** The tokens that mean something, and what is to stand in their place. */
class Draft {
  changed = false;
  private readonly tokens: readonly Token[];
  /** Where the meaningful tokens are among all. */
  private readonly places: readonly number[];
  private readonly texts: string[];
  private readonly before = new Map<number, string>();
  private readonly after = new Map<number, string>();

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    this.places = tokens.flatMap(({ kind }, at) => (kind === 'space' ? [] : [at]));
    this.texts = tokens.map(({ text }) => text);
  }

  get length(): number {
    return this.places.length;
  }

  at(at: number): Token | undefined {
    const place = this.places[at];
    return place === undefined ? undefined : this.tokens[place];
  }

  /** Whether the word, name or mark there is this one; a quoted name counts as well. */
  is(at: number, ...values: readonly string[]): boolean {
    const token = this.at(at);
    return token !== undefined && token.kind !== 'string' && values.includes(token.value);
  }

  isName(at: number): boolean {
    const kind = this.at(at)?.kind;
    return kind === 'word' || kind === 'quoted';
  }

  replace(at: number, text: string): void {
    const place = this.places[at];
    if (place === undefined || this.texts[place] === text) return;
    this.texts[place] = text;
    this.changed = true;
  }

  remove(from: number, to: number = from): void {
    for (let at = from; at <= to; at++) this.replace(at, '');
  }

  /** Puts the tokens from one to another between two texts. */
  wrap(from: number, to: number, open: string, close: string): void {
    const first = this.places[from];
    const last = this.places[to];
    if (first === undefined || last === undefined) return;
    // What is wrapped later is wrapped further out.
    this.before.set(first, open + (this.before.get(first) ?? ''));
    this.after.set(last, (this.after.get(last) ?? '') + close);
    this.changed = true;
  }

  text(): string {
    return this.texts.map((text, at) => (this.before.get(at) ?? '') + text + (this.after.get(at) ?? '')).join('');
  }

  /** Where the bracket that closes the one at `open` is; the last token when none does. */
  closing(open: number): number {
    let depth = 0;
    for (let at = open; at < this.length; at++) {
      if (this.is(at, '(', '[')) depth++;
      if (this.is(at, ')', ']')) depth--;
      if (depth === 0) return at;
    }
    return this.length - 1;
  }

  /** Where the bracket that is closed at `close` opens. */
  opening(close: number): number {
    let depth = 0;
    for (let at = close; at >= 0; at--) {
      if (this.is(at, ')', ']')) depth++;
      if (this.is(at, '(', '[')) depth--;
      if (depth === 0) return at;
    }
    return 0;
  }
}

const INFORMATION_RELATIONS: ReadonlySet<string> = new Set(INFORMATION_SCHEMA.map(([name]) => name));

/** `pg_catalog.x` is found by `x` alone, by way of the search path; relations of `information_schema` are named in full. */
function leadToShim(draft: Draft, at: number): void {
  if (!draft.is(at + 1, '.') || !draft.isName(at)) return;
  if (draft.is(at, 'pg_catalog')) {
    draft.remove(databaseBefore(draft, at), at + 1);
  } else if (draft.is(at, 'information_schema')) {
    const relation = draft.at(at + 2)?.value ?? '';
    if (INFORMATION_RELATIONS.has(relation) && !draft.is(at - 1, '::')) {
      draft.remove(databaseBefore(draft, at), at - 1);
      draft.replace(at, `${SHIM_DATABASE}.${INFORMATION_SCHEMA_SHIM}`);
    } else {
      draft.remove(databaseBefore(draft, at), at + 1);
    }
  }
}

/** Where a qualified name begins whose schema is at `schema`: a client may put the database before it. */
function databaseBefore(draft: Draft, schema: number): number {
  return draft.is(schema - 1, '.') && draft.isName(schema - 2) ? schema - 2 : schema;
}

/** `a OPERATOR(pg_catalog.~) b` is `a ~ b`. */
function openOperator(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at, 'operator') || !draft.is(at + 1, '(')) return;
  const close = draft.closing(at + 1);
  if (draft.at(close - 1)?.kind !== 'operator') return;
  draft.remove(at, at + 1);
  draft.remove(close);
}

/** The default collation is the only one that DuckDB compares by, and has no name in it. */
function dropCollation(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at, 'collate')) return;
  const name = draft.is(at + 2, '.') ? at + 3 : at + 1;
  if (draft.is(name, 'default')) draft.remove(at, name);
}

/** Words after which no operand has ended, so that `~` there is the complement of bits. */
const BEFORE_OPERAND: ReadonlySet<string> = new Set(
  'select where and or not when then else on by case having limit in like is between distinct all from returning'.split(' '),
);

/** PostgreSQL's `~` finds the pattern anywhere in the text, DuckDB's wants the whole text to match. */
function matchPartly(draft: Draft, at: number): void {
  const token = draft.at(at);
  if (token?.kind !== 'operator') return;
  const operator = MATCH_OPERATORS[token.text];
  if (operator === undefined) return;
  const left = draft.at(at - lengthOfOperatorPrefix(draft, at) - 1);
  if (left === undefined || (left.kind === 'word' && BEFORE_OPERAND.has(left.value))) return;
  if (left.kind === 'operator' || (left.kind === 'mark' && !/[)\]]/.test(left.text))) return;
  draft.replace(at, operator);
}

/** How many tokens of `OPERATOR(pg_catalog.` or `OPERATOR(` stand before an operator. */
function lengthOfOperatorPrefix(draft: Draft, at: number): number {
  if (draft.is(at - 1, '.') && draft.is(at - 4, 'operator')) return 4;
  return draft.is(at - 1, '(') && draft.is(at - 2, 'operator') ? 2 : 0;
}

/** `'{a,b}'` as an array, where it must be one: under a cast to an array, or as the operand of `ANY` or `ALL`. */
function readArray(draft: Draft, at: number): void {
  const token = draft.at(at);
  if (token?.kind !== 'string' || !/^\s*\{[\s\S]*\}\s*$/.test(token.value)) return;
  const isOperand = draft.is(at - 1, '(') && draft.is(at - 2, 'any', 'all', 'some') && draft.is(at + 1, ')', '::');
  if (!isOperand && !isCastToArray(draft, at + 1)) return;
  const elements = arrayElements(token.value);
  if (elements === undefined) return;
  draft.replace(
    at,
    `[${elements.map((element) => (element === null ? 'NULL' : `'${element.replaceAll("'", "''")}'`)).join(', ')}]`,
  );
}

function isCastToArray(draft: Draft, at: number): boolean {
  if (!draft.is(at, '::')) return false;
  const name = draft.is(at + 2, '.') ? at + 3 : at + 1;
  return draft.is(name + 1, '[');
}

/** The elements of a one-dimensional array literal (documentation, chapter 8.15.2); undefined for any other. */
function arrayElements(literal: string): (string | null)[] | undefined {
  const body = literal.trim().slice(1, -1);
  if (body.trim() === '') return [];
  const elements: (string | null)[] = [];
  const element = /\s*(?:"((?:[^"\\]|\\[\s\S])*)"|([^,{}"]*))\s*(,|$)/y;
  for (;;) {
    const found = element.exec(body);
    if (found === null) return undefined;
    const [, quoted, bare, end] = found;
    if (quoted !== undefined) elements.push(quoted.replace(/\\([\s\S])/g, '$1'));
    else if (/^null$/i.test((bare ?? '').trim())) elements.push(null);
    else elements.push((bare ?? '').trim());
    if (end === '') return elements;
  }
}

const OBJECT_TYPES: ReadonlySet<string> = new Set(
  'regclass regproc regprocedure regtype regnamespace regrole regoper regoperator regcollation regconfig regdictionary'.split(' '),
);
const NUMBER_TYPES: ReadonlySet<string> = new Set('oid int int4 int8 integer bigint'.split(' '));

/**
 * `::regclass` and its like. In PostgreSQL such a value is a number that is written as a name; here it is one of the
 * two: the number where a name is given, the name where a number is.
 */
function castToObject(draft: Draft, at: number): void {
  if (draft.is(at, '::')) {
    const name = draft.is(at + 2, '.') ? at + 3 : at + 1;
    const type = draft.at(name)?.value ?? '';
    if (!draft.isName(name) || !OBJECT_TYPES.has(type)) return;
    if (draft.is(name + 1, '[')) {
      draft.replace(name, 'VARCHAR');
      return;
    }
    const from = operandStart(draft, at - 1);
    const next = draft.is(name + 1, '::') ? (draft.at(draft.is(name + 3, '.') ? name + 4 : name + 2)?.value ?? '') : '';
    draft.remove(at, name);
    draft.wrap(from, at - 1, `${macroFor(draft, type, from, at - 1, next)}(`, ')');
  } else if (draft.at(at)?.kind === 'word' && draft.is(at, 'cast') && draft.is(at + 1, '(')) {
    const close = draft.closing(at + 1);
    const type = draft.at(close - 1)?.value ?? '';
    const as = draft.is(close - 2, '.') ? close - 4 : close - 2;
    if (!OBJECT_TYPES.has(type) || !draft.is(as, 'as')) return;
    const next = draft.is(close + 1, 'as') ? (draft.at(draft.is(close + 3, '.') ? close + 4 : close + 2)?.value ?? '') : '';
    draft.replace(at, macroFor(draft, type, at + 2, as - 1, next));
    draft.remove(as, close - 1);
  }
}

function macroFor(draft: Draft, type: string, from: number, to: number, next: string): string {
  const kind = draft.at(from)?.kind;
  const isGiven = from === to && (kind === 'string' || kind === 'parameter');
  let isComposed = false;
  for (let at = from; at <= to; at++) isComposed ||= draft.at(at)?.text === '||' || draft.is(at, 'quote_ident');
  return isGiven || isComposed || NUMBER_TYPES.has(next) ? `${type}_oid` : `${type}_name`;
}

/** Where the operand begins that ends at `end`: a value, a call, brackets, with the casts and subscripts on it. */
function operandStart(draft: Draft, end: number): number {
  let at = end;
  while (draft.is(at, ']') && at > 0) at = draft.opening(at) - 1;
  if (draft.is(at, ')')) {
    at = draft.opening(at);
    if (!draft.isName(at - 1)) return at;
    at--;
  }
  while (draft.is(at - 1, '.') && draft.isName(at - 2)) at -= 2;
  return draft.is(at - 1, '::') ? operandStart(draft, at - 2) : at;
}

function renameFunction(draft: Draft, at: number): void {
  const token = draft.at(at);
  if (token?.kind !== 'word' || !draft.is(at + 1, '(')) return;
  const name = RENAMED_FUNCTIONS[token.value];
  if (name !== undefined) draft.replace(at, name);
  const first = draft.at(at + 2);
  // PostgreSQL's format() takes `%s`, DuckDB's takes braces and calls the other one printf.
  if (token.value === 'format' && first?.kind === 'string' && /%[sIL]/.test(first.value)) {
    draft.replace(at, 'printf');
    draft.replace(at + 2, first.text.replaceAll(/%[IL]/g, '%s'));
  }
}

/** Functions that give one value, which PostgreSQL lets stand where a table does. */
const VALUE_FUNCTIONS: ReadonlySet<string> = new Set(
  'string_to_array current_setting current_schemas current_schema current_database version parse_ident'.split(' '),
);

/** A call as a table: `f(x) AS s` there is one column that is called like the table. */
function callInFrom(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at + 1, '(')) return;
  const isSeries = draft.is(at, 'generate_series');
  if (!isSeries && !draft.is(at, ...VALUE_FUNCTIONS)) return;
  const close = draft.closing(at + 1);
  const alias = draft.is(close + 1, 'as') ? close + 2 : close + 1;
  const name = draft.at(alias);
  if (name === undefined || !draft.isName(alias) || !isFromItem(draft, at)) return;
  if (draft.is(alias + 1, '(') || (name.kind === 'word' && AFTER_FROM.has(name.value))) return;
  if (isSeries) draft.replace(alias, `${name.text}(${name.text})`);
  else draft.wrap(at, close, '(SELECT ', ` AS ${name.text})`);
}

const AFTER_FROM: ReadonlySet<string> = new Set(
  'where group order having limit offset union except intersect join left right full inner cross natural on using window fetch for'.split(' '),
);

/** Whether what begins at `at` stands in a FROM list: the word that opened the list it is in is FROM or JOIN. */
function isFromItem(draft: Draft, start: number): boolean {
  // A `pg_catalog.` before it has been taken away, but is still among the tokens.
  let at = draft.is(start - 1, '.') ? start - 3 : start - 1;
  if (!draft.is(at, ',', 'from', 'join', 'lateral')) return false;
  for (; at >= 0; at--) {
    if (draft.is(at, ')', ']')) at = draft.opening(at);
    else if (draft.is(at, '(', '[')) return false;
    else if (draft.at(at)?.kind === 'word') {
      if (draft.is(at, 'from', 'join')) return !draft.is(at - 1, 'distinct');
      if (draft.is(at, 'select', 'where', 'by', 'having', 'values', 'on', 'using', 'limit')) return false;
    }
  }
  return false;
}
