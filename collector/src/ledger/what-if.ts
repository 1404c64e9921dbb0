import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  billedModel,
  type Catalogue,
  type Comparison,
  type CreditRules,
  divideHalfEven,
  type MicroCredits,
  type RatedAmounts,
  type ReratePolicy,
  Tally,
  type UsdFemto,
} from '@spanledger/metering';
import type { AccountKey } from './account-store.ts';
import {
  type Calls,
  callsOf,
  isSelected,
  type RatedAgain,
  type RatingBook,
  ratedAgain,
} from './rate-again.ts';
import type { RatableUsage, RatedUsage, RatedUsageReader, UsagePage, UsageSelection } from './rated-usage.ts';
import { aRerateTally, tallyRerating } from './rerate.ts';
import type { RerateTally } from './rerate-store.ts';
import { saysTheSame } from './stored-rating.ts';

/** Calls held in memory at once, about a kilobyte each. */
const PAGE_CALLS = 32_768;
/** Calls between two turns of the event loop, so that the journal is followed meanwhile. */
const CALLS_PER_TURN = 1024;
/** Of so many calls at a time the accounts are opened: at worst each has one of its own. */
const CALLS_PER_VISIT = 8192;

/** Rates the past again without writing anything. `isWanted` false ends it early. */
async function examine(
  reader: RatedUsageReader,
  selection: UsageSelection,
  book: RatingBook,
  policy: ReratePolicy,
  look: (again: RatedAgain) => void,
  isWanted: () => boolean = () => true,
): Promise<void> {
  let from: UsageSelection = selection;
  let page: Promise<UsagePage> | null = reader.page(from, PAGE_CALLS);
  while (page !== null && isWanted()) {
    const { usages, nextMicros }: UsagePage = await page;
    const groups = await callsOf(usages, selection, from, reader);
    // The engine reads the next page in its own threads while this one is rated.
    if (nextMicros === null) page = null;
    else {
      from = { ...selection, fromMicros: nextMicros };
      page = reader.page(from, PAGE_CALLS);
    }
    // Should rating this one fail, nobody waits for it any more.
    page?.catch(() => {});
    for (const some of portionsOf(groups)) await examineSome(some, selection, book, policy, look);
  }
  await page;
}

async function examineSome(
  groups: readonly Calls[],
  selection: UsageSelection,
  book: RatingBook,
  policy: ReratePolicy,
  look: (again: RatedAgain) => void,
): Promise<void> {
  const visit = book.terms.visit();
  try {
    await visit.open(customersOf(groups));
    let calls = 0;
    for (const group of groups) {
      for (const again of ratedAgain(group, selection, book, policy)) {
        if (isSelected(again.rated, selection) || !saysTheSame(again.rating, again.rated.rating)) look(again);
      }
      calls += group.calls.length;
      if (calls < CALLS_PER_TURN) continue;
      calls = 0;
      await nextTurn();
    }
  } finally {
    visit.end();
  }
}

function* portionsOf(groups: readonly Calls[]): Generator<readonly Calls[]> {
  let portion: Calls[] = [];
  let calls = 0;
  for (const group of groups) {
    portion.push(group);
    calls += group.calls.length;
    if (calls < CALLS_PER_VISIT) continue;
    yield portion;
    portion = [];
    calls = 0;
  }
  if (portion.length > 0) yield portion;
}

/** Everybody whose usage is among the calls, whether it is charged or not. */
function* customersOf(groups: readonly Calls[]): Generator<AccountKey> {
  for (const { calls } of groups) {
    for (const { tenant, usage } of calls) {
      if (usage.customer !== null) yield { tenant, customer: usage.customer };
    }
  }
}

/** What a re-rating would change. */
export async function tryRerating(
  reader: RatedUsageReader,
  selection: UsageSelection,
  book: RatingBook,
  policy: ReratePolicy,
  onCall: (isChanged: boolean) => void,
): Promise<RerateTally> {
  const tally = aRerateTally();
  await examine(reader, selection, book, policy, ({ rated, rating }) => {
    const isChanged = !saysTheSame(rating, rated.rating);
    tallyRerating(tally, rated, rating, isChanged);
    onCall(isChanged);
  });
  return tally;
}

export type WhatIfDimension = 'model' | 'feature' | 'customer';

export interface WhatIf {
  /** In place of the catalogue in use; null: that. */
  readonly catalogue: Catalogue | null;
  /** In place of the rules by which each call was charged; null: those. */
  readonly rules: CreditRules | null;
}

/** Credits of one customer in one calendar month (UTC). */
export interface MonthlyCredits {
  readonly customer: string;
  /** `2026-11` */
  readonly month: string;
  recorded: MicroCredits;
  again: MicroCredits;
}

export interface WhatIfResult {
  readonly tally: Tally<WhatIfDimension>;
  readonly months: ReadonlyMap<string, MonthlyCredits>;
}

/** History under other prices or other rules, or under those in use, which must give what is recorded (I25). */
export async function whatIf(
  reader: RatedUsageReader,
  selection: UsageSelection,
  book: RatingBook,
  { catalogue, rules }: WhatIf,
  isWanted: () => boolean,
): Promise<WhatIfResult> {
  const supposed = { ...book, catalogue: catalogue ?? book.catalogue, supposedRules: rules };
  const tally = aWhatIfTally();
  const months = new Map<string, MonthlyCredits>();
  const creditValueOf = (rated: RatedUsage, by: CreditRules | null) => creditValue(rated, by, book.terms);
  await examine(
    reader,
    selection,
    supposed,
    'neutral',
    ({ rated, rating: again }) => {
      const { usage, rating: recorded } = rated;
      tally.add(
        { model: billedModel(usage), feature: usage.feature, customer: usage.customer },
        amountsOf(recorded, creditValueOf(rated, book.rulesOf(recorded.rulesVersion))),
        amountsOf(again, creditValueOf(rated, rules ?? book.rulesOf(again.rulesVersion))),
        !saysTheSame(recorded, again),
      );
      if (usage.customer !== null) addMonth(months, usage.customer, usage, recorded.credits, again.credits);
    },
    isWanted,
  );
  return { tally, months };
}

function amountsOf(
  { cost, credits }: { readonly cost: UsdFemto | null; readonly credits: MicroCredits | null },
  value: UsdFemto | null,
): RatedAmounts {
  return { cost, credits, creditValue: value };
}

/** That of the rule, else that of the plan; to 10⁻¹⁵ USD, as a plan's may be any quotient. */
function creditValue(
  { usage, tenant }: RatedUsage,
  rules: CreditRules | null,
  terms: RatingBook['terms'],
): UsdFemto | null {
  const { feature, eventTimeMicros, customer } = usage;
  const charging = rules?.ruleAt(feature, eventTimeMicros)?.charging;
  if (charging?.kind === 'cost_plus' && charging.creditValue !== null) return charging.creditValue;
  if (customer === null) return null;
  const value = terms.termsAt({ tenant, customer }, eventTimeMicros, 0)?.creditValue ?? null;
  return value === null ? null : divideHalfEven(value.numerator, value.denominator);
}

function addMonth(
  months: Map<string, MonthlyCredits>,
  customer: string,
  { eventTimeMicros }: RatableUsage,
  recorded: MicroCredits | null,
  again: MicroCredits | null,
): void {
  const month = monthOf(eventTimeMicros);
  const key = `${month} ${customer}`;
  let credits = months.get(key);
  if (credits === undefined) {
    credits = { customer, month, recorded: 0n, again: 0n };
    months.set(key, credits);
  }
  credits.recorded += recorded ?? 0n;
  credits.again += again ?? 0n;
}

const DAY_MICROS = 86_400_000_000;
/** Months by day: making a date of every call would take longer than rating it. */
const MONTHS = new Map<number, string>();

function monthOf(eventTimeMicros: number): string {
  const day = Math.floor(eventTimeMicros / DAY_MICROS);
  let month = MONTHS.get(day);
  if (month === undefined) {
    month = new Date(day * 86_400_000).toISOString().slice(0, 7);
    MONTHS.set(day, month);
  }
  return month;
}

function aWhatIfTally(): Tally<WhatIfDimension> {
  const none = () => new Map<string | null, Comparison>();
  return new Tally({ model: none(), feature: none(), customer: none() }, ['model', 'feature', 'customer']);
}
