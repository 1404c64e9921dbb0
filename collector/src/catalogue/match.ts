import type { MatchKind } from '@spanledger/metering';
import { type ModelName, stemOfSnapshot } from './model-name.ts';
import type { Clause, ListedModel } from './price-list.ts';

/** Which model of a list a name means, or why that cannot be said. */
export type ModelMatch =
  | Match
  | {
      readonly kind: 'none';
      readonly reason: 'unknown_model' | 'fuzzy_match';
      /** The models that the name is similar to, or that it could mean alike. */
      readonly candidates: readonly string[];
    };

interface Match {
  readonly kind: 'model';
  readonly id: string;
  readonly matchKind: MatchKind;
}

/** A price list made ready for lookups. All names are in lower case. */
export interface IndexedList {
  /** The models of the list in its order, for its own matchers. */
  readonly models: readonly ListedModel[];
  /** Ids with a price, whoever gives it. */
  readonly ids: ReadonlySet<string>;
  readonly idByAlias: ReadonlyMap<string, string>;
  /** Aliases that have not always led where they lead now. */
  readonly moved: ReadonlySet<string>;
}

export function indexList(
  models: readonly ListedModel[],
  otherIds: Iterable<string>,
  moved: ReadonlySet<string>,
): IndexedList {
  const idByAlias = new Map<string, string>();
  for (const model of models) {
    for (const alias of declaredAliases(model.match)) {
      const key = alias.toLowerCase();
      if (!idByAlias.has(key)) idByAlias.set(key, idOf(model));
    }
  }
  return { models, ids: new Set([...models.map(idOf), ...otherIds]), idByAlias, moved };
}

/** Some ids of the list end in the hyphen of a prefix (`ft:gpt-3.5-turbo-`), which is no part of the name. */
export function idOf(model: ListedModel): string {
  return model.id.toLowerCase().replace(/-$/, '');
}

const UNKNOWN: ModelMatch = { kind: 'none', reason: 'unknown_model', candidates: [] };

/**
 * From the strongest evidence to the weakest; the first hit decides. A name that is only similar to a known one is
 * not priced: new models start with the names of old ones and cost something else.
 */
export function matchModel(
  list: IndexedList,
  { candidates, whole }: Pick<ModelName, 'candidates' | 'whole'>,
  mayBe: (id: string) => boolean = () => true,
): ModelMatch {
  for (const match of [matchId, matchSnapshot]) {
    for (const name of candidates) {
      const found = match(list, keyOf(name));
      if (found !== null && mayBe(found.id)) return found;
    }
  }
  let none = UNKNOWN;
  for (const name of whole) {
    if (name.startsWith('ft:')) continue;
    const match = matchClauses(list, name);
    if (match.kind === 'model' && mayBe(match.id)) return match;
    const similar = match.kind === 'model' ? [match.id] : match.candidates;
    if (similar.length > 0) none = { kind: 'none', reason: 'fuzzy_match', candidates: similar };
  }
  return none;
}

/** `ft:base:organisation:suffix:id` is priced as `ft:base`. The base model's own price is never used for a fine-tune. */
function keyOf(name: string): string {
  return name.startsWith('ft:') ? `ft:${name.split(':')[1] ?? ''}` : name;
}

function matchId({ ids, idByAlias }: IndexedList, name: string): Match | null {
  if (ids.has(name)) return { kind: 'model', id: name, matchKind: 'exact' };
  const id = idByAlias.get(name);
  return id === undefined ? null : { kind: 'model', id, matchKind: 'alias' };
}

/** Not of an alias that has moved: the snapshot is of what it was then. */
function matchSnapshot({ ids, idByAlias, moved }: IndexedList, name: string): Match | null {
  const stem = stemOfSnapshot(name);
  if (stem === null) return null;
  const id = ids.has(stem) ? stem : moved.has(stem) ? undefined : idByAlias.get(stem);
  return id === undefined ? null : { kind: 'model', id, matchKind: 'dated_snapshot' };
}

/** The list's own matchers, where nothing but a date or version is left beside what they ask for. */
function matchClauses({ models }: IndexedList, name: string): ModelMatch {
  const similar = models.filter((model) => holds(model.match, name));
  const same = similar.filter(
    (model) =>
      sameVersion(model.id, name) &&
      [idOf(model), ...literals(model.match)].some((literal) =>
        onlyVersionAround(literal.toLowerCase(), name),
      ),
  );
  const [only] = same;
  if (only !== undefined && same.length === 1) {
    return { kind: 'model', id: idOf(only), matchKind: 'library' };
  }
  const candidates = (same.length > 0 ? same : similar).map(idOf);
  return candidates.length === 0 ? UNKNOWN : { kind: 'none', reason: 'fuzzy_match', candidates };
}

/** Bedrock puts the region group before an id; the list prices them alike where it does not list them apart. */
const REGION_GROUP = /^(?:regional|us|eu|apac|jp|au|ca|us-gov)\.$/;
/** `-latest`, `-001`, `-v1`, `-v1:0`, `:0`: another name for the same model, not another model. */
const VERSION_SUFFIX = /^(?:-latest|-\d{3}|(?:-v\d+)?(?::\d+)?)$/;

/** The name is the literal with nothing beside it but a region group before and a date or version after it. */
function onlyVersionAround(literal: string, name: string): boolean {
  const at = name.indexOf(literal);
  if (at === -1) return false;
  const before = name.slice(0, at);
  const after = name.slice(at + literal.length);
  if (before !== '' && !REGION_GROUP.test(before)) return false;
  const version = /(?:-v\d+)?(?::\d+)?$/.exec(after)?.[0] ?? '';
  const dated = stemOfSnapshot(`x${after.slice(0, after.length - version.length)}`) === 'x';
  return (
    dated || VERSION_SUFFIX.test(after) || stemOfSnapshot(`x${after.replace(/^-v\d+(?=-)/, '')}`) === 'x'
  );
}

const VERSION = /-v(\d+)(?=:|$)/;

/** `amazon.titan-embed-text-v2:0` is not `amazon.titan-embed-text-v1` with a suffix: where both have one, it decides. */
function sameVersion(id: string, name: string): boolean {
  const listed = VERSION.exec(id)?.[1];
  const sent = VERSION.exec(name)?.[1];
  return listed === undefined || sent === undefined || listed === sent;
}

/** Names that the list declares to be the model: `equals` alone or as one of several alternatives. */
function declaredAliases(clause: Clause): readonly string[] {
  if ('equals' in clause) return [clause.equals];
  return 'or' in clause ? clause.or.flatMap(declaredAliases) : [];
}

function literals(clause: Clause): readonly string[] {
  if ('or' in clause) return clause.or.flatMap(literals);
  if ('and' in clause) return clause.and.flatMap(literals);
  if ('starts_with' in clause) return [clause.starts_with];
  if ('ends_with' in clause) return [clause.ends_with];
  return 'contains' in clause ? [clause.contains] : [];
}

/** The clause as the library evaluates it. */
function holds(clause: Clause, name: string): boolean {
  if ('or' in clause) return clause.or.some((part) => holds(part, name));
  if ('and' in clause) return clause.and.every((part) => holds(part, name));
  if ('equals' in clause) return name === clause.equals.toLowerCase();
  if ('starts_with' in clause) return name.startsWith(clause.starts_with.toLowerCase());
  if ('ends_with' in clause) return name.endsWith(clause.ends_with.toLowerCase());
  if ('contains' in clause) return name.includes(clause.contains.toLowerCase());
  return new RegExp(clause.regex).test(name);
}
