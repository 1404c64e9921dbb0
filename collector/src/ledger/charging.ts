import {
  type ActionCharge,
  type ActionLeaf,
  type CreditRules,
  type PlanTerms,
  rateAction,
  type SpanKey,
} from '@spanledger/metering';
import type { Accounts } from './accounts.ts';
import type { ActionKey } from './action.ts';
import type { OpenAction } from './action-window.ts';
import type { Booking, HeldRecord } from './store.ts';
import { type StoredCharge, type StoredRating, storedCharge } from './stored-rating.ts';

/** A call of an action: what it says now, and what is posted for it so far. */
export interface Leaf {
  readonly leaf: ActionLeaf;
  /** Null: nothing is posted yet. */
  readonly posted: StoredRating | null;
}

export interface ChargingParts {
  readonly accounts: Pick<Accounts, 'termsAt'>;
  /** The rules in use. */
  readonly rules: CreditRules;
  /** The rules of a version; null where they are not known. */
  readonly rulesOf: (version: string) => CreditRules | null;
  readonly nowMicros: number;
}

/**
 * What each call of an action burns, all of them together. An action stays with the set of rules that it was first
 * charged by: a call that comes late must not charge the others by rules that came later.
 */
export function chargeAction(
  action: ActionKey,
  leaves: readonly Leaf[],
  { accounts, rules: inUse, rulesOf, nowMicros }: ChargingParts,
): ReadonlyMap<SpanKey, StoredCharge> {
  if (leaves.length === 0) return NO_CHARGES;
  const rules = pinnedRules(leaves, rulesOf) ?? inUse;
  const first = leaves.reduce(
    (least, { leaf }) => Math.min(least, leaf.eventTimeMicros),
    Number.MAX_SAFE_INTEGER,
  );
  const terms = accounts.termsAt(action, first, nowMicros);
  const charged = rateAction(
    leaves.map(({ leaf }) => leaf),
    rules,
    terms,
  );
  return storedCharges(charged, rules, terms);
}

/** The same for an action that is in memory whole: only of the calls whose share may be another than the last time. */
export function chargeGrowth(
  { key, calls, leaves }: OpenAction,
  { accounts, rules: inUse, rulesOf, nowMicros }: ChargingParts,
): ReadonlyMap<SpanKey, StoredCharge> {
  const inOrder = calls.leaves;
  const [first] = inOrder;
  if (first === undefined) return NO_CHARGES;
  // All but those that have just come are posted, so this looks at the first of them.
  let pinned: CreditRules | null = null;
  for (const leaf of inOrder) {
    const posted = leaves.get(leaf.key)?.posted ?? null;
    if (posted === null) continue;
    pinned = rulesOf(posted.rulesVersion);
    break;
  }
  const rules = pinned ?? inUse;
  const terms = accounts.termsAt(key, first.eventTimeMicros, nowMicros);
  return storedCharges(calls.rate(rules, terms), rules, terms);
}

function storedCharges(
  { rule, shares }: ActionCharge<ActionLeaf>,
  rules: CreditRules,
  terms: PlanTerms | null,
): ReadonlyMap<SpanKey, StoredCharge> {
  const by = {
    rulesVersion: rules.version,
    creditRule: rule?.id ?? null,
    planTerms: rule === null ? null : (terms?.version ?? null),
  };
  return new Map(shares.map(({ leaf, charge }) => [leaf.key, storedCharge(charge, by)]));
}

export const NO_CHARGES: ReadonlyMap<SpanKey, StoredCharge> = new Map();

/** Of the call that comes first; calls of one action that were charged by several sets are as old as those sets. */
export function pinnedRules(
  leaves: readonly Leaf[],
  rulesOf: (version: string) => CreditRules | null,
): CreditRules | null {
  let first: { readonly leaf: ActionLeaf; readonly posted: StoredRating } | null = null;
  for (const { leaf, posted } of leaves) {
    if (posted === null) continue;
    if (first === null || leaf.eventTimeMicros < first.leaf.eventTimeMicros) first = { leaf, posted };
  }
  return first === null ? null : rulesOf(first.posted.rulesVersion);
}

/** What is due for a usage from now on: by whom, and as part of which action. */
export interface Due {
  readonly tenant: string;
  /** Null: nobody pays. */
  readonly action: ActionKey | null;
  /** What holds of the app name as an action, the trace id where it has none: what holds are tied to. */
  readonly actionId: string;
  readonly charge: StoredCharge;
  readonly eventTimeMicros: number;
  readonly recordedMicros: number;
}

/** Books the difference between what is booked for a usage and what is due; nothing that was booked is changed. */
export function bookDifference(
  before: Pick<HeldRecord, 'leaf' | 'rating' | 'eventTimeMicros'> | null,
  { tenant, action, actionId, charge, eventTimeMicros, recordedMicros }: Due,
  { accounts, nowMicros }: { readonly accounts: Accounts; readonly nowMicros: number },
): readonly Booking[] {
  const bookedOn = before?.leaf?.action.customer ?? null;
  const booked = bookedOn === null ? 0n : (before?.rating.credits ?? 0n);
  const due = action === null ? 0n : (charge.credits ?? 0n);
  const use = (customer: string, amount: bigint, eventMicros: number): readonly Booking[] =>
    amount === 0n
      ? []
      : accounts.use({ tenant, customer }, { amount, eventMicros, recordedMicros, actionId }, nowMicros);
  if (action === null) {
    return bookedOn === null || before === null ? [] : use(bookedOn, -booked, before.eventTimeMicros);
  }
  if (bookedOn === null || before === null) return use(action.customer, due, eventTimeMicros);
  if (bookedOn === action.customer && before.eventTimeMicros === eventTimeMicros) {
    return use(bookedOn, due - booked, eventTimeMicros);
  }
  return [...use(bookedOn, -booked, before.eventTimeMicros), ...use(action.customer, due, eventTimeMicros)];
}

/** No rule is asked about a usage that is part of no action. */
export function notCharged(reason: string, rules: CreditRules): StoredCharge {
  return {
    credits: 0n,
    creditStatus: `not_charged:${reason}`,
    rulesVersion: rules.version,
    creditRule: null,
    planTerms: null,
  };
}
