import { type CustomerAccount, openAccount } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import type { AccountKey } from '../ledger/account-store.ts';
import type { AccountSums, SumsQuestion } from '../ledger/account-sums.ts';
import type { Accounts } from '../ledger/accounts.ts';
import type { Commands } from '../ledger/commands.ts';
import type { RatingBook } from '../ledger/rate-again.ts';
import type { RatedUsageReader } from '../ledger/rated-usage.ts';

/** What the routes about credits need of the ledger. */
export interface CreditsParts {
  readonly ledger: AccountLedger;
  /** Rows of what is committed. */
  readonly query: (
    sql: string,
    params: readonly (string | number | boolean | null)[],
  ) => Promise<{ readonly rows: readonly (readonly unknown[])[] }>;
  /** What is committed of an account, all of it as of one moment. */
  readonly sums: (question: SumsQuestion) => Promise<AccountSums>;
  /** A reader of its own connection; whoever asks closes it. */
  readonly openReader: () => Promise<RatedUsageReader & { close(): void }>;
  readonly nowMillis: () => number;
}

/** The ledger as these routes see it. */
export interface AccountLedger {
  readonly accounts: Pick<Accounts, 'during' | 'find' | 'has' | 'look' | 'plans' | 'termsAt'>;
  readonly commands: Pick<Commands, 'run' | 'profileOf'>;
  readonly currentBook: RatingBook;
  /** Resolves when accounts can be asked and told something. */
  readonly whenReady: Promise<void>;
  /** Resolves when everything that was done to accounts before this call is in the file. */
  whenCommitted(): Promise<void>;
}

/** Whose usage everything is for now: the receiver knows no other tenant. */
export const TENANT = 'default';

export function keyOf(customer: string): AccountKey {
  return { tenant: TENANT, customer };
}

/** So many names of customers are remembered to exist, some megabytes; beyond that the ledger is asked again. */
const MAX_SEEN = 100_000;

/** Customers that are known: by something that happened to their account, by a profile, or by usage. */
export class Customers {
  readonly #parts: CreditsParts;
  /** Those that only usage tells of. */
  readonly #seen = new Set<string>();

  constructor(parts: CreditsParts) {
    this.#parts = parts;
  }

  /**
   * The account with everything that has come due by now; an empty one where nothing was ever booked.
   *
   * @throws {SpanledgerError} SL_CUSTOMER_UNKNOWN
   */
  async account(customer: string, nowMicros: number): Promise<CustomerAccount> {
    await this.assertKnown(customer);
    return this.#orEmpty(await this.#parts.ledger.accounts.look(keyOf(customer), nowMicros), customer);
  }

  /**
   * What somebody makes of an account that goes on meanwhile: it stays open until he is done.
   *
   * @throws {SpanledgerError} SL_CUSTOMER_UNKNOWN
   */
  async during<Result>(
    customer: string,
    nowMicros: number,
    work: (account: CustomerAccount) => Promise<Result>,
  ): Promise<Result> {
    await this.assertKnown(customer);
    const { accounts } = this.#parts.ledger;
    const key = keyOf(customer);
    return await accounts.during([key], () => work(this.#orEmpty(accounts.find(key, nowMicros), customer)));
  }

  #orEmpty(account: CustomerAccount | null, customer: string): CustomerAccount {
    return account ?? openAccount(customer, [], []);
  }

  /** @throws {SpanledgerError} SL_CUSTOMER_UNKNOWN */
  async assertKnown(customer: string): Promise<void> {
    if (this.isKnown(customer)) return;
    const { rows } = await this.#parts.query('SELECT 1 FROM usage WHERE customer = $1 LIMIT 1', [customer]);
    if (rows.length === 0) {
      throw new SpanledgerError(
        'SL_CUSTOMER_UNKNOWN',
        `Expected a customer of whom there is usage, or who was created by POST /api/customers; got ${customer}.`,
      );
    }
    if (this.#seen.size >= MAX_SEEN) this.#seen.clear();
    this.#seen.add(customer);
  }

  /** Whether that is known without asking the file. */
  isKnown(customer: string): boolean {
    const { accounts, commands } = this.#parts.ledger;
    const key = keyOf(customer);
    return accounts.has(key) || commands.profileOf(key) !== null || this.#seen.has(customer);
  }
}
