import type { MatchKind } from '@spanledger/metering';
import type { Clause, ListedModel, PriceList } from './price-list.ts';

/** Which model of a list a name means, or why that cannot be said. */
export type ModelMatch =
  | { readonly kind: 'model'; readonly model: ListedModel; readonly matchKind: MatchKind }
  | { readonly kind: 'none'; readonly reason: 'unknown_model' | 'fuzzy_match' };

/** A price list made ready for lookups. */
export interface IndexedList {
  readonly list: PriceList;
  readonly byId: ReadonlyMap<string, ListedModel>;
  readonly byAlias: ReadonlyMap<string, ListedModel>;
}

export function indexList(list: PriceList): IndexedList {
  const byId = new Map<string, ListedModel>();
  const byAlias = new Map<string, ListedModel>();
  for (const model of list.models) {
    setFirst(byId, idOf(model), model);
    for (const alias of declaredAliases(model.match)) setFirst(byAlias, alias.toLowerCase(), model);
  }
  return { list, byId, byAlias };
}

/** Some ids of the list end in the hyphen of a prefix (`ft:gpt-3.5-turbo-`), which is no part of the name. */
function idOf(model: ListedModel): string {
  return model.id.toLowerCase().replace(/-$/, '');
}

/**
 * From the strongest evidence to the weakest; the first hit decides. A name that is only similar to a known one is
 * not priced: new models start with the names of old ones and cost something else.
 */
export function matchModel(lists: readonly IndexedList[], name: string): ModelMatch {
  const model = plainName(name);
  let none: ModelMatch = { kind: 'none', reason: 'unknown_model' };
  for (const list of lists) {
    const match = matchInList(list, model);
    if (match.kind === 'model') return match;
    if (match.reason === 'fuzzy_match') none = match;
  }
  return none;
}

function matchInList({ list, byId, byAlias }: IndexedList, name: string): ModelMatch {
  if (name.startsWith('ft:')) return matchFineTune(byId, name);

  const exact = byId.get(name);
  if (exact !== undefined) return { kind: 'model', model: exact, matchKind: 'exact' };
  const alias = byAlias.get(name);
  if (alias !== undefined) return { kind: 'model', model: alias, matchKind: 'alias' };
  const stem = stemOfSnapshot(name);
  const snapshot = stem === null ? undefined : (byId.get(stem) ?? byAlias.get(stem));
  if (snapshot !== undefined) return { kind: 'model', model: snapshot, matchKind: 'dated_snapshot' };

  // The library takes the first model whose clause holds, so a later one must not be preferred here.
  const listed = list.models.find((model) => holds(model.match, name));
  if (listed === undefined) return { kind: 'none', reason: 'unknown_model' };
  const known = [idOf(listed), ...literals(listed.match)];
  if (
    sameVersion(listed.id, name) &&
    known.some((literal) => onlyVersionAround(literal.toLowerCase(), name))
  ) {
    return { kind: 'model', model: listed, matchKind: 'library' };
  }
  return { kind: 'none', reason: 'fuzzy_match' };
}

/** `ft:base:organisation:suffix:id` is priced as `ft:base`. The base model's own price is never used for it. */
function matchFineTune(byId: ReadonlyMap<string, ListedModel>, name: string): ModelMatch {
  const base = `ft:${name.split(':')[1] ?? ''}`;
  const exact = byId.get(base);
  if (exact !== undefined) return { kind: 'model', model: exact, matchKind: 'exact' };
  const stem = stemOfSnapshot(base);
  const snapshot = stem === null ? undefined : byId.get(stem);
  if (snapshot !== undefined) return { kind: 'model', model: snapshot, matchKind: 'dated_snapshot' };
  return { kind: 'none', reason: 'unknown_model' };
}

/**
 * The model id inside what spans carry: Google and Bedrock resource paths end in it, Vertex writes dates after `@`.
 * Application inference profiles stay as they are, because their last part is an opaque id.
 */
function plainName(name: string): string {
  const lower = name.trim().toLowerCase();
  const path =
    /^(?:models\/|(?:projects\/.+\/)?publishers\/[^/]+\/models\/|arn:aws[^:]*:bedrock:.*:(?:foundation-model|inference-profile)\/)(.+)$/.exec(
      lower,
    );
  return (path?.[1] ?? lower).replace(/@(\d{8})$/, '-$1');
}

const SNAPSHOT = /^(.+)-(?:20\d{2}-(\d{2})-(\d{2})|20\d{2}(\d{2})(\d{2})|(\d{2})(\d{2}))$/;

/** What stands before a date (`-2024-08-06`, `-20250929`, `-0613`), or null when there is none. */
function stemOfSnapshot(name: string): string | null {
  const parts = SNAPSHOT.exec(name);
  if (parts === null) return null;
  const month = Number(parts[2] ?? parts[4] ?? parts[6]);
  const day = Number(parts[3] ?? parts[5] ?? parts[7]);
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= 31;
  return isDate ? (parts[1] ?? null) : null;
}

/** Bedrock puts the region group before an id; the list prices them alike where it does not list them apart. */
const REGION_GROUP = /^(?:us|eu|apac|jp|au|ca|us-gov)\.$/;
/** `-latest`, `-001`, `-v1`, `-v1:0`, `:0`: another name for the same model, not another model. */
const VERSION_SUFFIX = /^(?:-latest|-\d{3}|(?:-v\d+)?(?::\d+)?)$/;

/** The name is the literal with nothing beside it but a region group before and a date or version after it. */
function onlyVersionAround(literal: string, name: string): boolean {
  const at = name.indexOf(literal);
  if (at === -1) return false;
  const before = name.slice(0, at);
  const after = name.slice(at + literal.length);
  if (before !== '' && !REGION_GROUP.test(before)) return false;
  return VERSION_SUFFIX.test(after) || stemOfSnapshot(`x${after}`) === 'x';
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

function setFirst<Value>(map: Map<string, Value>, key: string, value: Value): void {
  if (!map.has(key)) map.set(key, value);
}
