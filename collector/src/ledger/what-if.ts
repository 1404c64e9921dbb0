import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  billedModel,
  type Catalogue,
  type Comparison,
  type CreditRules,
  type MicroCredits,
  type RatableUsage,
  type RatedAgain,
  type RatedAmounts,
  type ReratePolicy,
  rate,
  rateAgain,
  Tally,
  type UsdFemto,
} from '@spanledger/metering';
import type { RatedUsage, RatedUsageReader, UsagePage, UsageSelection } from './rated-usage.ts';
import { aRerateTally, type BookInUse, rerate, tallyRerating } from './rerate.ts';
import type { RerateTally } from './rerate-store.ts';
import { recordedCharge, saysTheSame, storedRating } from './stored-rating.ts';

/** Calls held in memory at once, about a kilobyte each. */
const PAGE_CALLS = 32_768;
/** Calls between two turns of the event loop, so that the journal is followed meanwhile. */
const CALLS_PER_TURN = 1024;

/** Goes through the past without writing anything. `isWanted` false ends it early. */
export async function examine(
  reader: RatedUsageReader,
  selection: UsageSelection,
  look: (rated: RatedUsage) => void,
  isWanted: () => boolean = () => true,
): Promise<void> {
  let page: Promise<UsagePage> | null = reader.page(selection, PAGE_CALLS);
  while (page !== null && isWanted()) {
    const { usages, nextMicros }: UsagePage = await page;
    // The engine reads the next page in its own threads while this one is rated.
    page = nextMicros === null ? null : reader.page({ ...selection, fromMicros: nextMicros }, PAGE_CALLS);
    // Should rating this one fail, nobody waits for it any more.
    page?.catch(() => {});
    for (const [index, rated] of usages.entries()) {
      look(rated);
      if (index % CALLS_PER_TURN === CALLS_PER_TURN - 1) await nextTurn();
    }
  }
  await page;
}

/** What a re-rating would change. */
export async function tryRerating(
  reader: RatedUsageReader,
  selection: UsageSelection,
  book: BookInUse,
  policy: ReratePolicy,
  onCall: (isChanged: boolean) => void,
): Promise<RerateTally> {
  const tally = aRerateTally();
  await examine(reader, selection, (rated) => {
    const rerating = rerate(rated, book, policy);
    tallyRerating(tally, rated, rerating);
    onCall(rerating !== null);
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
  book: BookInUse,
  { catalogue, rules }: WhatIf,
  isWanted: () => boolean,
): Promise<WhatIfResult> {
  const supposed: BookInUse = { ...book, catalogue: catalogue ?? book.catalogue };
  const tally = aWhatIfTally();
  const months = new Map<string, MonthlyCredits>();
  await examine(
    reader,
    selection,
    (rated) => {
      const { usage, rating: recorded } = rated;
      const metered = rateSupposed(rated, supposed, rules);
      const again = storedRating(metered, { bookVersion: book.version, rulesVersion: metered.rulesVersion });
      tally.add(
        { model: billedModel(usage), feature: usage.feature, customer: usage.customer },
        amountsOf(recorded, creditValue(usage, book.rulesOf(recorded.rulesVersion))),
        amountsOf(again, creditValue(usage, rules ?? book.rulesOf(again.rulesVersion))),
        !saysTheSame(recorded, again),
      );
      if (usage.customer !== null) addMonth(months, usage.customer, usage, recorded.credits, again.credits);
    },
    isWanted,
  );
  return { tally, months };
}

function rateSupposed(
  { usage, rating, tenant }: RatedUsage,
  book: BookInUse,
  rules: CreditRules | null,
): RatedAgain<RatableUsage> {
  if (rules !== null) {
    return { ...rate(usage, { catalogue: book.catalogue, rules }, tenant), rulesVersion: rules.version };
  }
  const recorded = { charge: recordedCharge(rating), rulesVersion: rating.rulesVersion };
  return rateAgain(usage, recorded, book, 'neutral', tenant);
}

function amountsOf(
  { cost, credits }: { readonly cost: UsdFemto | null; readonly credits: MicroCredits | null },
  value: UsdFemto | null,
): RatedAmounts {
  return { cost, credits, creditValue: value };
}

function creditValue({ feature, eventTimeMicros }: RatableUsage, rules: CreditRules | null): UsdFemto | null {
  const charging = rules?.ruleAt(feature, eventTimeMicros)?.charging;
  return charging?.kind === 'cost_plus' ? charging.creditValue : null;
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
