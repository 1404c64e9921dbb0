import { type AccountStep, accountSteps, type TopUp, topUpsOf } from './accounts.ts';
import { configurationOf } from './configuration.ts';
import { type Dice, diceOf } from './dice.ts';
import { otlpBody } from './otlp-body.ts';
import { type CostOf, costBy, priceCards } from './prices.ts';
import {
  BUYERS,
  type Buyer,
  CREDITS_OF_A_PAGE,
  CREDITS_OF_AN_ANSWER,
  type Feature,
  joinedMicros,
  OWN_TRAFFIC,
  STARTER_ALLOWANCE,
} from './shop.ts';
import type { Origin, SentSpan } from './span.ts';
import { DAY_MICROS, HOUR_MICROS, rhythmAt, type Story, storyOf } from './story.ts';
import { type Deliveries, Tally, type Truth } from './truth.ts';
import { serviceOf, type Trace, traceOf, type Use } from './use.ts';

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

export interface HistoryBody {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly spans: number;
  /** HTTP status that it is to be answered with. */
  readonly expectedStatus: number;
  /** The day it was sent on, counted from 1. */
  readonly day: number;
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

/**
 * What the app of a customer knows of its credits, where it stops at zero: it asks before each use, and what began before
 * it was told no still happens.
 */
class Wallet {
  readonly #story: Story;
  /** Thousandths of a credit that are left, of customers whose app asks. */
  readonly #left = new Map<string, number>();
  readonly #underWay = new Map<string, number>();
  readonly #topUps: TopUp[];

  constructor(story: Story) {
    this.#story = story;
    this.#topUps = [...topUpsOf(story)];
  }

  allows({ id, stopsAtZero }: Buyer, { startMicros }: Use): boolean {
    if (!stopsAtZero) return true;
    this.#topUp(startMicros);
    if (this.#leftOf(id) > 0) {
      this.#underWay.set(id, USES_UNDER_WAY);
      return true;
    }
    const underWay = this.#underWay.get(id) ?? 0;
    this.#underWay.set(id, underWay - 1);
    return underWay > 0;
  }

  /** What is used beyond what is left is an overrun, which nothing pays back. */
  charge({ id }: Buyer, { feature, startMicros }: Use, { calls, pages }: Trace): void {
    if (startMicros < this.#story.creditsMicros || calls.every(({ hasFailed }) => hasFailed)) return;
    const credits = feature === 'document-intake' ? pages * CREDITS_OF_A_PAGE : CREDITS_OF_AN_ANSWER;
    this.#left.set(id, Math.max(0, this.#leftOf(id) - credits * 1000));
  }

  #leftOf(id: string): number {
    return this.#left.get(id) ?? STARTER_ALLOWANCE * 1000;
  }

  #topUp(nowMicros: number): void {
    for (const topUp of this.#topUps.filter(({ atMicros }) => atMicros <= nowMicros)) {
      this.#left.set(topUp.customer, this.#leftOf(topUp.customer) + topUp.credits * 1000);
      this.#topUps.splice(this.#topUps.indexOf(topUp), 1);
    }
  }
}

const USES_UNDER_WAY = 3;

/** As many as a batch exporter sends at once. */
const SPANS_OF_A_BODY = 512;
/** Every so many bodies one is sent again, because its answer was lost; and one has a span that nobody can read. */
const REPEATED_EVERY = 45;
const MALFORMED_EVERY = 20;
const CONFLICTS = 3;
const PROTOBUF = 'application/x-protobuf';

/** Spans on their way, by the process that sends them. */
class Outbox {
  day = 1;
  readonly #dice: Dice;
  readonly #waiting = new Map<string, { readonly origin: Origin; spans: SentSpan[] }>();
  readonly #late: { readonly origin: Origin; readonly span: SentSpan }[] = [];
  readonly #conflicting: { readonly origin: Origin; readonly span: SentSpan }[] = [];
  #counts = {
    spans: 0,
    bodies: 0,
    bytes: 0,
    actions: 0,
    duplicates: 0,
    rejected: 0,
    conflicts: 0,
    lateRoots: 0,
    refusedBodies: 0,
  };

  constructor(dice: Dice) {
    this.#dice = dice;
  }

  get deliveries(): Deliveries {
    return this.#counts;
  }

  put(origin: Origin, { spans, lateRoot }: Trace): void {
    this.#counts.actions++;
    const key = JSON.stringify(origin);
    const waiting = this.#waiting.get(key);
    if (waiting === undefined) this.#waiting.set(key, { origin, spans: [...spans] });
    else waiting.spans.push(...spans);
    if (lateRoot !== null) this.#late.push({ origin, span: lateRoot });
    const [first] = spans;
    if (
      first !== undefined &&
      this.#conflicting.length < CONFLICTS &&
      'gen_ai.usage.input_tokens' in first.attributes
    ) {
      this.#conflicting.push({ origin, span: first });
    }
  }

  /** Of processes that have enough for a body. */
  *filled(): Generator<HistoryBody> {
    for (const waiting of this.#waiting.values()) {
      while (waiting.spans.length >= SPANS_OF_A_BODY) {
        yield* this.#send(waiting.origin, waiting.spans.splice(0, SPANS_OF_A_BODY));
      }
    }
  }

  /** Everything else that is waiting. */
  *rest(): Generator<HistoryBody> {
    for (const { origin, spans } of this.#waiting.values())
      if (spans.length > 0) yield* this.#send(origin, spans);
    yield* this.#refused();
  }

  /** Copies that contradict, and spans that say for whom a call was that was posted long ago. */
  *late(): Generator<HistoryBody> {
    for (const { origin, span } of this.#conflicting) {
      const attributes = { ...span.attributes, 'gen_ai.usage.input_tokens': 1, 'user.id': 'somebody-else' };
      this.#counts.conflicts++;
      yield this.#body(origin, [{ ...span, attributes }]);
    }
    for (const { origin, span } of this.#late) {
      this.#counts.lateRoots++;
      yield this.#body(origin, [span]);
    }
  }

  *#send(origin: Origin, spans: readonly SentSpan[]): Generator<HistoryBody> {
    const number = this.#counts.bodies + 1;
    const isMalformed = number % MALFORMED_EVERY === 3;
    const body = this.#body(origin, isMalformed ? [...spans, this.#malformed(spans)] : spans);
    if (isMalformed) this.#counts.rejected++;
    yield body;
    if (number % REPEATED_EVERY !== 5) return;
    this.#count(body);
    this.#counts.duplicates += spans.length;
    if (isMalformed) this.#counts.rejected++;
    yield body;
  }

  #body(origin: Origin, spans: readonly SentSpan[]): HistoryBody {
    const body = {
      bytes: otlpBody(origin, spans),
      contentType: PROTOBUF,
      spans: spans.length,
      expectedStatus: 200,
      day: this.day,
    };
    this.#count(body);
    return body;
  }

  #count({ bytes, spans }: HistoryBody): void {
    this.#counts.bodies++;
    this.#counts.spans += spans;
    this.#counts.bytes += bytes.byteLength;
  }

  /** A process whose clock or id generator has failed: no trace id, or no end. */
  #malformed([span]: readonly SentSpan[]): SentSpan {
    if (span === undefined) throw new Error('a body has spans');
    return this.#dice.isBelow(0.5)
      ? { ...span, traceId: '0'.repeat(32) }
      : { ...span, spanId: this.#dice.hex(8), endMicros: 0 };
  }

  /** What is no OTLP at all: cut off on its way, and sent by somebody who took the port for another. */
  *#refused(): Generator<HistoryBody> {
    const refused = [
      { bytes: Buffer.from([0x0a, 0xff]), contentType: PROTOBUF, expectedStatus: 400 },
      { bytes: Buffer.from('hello'), contentType: 'text/plain', expectedStatus: 415 },
    ];
    for (const body of refused) {
      this.#counts.refusedBodies++;
      yield { ...body, spans: 0, day: this.day };
    }
  }
}
