import type { AccountFact, CustomerAccount, Decided, Movement, Refused } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import type { AccountKey, AccountStore, AnsweredCommand, CustomerProfile } from './account-store.ts';
import type { Accounts } from './accounts.ts';

/** Something that somebody wants done to an account, in its words. */
export interface Command extends AccountKey {
  /** The caller's Idempotency-Key; null: none. Said again, a command with a key is answered again and done once. */
  readonly key: string | null;
  /** Of the whole request: the same key with another request is a mistake. */
  readonly fingerprint: string;
  readonly actor: string | null;
  /** @param id names the command; its facts are named by it */
  decide(account: CustomerAccount, id: string, nowMicros: number): Decided | ProfileChange;
  /** What is answered when it is done, on the account as it is then. */
  answer(account: CustomerAccount, facts: readonly AccountFact[], nowMicros: number): CommandAnswer;
}

/** The customer is known by these words from now on. */
export interface ProfileChange {
  readonly kind: 'profile';
  readonly profile: CustomerProfile;
}

export interface CommandAnswer {
  readonly status: number;
  readonly body: unknown;
}

export type CommandOutcome =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly body: unknown;
      readonly isRepeated: boolean;
    }
  | Refused
  /** The key was used before, for another request. */
  | { readonly kind: 'key_reused' };

/** What is written down before a command is answered. */
interface CommandRecord extends AccountKey {
  /** Counts the commands of this ledger, without gaps. */
  readonly number: number;
  readonly recordedMicros: number;
  readonly facts: readonly AccountFact[];
  readonly profile: CustomerProfile | null;
  readonly actor: string | null;
  readonly answer: Omit<AnsweredCommand, 'tenant' | 'recordedAtMillis'> | null;
}

/** Where commands are safe before they are answered. */
export interface CommandJournal {
  /** Resolves when the text is on disk; in the order of the calls. */
  append(text: string, recordedAtMillis: number): Promise<void>;
  /** All texts that may not be in the ledger yet, in order. */
  read(): AsyncIterable<string>;
  /** The ledger has everything that was appended so far. */
  committed(): Promise<void>;
}

export interface CommandsParts {
  readonly accounts: Accounts;
  readonly store: AccountStore;
  readonly journal: CommandJournal;
  readonly nowMillis: () => number;
  readonly newId: () => string;
  /** A fact as text, and back. */
  readonly factText: (fact: AccountFact) => string;
  readonly factOf: (text: string) => AccountFact;
  /** Resolves when everything that was done so far is in the ledger's file. */
  readonly whenCommitted: () => Promise<void>;
  /** Runs when nothing else is being posted, and nothing is posted meanwhile. */
  readonly exclusively: <Result>(work: () => Promise<Result>) => Promise<Result>;
  /** There is something to commit. */
  readonly onChange: () => void;
  readonly onTrouble: (detail: string) => void;
}

/** Keys are remembered for a day: whoever has had no answer by then has given up. */
const KEY_LIFE_MILLIS = 24 * 3_600_000;
/** About 300 bytes each; beyond it the oldest are forgotten before their day is over. */
const MAX_KEYS = 200_000;

/**
 * Does what is asked of accounts, one command after the other:
 *
 * 1. It is decided on the account as it is at this moment. Nothing comes in between, so two holds never get the same
 *    credits.
 * 2. Its facts are applied at once, and are part of the next commit of the ledger.
 * 3. It is written to a journal of its own, and answered when that is on disk: milliseconds, where the next commit may be
 *    a second away. Whatever a crash leaves in the journal and not in the ledger is applied at the next start.
 */
export class Commands {
  readonly #parts: CommandsParts;
  readonly #answers = new Map<string, KnownAnswer>();
  readonly #profiles = new Map<string, CustomerProfile>();
  /** Of the last command that was applied. */
  #number = 0;
  /** No two commands are of the same instant, so that what came first is told by time alone. */
  #lastMicros = 0;
  /** Accounts that are being counted anew: whoever wants something of them waits. */
  readonly #busy = new Map<string, Promise<void>>();

  constructor(parts: CommandsParts) {
    this.#parts = parts;
  }

  /** Applies what an earlier process has written down and not committed. Before anything else happens. */
  async load(): Promise<void> {
    const { store, journal, nowMillis, onTrouble } = this.#parts;
    this.#number = store.commandNumber;
    for (const command of await store.loadCommands(nowMillis() - KEY_LIFE_MILLIS)) this.#remember(command);
    for (const { profile, ...key } of await store.loadProfiles()) this.#profiles.set(lockOf(key), profile);
    for await (const text of journal.read()) {
      const record = this.#recordOf(text);
      // It is in the ledger already.
      if (record.number <= this.#number) continue;
      const missing = record.number - this.#number - 1;
      if (missing > 0) onTrouble(`${missing} commands before number ${record.number} are lost`);
      await this.#parts.accounts.during([record], () => this.#replay(record));
    }
  }

  /** What is known of a customer besides credits; null: nothing was ever said. */
  profileOf(key: AccountKey): CustomerProfile | null {
    return this.#profiles.get(lockOf(key)) ?? null;
  }

  async run(command: Command): Promise<CommandOutcome> {
    return await this.#parts.accounts.during([command], () => this.#run(command));
  }

  /** The account is open until the command is answered. */
  async #run(command: Command): Promise<CommandOutcome> {
    const busy = this.#busy.get(lockOf(command));
    if (busy !== undefined) {
      await busy;
      return await this.#run(command);
    }
    const outcome = await this.#decide(command);
    return outcome.kind === 'refused' && outcome.unknownHold !== undefined
      ? await this.#recall(command, outcome.unknownHold)
      : outcome;
  }

  /** The account forgets a hold that ended long ago; the ledger does not, and it is answered as it was. */
  async #recall(command: Command, hold: string): Promise<CommandOutcome> {
    const { store, exclusively } = this.#parts;
    for (let busy = this.#busy.get(lockOf(command)); busy !== undefined; ) {
      await busy;
      busy = this.#busy.get(lockOf(command));
    }
    return await this.#locked(command, async () => {
      const facts = await exclusively(() => store.loadHold(command, hold));
      return await this.#decide(command, { hold, facts });
    });
  }

  async #decide(command: Command, recalled: RecalledHold | null = null): Promise<CommandOutcome> {
    const known = command.key === null ? undefined : this.#answers.get(keyOf(command.tenant, command.key));
    if (known !== undefined) return await this.#repeat(command, known);

    const { accounts, nowMillis, newId } = this.#parts;
    const nowMicros = Math.max(nowMillis() * 1000, this.#lastMicros + 1);
    this.#lastMicros = nowMicros;
    const account = accounts.open(command, nowMicros);
    if (recalled !== null && account.hold(recalled.hold) === null)
      account.recall(recalled.hold, recalled.facts);
    const decided = command.decide(account, newId(), nowMicros);
    switch (decided.kind) {
      case 'refused':
        return decided;
      case 'repeated': {
        const { status, body } = command.answer(account, [decided.fact], nowMicros);
        return { kind: 'answered', status, body, isRepeated: true };
      }
      case 'profile':
        return await this.#perform(command, account, [], decided.profile, nowMicros);
      case 'facts':
        return await this.#perform(command, account, decided.facts, null, nowMicros);
    }
  }

  async #perform(
    command: Command,
    account: CustomerAccount,
    facts: readonly AccountFact[],
    profile: CustomerProfile | null,
    nowMicros: number,
  ): Promise<CommandOutcome> {
    const finish = () => this.#finish(command, account, facts, profile, nowMicros);
    const { status, body, durable } = this.#apply(command, account, facts, nowMicros)
      ? finish()
      : await this.#alone(command, async () => {
          await this.#rebuild(command, account, facts, nowMicros);
          return finish();
        });
    await durable;
    return { kind: 'answered', status, body, isRepeated: false };
  }

  /**
   * Numbers the command and notes its answer in the same turn in which its facts were booked: they are committed
   * together, and whoever says it again finds it said.
   */
  #finish(
    command: Command,
    account: CustomerAccount,
    facts: readonly AccountFact[],
    profile: CustomerProfile | null,
    nowMicros: number,
  ): CommandAnswer & { readonly durable: Promise<void> } {
    const { tenant, customer, key, fingerprint, actor } = command;
    const { status, body } = command.answer(account, facts, nowMicros);
    const answer = key === null ? null : { key, fingerprint, status, answer: JSON.stringify(body) };
    const record: CommandRecord = {
      tenant,
      customer,
      number: ++this.#number,
      recordedMicros: nowMicros,
      facts,
      profile,
      actor,
      answer,
    };
    this.#note(record);
    this.#parts.onChange();
    const recordedAtMillis = Math.floor(nowMicros / 1000);
    // What is done is done. Where the journal takes nothing (a full disk), it is safe with the next commit.
    const durable = this.#parts.journal
      .append(this.#textOf(record), recordedAtMillis)
      .catch(() => this.#parts.whenCommitted());
    if (answer !== null) this.#remember({ ...answer, tenant, recordedAtMillis }, durable);
    return { status, body, durable };
  }

  /** False: nothing has happened, because the account must be counted anew. */
  #apply(
    key: AccountKey,
    account: CustomerAccount,
    facts: readonly AccountFact[],
    nowMicros: number,
  ): boolean {
    const { accounts } = this.#parts;
    const movements: Movement[] = [];
    for (const [index, fact] of facts.entries()) {
      const applied = account.apply(fact);
      if (applied.needsUsage) {
        if (index > 0) throw new Error('only the first fact of a command may lie in the past');
        return false;
      }
      movements.push(...applied.movements);
    }
    accounts.book(key, facts, movements, nowMicros);
    // Facts may have made something due: a subscription opens its first period.
    accounts.find(key, nowMicros);
    return true;
  }

  /** The facts lie amid usage of which only sums are known here: the ledger knows each. */
  async #rebuild(
    key: AccountKey,
    account: CustomerAccount,
    facts: readonly AccountFact[],
    nowMicros: number,
  ): Promise<void> {
    const { accounts, store } = this.#parts;
    // What time makes of the account meanwhile would not be among what was read.
    accounts.hold(key);
    try {
      const usage = await store.loadUsage(key);
      const before = await store.loadFacts(key);
      accounts.book(key, facts, account.rebuild([...before, ...facts], usage), nowMicros);
    } finally {
      accounts.letGo(key);
    }
    accounts.find(key, nowMicros);
  }

  /** While it runs, nothing is posted, and nobody else does anything to the account. */
  async #alone<Result>(key: AccountKey, work: () => Promise<Result>): Promise<Result> {
    return await this.#locked(key, () => this.#parts.exclusively(work));
  }

  /** Nobody else does anything to the account meanwhile. */
  async #locked<Result>(key: AccountKey, work: () => Promise<Result>): Promise<Result> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const lock = lockOf(key);
    const outer = this.#busy.get(lock);
    this.#busy.set(lock, promise);
    try {
      return await work();
    } finally {
      // Whoever holds the lock may come to need more of it, and then keeps what he had.
      if (outer === undefined) this.#busy.delete(lock);
      else this.#busy.set(lock, outer);
      resolve();
    }
  }

  async #replay(record: CommandRecord): Promise<void> {
    const { accounts } = this.#parts;
    const { tenant, customer, number, facts, recordedMicros, answer } = record;
    const recordedAtMillis = Math.floor(recordedMicros / 1000);
    const key = { tenant, customer };
    const account = accounts.open(key, recordedMicros);
    if (!this.#apply(key, account, facts, recordedMicros)) {
      await this.#rebuild(key, account, facts, recordedMicros);
    }
    this.#number = number;
    this.#lastMicros = recordedMicros;
    this.#note(record);
    this.#parts.onChange();
    if (answer !== null) this.#remember({ ...answer, tenant, recordedAtMillis });
  }

  /** What is stored besides the facts. */
  #note({ tenant, customer, number, recordedMicros, profile, actor, answer }: CommandRecord): void {
    const { store } = this.#parts;
    const recordedAtMillis = Math.floor(recordedMicros / 1000);
    if (profile !== null) {
      store.setProfile({ tenant, customer, profile, actor, recordedAtMillis });
      this.#profiles.set(lockOf({ tenant, customer }), profile);
    }
    if (answer !== null) store.noteCommand({ ...answer, tenant, recordedAtMillis });
    store.setCommandNumber(number);
  }

  async #repeat({ fingerprint }: Command, known: KnownAnswer): Promise<CommandOutcome> {
    if (known.fingerprint !== fingerprint) return { kind: 'key_reused' };
    await known.durable;
    return { kind: 'answered', status: known.status, body: JSON.parse(known.answer), isRepeated: true };
  }

  #remember(
    { tenant, key, fingerprint, status, answer }: AnsweredCommand,
    durable = Promise.resolve(),
  ): void {
    // Whoever asked first is told when it fails; nobody else need be there.
    durable.catch(() => {});
    this.#answers.set(keyOf(tenant, key), { fingerprint, status, answer, durable });
    if (this.#answers.size <= MAX_KEYS) return;
    const [oldest] = this.#answers.keys();
    if (oldest !== undefined) this.#answers.delete(oldest);
  }

  #textOf({ facts, ...record }: CommandRecord): string {
    return JSON.stringify({ ...record, facts: facts.map(this.#parts.factText) });
  }

  #recordOf(text: string): CommandRecord {
    try {
      // Our own writing: only `#textOf` makes these texts.
      const record = JSON.parse(text) as Omit<CommandRecord, 'facts'> & { readonly facts: readonly string[] };
      return { ...record, facts: record.facts.map(this.#parts.factOf) };
    } catch (cause) {
      throw new SpanledgerError('SL_JOURNAL_MISMATCH', 'A command in the journal cannot be read.', { cause });
    }
  }
}

/** What the ledger has of a hold that its account knows nothing of; no facts: there was none. */
interface RecalledHold {
  readonly hold: string;
  readonly facts: readonly AccountFact[];
}

interface KnownAnswer {
  readonly fingerprint: string;
  readonly status: number;
  readonly answer: string;
  readonly durable: Promise<void>;
}

function lockOf({ tenant, customer }: AccountKey): string {
  return `${tenant}\u0000${customer}`;
}

function keyOf(tenant: string, key: string): string {
  return `${tenant}\u0000${key}`;
}
