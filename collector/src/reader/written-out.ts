import { type ReaderError, refusal } from './errors.ts';
import { folded } from './reach.ts';

/**
 * How large a statement becomes when the engine writes out what it abbreviates: a star, the alias of a column that is
 * used again, a common table expression, a join by all that has the same name. A few lines of them can stand for
 * billions of nodes; the engine plans these before it hears an interrupt or asks how much memory there is. Twenty-six
 * columns, each the sum of the last one and itself, never came back.
 */

/** Nodes of expressions, written out. A list of 30,000 names is planned in 0.4 s, and 25,000 conditions in 4 s. */
const MAX_NODES = 100_000;
/** Nodes within nodes where an alias stands for what it names: 200 of them took longer than anybody waited. */
const MAX_DEPTH = 120;
/** SELECTs, with those of a common table expression as often as it is named. */
const MAX_SELECTS = 2000;
/** Columns of one SELECT; 12,000 took 4 s. */
const MAX_COLUMNS = 5000;
/** Relations of one FROM. Finding an order for a hundred of them took 10 s. */
const MAX_JOINED = 40;
/** Joins by the columns that are there, which are looked for in all relations before; 25 took 7 s. */
const MAX_NATURAL_JOINS = 8;
/** Columns that a PIVOT makes; 10,000 took 3 s. */
const MAX_PIVOTED = 2000;
/** Conditions that one AND or OR has: 10,000 took 8 s. */
const MAX_CONDITIONS = 5000;
/** Aggregates of distinct values, each with a table of its own: 3,000 took 2 GB. */
const MAX_DISTINCT = 200;

/** What a view has, or more. */
const COLUMNS_OF_RELATION = 60;

type Node = Readonly<Record<string, unknown>>;

/** A part of a statement, written out. */
interface Size {
  readonly nodes: number;
  readonly depth: number;
  readonly selects: number;
  /** Stars in an expression: it is repeated for every column that they stand for, which are `spread` at most. */
  readonly stars: number;
  readonly spread: number;
  readonly distinct: number;
}

interface Relation {
  readonly size: Size;
  readonly columns: number;
  /** Columns of the relations that a star may name. */
  readonly named: ReadonlyMap<string, number>;
  readonly joined: number;
  readonly naturalJoins: number;
}

/** What names stand for. */
interface Names {
  readonly expressions: ReadonlyMap<string, Relation>;
  readonly aliases: ReadonlyMap<string, Size>;
  /** What stars stand for. */
  readonly source: Relation;
}

const NOTHING: Size = { nodes: 0, depth: 0, selects: 0, stars: 0, spread: 0, distinct: 0 };
const NOWHERE: Relation = { size: NOTHING, columns: 0, named: new Map(), joined: 0, naturalJoins: 0 };

/**
 * @param tree as `guard` takes it
 * @throws {ReaderError} SL_QUERY_REFUSED 54001
 */
export function expectBoundedWhenWrittenOut(tree: unknown): void {
  sizeOf(tree, { expressions: new Map(), aliases: new Map(), source: NOWHERE });
}

function sizeOf(value: unknown, names: Names): Size {
  if (Array.isArray(value)) return together(value.map((item) => sizeOf(item, names)));
  if (!isNode(value)) return NOTHING;
  if (isQuery(value)) return queryOf(value, names).size;
  switch (value.class) {
    case 'CONSTANT':
      return { ...NOTHING, nodes: 1, depth: 1 };
    case 'COLUMN_REF':
      return aliasOf(value, names) ?? { ...NOTHING, nodes: 1, depth: 1 };
    case 'CONJUNCTION':
      if (Array.isArray(value.children) && value.children.length > MAX_CONDITIONS)
        throw tooMuch(`more than ${MAX_CONDITIONS} conditions in one AND or OR`);
  }
  const inner = together(Object.values(value).map((part) => sizeOf(part, names)));
  return within({
    ...inner,
    nodes: inner.nodes + 1,
    depth: inner.depth + 1,
    stars: inner.stars + (value.class === 'STAR' ? 1 : 0),
    spread: Math.max(inner.spread, value.class === 'STAR' ? columnsOfStar(value, names) : 0),
    distinct: inner.distinct + (value.class === 'FUNCTION' && value.distinct === true ? 1 : 0),
  });
}

function queryOf(node: Node, outside: Names): Relation {
  const names = withExpressions(node, outside);
  switch (node.type) {
    case 'SELECT_NODE':
      return selectOf(node, names);
    case 'RECURSIVE_CTE_NODE': {
      const { left, right } = node;
      const first = relationOf(left, names);
      // Where it names itself, it is what the step before has made.
      const itself = { ...first, size: { ...NOTHING, nodes: 1 } };
      const expressions = new Map(names.expressions).set(folded(String(node.cte_name)), itself);
      const next = relationOf(right, { ...names, expressions });
      return { ...first, size: within(together([first.size, next.size])) };
    }
    default: {
      // UNION and its kind: by name, each may add its columns.
      const { cte_map: _, modifiers, ...parts } = node;
      const sides = queriesIn(Object.values(parts)).map((side) => relationOf(side, names));
      const columns = sides.map((side) => side.columns);
      const isByName = String(node.setop_type).includes('BY_NAME');
      return aRelation(
        together([...sides.map(({ size }) => size), sizeOf(modifiers, names)]),
        isByName ? columns.reduce((sum, count) => sum + count, 0) : Math.max(0, ...columns),
      );
    }
  }
}

function selectOf(node: Node, { expressions, aliases: outer }: Names): Relation {
  const { cte_map: _, select_list: items, from_table: from, ...rest } = node;
  const source = relationOf(from, { expressions, aliases: new Map(), source: NOWHERE });
  const aliases = new Map(outer);
  const names = { expressions, aliases, source };
  let columns = 0;
  const sizes: Size[] = [];
  for (const item of Array.isArray(items) ? items : []) {
    const size = repeated(sizeOf(item, names));
    sizes.push(size);
    columns += size.stars === 0 ? 1 : size.spread;
    if (isNode(item) && typeof item.alias === 'string') aliases.set(folded(item.alias), size);
  }
  const clauses = Object.values(rest).map((part) => repeated(sizeOf(part, names)));
  const { nodes, depth, selects, distinct } = together([source.size, ...sizes, ...clauses]);
  return aRelation(within({ nodes, depth, selects: selects + 1, distinct, stars: 0, spread: 0 }), columns);
}

/** What stands in FROM, or a query. */
function relationOf(node: unknown, names: Names): Relation {
  if (!isNode(node)) return aRelation(NOTHING, 0);
  if (isQuery(node)) return queryOf(node, names);
  switch (node.type) {
    case 'BASE_TABLE': {
      const isUnqualified = node.schema_name === undefined && node.catalog_name === undefined;
      const expression = isUnqualified ? names.expressions.get(folded(String(node.table_name))) : undefined;
      const name = node.alias ?? node.table_name;
      if (expression !== undefined) return aRelation(within(expression.size), expression.columns, name);
      return aRelation({ ...NOTHING, nodes: 1 }, COLUMNS_OF_RELATION, name);
    }
    case 'JOIN': {
      const { left, right, ...rest } = node;
      const [a, b] = [relationOf(left, names), relationOf(right, names)];
      const isNatural = node.ref_type === 'NATURAL' || Array.isArray(node.using_columns);
      const size = within(together([a.size, b.size, sizeOf(rest, names)]));
      const joined = a.joined + b.joined;
      const naturalJoins = a.naturalJoins + b.naturalJoins + (isNatural ? 1 : 0);
      if (joined > MAX_JOINED) throw tooMuch(`more than ${MAX_JOINED} relations in one FROM`);
      if (naturalJoins > MAX_NATURAL_JOINS)
        throw tooMuch(`more than ${MAX_NATURAL_JOINS} joins with NATURAL or USING in one FROM`);
      const named = new Map([...a.named, ...b.named]);
      return { size, columns: a.columns + b.columns, named, joined, naturalJoins };
    }
    case 'PIVOT': {
      const { source, ...rest } = node;
      const pivoted = pivotedColumns(node);
      if (pivoted > MAX_PIVOTED) throw tooMuch(`a PIVOT that makes more than ${MAX_PIVOTED} columns`);
      const from = relationOf(source, names);
      return aRelation(within(together([from.size, sizeOf(rest, names)])), from.columns + pivoted);
    }
    default: {
      const queries = queriesIn(node).map((query) => relationOf(query, names));
      if (queries.length === 0) return aRelation(sizeOf(Object.values(node), names), COLUMNS_OF_RELATION);
      return aRelation(
        together(queries.map(({ size }) => size)),
        Math.max(...queries.map(({ columns }) => columns)),
        node.alias,
      );
    }
  }
}

/** The queries that a part has directly, such as a subquery or both sides of a UNION. */
function queriesIn(value: unknown): Node[] {
  if (Array.isArray(value)) return value.flatMap(queriesIn);
  if (!isNode(value)) return [];
  if (isQuery(value)) return [value];
  return value.class === undefined ? Object.values(value).flatMap(queriesIn) : [];
}

function pivotedColumns({ pivots, aggregates }: Node): number {
  const entries = (Array.isArray(pivots) ? pivots : []).map((pivot) =>
    isNode(pivot) && Array.isArray(pivot.entries) ? pivot.entries.length : 1,
  );
  const values = Array.isArray(aggregates) ? aggregates.length : 1;
  return entries.reduce((product, count) => product * count, values);
}

function withExpressions({ cte_map: map }: Node, names: Names): Names {
  if (!isNode(map) || !Array.isArray(map.map)) return names;
  const expressions = new Map(names.expressions);
  for (const entry of map.map) {
    if (!isNode(entry)) continue;
    const [query] = queriesIn(entry.value);
    if (query === undefined) continue;
    expressions.set(
      folded(String(entry.key)),
      queryOf(query, { ...names, expressions: new Map(expressions) }),
    );
  }
  return { ...names, expressions };
}

function aliasOf(node: Node, { aliases }: Names): Size | null {
  const written = node.column_names;
  if (!Array.isArray(written) || written.length !== 1) return null;
  return aliases.get(folded(String(written[0]))) ?? null;
}

function columnsOfStar({ relation_name: name }: Node, { source }: Names): number {
  return (name === undefined ? undefined : source.named.get(folded(String(name)))) ?? source.columns;
}

function repeated(size: Size): Size {
  if (size.stars === 0) return size;
  // Stars in one expression stand for the same columns, unless one is unpacked into arguments.
  return within({ ...size, nodes: size.nodes * Math.max(1, size.spread) ** Math.min(size.stars, 2) });
}

function aRelation(size: Size, columns: number, name?: unknown): Relation {
  if (columns > MAX_COLUMNS) throw tooMuch(`a SELECT of more than ${MAX_COLUMNS} columns`);
  const named = new Map(name === undefined ? [] : [[folded(String(name)), columns]]);
  return { size, columns, named, joined: 1, naturalJoins: 0 };
}

function together(sizes: readonly Size[]): Size {
  let { nodes, depth, selects, stars, spread, distinct } = NOTHING;
  for (const size of sizes) {
    nodes += size.nodes;
    depth = Math.max(depth, size.depth);
    selects += size.selects;
    stars += size.stars;
    spread = Math.max(spread, size.spread);
    distinct += size.distinct;
  }
  return within({ nodes, depth, selects, stars, spread, distinct });
}

/** As soon as it is too much: some would be more than a number can hold. */
function within(size: Size): Size {
  if (size.nodes > MAX_NODES) throw tooMuch(`more than ${MAX_NODES} parts`);
  if (size.depth > MAX_DEPTH) throw tooMuch(`parts nested more than ${MAX_DEPTH} deep`);
  if (size.selects > MAX_SELECTS) throw tooMuch(`more than ${MAX_SELECTS} SELECTs`);
  if (size.distinct > MAX_DISTINCT) throw tooMuch(`more than ${MAX_DISTINCT} aggregates of distinct values`);
  return size;
}

function tooMuch(what: string): ReaderError {
  return refusal(
    'statementTooComplex',
    `The statement has ${what} when its stars, aliases and common table expressions are written out.`,
  );
}

const QUERIES: ReadonlySet<unknown> = new Set(['SELECT_NODE', 'SET_OPERATION_NODE', 'RECURSIVE_CTE_NODE']);

function isQuery(node: Node): boolean {
  return node.class === undefined && QUERIES.has(node.type);
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
