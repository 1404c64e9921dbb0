import { type AccountFact, billedModel, type Movement, type UsageSum } from '@spanledger/metering';
import type { JournalPosition } from '../journal/index.ts';
import type {
  AccountDue,
  AccountKey,
  AccountPosting,
  AnsweredCommand,
  BookedAlert,
  CustomerProfile,
  HeldAccount,
  ProfilePosting,
} from '../ledger/account-store.ts';
import { actionLink, actionOf, actionText, leafOf } from '../ledger/action.ts';
import { isOfHold } from '../ledger/fact-text.ts';
import type { RatedUsage, RatedUsageReader, UsageSelection } from '../ledger/rated-usage.ts';
import type { RerateJob, RerateStep, RerateTally } from '../ledger/rerate-store.ts';
import {
  type BatchCounts,
  type Booking,
  type Damage,
  type DueTrace,
  type HeldAction,
  type HeldTrace,
  type KeptSpan,
  type LedgerStore,
  type LinkedTrace,
  type LinkQuery,
  type NamedAction,
  type Posting,
  type Quarantined,
  type Rejection,
  ranTogether,
  type TraceKey,
} from '../ledger/store.ts';

/** The in-memory twin of the DuckDB store: the same contract, for tests of what lies above it. */
export class MemoryStore implements LedgerStore {
  position: JournalPosition | null = null;
  readonly rejections: Rejection[] = [];
  readonly quarantined: Quarantined[] = [];
  readonly damages: Damage[] = [];
  readonly counts: BatchCounts[] = [];
  readonly #due = new Map<string, DueTrace>();
  readonly #traces = new Set<string>();
  readonly #links = new Set<number>();
  /** With those of the open batch at the end. */
  #spans: KeptSpan[] = [];
  #postings: Posting[] = [];
  #accounts: AccountPosting[] = [];
  #committed = { spans: 0, postings: 0, accounts: 0 };
  openBatch = 1;
  committedBatch = 0;
  commandNumber = 0;
  readonly #dues = new Map<string, AccountDue>();
  readonly #profiles = new Map<string, ProfilePosting>();
  readonly commands: AnsweredCommand[] = [];
  readonly #actions = new Set<number>();
  #batch: (() => void)[] = [];

  get spans(): readonly KeptSpan[] {
    return this.#spans.slice(0, this.#committed.spans);
  }

  /** All that were committed; those that took the place of others come later. */
  get postings(): readonly Posting[] {
    return this.#postings.slice(0, this.#committed.postings);
  }

  /** What the ledger says now: the last posting for each span, in the order of the first. */
  get current(): readonly Posting[] {
    return lastOfEach(this.postings);
  }

  keep(span: KeptSpan): void {
    this.#spans.push(span);
  }

  post(posting: Posting): void {
    this.#postings.push(posting);
  }

  /** Facts of accounts, and what moved by them, that were committed. */
  get accountPostings(): readonly AccountPosting[] {
    return this.#accounts.slice(0, this.#committed.accounts);
  }

  /** All movements of a customer that were committed. */
  movementsOf(customer: string): readonly Booking['movement'][] {
    return [
      ...this.postings.flatMap(({ bookings }) => bookings).filter((booking) => booking.customer === customer),
      ...this.accountPostings
        .filter((posting) => posting.customer === customer)
        .flatMap(({ movements }) => movements.map((movement) => ({ customer, movement }))),
    ].map(({ movement }) => movement);
  }

  book(posting: AccountPosting): void {
    this.#accounts.push(posting);
  }

  setAccountDue(due: AccountDue): void {
    this.#batch.push(() => this.#dues.set(accountText(due), due));
  }

  setProfile(posting: ProfilePosting): void {
    this.#batch.push(() => this.#profiles.set(accountText(posting), posting));
  }

  noteCommand(command: AnsweredCommand): void {
    this.#batch.push(() => this.commands.push(command));
  }

  setCommandNumber(number: number): void {
    this.#batch.push(() => {
      this.commandNumber = number;
    });
  }

  async loadFacts({ tenant, customer }: AccountKey): Promise<readonly AccountFact[]> {
    return this.#accounts
      .filter((posting) => posting.tenant === tenant && posting.customer === customer)
      .flatMap(({ facts }) => facts);
  }

  async loadHold(account: AccountKey, hold: string): Promise<readonly AccountFact[]> {
    return (await this.loadFacts(account)).filter((fact) => isOfHold(fact, hold));
  }

  async loadAccountDues(): Promise<readonly AccountDue[]> {
    return [...this.#dues.values()];
  }

  async loadAccounts(accounts: readonly AccountKey[]): Promise<readonly HeldAccount[]> {
    const wanted = new Map(
      accounts.map(({ tenant, customer }) => [
        accountText({ tenant, customer }),
        { tenant, customer, facts: [] as AccountFact[], movements: [] as Movement[] },
      ]),
    );
    for (const { tenant, customer, facts, movements } of this.accountPostings) {
      const account = wanted.get(accountText({ tenant, customer }));
      account?.facts.push(...facts);
      account?.movements.push(...movements);
    }
    for (const { tenant, bookings } of this.postings) {
      for (const { customer, movement } of bookings) {
        wanted.get(accountText({ tenant, customer }))?.movements.push(movement);
      }
    }
    return [...wanted.values()]
      .filter(({ facts, movements }) => facts.length + movements.length > 0)
      .map(({ movements, ...account }) => ({
        ...account,
        usage: usageIn(movements),
        asOfMicros: movements.reduce<number | null>(
          (latest, { stepMicros }) => Math.max(latest ?? stepMicros, stepMicros),
          null,
        ),
      }));
  }

  async loadAlerts(sinceMillis: number): Promise<readonly BookedAlert[]> {
    return this.accountPostings.flatMap(({ tenant, customer, facts }) =>
      facts.flatMap((alert) =>
        alert.kind === 'alert' && alert.recordedMicros >= sinceMillis * 1000
          ? [{ tenant, customer, alert }]
          : [],
      ),
    );
  }

  async loadUsage({ tenant, customer }: AccountKey): Promise<readonly UsageSum[]> {
    const movements = [
      ...this.#postings
        .filter((posting) => posting.tenant === tenant)
        .flatMap(({ bookings }) => bookings)
        .filter((booking) => booking.customer === customer)
        .map(({ movement }) => movement),
      ...this.#accounts
        .filter((posting) => posting.tenant === tenant && posting.customer === customer)
        .flatMap((posting) => posting.movements),
    ];
    return usageIn(movements).map(({ stepMicros: _, ...usage }) => usage);
  }
  async loadProfiles(): Promise<readonly (AccountKey & { readonly profile: CustomerProfile })[]> {
    return [...this.#profiles.values()];
  }

  async loadCommands(sinceMillis: number): Promise<readonly AnsweredCommand[]> {
    return this.commands.filter(({ recordedAtMillis }) => recordedAtMillis >= sinceMillis);
  }

  mayHoldAction(link: number): boolean {
    if (this.#actions.has(link)) return true;
    this.#actions.add(link);
    return false;
  }

  async loadActions(actions: readonly NamedAction[]): Promise<readonly HeldAction[]> {
    const wanted = new Set(actions.map(actionText));
    return lastOfEach(this.#postings).flatMap(({ tenant, usage, rating }) => {
      const leaf = heldLeaf(tenant, usage, rating.cost);
      if (leaf === null || !wanted.has(actionText(leaf.action))) return [];
      return [{ traceId: usage.traceId, spanId: usage.spanId, leaf, rating }];
    });
  }

  setDue({ tenant, traceId }: TraceKey, dueAtMicros: number | null): void {
    const key = keyOf({ tenant, traceId });
    this.#batch.push(() => {
      if (dueAtMicros === null) this.#due.delete(key);
      else this.#due.set(key, { tenant, traceId, dueAtMicros });
    });
  }

  reject(rejection: Rejection): void {
    this.#batch.push(() => this.rejections.push(rejection));
  }

  quarantine(span: Quarantined): void {
    this.#batch.push(() => this.quarantined.push(span));
  }

  damage(range: Damage): void {
    this.#batch.push(() => this.damages.push(range));
  }

  async commit(position: JournalPosition | null, counts: BatchCounts, _nowMillis: number): Promise<void> {
    for (const add of this.#batch) add();
    this.#batch = [];
    this.#committed = {
      spans: this.#spans.length,
      postings: this.#postings.length,
      accounts: this.#accounts.length,
    };
    this.counts.push(counts);
    this.position = position ?? this.position;
    this.committedBatch = this.openBatch++;
  }

  /** What a crash leaves: the committed part. */
  crash(): void {
    this.#batch = [];
    this.#spans = [...this.spans];
    this.#postings = [...this.postings];
    this.#accounts = [...this.accountPostings];
    this.#actions.clear();
    for (const { tenant, usage } of this.postings) {
      const leaf = heldLeaf(tenant, usage, null);
      const link = leaf === null ? null : actionLink(leaf.action);
      if (link !== null) this.#actions.add(link);
    }
    this.#traces.clear();
    this.#links.clear();
    for (const { tenant, kept, links } of this.spans) {
      this.#traces.add(keyOf({ tenant, traceId: kept.traceId }));
      for (const link of links) this.#links.add(link);
    }
  }

  mayHoldTrace(trace: TraceKey): boolean {
    const key = keyOf(trace);
    if (this.#traces.has(key)) return true;
    this.#traces.add(key);
    return false;
  }

  mayHoldLink(link: number): boolean {
    if (this.#links.has(link)) return true;
    this.#links.add(link);
    return false;
  }

  async loadTraces(traces: readonly TraceKey[]): Promise<readonly HeldTrace[]> {
    return traces.flatMap(({ tenant, traceId }) => {
      const spans = this.#spans.filter((span) => span.tenant === tenant && span.kept.traceId === traceId);
      const records = lastOfEach(this.#postings)
        .filter((posting) => posting.tenant === tenant && posting.usage.traceId === traceId)
        .map(({ usage, rating, digest, replaces }) => ({
          spanId: usage.spanId,
          revision: (replaces?.revision ?? 0) + 1,
          eventTimeMicros: usage.eventTimeMicros,
          digest,
          rating,
          leaf: heldLeaf(tenant, usage, rating.cost),
        }));
      return spans.length + records.length === 0 ? [] : [{ tenant, traceId, spans, records }];
    });
  }

  async findLinked(queries: readonly LinkQuery[]): Promise<readonly LinkedTrace[]> {
    const found = new Map<string, LinkedTrace>();
    for (const { tenant, link, ...time } of queries) {
      for (const span of this.#spans) {
        if (span.tenant !== tenant || !span.links.includes(link) || !ranTogether(span.kept, time)) continue;
        const { traceId } = span.kept;
        found.set(`${link} ${keyOf({ tenant, traceId })}`, { tenant, traceId, link });
      }
    }
    return [...found.values()];
  }

  readonly jobs = new Map<string, RerateJob>();
  readonly tallies: { readonly job: string; readonly tally: RerateTally }[] = [];

  readonly ratedUsage: RatedUsageReader = {
    count: async (selection) => this.#selected(selection).length,
    page: async (selection, maxRows) => {
      const usages = this.#selected(selection);
      const end = usages[maxRows]?.usage.eventTimeMicros;
      if (end === undefined) return { usages, nextMicros: null };
      const nextMicros = Math.max(end, selection.fromMicros + 1);
      return { usages: usages.filter(({ usage }) => usage.eventTimeMicros < nextMicros), nextMicros };
    },
    ofActions: async (actions) => {
      const wanted = new Set(actions.map(actionText));
      return this.#selected(EVERYTHING).filter(({ tenant, usage }) => {
        const found = actionOf(usage, tenant);
        return found.kind === 'action' && wanted.has(actionText(found.action));
      });
    },
  };

  #selected({ fromMicros, toMicros, model, scope }: UsageSelection): readonly RatedUsage[] {
    return this.current
      .map((posting) => ({
        row: this.#postings.indexOf(posting),
        tenant: posting.tenant,
        traceId: posting.usage.traceId,
        spanId: posting.usage.spanId,
        revision: (posting.replaces?.revision ?? 0) + 1,
        usage: posting.usage,
        rating: posting.rating,
      }))
      .filter(
        ({ usage, rating }) =>
          usage.billingRole === 'billed' &&
          usage.eventTimeMicros >= fromMicros &&
          usage.eventTimeMicros < toMicros &&
          (model === null || billedModel(usage) === model) &&
          (scope === 'all' || rating.priceStatus === 'partial' || rating.priceStatus.startsWith('unpriced:')),
      )
      .sort((one, other) => one.usage.eventTimeMicros - other.usage.eventTimeMicros);
  }

  async loadOpenJobs(): Promise<readonly RerateJob[]> {
    return [...this.jobs.values()].filter(({ state }) => state === 'open');
  }

  async lastTriedBook(): Promise<string | null> {
    return [...this.jobs.values()].findLast(({ reason }) => reason === 'new_book')?.bookVersion ?? null;
  }

  async rerate({ jobs, reratings, tally, nowMillis }: RerateStep): Promise<void> {
    for (const { rated, rating, bookings } of reratings) {
      const posting = this.#postings[rated.row];
      if (posting === undefined) throw new Error('a rating for a record that is not there');
      this.#postings.push({
        ...posting,
        rating,
        bookings,
        recordedAtMillis: nowMillis,
        replaces: { revision: rated.revision, eventTimeMicros: posting.usage.eventTimeMicros },
      });
    }
    for (const add of this.#batch) add();
    this.#batch = [];
    this.#committed = {
      ...this.#committed,
      postings: this.#postings.length,
      accounts: this.#accounts.length,
    };
    this.committedBatch = this.openBatch++;
    for (const job of jobs) this.jobs.set(job.id, job);
    const [job] = jobs;
    if (tally !== null && job !== undefined) this.tallies.push({ job: job.id, tally });
  }

  async loadDue(): Promise<readonly DueTrace[]> {
    return [...this.#due.values()];
  }
}

function lastOfEach(postings: readonly Posting[]): readonly Posting[] {
  const last = new Map<string, Posting>();
  for (const posting of postings) {
    const { traceId, spanId } = posting.usage;
    last.set(`${keyOf({ tenant: posting.tenant, traceId })}/${spanId}`, posting);
  }
  return [...last.values()];
}

/** What usage has moved: all of it, an instant at a time. */
function usageIn(movements: readonly Movement[]): readonly UsageSum[] {
  return movements.flatMap(
    ({ kind, from, to, amount, effectiveMicros, stepMicros, hold, belongsToPeriod }) => {
      const used = to === 'used' ? amount : from === 'used' ? -amount : 0n;
      const isUse = kind === 'usage' || kind === 'capture';
      return isUse && used !== 0n
        ? [{ effectiveMicros, amount: used, hold, belongsToPeriod, stepMicros }]
        : [];
    },
  );
}

function heldLeaf(tenant: string, usage: Posting['usage'], cost: bigint | null) {
  const found = actionOf(usage, tenant);
  return found.kind === 'none' ? null : { action: found.action, leaf: leafOf(usage, cost) };
}

const EVERYTHING: UsageSelection = {
  fromMicros: 0,
  toMicros: Number.MAX_SAFE_INTEGER,
  model: null,
  scope: 'all',
};

function accountText({ tenant, customer }: AccountKey): string {
  return JSON.stringify([tenant, customer]);
}

function keyOf({ tenant, traceId }: TraceKey): string {
  return JSON.stringify([tenant, traceId]);
}
