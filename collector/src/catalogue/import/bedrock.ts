import { isDeepStrictEqual } from 'node:util';
import type { ListedEntry, ListedModel } from './listed-model.ts';

/** `us.anthropic.claude-…`: the group of regions that may serve the call. */
const GEO = /^(us-gov|us|eu|apac|jp|au|ca|global)\.(?=[a-z0-9-]+\.)/;

interface Place {
  readonly geo: string | null;
  readonly model: ListedModel;
}

/**
 * Bedrock sells a model under one id for each group of regions, and prices know two of them: served anywhere
 * (`global.`), and everything else (`regional.`). Lists write the ids as they are sent, so here they come together;
 * where the places other than global do not cost the same, no card can say what they cost.
 */
export function* joinBedrockPlaces(entries: Iterable<ListedEntry>): Generator<ListedEntry> {
  const byModel = new Map<string, Place[]>();
  for (const entry of entries) {
    if (entry.kind !== 'model' || entry.model.provider !== 'aws.bedrock') {
      yield entry;
      continue;
    }
    const { model } = entry;
    const geo = GEO.exec(model.model)?.[1] ?? null;
    const stem = geo === null ? model.model : model.model.slice(geo.length + 1);
    const places = byModel.get(stem);
    if (places === undefined) byModel.set(stem, [{ geo, model }]);
    else places.push({ geo, model });
  }
  for (const [stem, places] of byModel) {
    const global = places.find(({ geo }) => geo === 'global')?.model;
    if (global !== undefined) yield named(global, `global.${stem}`);
    const regional = places.filter(({ geo }) => geo !== 'global').map(({ model }) => model);
    const [first] = regional;
    if (first === undefined) continue;
    const name = global === undefined ? stem : `regional.${stem}`;
    if (regional.every((model) => sameDated(model, first))) {
      yield named(first, name);
    } else {
      yield {
        kind: 'skipped',
        skipped: {
          path: first.path,
          cause: 'ambiguous',
          reason: `its price differs between ${regional.map(({ path }) => path).join(', ')}`,
          match: { provider: 'aws.bedrock', model: name },
        },
      };
    }
  }
}

function named(model: ListedModel, name: string): ListedEntry {
  return { kind: 'model', model: { ...model, model: name } };
}

export function sameDated(left: ListedModel, right: ListedModel): boolean {
  return isDeepStrictEqual(left.dated, right.dated);
}
