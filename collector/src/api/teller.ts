import { fundsAt, openAccount } from '@spanledger/metering';
import type { FastifyInstance } from 'fastify';
import { SpanledgerError } from '../errors.ts';
import type { AccountKey } from '../ledger/account-store.ts';
import type { AccountFunds, CheckNews, CheckQuestion, CheckReply } from './check-messages.ts';
import { type CheckSources, ledgerSources } from './check-sources.ts';
import { type CreditsParts, Customers, keyOf, TENANT } from './credits.ts';
import { NEWS_HEADER } from './forward.ts';
import { RecentActions } from './recent-actions.ts';

/**
 * Tells whoever answers checks what the ledger knows: once asked of an account, whenever it has changed. Changes of one
 * turn are told together at its end.
 */
export class Teller {
  readonly #parts: CreditsParts;
  readonly #customers: Customers;
  readonly #sources: CheckSources;
  readonly #tell: (news: CheckNews) => void;
  readonly #askedOf = new Set<string>();
  readonly #changed = new Set<string>();
  #isWaiting = false;
  #number = 0;

  constructor(parts: CreditsParts, tell: (news: CheckNews) => void) {
    this.#parts = parts;
    this.#customers = new Customers(parts);
    this.#sources = ledgerSources(parts, this.#customers, new RecentActions(parts));
    this.#tell = tell;
  }

  async answer(question: CheckQuestion): Promise<CheckReply> {
    try {
      await this.#parts.ledger.whenReady;
      return await this.#answer(question);
    } catch (error) {
      if (!(error instanceof SpanledgerError)) throw error;
      return { kind: 'failed', code: error.code, message: error.message };
    }
  }

  /** Nobody asks of them any more. */
  forget(customers: readonly string[]): void {
    for (const customer of customers) this.#askedOf.delete(customer);
  }

  noteChange({ tenant, customer }: AccountKey): void {
    if (tenant !== TENANT || !this.#askedOf.has(customer)) return;
    this.#changed.add(customer);
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setImmediate(() => {
      this.#isWaiting = false;
      this.tellChanges();
    });
  }

  /** Tells at once what has changed; returns the number of the news that have it. */
  tellChanges(): number {
    if (this.#changed.size > 0) {
      // Looking at an account may bring it up to date, which notes it as changed again: what is told has that already.
      const customers = [...this.#changed];
      const accounts = customers.map((customer) => this.#fundsOf(customer));
      this.#changed.clear();
      this.#tell({ number: ++this.#number, accounts });
    }
    return this.#number;
  }

  async #answer(question: CheckQuestion): Promise<CheckReply> {
    const nowMicros = this.#parts.nowMillis() * 1000;
    switch (question.kind) {
      case 'funds':
        return await this.#customers.during(question.customer, nowMicros, async () => {
          this.#askedOf.add(question.customer);
          return { kind: 'funds', account: this.#fundsOf(question.customer) };
        });
      case 'price':
        return { kind: 'price', match: await this.#sources.price(question.query) };
      case 'usual':
        return { kind: 'usual', use: await this.#sources.usual(question.customer, question.feature) };
    }
  }

  /** Of an account that is open: one that has just changed is, because the change is not committed. */
  #fundsOf(customer: string): AccountFunds {
    const nowMicros = this.#parts.nowMillis() * 1000;
    const account =
      this.#parts.ledger.accounts.find(keyOf(customer), nowMicros) ?? openAccount(customer, [], []);
    return { customer, funds: fundsAt(account, nowMicros), untilMicros: account.nextDueMicros };
  }
}

/** What a write has changed is told before it is answered, and the answer says which news that are. */
export function tellWithAnswers(api: FastifyInstance, teller: Pick<Teller, 'tellChanges'>): void {
  api.addHook('onSend', async (request, reply) => {
    if (request.method !== 'GET') reply.header(NEWS_HEADER, teller.tellChanges());
  });
}
