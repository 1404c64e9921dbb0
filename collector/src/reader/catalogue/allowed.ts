import { readFileSync } from 'node:fs';
import {
  INFORMATION_SCHEMA_SHIM,
  MATCH_OPERATORS,
  RENAMED_FUNCTIONS,
  SHIM_DATABASE,
  SYSTEM_SCHEMA,
} from './names.ts';
import { INFORMATION_SCHEMA, PG_CATALOG } from './system-relations.ts';

const SYSTEM_NAMES: ReadonlySet<string> = new Set(PG_CATALOG.map(([name]) => name));
const INFORMATION_NAMES: ReadonlySet<string> = new Set(INFORMATION_SCHEMA.map(([name]) => name));

/**
 * Whether a relation of a statement that has been rewritten is one of the shim, so that anybody may read it. A name
 * without a schema is looked up by the search path, where these names lead to the shim and to nothing else.
 */
export function isCatalogueRelation(database: string, schema: string, name: string): boolean {
  const relation = name.toLowerCase();
  if (schema === INFORMATION_SCHEMA_SHIM)
    return database === SHIM_DATABASE && INFORMATION_NAMES.has(relation);
  const isSystem = database === '' ? schema === '' : database === SHIM_DATABASE && schema === SYSTEM_SCHEMA;
  return isSystem && SYSTEM_NAMES.has(relation);
}

/** The relations of the shim, for whoever decides what statements may name. */
export const CATALOGUE_SCHEMAS = [
  { catalog: SHIM_DATABASE, schema: SYSTEM_SCHEMA, relations: SYSTEM_NAMES, isOnPath: true },
  { catalog: SHIM_DATABASE, schema: INFORMATION_SCHEMA_SHIM, relations: INFORMATION_NAMES, isOnPath: false },
] as const;

/** The functions of the scripts that stand where a table does. */
export const CATALOGUE_TABLE_FUNCTIONS: ReadonlySet<string> = new Set(macroNames(/ AS TABLE/));

/**
 * The functions and operators of the shim, and what the rewriter puts in the place of others: harmless for anybody, by
 * their names in lower case, as `json_serialize_sql` has them.
 */
export const CATALOGUE_FUNCTIONS: ReadonlySet<string> = new Set([
  ...macroNames(),
  'format_type',
  'current_setting',
  'printf',
  'unnest',
  ...Object.values(MATCH_OPERATORS),
  ...Object.values(RENAMED_FUNCTIONS),
]);

function macroNames(kind?: RegExp): string[] {
  const script = ['session.sql', 'functions.sql']
    .map((name) => readFileSync(new URL(name, import.meta.url), 'utf8'))
    .join('\n');
  return script.split('\n').flatMap((line) => {
    const name = /^CREATE MACRO pgcompat\.pg\."?([^"(]+)"?\(/.exec(line)?.[1];
    return name !== undefined && (kind === undefined || kind.test(line)) ? [name] : [];
  });
}
