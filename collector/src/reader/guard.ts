import { mistake, type ReaderError, refusal } from './errors.ts';
import { WRITTEN_ARGUMENTS } from './functions.ts';
import { folded, type Reach, reaches } from './reach.ts';
import { expectBoundedWhenWrittenOut } from './written-out.ts';

/**
 * Which statements may run, decided on the whole tree that the engine's own parser makes of them: every relation and
 * every function must be in reach, every kind of node must be known. Nothing is looked for that is forbidden, so what
 * nobody has thought of is refused.
 *
 * @param tree what `json_serialize_sql` gives for the text of one SELECT, without its envelope
 * @throws {ReaderError} SL_QUERY_REFUSED, SL_QUERY_FAILED where a relation is named that does not exist
 */
export function guard(tree: unknown, reach: Reach): void {
  walk(tree, { reach, expressions: NONE, parameters: null, depth: 0, selects: { count: 0 } });
  expectBoundedWhenWrittenOut(tree);
}

/** What surrounds a part of a statement. */
interface Scope {
  readonly reach: Reach;
  /** Common table expressions that can be named here. */
  readonly expressions: ReadonlySet<string>;
  /** Within a lambda: its parameters, which are all that it may use. */
  readonly parameters: ReadonlySet<string> | null;
  readonly depth: number;
  /** All SELECTs so far, of the whole statement. */
  readonly selects: { count: number };
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Nodes within nodes. The engine's binder takes time that grows with the square of it and more, and does not hear the
 * interrupt: `1+1+…` takes 40 ms at 120, 0.6 s at 200, more than 20 s at 900.
 */
const MAX_DEPTH = 120;

/** SELECTs of one statement. Planning 8,000 of them behind one another took 12 s, and did not hear the interrupt either. */
const MAX_SELECTS = 500;

/** Where a node that says its class may go on, each to be looked at in turn. */
const PLAIN_EXPRESSIONS: ReadonlySet<string> = new Set([
  'BETWEEN',
  'CASE',
  'CAST',
  'COLLATE',
  'COMPARISON',
  'CONJUNCTION',
  'OPERATOR',
  'PARAMETER',
  'POSITIONAL_REFERENCE',
  'STAR',
]);

/** Nodes that have a type and no class. */
const PLAIN_NODES: ReadonlySet<string> = new Set([
  'SELECT_NODE',
  'SET_OPERATION_NODE',
  'EMPTY',
  'EXPRESSION_LIST',
  'JOIN',
  'PIVOT',
  'SUBQUERY',
  'DISTINCT_MODIFIER',
  'LIMIT_MODIFIER',
  'LIMIT_PERCENT_MODIFIER',
  'ORDER_MODIFIER',
  'ORDER_DEFAULT',
  'ORDER_ASCENDING',
  'ORDER_DESCENDING',
  'ASCENDING',
  'DESCENDING',
  'DECIMAL_TYPE_INFO',
  'LIST_TYPE_INFO',
  'ARRAY_TYPE_INFO',
  'STRUCT_TYPE_INFO',
  'STRING_TYPE_INFO',
  'UNBOUND_TYPE_INFO',
]);

/** Words that lead to something by its name; they may stand only in nodes that are asked about it. */
const LEADS_SOMEWHERE = ['table_name', 'schema_name', 'catalog_name', 'function_name', 'pivot_enum'] as const;

type Node = Readonly<Record<string, unknown>>;

function walk(value: unknown, scope: Scope): void {
  if (Array.isArray(value)) for (const item of value) walk(item, scope);
  else if (isNode(value)) visit(value, scope);
}

function visit(node: Node, outside: Scope): void {
  const scope = { ...outside, depth: outside.depth + 1 };
  if (scope.depth > MAX_DEPTH) {
    throw refusal('statementTooComplex', `The statement has parts nested more than ${MAX_DEPTH} deep.`);
  }
  if (typeof node.class === 'string') visitExpression(node, node.class, scope);
  else if (typeof node.type === 'string') visitPart(node, node.type, scope);
  else {
    leadsNowhere(node);
    walkParts(node, scope);
  }
}

function visitExpression(node: Node, kind: string, scope: Scope): void {
  switch (kind) {
    case 'CONSTANT':
      // A value has no names in it, whatever it looks like.
      return;
    case 'FUNCTION':
    case 'WINDOW':
      checkFunction(node, scope.reach.functions, scope.reach);
      checkWrittenArguments(node);
      walkParts(node, scope);
      return;
    case 'COLUMN_REF':
      checkColumn(node, scope);
      return;
    case 'LAMBDA':
      walk(node.lhs, scope);
      walk(node.expr, { ...scope, parameters: scope.parameters === null ? namesIn(node.lhs) : NONE });
      return;
    case 'SUBQUERY':
      if (scope.parameters !== null) throw foreignInLambda('a subquery');
      leadsNowhere(node);
      walkParts(node, scope);
      return;
    default:
      if (!PLAIN_EXPRESSIONS.has(kind)) throw unknownPart(kind);
      leadsNowhere(node);
      walkParts(node, scope);
  }
}

function visitPart(node: Node, type: string, scope: Scope): void {
  switch (type) {
    case 'BASE_TABLE':
      checkRelation(node, scope);
      walkParts(node, scope);
      return;
    case 'TABLE_FUNCTION':
      checkTableFunction(node, scope);
      return;
    case 'SHOW_REF':
      checkShow(node, scope);
      // Whether names of common table expressions hold in there is not something to rely on.
      walk(node.query, { ...scope, expressions: NONE });
      return;
    case 'RECURSIVE_CTE_NODE': {
      // Its first part runs before there is anything to recur to; the name means something else there.
      const { left, right, ...rest } = node;
      leadsNowhere(node);
      walk(left, scope);
      walk(right, withExpression(scope, textOf(node.cte_name)));
      walkParts(rest, scope);
      return;
    }
    default:
      if (!PLAIN_NODES.has(type)) throw unknownPart(type);
      if (type === 'SELECT_NODE' && ++scope.selects.count > MAX_SELECTS) {
        throw refusal('statementTooComplex', `The statement has more than ${MAX_SELECTS} SELECTs.`);
      }
      leadsNowhere(node);
      walkParts(node, scope);
  }
}

/** All that is in a node, with the names that its own common table expressions add. */
function walkParts(node: Node, scope: Scope): void {
  const { cte_map: expressions, ...parts } = node;
  const inner = isNode(expressions) ? walkExpressions(expressions.map, scope) : scope;
  for (const part of Object.values(parts)) if (typeof part === 'object') walk(part, inner);
}

/** Each common table expression can name those before it. */
function walkExpressions(entries: unknown, scope: Scope): Scope {
  let inner = scope;
  for (const entry of Array.isArray(entries) ? entries : []) {
    if (!isNode(entry)) continue;
    const name = textOf(entry.key);
    checkExpressionName(name);
    walk(entry.value, inner);
    inner = withExpression(inner, name);
  }
  return inner;
}

function withExpression(scope: Scope, name: string): Scope {
  return { ...scope, expressions: new Set([...scope.expressions, folded(name)]) };
}

/** Were this walk ever wrong about where such a name holds, it would be one of the engine's lists or of a file. */
const NAMES_OF_OTHERS = /^(duckdb_|pg_|pragma_|sqlite_|information_schema)|[./\\:*?[\]{}'"]/i;

function checkExpressionName(name: string): void {
  if (name === '' || NAMES_OF_OTHERS.test(name)) {
    throw refusal(
      'insufficientPrivilege',
      `WITH may not give the name ${quoted(name)}, which something else has. Choose another.`,
    );
  }
}

function checkRelation(node: Node, { reach, expressions }: Scope): void {
  const relation = {
    catalog: textOf(node.catalog_name),
    schema: textOf(node.schema_name),
    name: textOf(node.table_name),
  };
  const isUnqualified = relation.schema === '' && relation.catalog === '';
  if (isUnqualified && expressions.has(folded(relation.name))) return;
  if (reaches(reach, relation)) return;
  const written = [relation.catalog, relation.schema, relation.name].filter((part) => part !== '').join('.');
  const available = reach.schemas
    .filter(({ isOnPath }) => isOnPath)
    .flatMap(({ relations }) => [...relations].sort())
    .slice(0, 30);
  const message = `The relation ${quoted(written)} does not exist for readers. There are: ${available.join(', ')}.`;
  // A name alone is more likely written wrong than reaching for something.
  throw isUnqualified ? mistake('undefinedTable', message) : refusal('undefinedTable', message);
}

function checkTableFunction(node: Node, scope: Scope): void {
  const call = node.function;
  if (!isNode(call) || call.class !== 'FUNCTION') throw unknownPart('TABLE_FUNCTION');
  checkFunction(call, scope.reach.tableFunctions, scope.reach);
  const { function: _call, ...rest } = node;
  walkParts(rest, scope);
  walkParts(call, scope);
}

function checkFunction(node: Node, allowed: ReadonlySet<string>, reach: Reach): void {
  const name = textOf(node.function_name);
  const schema = folded(textOf(node.schema));
  const catalog = folded(textOf(node.catalog));
  const isOfEngine =
    (schema === '' || schema === 'main' || schema === 'pg_catalog') &&
    (catalog === '' || catalog === 'system');
  const isOfReach = reach.schemas.some(
    (one) => one.schema === schema && (catalog === '' || one.catalog === catalog),
  );
  if (allowed.has(folded(name)) && (isOfEngine || isOfReach)) return;
  throw refusal(
    'insufficientPrivilege',
    `The function ${quoted(name)} is not one that readers may call${allowed === reach.tableFunctions ? ' in FROM' : ''}. ` +
      'It does not exist, or it reads, changes or costs more than a query on the ledger should.',
  );
}

/** Some functions make much out of little, unless what they are told to make is there in the text. */
function checkWrittenArguments(node: Node): void {
  const name = folded(textOf(node.function_name));
  const rule = WRITTEN_ARGUMENTS.get(name);
  if (rule === undefined) return;
  const written = (Array.isArray(node.children) ? node.children : []).slice(rule.from, rule.to + 1);
  for (const argument of written) {
    const text = textOfConstant(argument);
    if (text !== null && (rule.pattern === undefined || rule.pattern.test(text))) continue;
    if (rule.pattern === undefined && isNode(argument) && argument.class === 'PARAMETER') continue;
    throw refusal(
      'featureNotSupported',
      rule.pattern === undefined
        ? `What ${name} looks for and puts there must be written out, not computed.`
        : `The format of ${name} must be written out, with widths below 1000.`,
    );
  }
}

function checkColumn(node: Node, { parameters }: Scope): void {
  if (parameters === null) return;
  const first = Array.isArray(node.column_names) ? textOf(node.column_names[0]) : '';
  if (!parameters.has(folded(first))) throw foreignInLambda(`the column ${quoted(first)}`);
}

function checkShow(node: Node, { reach }: Scope): void {
  const isQuery = node.query !== undefined && node.table_name === undefined;
  const isList = node.show_type === 'SHOW_UNQUALIFIED' && node.table_name === '"tables"';
  const isElsewhere = node.schema_name !== undefined || node.catalog_name !== undefined;
  if (!isElsewhere && (isQuery || (isList && reach.mayListTables))) return;
  throw refusal('insufficientPrivilege', 'Of the SHOW statements readers have SHOW TABLES and DESCRIBE.');
}

/** The parameters of a lambda: `x`, or `(x, i)`. Of a JSON path, `column -> 'key'`, which looks the same, nothing is used. */
function namesIn(declared: unknown): ReadonlySet<string> {
  if (!isNode(declared)) return NONE;
  const nodes: unknown[] = Array.isArray(declared.children) ? declared.children : [declared];
  const names = nodes.flatMap((node) =>
    isNode(node) && Array.isArray(node.column_names) && node.column_names.length === 1
      ? [folded(textOf(node.column_names[0]))]
      : [],
  );
  return new Set(names);
}

function foreignInLambda(what: string): ReaderError {
  return refusal(
    'featureNotSupported',
    `A lambda may use its own parameters, and not ${what}: for every element it would be copied.`,
  );
}

function unknownPart(kind: string): ReaderError {
  return refusal('featureNotSupported', `The statement has a part that readers may not use (${kind}).`);
}

function leadsNowhere(node: Node): void {
  for (const word of LEADS_SOMEWHERE) if (node[word] !== undefined) throw unknownPart(word);
}

function textOfConstant(node: unknown): string | null {
  if (!isNode(node) || node.class !== 'CONSTANT' || !isNode(node.value)) return null;
  const { value, is_null, type } = node.value;
  // An empty text is left out of the tree, as all that is empty.
  const isEmptyText = value === undefined && is_null === false && isNode(type) && type.id === 'VARCHAR';
  if (isEmptyText) return '';
  return typeof value === 'string' ? value : null;
}

/** A name that is left out is the empty text in the tree of the engine. */
function textOf(value: unknown): string {
  if (value === undefined) return '';
  if (typeof value === 'string') return value;
  throw unknownPart('a name that is no text');
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Enough of a name to find it in the statement. */
function quoted(name: string): string {
  return `"${name.length > 80 ? `${name.slice(0, 80)}…` : name}"`;
}
