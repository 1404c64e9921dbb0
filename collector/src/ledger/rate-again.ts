import {
  billedModel,
  type Catalogue,
  type CreditRules,
  price,
  type ReratePolicy,
} from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import type { Accounts } from './accounts.ts';
import { type ActionKey, actionOf, actionText, leafOf } from './action.ts';
import { chargeAction } from './charging.ts';
import type { RatedUsage, RatedUsageReader, UsageSelection } from './rated-usage.ts';
import { type StoredCharge, type StoredPrice, type StoredRating, storedPrice } from './stored-rating.ts';

/** By what usage is rated again. */
export interface RatingBook {
  readonly catalogue: Catalogue;
  /** Of the catalogue; recorded with what is rated by it. */
  readonly version: string;
  /** The rules in use: for actions that waited under rules that nobody has any more. */
  readonly rules: CreditRules;
  /**
   * The rules of a version; null where they are not known. A price that is corrected must not charge old usage by the
   * rules of today (conventions C9, C16).
   */
  readonly rulesOf: (version: string) => CreditRules | null;
  /** In place of the rules that each action was charged by; null: those. */
  readonly supposedRules: CreditRules | null;
  /** The plans that customers had then; their accounts must be open to tell. */
  readonly terms: Pick<Accounts, 'termsAt' | 'visit'>;
}

/** Calls that are charged together; or one call that is part of no action. */
export interface Calls {
  readonly action: ActionKey | null;
  /** All calls of the action. */
  readonly calls: readonly RatedUsage[];
}

/**
 * The calls of a page with all others of their actions. An action is taken up where the first of its selected calls is,
 * and only there.
 *
 * @param selection all that was asked for
 * @param page the part of it from which the page was read
 */
export async function callsOf(
  usages: readonly RatedUsage[],
  selection: UsageSelection,
  page: UsageSelection,
  reader: Pick<RatedUsageReader, 'ofActions'>,
): Promise<readonly Calls[]> {
  const groups: Calls[] = [];
  const actions = new Map<string, ActionKey>();
  for (const rated of usages) {
    const found = actionOf(rated.usage, rated.tenant);
    if (found.kind === 'none') groups.push({ action: null, calls: [rated] });
    else actions.set(actionText(found.action), found.action);
  }
  const byAction = new Map<string, { readonly action: ActionKey; readonly calls: RatedUsage[] }>();
  for (const rated of await reader.ofActions([...actions.values()])) {
    const found = actionOf(rated.usage, rated.tenant);
    if (found.kind === 'none') continue;
    const text = actionText(found.action);
    const group = byAction.get(text);
    if (group === undefined) byAction.set(text, { action: found.action, calls: [rated] });
    else group.calls.push(rated);
  }
  for (const group of byAction.values()) {
    const isDone = group.calls.some(
      (rated) => isSelected(rated, selection) && rated.usage.eventTimeMicros < page.fromMicros,
    );
    if (!isDone) groups.push(group);
  }
  return groups;
}

/** Those that pay for the calls. */
export function payersOf(groups: readonly Calls[]): readonly AccountKey[] {
  return groups.flatMap(({ action }) => (action === null ? [] : [action]));
}

export function isSelected(
  { usage, rating }: RatedUsage,
  { fromMicros, toMicros, model, scope }: UsageSelection,
): boolean {
  return (
    usage.eventTimeMicros >= fromMicros &&
    usage.eventTimeMicros < toMicros &&
    (model === null || billedModel(usage) === model) &&
    (scope === 'all' || rating.priceStatus === 'partial' || rating.priceStatus.startsWith('unpriced:'))
  );
}

/** A call, rated again. */
export interface RatedAgain {
  readonly rated: RatedUsage;
  readonly rating: StoredRating;
  readonly action: ActionKey | null;
}

/**
 * Prices the selected ones of some calls by the book, and charges their action by the rules it was charged by. Pure but
 * for the plans: once what it gives is recorded, it gives the same again (I9).
 */
export function ratedAgain(
  { action, calls }: Calls,
  selection: UsageSelection,
  book: RatingBook,
  policy: ReratePolicy,
): readonly RatedAgain[] {
  const priced = calls.map((rated) => ({
    rated,
    price: isSelected(rated, selection)
      ? storedPrice(price(rated.usage, book.catalogue, rated.tenant), book.version)
      : rated.rating,
  }));
  const charges = action === null ? null : chargesAgain(action, priced, book, policy);
  return priced.map(({ rated, price: now }) => ({
    rated,
    action,
    rating: { ...rated.rating, ...onlyPrice(now), ...charges?.get(rated) },
  }));
}

interface Priced {
  readonly rated: RatedUsage;
  readonly price: StoredPrice;
}

/** What the calls of an action are charged now; null: what they were. */
function chargesAgain(
  action: ActionKey,
  priced: readonly Priced[],
  book: RatingBook,
  policy: ReratePolicy,
): ReadonlyMap<RatedUsage, StoredCharge> | null {
  const { supposedRules, rulesOf, rules, terms } = book;
  const isSettled = priced.every(({ rated }) => rated.rating.credits !== null);
  // Without its rules an action stays as it is; one that waits has no amount yet that others could contradict.
  if (
    supposedRules === null &&
    isSettled &&
    !priced.some(({ rated }) => rulesOf(rated.rating.rulesVersion))
  ) {
    return null;
  }
  const leaves = priced.map(({ rated, price: { cost } }) => ({
    leaf: leafOf(rated.usage, cost),
    posted: rated.rating,
  }));
  const due = chargeAction(action, leaves, {
    accounts: terms,
    rules: supposedRules ?? rules,
    rulesOf: supposedRules === null ? rulesOf : () => null,
    nowMicros: 0,
  });
  const charges = new Map<RatedUsage, StoredCharge>();
  let before = 0n;
  let now = 0n;
  for (const [index, { rated }] of priced.entries()) {
    const charge = due.get(leaves[index]?.leaf.key ?? '/');
    if (charge === undefined) throw new Error('a call of an action has no share in it');
    charges.set(rated, charge);
    before += rated.rating.credits ?? 0n;
    now += charge.credits ?? 0n;
  }
  const isRise = policy === 'customer_favourable' && isSettled && now > before;
  return isRise ? null : charges;
}

function onlyPrice(rating: StoredPrice): StoredPrice {
  const { cost, priceStatus, priceCard, priceMatch, bookVersion, priceNote, costKnownPart } = rating;
  return { cost, priceStatus, priceCard, priceMatch, bookVersion, priceNote, costKnownPart };
}
