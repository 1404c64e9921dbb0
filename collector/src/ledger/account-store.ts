import type { AccountFact, AlertFact, Movement, UsageSum } from '@spanledger/metering';

/** Whose account it is. */
export interface AccountKey {
  readonly tenant: string;
  readonly customer: string;
}

/** What happened to an account besides usage, on its way into the ledger. */
export interface AccountPosting extends AccountKey {
  readonly facts: readonly AccountFact[];
  /** By the facts, or by usage that was counted anew. */
  readonly movements: readonly Movement[];
  readonly recordedAtMillis: number;
}

/** What is known of a customer besides credits. */
export interface CustomerProfile {
  readonly name: string | null;
  /** The app's own words; small. */
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ProfilePosting extends AccountKey {
  readonly profile: CustomerProfile;
  readonly actor: string | null;
  readonly recordedAtMillis: number;
}

/** A command that named a key, and what it was answered. */
export interface AnsweredCommand {
  readonly tenant: string;
  readonly key: string;
  /** Of the whole request: the same key with another request is a mistake. */
  readonly fingerprint: string;
  readonly status: number;
  /** The body, as JSON. */
  readonly answer: string;
  readonly recordedAtMillis: number;
}

/** An account as the ledger holds it: everything that it can be opened from. */
export interface HeldAccount extends AccountKey {
  /** In the order in which they were booked. */
  readonly facts: readonly AccountFact[];
  /** One for each step, or finer. */
  readonly usage: readonly UsageSum[];
  /** Up to where its movements were booked: the latest step of any; null: nothing has moved. */
  readonly asOfMicros: number | null;
}

/** An account that there is. */
export interface AccountDue extends AccountKey {
  /** When time alone changes something next; null: never. */
  readonly dueAtMicros: number | null;
}

export interface BookedAlert extends AccountKey {
  readonly alert: AlertFact;
}

/** What the ledger is asked for to keep accounts. */
export interface AccountStore {
  /** The number of the batch that is being collected: what is added now is committed with it. From 1 on. */
  readonly openBatch: number;
  /** Of the last batch that is in the ledger's file; 0: of none. */
  readonly committedBatch: number;
  /** The number of the last command that is in the ledger; 0: none is. */
  readonly commandNumber: number;
  /** Adds to the open batch, like `post`. */
  book(posting: AccountPosting): void;
  /** The account is there, and comes due then. Part of the open batch, as what it follows from. */
  setAccountDue(due: AccountDue): void;
  setProfile(posting: ProfilePosting): void;
  noteCommand(command: AnsweredCommand): void;
  /** The open batch has everything of the commands up to this one. */
  setCommandNumber(number: number): void;
  /** All accounts that are committed. */
  loadAccountDues(): Promise<readonly AccountDue[]>;
  /** Those that the ledger has of these, as they are committed: nothing waits for the commit that runs. */
  loadAccounts(accounts: readonly AccountKey[]): Promise<readonly HeldAccount[]>;
  /** Those that were booked since then, as they are committed. */
  loadAlerts(sinceMillis: number): Promise<readonly BookedAlert[]>;
  /** Of one account, the open batch included, in the order in which they were booked. */
  loadFacts(account: AccountKey): Promise<readonly AccountFact[]>;
  /** Those of one hold. */
  loadHold(account: AccountKey, hold: string): Promise<readonly AccountFact[]>;
  /** All credits that the customer has used, the open batch included, by the instant at which they were booked. */
  loadUsage(account: AccountKey): Promise<readonly UsageSum[]>;
  loadProfiles(): Promise<readonly (AccountKey & { readonly profile: CustomerProfile })[]>;
  /** What was answered since then. */
  loadCommands(sinceMillis: number): Promise<readonly AnsweredCommand[]>;
}
