import type { CreditRules, DatedRule, Funds, PriceMatch, PriceQuery, RecentUse } from '@spanledger/metering';
import { SpanledgerError } from '../errors.ts';
import type { AccountFunds, CheckNews, CheckQuestion, CheckReply } from './check-messages.ts';
import type { CheckSources } from './check-sources.ts';

export interface KnownParts {
  /** Asks the ledger process; what it replies is to be told to `hearReply`, or its end to `lose`. */
  readonly ask: (id: number, question: CheckQuestion) => void;
  /** The ledger process need not tell of these any more. */
  readonly forget: (customers: readonly string[]) => void;
  readonly rules: CreditRules;
  readonly nowMillis: () => number;
}

/** Some hundred bytes each; of others the ledger is asked again. */
const MAX_ACCOUNTS = 50_000;
const MAX_ANSWERS = 20_000;
/** Prices and habits change rarely, and an estimate may be of a moment ago. */
const FRESH_MS = 10_000;
/** An answer as old as this is still given while it is asked anew, so that nobody waits. */
const STALE_MS = 10 * 60_000;
/** A ledger process that has ended is back in a second. Until then an app goes on by what it had. */
const WITHOUT_LEDGER_MS = 10_000;

/** What the ledger process has told: enough to answer a check without waiting for it, which has much else to do. */
export class Known implements CheckSources {
  readonly nowMillis: () => number;
  readonly #parts: KnownParts;
  /** The one that was not asked of for longest first. */
  readonly #accounts = new Map<string, AccountFunds>();
  /** Questions on their way, by what is asked and by id. */
  readonly #asked = new Map<string, Promise<CheckReply>>();
  readonly #waiting = new Map<number, PromiseWithResolvers<CheckReply>>();
  #questions = 0;
  readonly #answers = new Map<string, { readonly reply: CheckReply; readonly atMillis: number }>();
  #rules: CreditRules;
  #lostAtMillis: number | null = null;
  #newsNumber = 0;
  #newsCame = Promise.withResolvers<void>();

  constructor(parts: KnownParts) {
    this.#parts = parts;
    this.#rules = parts.rules;
    this.nowMillis = parts.nowMillis;
  }

  useRules(rules: CreditRules): void {
    this.#rules = rules;
    // Prices may have come with them.
    this.#answers.clear();
  }

  ruleAt(feature: string | null, atMicros: number): DatedRule | null {
    return this.#rules.ruleAt(feature, atMicros);
  }

  async funds(customer: string, nowMicros: number): Promise<Funds> {
    const known = this.#accounts.get(customer);
    if (known !== undefined && nowMicros < known.untilMicros && this.#isTrusted()) {
      this.#accounts.delete(customer);
      this.#accounts.set(customer, known);
      return known.funds;
    }
    const reply = await this.#askOnce(customer, { kind: 'funds', customer });
    if (reply.kind !== 'funds') throw unexpected(reply);
    return reply.account.funds;
  }

  async price(query: PriceQuery): Promise<PriceMatch> {
    const { atMicros: _, ...question } = query;
    const reply = await this.#askLately(JSON.stringify(question), { kind: 'price', query });
    if (reply.kind !== 'price') throw unexpected(reply);
    return reply.match;
  }

  async usual(customer: string, feature: string | null): Promise<RecentUse | null> {
    const key = JSON.stringify([customer, feature]);
    const reply = await this.#askLately(key, { kind: 'usual', customer, feature });
    if (reply.kind !== 'usual') throw unexpected(reply);
    return reply.use;
  }

  hearReply(id: number, reply: CheckReply): void {
    // In this turn: the news that follow the reply are newer.
    if (reply.kind === 'funds') this.#remember(reply.account);
    this.#waiting.get(id)?.resolve(reply);
    this.#waiting.delete(id);
  }

  hearNews({ number, accounts }: CheckNews): void {
    for (const account of accounts) {
      // News of what was dropped meanwhile could be older than what will be asked.
      if (this.#accounts.has(account.customer)) this.#accounts.set(account.customer, account);
    }
    this.#newsNumber = number;
    this.#newsCame.resolve();
    this.#newsCame = Promise.withResolvers();
  }

  /** Resolves when the news of that number have come; at once where the process that sent them has ended. */
  async caughtUp(number: number): Promise<void> {
    while (this.#newsNumber < number && this.#lostAtMillis === null) await this.#newsCame.promise;
  }

  /** The ledger process has ended, and is started again. */
  lose(): void {
    this.#lostAtMillis ??= this.#parts.nowMillis();
    for (const { reject } of this.#waiting.values()) reject(unavailable());
    this.#waiting.clear();
    this.#newsCame.resolve();
    this.#newsCame = Promise.withResolvers();
  }

  /** There is a ledger process that was asked nothing yet. */
  startOver(): void {
    this.#lostAtMillis = null;
    this.#newsNumber = 0;
    this.#accounts.clear();
    this.#answers.clear();
  }

  #isTrusted(): boolean {
    return this.#lostAtMillis === null || this.#parts.nowMillis() - this.#lostAtMillis < WITHOUT_LEDGER_MS;
  }

  /** What is asked already is not asked again. */
  async #askOnce(key: string, question: CheckQuestion): Promise<CheckReply> {
    let asked = this.#asked.get(key);
    if (asked === undefined) {
      asked = this.#ask(question).finally(() => this.#asked.delete(key));
      this.#asked.set(key, asked);
    }
    return await asked;
  }

  async #ask(question: CheckQuestion): Promise<CheckReply> {
    if (this.#lostAtMillis !== null) throw unavailable();
    const id = ++this.#questions;
    const waiting = Promise.withResolvers<CheckReply>();
    this.#waiting.set(id, waiting);
    this.#parts.ask(id, question);
    const reply = await waiting.promise;
    if (reply.kind === 'failed') throw new SpanledgerError(reply.code, reply.message);
    return reply;
  }

  #remember(account: AccountFunds): void {
    this.#accounts.delete(account.customer);
    this.#accounts.set(account.customer, account);
    const [oldest] = this.#accounts.keys();
    if (this.#accounts.size <= MAX_ACCOUNTS || oldest === undefined) return;
    this.#accounts.delete(oldest);
    this.#parts.forget([oldest]);
  }

  /** As it was told lately; only what was never told, or long ago, is waited for. */
  async #askLately(key: string, question: CheckQuestion): Promise<CheckReply> {
    const known = this.#answers.get(key);
    const ageMs = known === undefined ? Number.POSITIVE_INFINITY : this.#parts.nowMillis() - known.atMillis;
    if (known !== undefined && ageMs < FRESH_MS) return known.reply;
    const asked = this.#askOnce(key, question).then((reply) => {
      this.#answers.delete(key);
      this.#answers.set(key, { reply, atMillis: this.#parts.nowMillis() });
      const [oldest] = this.#answers.keys();
      if (this.#answers.size > MAX_ANSWERS && oldest !== undefined) this.#answers.delete(oldest);
      return reply;
    });
    if (known === undefined || ageMs >= STALE_MS) return await asked;
    // What cannot be asked now is as it was.
    asked.catch(() => {});
    return known.reply;
  }
}

function unavailable(): SpanledgerError {
  return new SpanledgerError(
    'SL_LEDGER_UNAVAILABLE',
    'The ledger is being started again, and nothing is known of this yet; ask again in a second.',
  );
}

function unexpected(reply: CheckReply): Error {
  return new Error(`the ledger process has answered another question: ${reply.kind}`);
}
