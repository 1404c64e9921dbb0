import type { Skipped } from '../import/index.ts';
import { type Amounts, amountsOf, isFarFrom } from './amounts.ts';
import { heldAt, nameOf, type SaidByModel } from './said.ts';

/** How much may change in one refresh. More is a mistake of the feed until somebody has looked at it. */
export interface GuardBounds {
  /** Share of the models of last time. Lists drop a handful at a time; a truncated one drops many. */
  readonly maxVanishedShare: number;
  /** No provider has changed a price by more than this; a wrong unit is a factor of a thousand or a million. */
  readonly maxPriceFactor: number;
}

export const GUARD_BOUNDS: GuardBounds = { maxVanishedShare: 0.05, maxPriceFactor: 10 };

export type GuardCode = 'models_vanished' | 'price_moved' | 'class_vanished';

export interface Objection {
  readonly code: GuardCode;
  /** Sentences that name the models. */
  readonly detail: readonly string[];
}

/**
 * What of the new list cannot be believed, given what the feed said the last time (nothing, the first time); empty
 * when all can.
 */
export function objections(
  before: SaidByModel,
  beforeMillis: number,
  after: SaidByModel,
  nowMillis: number,
  skipped: readonly Skipped[],
  bounds: GuardBounds,
): readonly Objection[] {
  const zeroed = new Set(
    skipped.flatMap(({ cause, match }) => (cause === 'zero' && match !== null ? [nameOf(match)] : [])),
  );
  const vanished: string[] = [];
  const moved: string[] = [];
  const lost: string[] = [];
  for (const name of before.keys()) {
    if (after.has(name)) continue;
    if (zeroed.has(name)) lost.push(`${name}: all its prices are zero now.`);
    else vanished.push(name);
  }
  for (const [name, { dated }] of after) {
    // From what held last time through what holds now to everything that is announced.
    const steps = [
      heldAt(before.get(name)?.dated ?? [], beforeMillis),
      heldAt(dated, nowMillis),
      ...dated.filter(({ fromMillis }) => fromMillis > nowMillis),
    ].filter((step) => step !== null);
    for (const [at, step] of steps.slice(1).entries()) {
      const from = amountsOf(steps[at]?.price ?? {}, 'to_the_token');
      const to = amountsOf(step.price, 'to_the_token');
      moved.push(...movesOf(name, from, to, bounds.maxPriceFactor));
      lost.push(...lossesOf(name, from, to));
    }
  }
  const found: Objection[] = [];
  if (vanished.length > before.size * bounds.maxVanishedShare) {
    const share = `${vanished.length} of the ${before.size} models of last time are gone`;
    found.push({ code: 'models_vanished', detail: [`${share}: ${someOf(vanished).join(', ')}.`] });
  }
  if (moved.length > 0) found.push({ code: 'price_moved', detail: someOf(moved) });
  if (lost.length > 0) found.push({ code: 'class_vanished', detail: someOf(lost) });
  return found;
}

function* movesOf(name: string, from: Amounts, to: Amounts, times: number): Generator<string> {
  for (const [label, before] of from) {
    const after = to.get(label);
    if (after !== undefined && isFarFrom(before, after, times)) {
      yield `${name}: the price of ${label} moved more than ${times} times.`;
    }
  }
}

/**
 * A class that had a price and has none, or zero. A whole table (a long-context tier, a service tier) may go: then
 * its requests have the plain price or none, which providers do announce.
 */
function* lossesOf(name: string, from: Amounts, to: Amounts): Generator<string> {
  const tables = new Set([...to.keys()].map(tableOf));
  for (const [label, before] of from) {
    if (before === 0n || (to.get(label) ?? 0n) > 0n) continue;
    const table = tableOf(label);
    if (table !== '' && !tables.has(table)) continue;
    // A service tier may turn from a factor into a table, or the other way.
    if (label === `${table}, factor` || to.has(`${table}, factor`)) continue;
    yield `${name}: ${label} had a price and has none now.`;
  }
}

/** `service tier batch, above 272000 tokens, input` is in the table `service tier batch, above 272000 tokens`. */
function tableOf(label: string): string {
  if (/^(?:region|geo) /.test(label)) return label;
  return label.includes(', ') ? label.slice(0, label.lastIndexOf(', ')) : '';
}

/** Enough to see what is wrong; a wrong unit makes thousands. */
const MOST_NAMED = 20;

export function someOf(sentences: readonly string[]): readonly string[] {
  const more = sentences.length - MOST_NAMED;
  return more > 0 ? [...sentences.slice(0, MOST_NAMED), `and ${more} more`] : sentences;
}
