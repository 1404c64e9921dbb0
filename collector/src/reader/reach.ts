/** A schema that a reader may name relations of. Names are as the engine compares them: lower case, ASCII letters only. */
export interface ReachableSchema {
  readonly catalog: string;
  readonly schema: string;
  readonly relations: ReadonlySet<string>;
  /** Where names without a schema are looked for: those on the path, first to last. */
  readonly isOnPath: boolean;
}

/** All that statements of a reader may name. What is not in here does not exist for them. */
export interface Reach {
  readonly schemas: readonly ReachableSchema[];
  /** Scalar, aggregate and window functions, and macros. */
  readonly functions: ReadonlySet<string>;
  /** Functions that stand in FROM. */
  readonly tableFunctions: ReadonlySet<string>;
  /** Plans name base tables and tell how many rows others have. */
  readonly mayExplain: boolean;
  /** Whether `SHOW TABLES` is answered: with the names of all schemas on the path. */
  readonly mayListTables: boolean;
}

/** As a statement names it: what it leaves out is the empty text. */
export interface RelationName {
  readonly catalog: string;
  readonly schema: string;
  readonly name: string;
}

/** Whether the name leads to a relation that is in reach; common table expressions are not asked about here. */
export function reaches(reach: Reach, relation: RelationName): boolean {
  const name = folded(relation.name);
  const schema = folded(relation.schema);
  const catalog = folded(relation.catalog);
  return reach.schemas.some(
    (one) =>
      one.relations.has(name) &&
      (schema === '' ? catalog === '' && one.isOnPath : one.schema === schema) &&
      (catalog === '' || one.catalog === catalog),
  );
}

/** The engine folds ASCII letters only; `toLowerCase` would make a `k` of the Kelvin sign too. */
export function folded(name: string): string {
  return name.replace(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
