import { SQLSTATE, SqlError } from '../errors.ts';
import type { TransactionStatus } from '../wire/replies.ts';
import type { Settings, SettingsAt } from './settings.ts';

/**
 * The transaction as a client sees it. Nothing is locked and nothing is kept from others: clients that only read open
 * transactions out of habit, and one that is left open must not hold anything in a backend. What it does decide is
 * what is undone (settings), what ends with it (cursors), and that after an error nothing runs until it has ended.
 */
export class Transaction {
  readonly #settings: Settings;
  readonly #maxSavepoints: number;
  /** While the statements of one message run, which are one transaction even if nobody has said so. */
  isImplicit = false;
  #status: TransactionStatus = 'I';
  #begun: SettingsAt | undefined;
  #savepoints: { readonly name: string; readonly settings: SettingsAt }[] = [];

  constructor(settings: Settings, maxSavepoints: number) {
    this.#settings = settings;
    this.#maxSavepoints = maxSavepoints;
  }

  get status(): TransactionStatus {
    return this.#status;
  }

  begin(): void {
    this.#status = 'T';
    this.#begun = this.#settings.at();
    this.#savepoints = [];
  }

  /** An error happened: in a transaction, all that follows is refused. */
  fail(): void {
    if (this.#status === 'T') this.#status = 'E';
  }

  /** Undoes what was set, when it is rolled back or has failed. */
  end(outcome: 'commit' | 'rollback'): 'committed' | 'rolled back' {
    const isCommitted = outcome === 'commit' && this.#status !== 'E';
    if (!isCommitted && this.#begun !== undefined) this.#settings.returnTo(this.#begun);
    this.#settings.endLocal();
    this.#status = 'I';
    this.#begun = undefined;
    this.#savepoints = [];
    return isCommitted ? 'committed' : 'rolled back';
  }

  savepoint(name: string): void {
    this.#mustBeOpen('SAVEPOINT');
    if (this.#savepoints.length >= this.#maxSavepoints)
      throw new SqlError(SQLSTATE.programLimitExceeded, `more than ${this.#maxSavepoints} savepoints`);
    this.#savepoints.push({ name, settings: this.#settings.at() });
  }

  release(name: string): void {
    this.#mustBeOpen('RELEASE SAVEPOINT');
    this.#savepoints.length = this.#find(name);
  }

  rollbackTo(name: string): void {
    this.#mustBeOpen('ROLLBACK TO SAVEPOINT');
    const found = this.#find(name);
    const savepoint = this.#savepoints[found];
    if (savepoint !== undefined) this.#settings.returnTo(savepoint.settings);
    this.#savepoints.length = found + 1;
    this.#status = 'T';
  }

  #mustBeOpen(command: string): void {
    if (this.#status === 'I')
      throw new SqlError(
        SQLSTATE.noActiveSqlTransaction,
        `${command} can only be used in transaction blocks`,
      );
  }

  #find(name: string): number {
    const found = this.#savepoints.findLastIndex((savepoint) => savepoint.name === name);
    if (found < 0)
      throw new SqlError(SQLSTATE.invalidSavepointSpecification, `savepoint "${name}" does not exist`);
    return found;
  }
}
