import { isList, isObject, type JsonObject, type JsonValue } from './exact-json.ts';
import { perHour, perMillion, tokenCount } from './listed-amount.ts';
import {
  type CardPrice,
  FREE,
  isEmpty,
  type ListedEntry,
  type Skipped,
  saysFree,
  type Tier,
  type TokenClass,
  table,
} from './listed-model.ts';
import { namesOfServiceTier, providerOfModelsDev, tierAt } from './providers.ts';

/**
 * The list of models.dev (`api.json`): providers by id, models by id, `cost` in US dollars per million tokens. It
 * gives no dates of prices; `last_updated` is the date of the model.
 */
export function* listedByModelsDev(providers: JsonObject): Generator<ListedEntry> {
  for (const [provider, entry] of Object.entries(providers)) {
    if (!isObject(entry) || !isObject(entry.models)) {
      yield skipped(provider, null, 'malformed', 'expected a provider with models');
      continue;
    }
    for (const [model, value] of Object.entries(entry.models)) {
      const match = { provider: providerOfModelsDev(provider), model: model.toLowerCase() };
      yield listed(`${provider}/${model}`, match, value);
    }
  }
}

const CLASS_OF_COST: ReadonlyMap<string, TokenClass> = new Map([
  ['input', 'input'],
  ['input_audio', 'input_audio'],
  ['cache_read', 'cache_read'],
  ['cache_write', 'cache_write_5m'],
  ['output', 'output'],
  ['output_audio', 'output_audio'],
  ['reasoning', 'reasoning'],
]);
const BESIDE_CLASSES = new Set(['tiers', 'context_over_200k', 'per_minute']);

function listed(path: string, match: NonNullable<Skipped['match']>, model: JsonValue): ListedEntry {
  if (!isObject(model)) return skipped(path, match, 'malformed', 'expected a model');
  const { cost } = model;
  if (cost === undefined || (isObject(cost) && isEmpty(cost))) {
    return saysFree(match.model)
      ? { kind: 'model', model: { path, ...match, dated: [{ from: null, price: FREE }], leftOut: [] } }
      : skipped(path, match, 'empty', 'has no cost');
  }
  if (!isObject(cost)) return skipped(path, match, 'malformed', 'expected its cost to be an object');
  const unknown = Object.keys(cost).find((key) => !CLASS_OF_COST.has(key) && !BESIDE_CLASSES.has(key));
  if (unknown !== undefined) {
    return skipped(path, match, 'inexpressible', `no token class or piece is what ${unknown} prices`);
  }

  const base = rates(cost);
  if (base.kind === 'problem') return skipped(path, match, 'malformed', base.problem);
  const units = table(
    cost.per_minute === undefined
      ? []
      : [{ name: 'hour' as const, key: 'per_minute', amount: perHour(cost.per_minute) }],
  );
  if (units.kind === 'problem') return skipped(path, match, 'inexpressible', units.problem);
  if (isEmpty(base.amounts) && isEmpty(units.amounts)) {
    return saysFree(match.model)
      ? { kind: 'model', model: { path, ...match, dated: [{ from: null, price: FREE }], leftOut: [] } }
      : skipped(path, match, 'zero', 'all its prices are zero, and its name does not say that it is free');
  }
  const tiers = longContext(cost, match.provider);
  if (typeof tiers === 'string') return skipped(path, match, 'inexpressible', tiers);
  const serviceTiers = fastMode(model.experimental, match.provider);
  if (typeof serviceTiers === 'string') return skipped(path, match, 'malformed', serviceTiers);

  const price: CardPrice = {
    ...(isEmpty(base.amounts) ? {} : { rates: base.amounts }),
    ...(tiers.length === 0 ? {} : { tiers: [...tiers] }),
    ...(isEmpty(units.amounts) ? {} : { units: units.amounts }),
    ...(isEmpty(serviceTiers) ? {} : { service_tiers: serviceTiers }),
  };
  const leftOut = base.zeros.map((key) => ({
    path: `${path}.cost.${key}`,
    cause: 'left_out' as const,
    reason: 'zero is no price',
    match,
  }));
  return { kind: 'model', model: { path, ...match, dated: [{ from: null, price }], leftOut } };
}

function rates(cost: JsonObject) {
  return table(
    Object.entries(cost).flatMap(([key, value]) => {
      const name = CLASS_OF_COST.get(key);
      return name === undefined ? [] : [{ name, key, amount: perMillion(value, 1_000_000n) }];
    }),
  );
}

/** `tiers` where there are some; `context_over_200k` is their older form and repeats the first of them. */
function longContext(cost: JsonObject, provider: string): readonly Tier[] | string {
  const stated = cost.tiers ?? [];
  if (!isList(stated)) return 'its tiers are no list';
  const listed: { readonly tokens: number; readonly cost: JsonObject }[] = [];
  for (const entry of stated) {
    if (!isObject(entry) || !isObject(entry.tier) || entry.tier.type !== 'context') {
      return 'it has tiers of something other than the length of the context';
    }
    const tokens = tokenCount(entry.tier.size);
    if (tokens === null) return 'it has a tier without a size';
    listed.push({ tokens, cost: entry });
  }
  if (listed.length === 0 && isObject(cost.context_over_200k)) {
    listed.push({ tokens: 200_000, cost: cost.context_over_200k });
  }
  const tiers: Tier[] = [];
  for (const { tokens, cost } of listed.sort((left, right) => left.tokens - right.tokens)) {
    const table = rates(cost);
    if (table.kind === 'problem') return table.problem;
    if (table.amounts.input === undefined) return `above ${tokens} tokens it has no price for input`;
    tiers.push({ ...tierAt(provider, tokens), rates: table.amounts });
  }
  return tiers;
}

/** Anthropic's and OpenAI's fast mode is listed as an experiment, with a table of its own. */
function fastMode(
  experimental: JsonValue | undefined,
  provider: string,
): NonNullable<CardPrice['service_tiers']> | string {
  const modes = isObject(experimental) ? experimental.modes : undefined;
  const fast = isObject(modes) && isObject(modes.fast) ? modes.fast.cost : undefined;
  if (!isObject(fast)) return {};
  const stated = rates(fast);
  if (stated.kind === 'problem') return `fast: ${stated.problem}`;
  if (isEmpty(stated.amounts)) return {};
  return Object.fromEntries(
    namesOfServiceTier(provider, 'fast').map((name) => [name, { rates: stated.amounts }]),
  );
}

function skipped(
  path: string,
  match: Skipped['match'],
  cause: Skipped['cause'],
  reason: string,
): ListedEntry {
  return { kind: 'skipped', skipped: { path, cause, reason, match } };
}
