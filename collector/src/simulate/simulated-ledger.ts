import {
  ATTRIBUTES_READ,
  type Book,
  type CreditRules,
  type CustomerAccount,
  DEFAULT_OBSERVE_SETTINGS,
  type KnownCost,
  LOG_ATTRIBUTES_READ,
  NO_ATTRIBUTION_SETTINGS,
  type Plans,
} from '@spanledger/metering';
import type { PriceCatalogue } from '../catalogue/index.ts';
import { comparePositions } from '../journal/index.ts';
import type { AccountKey } from '../ledger/account-store.ts';
import type { Command, CommandOutcome } from '../ledger/commands.ts';
import { type Committed, LEDGER_LIMITS, Ledger } from '../ledger/ledger.ts';
import { MemoryCommandJournal } from '../ledger/memory-command-journal.ts';
import type { RerateRequest } from '../ledger/rerate.ts';
import { SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import { MemoryStore } from '../store/memory.ts';
import { BodyFeed } from './body-feed.ts';
import { EMPTY_BODY } from './spans.ts';

export const TENANT = 'default';

export interface SimulatedLedgerParts {
  readonly startsAtMicros: number;
  readonly catalogue: PriceCatalogue;
  readonly rules: CreditRules;
  readonly plans: Plans;
}

/** The clock of a ledger counts milliseconds. */
const TICK_MICROS = 1000;
const MAX_BODY_BYTES = 64 * 1024 * 1024;

/**
 * The real ledger over a store in memory, with a clock that stands still until it is set: what it does in a day takes
 * milliseconds, and every run is like the one before.
 */
export class SimulatedLedger {
  readonly store = new MemoryStore();
  readonly #feed = new BodyFeed();
  readonly #commands = new MemoryCommandJournal();
  readonly #knownRules = new Map<string, CreditRules>();
  #catalogue: PriceCatalogue;
  #rules: CreditRules;
  #plans: Plans;
  #nowMicros: number;
  #ledger: Ledger;
  #running: Promise<void>;
  /** Jobs of the ledger are named apart from commands, so that nothing depends on how many there were. */
  #jobs = 0;
  #command: string | null = null;
  #committed: Committed[] = [];
  #news = Promise.withResolvers<void>();
  #jobRuns = false;
  #broken: unknown = null;

  constructor({ startsAtMicros, catalogue, rules, plans }: SimulatedLedgerParts) {
    this.#nowMicros = startsAtMicros;
    this.#catalogue = catalogue;
    this.#rules = rules;
    this.#plans = plans;
    this.#ledger = this.#open();
    this.#running = this.#run();
  }

  get nowMicros(): number {
    return this.#nowMicros;
  }

  get catalogue(): PriceCatalogue {
    return this.#catalogue;
  }

  get rules(): CreditRules {
    return this.#rules;
  }

  get plans(): Plans {
    return this.#plans;
  }

  /** The rules that usage was charged by. */
  rulesOf(version: string): CreditRules | null {
    return this.#knownRules.get(version) ?? null;
  }

  /** Null: nothing was ever booked on it. */
  account(customer: string): CustomerAccount | null {
    return this.#ledger.accounts.find({ tenant: TENANT, customer }, this.#nowMicros);
  }

  /** Opened where there is none yet. */
  openAccount(customer: string): CustomerAccount {
    return this.#ledger.accounts.open({ tenant: TENANT, customer }, this.#nowMicros);
  }

  accounts(): readonly (readonly [AccountKey, CustomerAccount])[] {
    const { accounts } = this.#ledger;
    return [...accounts.openKeys()].map((key) => [key, accounts.open(key, this.#nowMicros)]);
  }

  /** Looks at all accounts for alerts that are due, with what their periods have cost so far. */
  async checkAlerts(costOf: (account: CustomerAccount) => KnownCost): Promise<void> {
    for (const [key, account] of this.accounts()) {
      this.#ledger.alerts.check(key, this.#nowMicros, { cost: costOf(account) });
    }
    await this.settle();
  }

  /** Usage arrives. */
  async deliver(body: Uint8Array, spans: number): Promise<void> {
    this.#feed.add(body, spans, this.#nowMicros / 1000);
    await this.settle();
  }

  /** @param id names the command and all that comes of it */
  async run(id: string, command: Command): Promise<CommandOutcome> {
    await this.#ledger.whenReady;
    this.#command = id;
    try {
      return await this.#unlessBroken(this.#ledger.commands.run(command));
    } finally {
      this.#command = null;
      await this.settle();
    }
  }

  /** What comes first in a story is first in time. */
  tick(): void {
    this.#nowMicros += TICK_MICROS;
  }

  /** Whatever comes due on the way happens at its time. */
  async advanceTo(atMicros: number): Promise<void> {
    for (;;) {
      const dues = (await this.store.loadDue()).map(({ dueAtMicros }) => dueAtMicros);
      const next = Math.min(...dues.map((due) => Math.max(due, this.#nowMicros)), atMicros);
      this.#nowMicros = wholeMillis(next);
      this.accounts();
      await this.settle();
      if (next >= atMicros) return;
    }
  }

  /** From now on usage is rated by other prices or other rules. */
  async useBook(catalogue: PriceCatalogue, rules: CreditRules): Promise<void> {
    this.#catalogue = catalogue;
    this.#rules = rules;
    this.#knownRules.set(rules.version, rules);
    this.#jobRuns = true;
    this.#ledger.useBook(this.#book, catalogue.version);
    await this.settle();
  }

  async usePlans(plans: Plans): Promise<void> {
    this.#plans = plans;
    this.#ledger.accounts.usePlans(plans);
    await this.settle();
  }

  async rerate(request: RerateRequest): Promise<void> {
    await this.#unlessBroken(this.#ledger.rerate(request));
    this.#jobRuns = true;
    await this.settle();
  }

  /** Another process takes over, with nothing but what is committed. */
  async restart(): Promise<void> {
    await this.end();
    this.store.crash();
    this.#ledger = this.#open();
    this.#running = this.#run();
    await this.#ledger.whenReady;
    // Stories are short, and whoever tells one asks for any customer at any time.
    await this.#ledger.accounts.visit().open(this.#ledger.accounts.keys());
    await this.settle();
  }

  async end(): Promise<void> {
    this.#ledger.drain();
    await this.#running;
    if (this.#broken !== null) throw this.#broken;
  }

  /** What was committed since the last time. */
  takeCommitted(): readonly Committed[] {
    return this.#committed.splice(0);
  }

  /** Everything that has arrived is posted, everything that was asked for is done, and all of it is committed. */
  async settle(): Promise<void> {
    do {
      this.#feed.add(EMPTY_BODY, 0, this.#nowMicros / 1000);
      const { end } = this.#feed;
      this.#ledger.advance(end);
      const isCommitted = () =>
        this.store.position !== null && comparePositions(this.store.position, end) >= 0;
      while (!isCommitted() || this.#hasOpenJobs()) await this.#unlessBroken(this.#nextNews());
    } while (this.#takeJobRuns());
  }

  get #book(): Book {
    return { catalogue: this.#catalogue, rules: this.#rules };
  }

  /** What a job books is committed with it; what comes due by that, with the next body. */
  #takeJobRuns(): boolean {
    const jobRuns = this.#jobRuns;
    this.#jobRuns = false;
    return jobRuns;
  }

  /** A ledger tries again what has no price whenever the price book is another one than before. */
  #hasOpenJobs(): boolean {
    const jobs = [...this.store.jobs.values()];
    const tried = jobs.findLast(({ reason }) => reason === 'new_book')?.bookVersion;
    return tried !== this.#catalogue.version || jobs.some(({ state }) => state === 'open');
  }

  #nextNews(): Promise<void> {
    this.#news = Promise.withResolvers<void>();
    return this.#news.promise;
  }

  async #unlessBroken<Result>(work: Promise<Result>): Promise<Result> {
    const broken = this.#running.then(() => {
      throw this.#broken ?? new Error('the ledger has ended');
    });
    return await Promise.race([work, broken]);
  }

  async #run(): Promise<void> {
    try {
      await this.#ledger.run();
    } catch (error) {
      this.#broken = error;
    }
  }

  #open(): Ledger {
    this.#knownRules.set(this.#rules.version, this.#rules);
    return new Ledger({
      journal: this.#feed,
      store: this.store,
      book: this.#book,
      bookVersion: this.#catalogue.version,
      pastRules: this.#knownRules,
      plans: this.#plans,
      commands: this.#commands,
      newId: () => this.#command ?? `job-${++this.#jobs}`,
      wanted: new WantedAttributes(ATTRIBUTES_READ),
      wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
      observing: DEFAULT_OBSERVE_SETTINGS,
      attribution: NO_ATTRIBUTION_SETTINGS,
      limits: {
        ...LEDGER_LIMITS,
        openAccounts: Number.POSITIVE_INFINITY,
        // On a clock that stands still, whatever waits for a time would wait for ever.
        commitRows: 1,
        commitEveryMs: 0,
        idleCommitMs: 0,
        maxInflatedBytes: MAX_BODY_BYTES,
        scan: SCAN_LIMITS,
      },
      nowMillis: () => this.#nowMicros / 1000,
      onCommit: (committed) => {
        this.#committed.push(committed);
        this.#news.resolve();
      },
      onRerated: () => {
        this.#jobRuns = true;
        this.#news.resolve();
      },
      onAlerts: () => {},
      onTrouble: ({ detail, cause }) => {
        this.#broken ??= new Error(`the ledger is in trouble: ${detail}`, { cause });
        this.#news.resolve();
      },
    });
  }
}

function wholeMillis(micros: number): number {
  return Math.ceil(micros / 1000) * 1000;
}
