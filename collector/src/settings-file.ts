import { type TObject, type TSchema, Type } from 'typebox';
import { Settings as TypeBoxSettings } from 'typebox/system';
import { Value } from 'typebox/value';
import { parseDocument } from 'yaml';

/**
 * Reading what people write: YAML against a schema, with every problem at its place. Shared by the configuration and
 * by price and rule files.
 */

export interface SettingProblem {
  /** Where: a path in the file. */
  readonly path: string;
  /** What it must be, as a clause: `must be integer`. */
  readonly expected: string;
  readonly value: string;
}

/** TypeBox stops at 8, and all problems are to be seen at once; nobody reads more than this. */
const MAX_PROBLEMS = 1000;
TypeBoxSettings.Set({ maxErrors: MAX_PROBLEMS });

/** Every scalar stays the text that was written: `0.10` is not a float, and `no` is not false. */
export function parseYaml(
  text: string | null,
  file: string,
  problems: SettingProblem[],
): Record<string, unknown> {
  if (text === null || text.trim() === '') return {};
  const document = parseDocument(text, { schema: 'failsafe', uniqueKeys: true });
  for (const error of document.errors) {
    const [position] = error.linePos ?? [];
    problems.push({
      path: position === undefined ? file : `line ${position.line}, column ${position.col}`,
      expected: 'must be valid YAML',
      value: error.message.split('\n')[0] ?? error.code,
    });
  }
  if (problems.length > 0) return {};
  let tree: unknown;
  try {
    tree = document.toJS();
  } catch (error) {
    // An alias without its anchor, or more aliases than any configuration needs.
    problems.push({ path: file, expected: 'must be valid YAML', value: String(error) });
    return {};
  }
  if (tree === null || tree === '') return {};
  if (containsItself(tree)) {
    problems.push({
      path: file,
      expected: 'must end somewhere',
      value: 'an alias that stands within its own anchor',
    });
    return {};
  }
  if (isMap(tree)) return tree;
  problems.push({
    path: file,
    expected: 'must be a map of settings',
    value: JSON.stringify(tree),
  });
  return {};
}

function containsItself(tree: unknown): boolean {
  const around = new Set<unknown>();
  const seen = new Set<unknown>();
  const isWithinItself = (value: unknown): boolean => {
    if (typeof value !== 'object' || value === null || seen.has(value)) return around.has(value);
    seen.add(value);
    around.add(value);
    if (Object.values(value).some(isWithinItself)) return true;
    around.delete(value);
    return false;
  };
  return isWithinItself(tree);
}

/**
 * Whole numbers written in digits become numbers where the schema has an integer, `true` and `false` truth values where
 * it has those. Nothing else is bent into shape: `4.5` and an empty text are no ports.
 */
export function withScalars(schema: TSchema, value: unknown): unknown {
  if (Type.IsInteger(schema)) {
    return typeof value === 'string' && /^-?\d{1,15}$/.test(value) ? Number(value) : value;
  }
  if (Type.IsArray(schema) && Array.isArray(value)) {
    const { items } = schema;
    return value.map((item) => withScalars(items, item));
  }
  if (Type.IsBoolean(schema)) return value === 'true' ? true : value === 'false' ? false : value;
  if (Type.IsRecord(schema) && isMap(value)) {
    const [inner] = Object.values(schema.patternProperties);
    if (inner === undefined) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, withScalars(inner, item)]));
  }
  if (Type.IsUnion(schema)) {
    // Where one of the alternatives is a list and another a map, the value shows which one is meant.
    const meant = schema.anyOf.filter((one) =>
      Array.isArray(value) ? Type.IsArray(one) : Type.IsObject(one),
    );
    const [only, ...more] = meant;
    return only === undefined || more.length > 0 ? value : withScalars(only, value);
  }
  if (!Type.IsObject(schema) || !isMap(value)) return value;
  const { properties } = schema;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => {
      const property = Object.hasOwn(properties, key) ? properties[key] : undefined;
      return [key, property === undefined ? inner : withScalars(property, inner)];
    }),
  );
}

type Mistake = ReturnType<typeof Value.Errors>[number];

/** One problem for each place, in the words for people. */
export function collectProblems(
  schema: TObject,
  value: unknown,
  file: string,
  problems: SettingProblem[],
): void {
  const seen = new Set<string>();
  for (const mistake of meantMistakes(Value.Errors(schema, value))) {
    // A key that is not in the schema is reported as `false` at its own place, and once more at its parent.
    if (mistake.keyword === 'additionalProperties') continue;
    const keys = keysOf(mistake);
    const path = keys.length === 0 ? file : keys.join('.');
    if (seen.has(path)) continue;
    seen.add(path);
    problems.push({ path, expected: expectationOf(mistake, schema), value: shown(valueAt(value, keys)) });
  }
}

/**
 * An alternative reports the mistakes of all its branches. The branch that got furthest into the value is the one
 * that was meant, and only its mistakes help; when none got anywhere, the alternative itself is the mistake.
 */
function meantMistakes(mistakes: readonly Mistake[]): Mistake[] {
  let left = [...mistakes];
  for (const alternative of mistakes.filter(({ keyword }) => keyword === 'anyOf')) {
    const at = keysOf(alternative).length;
    const isBelow = (mistake: Mistake) =>
      mistake.schemaPath.startsWith(`${alternative.schemaPath}/anyOf/`) &&
      (mistake.instancePath === alternative.instancePath ||
        mistake.instancePath.startsWith(`${alternative.instancePath}/`));
    let furthest: { readonly depth: number; readonly branch: string } | null = null;
    for (const mistake of left.filter(isBelow)) {
      // A key that the branch does not know tells against it, however deep it lies.
      const depth = keysOf(mistake).length - (mistake.keyword === 'boolean' ? 1 : 0);
      const branch = mistake.schemaPath.slice(0, `${alternative.schemaPath}/anyOf/0`.length);
      if (depth > (furthest?.depth ?? at)) furthest = { depth, branch };
    }
    left = left.filter((mistake) =>
      mistake === alternative
        ? furthest === null
        : !isBelow(mistake) || (furthest !== null && mistake.schemaPath.startsWith(furthest.branch)),
    );
  }
  return left;
}

/** The keys of a JSON pointer (RFC 6901). */
function keysOf({ instancePath }: Mistake): string[] {
  return instancePath.split('/').slice(1).map(unescaped);
}

function unescaped(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}

function expectationOf({ keyword, message, params, schemaPath }: Mistake, schema: TSchema): string {
  if (keyword === 'boolean') return 'is not a setting';
  // The description of alternatives says what they are.
  if (keyword === 'anyOf') return `must be ${descriptionAt(schema, schemaPath)}`;
  const allowed: unknown = 'allowedValues' in params ? params.allowedValues : undefined;
  if (Array.isArray(allowed)) return `must be one of ${allowed.join(', ')}`;
  return message;
}

function descriptionAt(schema: TSchema, schemaPath: string): string {
  const keys = schemaPath.split('/').slice(1).map(unescaped);
  const at = valueAt(schema, keys);
  return isMap(at) && typeof at.description === 'string' ? at.description : 'one of the alternatives';
}

function valueAt(tree: unknown, keys: readonly string[]): unknown {
  let value = tree;
  for (const key of keys) {
    if (Array.isArray(value)) value = value[Number(key)];
    else value = isMap(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  }
  return value;
}

export function shown(value: unknown): string {
  const text = value === undefined ? 'nothing' : JSON.stringify(value);
  return text.length > 120 ? `${text.slice(0, 117)}…` : text;
}

export function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
