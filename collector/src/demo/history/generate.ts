import { type AccountStep, accountSteps } from './accounts.ts';
import { configurationOf } from './configuration.ts';
import { type Dice, diceOf } from './dice.ts';
import type { Trace, Use } from './making.ts';
import { type HistoryBody, Outbox } from './outbox.ts';
import { type CostOf, costBy, priceCards } from './prices.ts';
import { BUYERS, type Buyer, type Feature, joinedMicros, OWN_TRAFFIC } from './shop.ts';
import type { Origin } from './span.ts';
import { DAY_MICROS, HOUR_MICROS, rhythmAt, type Story, storyOf } from './story.ts';
import { Tally, type Truth } from './truth.ts';
import { serviceOf, traceOf } from './use.ts';
import { Wallet } from './wallet.ts';

export interface HistoryOptions {
  /** Whole days before the one of `now`. */
  readonly days: number;
  /** Microseconds since 1970. No usage is later. */
  readonly nowMicros: number;
  /** Another seed is another month, of the same story. */
  readonly seed: number;
  /** How much usage there is; 1 is some 2,500 spans a day. */
  readonly size: number;
}

export interface History {
  readonly story: Story;
  /** The text of the `spanledger.yaml` that the usage is to be rated by. */
  readonly configuration: string;
  /** What is done to customers' accounts, before any usage is sent. */
  readonly accounts: readonly AccountStep[];
  /** Request bodies, in the order in which they are to be sent. Made as they are taken; they can be taken once. */
  readonly bodies: Iterable<HistoryBody>;
  /** To be sent when the ledger has posted the others: what arrives long after all else. */
  readonly lateBodies: Iterable<HistoryBody>;
  /** What the ledger must say. Whole when all bodies were taken, the late ones last. */
  readonly truth: Truth;
}

/**
 * Days of usage as a shop's services would have sent it, and what a ledger must make of it:
 *
 * 1. Hour by hour, customers and the shop's own people use features: by the rhythm of day and week, more each week.
 * 2. Each use becomes the spans that its service's instrumentations make of it, and the calls that are to be billed.
 * 3. Spans are sent by the process they come from, in bodies as exporters make them; some twice, some malformed.
 * 4. What arrives long after all else ends it: spans that say for whom a call was, copies that contradict.
 *
 * The same options give the same bytes.
 */
export function generateHistory(options: HistoryOptions): History {
  const story = storyOf(options.days, options.nowMicros);
  const costOf = costBy(priceCards(story));
  const tally = new Tally(costOf);
  const outbox = new Outbox(diceOf(options.seed + 1));
  return {
    story,
    configuration: configurationOf(story),
    accounts: accountSteps(story),
    bodies: bodiesOf(options, story, costOf, tally, outbox),
    lateBodies: outbox.late(),
    get truth() {
      return { rows: tally.rows, deliveries: outbox.deliveries };
    },
  };
}

function* bodiesOf(
  { seed, size }: HistoryOptions,
  story: Story,
  costOf: CostOf,
  tally: Tally,
  outbox: Outbox,
): Generator<HistoryBody> {
  const dice = diceOf(seed);
  const wallet = new Wallet(story);
  for (let hour = story.startMicros; hour < story.nowMicros; hour += HOUR_MICROS) {
    for (const { use, buyer, environment } of usesIn(hour, size, story, dice)) {
      if (buyer !== null && !wallet.allows(buyer, use)) continue;
      const trace = traceOf(use, { story, dice, costOf });
      if (endOf(trace) > story.nowMicros - SETTLING_MICROS) continue;
      const origin: Origin = {
        service: serviceOf(use.feature),
        environment,
        isCostOnly: use.startMicros < story.creditsMicros,
      };
      for (const call of trace.calls) tally.add(use, origin, call);
      if (buyer !== null) wallet.charge(buyer, use, trace);
      outbox.put(origin, trace);
    }
    outbox.day = Math.floor((hour - story.startMicros) / DAY_MICROS) + 1;
    yield* outbox.filled();
  }
  yield* outbox.rest();
}

/** A call is decided when its trace is quiet; what is younger could still change while the ledger is being compared. */
const SETTLING_MICROS = 90_000_000;

function endOf({ spans, lateRoot }: Trace): number {
  return Math.max(...spans.map(({ endMicros }) => endMicros), lateRoot?.endMicros ?? 0);
}

/** Uses a day at size 1, growth and weekdays aside. */
const USES_A_DAY = 1050;
const ALL_WEIGHTS = BUYERS.reduce((sum, { weight }) => sum + weight, 0);

interface Visit {
  readonly use: Use;
  readonly buyer: Buyer | null;
  readonly environment: Origin['environment'];
}

/** Everything that begins in one hour, in the order of time. */
function usesIn(hourMicros: number, size: number, story: Story, dice: Dice): readonly Visit[] {
  const visits: Visit[] = [];
  const a = (weight: number, zoneHours: number) =>
    dice.times(((size * USES_A_DAY * weight) / ALL_WEIGHTS) * rhythmAt(story, hourMicros, zoneHours));
  const when = () => hourMicros + Math.floor(dice.share() * HOUR_MICROS);
  for (const buyer of BUYERS) {
    if (hourMicros < joinedMicros(story, buyer)) continue;
    for (let count = a(buyer.weight, buyer.zoneHours); count > 0; count--) {
      visits.push({ use: useBy(buyer, when(), dice), buyer, environment: 'production' });
    }
  }
  for (const { customer, usageClass, environment, feature, isNameless, weight } of OWN_TRAFFIC) {
    // Jobs that nobody is waited for by run at night.
    for (let count = a(weight, customer === null ? 12 : 0); count > 0; count--) {
      const use = {
        feature,
        startMicros: when(),
        customer,
        user: null,
        usageClass,
        isNameless,
        verbosity: 1,
      };
      visits.push({ use, buyer: null, environment });
    }
  }
  return visits.sort((one, other) => one.use.startMicros - other.use.startMicros);
}

function useBy(buyer: Buyer, startMicros: number, dice: Dice): Use {
  return {
    feature: featureOf(buyer, dice),
    startMicros,
    customer: buyer.id,
    // Some people use it much more than others.
    user: `${buyer.id}:u${Math.floor(dice.share() * dice.share() * buyer.users) + 1}`,
    usageClass: buyer.isTrial ? 'trial' : null,
    isNameless: false,
    verbosity: buyer.verbosity,
  };
}

function featureOf({ uses }: Buyer, dice: Dice): Feature {
  // The keys of a record of features are features.
  const shares = Object.entries(uses) as [Feature, number][];
  let left = dice.share() * shares.reduce((sum, [, share]) => sum + share, 0);
  for (const [feature, share] of shares) {
    left -= share;
    if (left < 0) return feature;
  }
  throw new Error('a buyer uses some feature');
}
