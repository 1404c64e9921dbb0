import { INFORMATION_SCHEMA_SHIM, MATCH_OPERATORS, RENAMED_FUNCTIONS, SHIM_DATABASE } from './names.ts';
import { INFORMATION_SCHEMA, PG_CATALOG } from './system-relations.ts';
import { type Token, tokensOf } from './tokens.ts';

/**
 * Turns what PostgreSQL's clients write and DuckDB does not read into what DuckDB reads. SQL that has none of it comes
 * out byte for byte as it was; what is left of it is the engine's to answer or to refuse.
 *
 * This is no guard: it may change what a statement means only towards what PostgreSQL means by it, and what may run is
 * decided afterwards, of the result.
 */
export function rewriteForDuckDb(sql: string, { publicSchema = 'public' }: RewriteOptions = {}): string {
  const draft = new Draft(tokensOf(sql));
  const leadsElsewhere = publicSchema !== 'public' && !isPublicAnAlias(draft);
  for (let at = 0; at < draft.length; at++) {
    if (leadsElsewhere) leadPublicTo(draft, at, publicSchema);
    leadToShim(draft, at);
    knowCatalogue(draft, at);
    openOperator(draft, at);
    dropCollation(draft, at);
    matchPartly(draft, at);
    readArray(draft, at);
    readPattern(draft, at);
    lookInList(draft, at);
    castToOid(draft, at);
    castToNumeric(draft, at);
    castToObject(draft, at);
    renameFunction(draft, at);
    if (!countSubscripts(draft, at)) callInFrom(draft, at);
  }
  return draft.changed ? draft.text() : sql;
}

export interface RewriteOptions {
  /**
   * Where `public` leads whoever sends it. Customers are told of their views as those of `public`, so that what is written
   * for one role works for another: for them it is `customer`.
   */
  readonly publicSchema?: string;
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
  private readonly shape: Shape;
  private aliases: ReadonlyMap<string, readonly AliasOf[]> | undefined;

  constructor(tokens: readonly Token[]) {
    this.tokens = tokens;
    this.places = tokens.flatMap(({ kind }, at) => (kind === 'space' ? [] : [at]));
    this.texts = tokens.map(({ text }) => text);
    this.shape = shapeOf(tokens.filter(({ kind }) => kind !== 'space'));
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
    return this.texts
      .map((text, at) => (this.before.get(at) ?? '') + text + (this.after.get(at) ?? ''))
      .join('');
  }

  /** Where the bracket that closes the one at `open` is; the last token when none does. */
  closing(open: number): number {
    return this.shape.partners[open] ?? this.length - 1;
  }

  /** Where the bracket that is closed at `close` opens; the first token when none does. */
  opening(close: number): number {
    return this.shape.partners[close] ?? 0;
  }

  /** The word that begins the list in which the token stands, as `select` or `from`. */
  listWord(at: number): string | undefined {
    return this.shape.lists[at];
  }

  /**
   * The number of the system relation that goes by this name at `at`: in the list of a SELECT that of the FROM behind it,
   * elsewhere that of the one before.
   */
  numberOf(name: string, at: number): number | undefined {
    this.aliases ??= aliasesIn(this);
    const places = this.aliases.get(name) ?? [];
    const place =
      this.listWord(at) === 'select'
        ? places.find((one) => one.at > at)
        : places.findLast((one) => one.at < at);
    return place?.number;
  }

  /** Whether a text is put together from several between two tokens. */
  isComposed(from: number, to: number): boolean {
    return (this.shape.joins[to] ?? 0) > (this.shape.joins[from] ?? 0);
  }
}

/** Where a system relation gets a name. */
interface AliasOf {
  readonly at: number;
  readonly number: number;
}

/** A statement that calls more system relations by one name stands only in an attack. */
const MAX_PLACES = 64;

function aliasesIn(draft: Draft): ReadonlyMap<string, readonly AliasOf[]> {
  const aliases = new Map<string, AliasOf[]>();
  for (let at = 0; at < draft.length; at++) {
    const name = draft.at(at)?.value ?? '';
    const number = CATALOGUE_NUMBERS.get(name);
    if (number === undefined || !draft.isName(at) || draft.is(at + 1, '.')) continue;
    const behind = draft.is(at + 1, 'as') ? at + 2 : at + 1;
    const alias = draft.isName(behind) ? (draft.at(behind)?.value ?? name) : name;
    for (const called of alias === name ? [name] : [alias, name]) {
      const places = aliases.get(called);
      if (places === undefined) aliases.set(called, [{ at, number }]);
      else if (places.length < MAX_PLACES) places.push({ at, number });
    }
  }
  return aliases;
}

/** What the rules must know of the tokens around one: found once, so that rewriting takes time in proportion to the SQL. */
interface Shape {
  readonly partners: readonly (number | undefined)[];
  readonly lists: readonly (string | undefined)[];
  /** How often texts have been joined up to each token. */
  readonly joins: readonly number[];
}

const LIST_WORDS: ReadonlySet<string> = new Set(
  'select from join where by having values on using limit'.split(' '),
);

function shapeOf(tokens: readonly Token[]): Shape {
  const partners: (number | undefined)[] = [];
  const lists: (string | undefined)[] = [];
  const joins: number[] = [];
  const open: { readonly at: number; word: string | undefined }[] = [{ at: 0, word: undefined }];
  let joined = 0;
  for (const [at, { kind, value, text }] of tokens.entries()) {
    let level = open.at(-1);
    if (text === ')' || text === ']') {
      if (open.length > 1 && level !== undefined) {
        partners[at] = level.at;
        partners[level.at] = at;
        open.pop();
      }
      level = open.at(-1);
    }
    lists[at] = level?.word;
    if (text === '(' || text === '[') open.push({ at, word: undefined });
    const isComparison = value === 'from' && tokens[at - 1]?.value === 'distinct';
    if (level !== undefined && kind === 'word' && LIST_WORDS.has(value) && !isComparison) level.word = value;
    if (text === '||' || (kind === 'word' && value === 'quote_ident')) joined++;
    joins[at] = joined;
  }
  return { partners, lists, joins };
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

/** As the schema of a relation, with the database before it or without. */
function leadPublicTo(draft: Draft, at: number, schema: string): void {
  if (!draft.is(at, 'public') || !draft.isName(at) || !draft.is(at + 1, '.')) return;
  draft.remove(databaseBefore(draft, at), at - 1);
  draft.replace(at, schema);
}

/** Somewhere it stands without a name behind it: then `public.x` may be a column of what is called so. */
function isPublicAnAlias(draft: Draft): boolean {
  for (let at = 0; at < draft.length; at++) {
    if (draft.is(at, 'public') && draft.isName(at) && !draft.is(at + 1, '.')) return true;
  }
  return false;
}

/** Where a qualified name begins whose schema is at `schema`: a client may put the database before it. */
function databaseBefore(draft: Draft, schema: number): number {
  return draft.is(schema - 1, '.') && draft.isName(schema - 2) ? schema - 2 : schema;
}

const CATALOGUE_NUMBERS: ReadonlyMap<string, number> = new Map(PG_CATALOG.map(([name, oid]) => [name, oid]));

/** `c.tableoid` is the number of the relation that is called `c`: every relation has it in PostgreSQL. */
function knowCatalogue(draft: Draft, at: number): void {
  if (!draft.is(at, 'tableoid') || !draft.is(at - 1, '.') || !draft.isName(at - 2)) return;
  const number = draft.numberOf(draft.at(at - 2)?.value ?? '', at);
  if (number === undefined) return;
  draft.remove(databaseBefore(draft, at - 2), at - 1);
  draft.replace(at, String(number));
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
  'select where and or not when then else on by case having limit in like is between distinct all from returning'.split(
    ' ',
  ),
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
  if (token?.kind !== 'string') return;
  const literal = token.value.trim();
  if (!literal.startsWith('{') || !literal.endsWith('}')) return;
  const isOperand =
    draft.is(at - 1, '(') && draft.is(at - 2, 'any', 'all', 'some') && draft.is(at + 1, ')', '::');
  if (!isOperand && !isCastToArray(draft, at + 1)) return;
  const elements = arrayElements(literal);
  if (elements === undefined) return;
  draft.replace(
    at,
    `[${elements.map((element) => (element === null ? 'NULL' : `'${element.replaceAll("'", "''")}'`)).join(', ')}]`,
  );
}

/** Words after which a comparison begins, so that what stands before its `=` is all of one side. */
const BEFORE_COMPARISON: ReadonlySet<string> = new Set('where and or on when not ('.split(' '));

/**
 * `a.attnum = ANY (i.indkey)`, of two columns: DuckDB makes a subquery of it, which may not stand in the condition of an
 * outer join.
 */
function lookInList(draft: Draft, at: number): void {
  if (draft.at(at)?.text !== '=' || !draft.is(at + 1, 'any', 'some') || !draft.is(at + 2, '(')) return;
  const close = draft.closing(at + 2);
  const from = columnStart(draft, at - 1);
  if (from === undefined || !draft.is(from - 1, ...BEFORE_COMPARISON)) return;
  if (columnStart(draft, close - 1) !== at + 3) return;
  draft.wrap(from, close, 'is_any(', '');
  draft.replace(at, ',');
  draft.remove(at + 1, at + 2);
}

/** Where a column begins whose name ends here, with a table before it or without. */
function columnStart(draft: Draft, end: number): number | undefined {
  if (!draft.isName(end)) return undefined;
  return draft.is(end - 1, '.') && draft.isName(end - 2) ? end - 2 : end;
}

/** In patterns of PostgreSQL a backslash escapes unless something else is said; the engine's have no escapes by themselves. */
function readPattern(draft: Draft, at: number): void {
  const token = draft.at(at);
  if (token?.kind !== 'string' || !token.value.includes('\\')) return;
  const next = draft.at(at + 1);
  const isWhole = !draft.is(at + 1, 'escape', '::') && next?.kind !== 'operator';
  if (isWhole && draft.is(at - 1, 'like', 'ilike')) draft.replace(at, `${token.text} ESCAPE '\\'`);
}

function isCastToArray(draft: Draft, at: number): boolean {
  if (!draft.is(at, '::')) return false;
  const name = draft.is(at + 2, '.') ? at + 3 : at + 1;
  return draft.is(name + 1, '[');
}

/** The elements of a one-dimensional array literal (documentation, chapter 8.15.2); undefined for any other. */
function arrayElements(literal: string): (string | null)[] | undefined {
  const body = literal.slice(1, -1);
  if (body.trim() === '') return [];
  const elements: (string | null)[] = [];
  // Spaces around a bare element are taken off afterwards: a pattern that did it would try them in many ways.
  const element = /(?:\s*"((?:[^"\\]|\\[\s\S])*)"\s*|([^,{}"]*))(,|$)/y;
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
  'regclass regproc regprocedure regtype regnamespace regrole regoper regoperator regcollation regconfig regdictionary'.split(
    ' ',
  ),
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
    const next = draft.is(name + 1, '::')
      ? (draft.at(draft.is(name + 3, '.') ? name + 4 : name + 2)?.value ?? '')
      : '';
    draft.remove(at, name);
    draft.wrap(from, at - 1, `${macroFor(draft, type, from, at - 1, next)}(`, ')');
  } else if (draft.at(at)?.kind === 'word' && draft.is(at, 'cast') && draft.is(at + 1, '(')) {
    const close = draft.closing(at + 1);
    const type = draft.at(close - 1)?.value ?? '';
    const as = draft.is(close - 2, '.') ? close - 4 : close - 2;
    if (!OBJECT_TYPES.has(type) || !draft.is(as, 'as')) return;
    const next = draft.is(close + 1, 'as')
      ? (draft.at(draft.is(close + 3, '.') ? close + 4 : close + 2)?.value ?? '')
      : '';
    draft.replace(at, macroFor(draft, type, at + 2, as - 1, next));
    draft.remove(as, close - 1);
  }
}

/** DuckDB has an `oid` of 64 bits with a sign; that of the catalogue has 32 and none, which tells clients what it is. */
function castToOid(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at, 'oid')) return;
  const start = draft.is(at - 1, '.') && draft.is(at - 2, 'pg_catalog') ? at - 2 : at;
  // An alias may be called so as well: `SELECT x AS oid`, which no bracket closes after a `CAST(`.
  const isInCast =
    draft.is(start - 1, 'as') &&
    draft.is(at + 1, ')') &&
    isCall(draft, draft.opening(at + 1), 'cast', 'try_cast');
  if (draft.is(start - 1, '::') || isInCast) draft.replace(at, 'UINTEGER');
}

/**
 * PostgreSQL's `numeric` has as many digits as the value; DuckDB's has three after the point and rounds the rest away
 * without a word. So it becomes the type of the ledger's own amounts, which fails where digits before the point are too
 * many.
 */
function castToNumeric(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at, 'numeric', 'decimal', 'dec') || draft.is(at + 1, '('))
    return;
  const start = draft.is(at - 1, '.') && draft.is(at - 2, 'pg_catalog') ? at - 2 : at;
  const close = draft.is(at + 1, '[') ? at + 3 : at + 1;
  const isInCast =
    draft.is(start - 1, 'as') &&
    draft.is(close, ')') &&
    isCall(draft, draft.opening(close), 'cast', 'try_cast');
  if (draft.is(start - 1, '::') || isInCast) draft.replace(at, EXACT_NUMERIC);
}

const EXACT_NUMERIC = 'DECIMAL(38, 15)';

function isCall(draft: Draft, open: number, ...names: readonly string[]): boolean {
  return draft.is(open, '(') && draft.at(open - 1)?.kind === 'word' && draft.is(open - 1, ...names);
}

function macroFor(draft: Draft, type: string, from: number, to: number, next: string): string {
  const kind = draft.at(from)?.kind;
  const isGiven = from === to && (kind === 'string' || kind === 'parameter');
  return isGiven || draft.isComposed(from, to) || draft.is(from, 'quote_ident') || NUMBER_TYPES.has(next)
    ? `${type}_oid`
    : `${type}_name`;
}

/** More casts than this on one value stand only in an attack. */
const MAX_CASTS = 16;

/** Where the operand begins that ends at `end`: a value, a call, brackets, with the casts and subscripts on it. */
function operandStart(draft: Draft, end: number): number {
  let at = end;
  for (let casts = 0; casts <= MAX_CASTS; casts++) {
    at = valueStart(draft, at);
    if (!draft.is(at - 1, '::')) return at;
    at -= 2;
  }
  return at;
}

function valueStart(draft: Draft, end: number): number {
  let at = end;
  while (draft.is(at, ']') && at > 0) at = draft.opening(at) - 1;
  if (draft.is(at, ')')) {
    at = draft.opening(at);
    if (!draft.isName(at - 1)) return at;
    at--;
  }
  while (draft.is(at - 1, '.') && draft.isName(at - 2)) at -= 2;
  return at;
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
  'string_to_array current_setting current_schemas current_schema current_database version parse_ident'.split(
    ' ',
  ),
);

/** A call as a table: `f(x) AS s` there is one column that is called like the table. As a column, a series is its rows. */
function callInFrom(draft: Draft, at: number): void {
  if (draft.at(at)?.kind !== 'word' || !draft.is(at + 1, '(')) return;
  const isSeries = draft.is(at, 'generate_series');
  if (!isSeries && !draft.is(at, ...VALUE_FUNCTIONS)) return;
  const close = draft.closing(at + 1);
  const list = listAround(draft, at);
  if (isSeries && list === 'select') draft.wrap(at, close, 'unnest(', ')');
  if (list !== 'from' && list !== 'join') return;
  const alias = draft.is(close + 1, 'as') ? close + 2 : close + 1;
  const name = draft.at(alias);
  if (name === undefined || !draft.isName(alias) || draft.is(alias + 1, '(')) return;
  if (name.kind === 'word' && AFTER_FROM.has(name.value)) return;
  if (isSeries) draft.replace(alias, `${name.text}(${name.text})`);
  else draft.wrap(at, close, '(SELECT ', ` AS ${name.text})`);
}

/** `generate_series(array_lower(a, 1), array_upper(a, 1))`: as many as the array has, where a series of its own is refused. */
function countSubscripts(draft: Draft, at: number): boolean {
  if (!draft.is(at, 'generate_series') || !draft.is(at + 1, '(') || !draft.is(at + 2, 'array_lower'))
    return false;
  // In FROM a series is allowed, and has a name for its column.
  if (listAround(draft, at) !== 'select') return false;
  const close = draft.closing(at + 1);
  const lower = draft.closing(at + 3);
  const upper = lower + 2;
  if (!draft.is(upper, 'array_upper') || draft.closing(upper + 1) !== close - 1) return false;
  for (let offset = 0; at + 3 + offset <= lower; offset++) {
    if (draft.at(at + 3 + offset)?.text !== draft.at(upper + 1 + offset)?.text) return false;
  }
  draft.replace(at, 'generate_subscripts');
  draft.remove(at + 1, at + 2);
  draft.remove(lower + 1, close);
  return true;
}

const AFTER_FROM: ReadonlySet<string> = new Set(
  'where group order having limit offset union except intersect join left right full inner cross natural on using window fetch for'.split(
    ' ',
  ),
);
/** The word that begins the list in which the item at `start` stands; undefined where it is part of something else. */
function listAround(draft: Draft, start: number): string | undefined {
  // A `pg_catalog.` before it has been taken away, but is still among the tokens.
  const before = draft.is(start - 1, '.') ? start - 3 : start - 1;
  return draft.is(before, ',', 'from', 'join', 'lateral', 'select', 'distinct')
    ? draft.listWord(start)
    : undefined;
}
