import type { Funds, PriceMatch, PriceQuery, RecentUse } from '@spanledger/metering';
import type { ErrorCode } from '../errors.ts';

/** What the main process asks the ledger process, to answer checks by itself from then on. */
export type CheckQuestion =
  /** What the customer has; asked once, it is told again whenever it changes, until it is to be forgotten. */
  | { readonly kind: 'funds'; readonly customer: string }
  | { readonly kind: 'price'; readonly query: PriceQuery }
  | { readonly kind: 'usual'; readonly customer: string; readonly feature: string | null };

export type CheckReply =
  | { readonly kind: 'funds'; readonly account: AccountFunds }
  | { readonly kind: 'price'; readonly match: PriceMatch }
  | { readonly kind: 'usual'; readonly use: RecentUse | null }
  | { readonly kind: 'failed'; readonly code: ErrorCode; readonly message: string };

/** What an account has, unless something happens to it that is told. */
export interface AccountFunds {
  readonly customer: string;
  readonly funds: Funds;
  /** From then on time has changed it: a period or a lot has ended. Infinity: never. */
  readonly untilMicros: number;
}

/** Accounts of which was asked have changed. */
export interface CheckNews {
  /** Counts the news of a ledger process, so that whoever has done something can wait for the news of it. */
  readonly number: number;
  readonly accounts: readonly AccountFunds[];
}
