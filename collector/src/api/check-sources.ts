import {
  type DatedRule,
  type Funds,
  fundsAt,
  type PriceMatch,
  type PriceQuery,
  type RecentUse,
} from '@spanledger/metering';
import type { CreditsParts, Customers } from './credits.ts';
import type { RecentActions } from './recent-actions.ts';

/** What the answer to a check depends on. The ledger has it; the main process has what the ledger has told it. */
export interface CheckSources {
  readonly nowMillis: () => number;
  /**
   * What the customer has at this moment.
   *
   * @throws {SpanledgerError} SL_CUSTOMER_UNKNOWN
   */
  funds(customer: string, nowMicros: number): Promise<Funds>;
  ruleAt(feature: string | null, atMicros: number): DatedRule | null;
  price(query: PriceQuery): Promise<PriceMatch>;
  /** What the customer's actions of the feature have burned lately; null: there were not enough of them. */
  usual(customer: string, feature: string | null): Promise<RecentUse | null>;
}

/** The ledger itself. */
export function ledgerSources(
  { ledger, nowMillis }: CreditsParts,
  customers: Customers,
  recent: RecentActions,
): CheckSources {
  return {
    nowMillis,
    async funds(customer, nowMicros) {
      return fundsAt(await customers.account(customer, nowMicros), nowMicros);
    },
    ruleAt: (feature, atMicros) => ledger.currentBook.rules.ruleAt(feature, atMicros),
    price: async (query) => ledger.currentBook.catalogue.find(query),
    usual: (customer, feature) => recent.of(customer, feature),
  };
}
