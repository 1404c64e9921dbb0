import { setImmediate as nextTurn } from 'node:timers/promises';
import { billedModel, type Comparison, type ReratePolicy, Tally } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import type { Accounts, AccountVisit } from './accounts.ts';
import { leafOf } from './action.ts';
import type { ActionWindow } from './action-window.ts';
import { bookDifference } from './charging.ts';
import { callsOf, payersOf, type RatedAgain, type RatingBook, ratedAgain } from './rate-again.ts';
import type { RatedUsage, UsageSelection } from './rated-usage.ts';
import type { RerateJob, RerateStore, RerateTally, Rerating } from './rerate-store.ts';
import { saysTheSame } from './stored-rating.ts';
import type { TraceWindow } from './trace-window.ts';

/**
 * Calls of one slice: well under half a second of work when all of them change, so that what arrives meanwhile is
 * posted within its second.
 */
export const RERATE_SLICE_ROWS = 8192;

/** Calls rated between two turns of the event loop. */
const CALLS_PER_TURN = 2048;

export interface RerateRequest {
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly model: string | null;
  readonly policy: ReratePolicy;
}

/** All events that can be told by safe integers: the year 2255. */
const EVER: UsageSelection = {
  fromMicros: 0,
  toMicros: Number.MAX_SAFE_INTEGER,
  model: null,
  scope: 'unpriced',
};

export interface ReratesParts {
  readonly store: RerateStore;
  readonly window: TraceWindow;
  readonly actions: ActionWindow;
  readonly accounts: Accounts;
  readonly newId: () => string;
  readonly sliceRows: number;
  /** Called with each job as it has become durable. */
  readonly onStep: (job: RerateJob) => void;
}

/**
 * Rates the past again, in small slices between the batches of the ledger:
 *
 * 1. A job is asked for, or begins by itself when the price book is another one than that by which what had no price was
 *    last tried. It is durable before anybody hears of it.
 * 2. A slice reads some calls in the order of their events, and with each all others of its action. It prices them by the
 *    book of today and charges their actions by the rules of then.
 * 3. Where the result differs, a record with the next revision takes the place of the old one, and the difference of
 *    credits is booked. All of a slice and how far the job has come is one transaction: whoever is killed goes on there.
 * 4. Open traces learn of the new revisions, so that a later decision corrects what is booked now.
 *
 * What was rated again under a book is found unchanged the next time, so that nothing is ever counted twice.
 */
export class Rerates {
  readonly #parts: ReratesParts;
  /** The first is being worked on. */
  #open: RerateJob[] = [];
  #requests: { readonly request: RerateRequest; readonly asked: PromiseWithResolvers<RerateJob> }[] = [];
  #triedBook: string | null = null;
  #isOver = false;

  constructor(parts: ReratesParts) {
    this.#parts = parts;
  }

  /** Takes up what an earlier process has left. */
  async load(): Promise<void> {
    const { store } = this.#parts;
    this.#open = [...(await store.loadOpenJobs())];
    this.#triedBook = await store.lastTriedBook();
  }

  hasWork({ version }: RatingBook): boolean {
    return this.#open.length > 0 || this.#requests.length > 0 || this.#triedBook !== version;
  }

  /**
   * Asks for a job; resolves as soon as it is durable.
   *
   * @throws {SpanledgerError} SL_RERATE_BUSY while another one that was asked for is not finished
   */
  request(request: RerateRequest): Promise<RerateJob> {
    if (this.#isOver) return Promise.reject(isStopping());
    const busy = this.#open.find(({ reason }) => reason === 'request');
    if (busy !== undefined || this.#requests.length > 0) {
      return Promise.reject(
        new SpanledgerError(
          'SL_RERATE_BUSY',
          `One re-rating runs at a time${busy === undefined ? '' : `, ${busy.id} is at ${busy.examined} of ${busy.total} calls`}. Ask again when it is done.`,
        ),
      );
    }
    const asked = Promise.withResolvers<RerateJob>();
    this.#requests.push({ request, asked });
    return asked.promise;
  }

  /** Nothing more will be done by this process; whoever waits or asks is told, so that nobody waits for ever. */
  refuseRequests(): void {
    this.#isOver = true;
    for (const { asked } of this.#requests.splice(0)) asked.reject(isStopping());
  }

  /** The next transaction of whatever there is to do. Only while nothing else waits to be committed. */
  async runSlice(book: RatingBook, nowMillis: number): Promise<void> {
    if (await this.#beginJobs(book, nowMillis)) return;
    const [job] = this.#open;
    if (job !== undefined) await this.#work(job, book, nowMillis);
  }

  /** Makes durable what has been asked for, and what a new book asks for; false: there was nothing new. */
  async #beginJobs(book: RatingBook, nowMillis: number): Promise<boolean> {
    const begin = (
      reason: RerateJob['reason'],
      selection: UsageSelection,
      policy: ReratePolicy,
    ): Promise<RerateJob> => this.#newJob(reason, selection, policy, book.version, nowMillis);

    const outdated = this.#open.filter(({ bookVersion }) => bookVersion !== book.version);
    const jobs: RerateJob[] = [];
    for (const job of outdated) {
      if (job.reason === 'request') jobs.push(await begin(job.reason, job.selection, job.policy));
      // A book that came back would otherwise count as tried.
      const replacedBy = job.reason === 'request' ? (jobs.at(-1)?.id ?? null) : null;
      jobs.push({ ...job, state: 'replaced', replacedBy, finishedAtMillis: nowMillis });
    }
    const requests = [...this.#requests];
    const asked: RerateJob[] = [];
    for (const { request } of requests) {
      const { policy, ...range } = request;
      asked.push(await begin('request', { ...range, scope: 'all' }, policy));
    }
    jobs.push(...asked);
    // Last, so that the newest of these rows tells the book.
    if (this.#triedBook !== book.version) jobs.push(await begin('new_book', EVER, 'customer_favourable'));
    if (jobs.length === 0) return false;

    const { store, onStep } = this.#parts;
    await store.rerate({ jobs, reratings: [], tally: null, nowMillis });
    this.#triedBook = book.version;
    this.#open = [
      ...this.#open.filter((job) => !outdated.includes(job)),
      ...jobs.filter(({ state }) => state === 'open'),
    ];
    this.#requests = this.#requests.filter((each) => !requests.includes(each));
    for (const [index, { asked: answer }] of requests.entries()) {
      const job = asked[index];
      if (job !== undefined) answer.resolve(job);
    }
    for (const job of jobs) onStep(job);
    return true;
  }

  async #newJob(
    reason: RerateJob['reason'],
    selection: UsageSelection,
    policy: ReratePolicy,
    bookVersion: string,
    nowMillis: number,
  ): Promise<RerateJob> {
    return {
      id: this.#parts.newId(),
      reason,
      selection,
      policy,
      bookVersion,
      state: 'open',
      replacedBy: null,
      nextMicros: selection.fromMicros,
      total: await this.#parts.store.ratedUsage.count(selection),
      examined: 0,
      changed: 0,
      transfers: 0,
      requestedAtMillis: nowMillis,
      finishedAtMillis: null,
    };
  }

  /** Accounts stay open until what is booked on them is in the file: the store is given it only at the end. */
  async #work(job: RerateJob, book: RatingBook, nowMillis: number): Promise<void> {
    const visit = this.#parts.accounts.visit();
    try {
      await this.#workOn(job, book, nowMillis, visit);
    } finally {
      visit.end();
    }
  }

  async #workOn(job: RerateJob, book: RatingBook, nowMillis: number, visit: AccountVisit): Promise<void> {
    const { store, sliceRows, onStep } = this.#parts;
    const nowMicros = nowMillis * 1000;
    const selection = { ...job.selection, fromMicros: job.nextMicros };
    const { usages, nextMicros } = await store.ratedUsage.page(selection, sliceRows);
    const tally = aRerateTally();
    const reratings: Rerating[] = [];
    const groups = await callsOf(usages, job.selection, selection, store.ratedUsage);
    await visit.open(payersOf(groups));
    let calls = 0;
    for (const group of groups) {
      for (const { rated, rating, action } of ratedAgain(group, job.selection, book, job.policy)) {
        const isChanged = !saysTheSame(rating, rated.rating);
        tallyRerating(tally, rated, rating, isChanged);
        if (isChanged) reratings.push(this.#rerating({ rated, rating, action }, nowMicros));
      }
      calls += group.calls.length;
      if (calls >= CALLS_PER_TURN) {
        calls = 0;
        await nextTurn();
      }
    }
    const after: RerateJob = {
      ...job,
      examined: job.examined + usages.length,
      changed: job.changed + reratings.length,
      transfers: job.transfers + reratings.reduce((sum, { bookings }) => sum + bookings.length, 0),
      nextMicros: nextMicros ?? job.selection.toMicros,
      state: nextMicros === null ? 'done' : 'open',
      finishedAtMillis: nextMicros === null ? nowMillis : null,
    };
    await store.rerate({ jobs: [after], reratings, tally, nowMillis });
    for (const rerating of reratings) this.#tellTheWindows(rerating);
    this.#open = this.#open.flatMap((each) =>
      each !== job ? [each] : after.state === 'open' ? [after] : [],
    );
    onStep(after);
  }

  #rerating({ rated, rating, action }: RatedAgain, nowMicros: number): Rerating {
    const { usage, tenant } = rated;
    const { eventTimeMicros, actionId } = usage;
    const leaf = action === null ? null : { action, leaf: leafOf(usage, rating.cost) };
    const bookings = bookDifference(
      { leaf, rating: rated.rating, eventTimeMicros },
      { tenant, action, actionId, charge: rating, eventTimeMicros, recordedMicros: nowMicros },
      { accounts: this.#parts.accounts, nowMicros },
    );
    return { rated, rating, leaf, bookings };
  }

  /** What is in memory of the call is what a later decision is compared with. */
  #tellTheWindows({ rated, rating, leaf }: Rerating): void {
    const { window, actions } = this.#parts;
    window.rerated(rated, { revision: rated.revision + 1, rating, leaf });
    if (leaf !== null) actions.rerated(leaf, rating);
  }
}

export function aRerateTally(): RerateTally {
  return new Tally(
    { model: new Map<string | null, Comparison>(), customer: new Map<string | null, Comparison>() },
    ['model', 'customer'],
  );
}

export function tallyRerating(
  tally: RerateTally,
  { usage, rating: before }: RatedUsage,
  now: RatedAgain['rating'],
  isChanged: boolean,
): void {
  const recorded = { cost: before.cost, credits: before.credits, creditValue: null };
  const again = isChanged ? { cost: now.cost, credits: now.credits, creditValue: null } : recorded;
  tally.add({ model: billedModel(usage), customer: usage.customer }, recorded, again, isChanged);
}

function isStopping(): SpanledgerError {
  return new SpanledgerError('SL_RERATE_BUSY', 'The service is stopping. Ask again when it has started.');
}
