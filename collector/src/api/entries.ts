import { type Static, Type } from 'typebox';
import { Instant, TextOrNull } from './amounts.ts';
import { creditsOf, numberOrNull, textOrNull } from './cells.ts';
import type { CreditsParts, Customers } from './credits.ts';
import { lastOf, pageOf } from './cursor.ts';
import { aProblem, InvalidRequest } from './problems.ts';
import { CustomerParams, DEFAULT_PAGE, ErrorSchema, Page, PageQuery } from './schemas.ts';
import type { ApiServer } from './server.ts';

const Side = Type.Object({
  account: Type.Enum(['issued', 'available', 'held', 'used', 'expired', 'overage', 'overrun', 'overdraft']),
  lot: TextOrNull,
});

export const EntrySchema = Type.Object({
  id: Type.String({ description: 'credit_ledger.transfer_id.' }),
  customer: Type.String(),
  kind: Type.String({ description: 'Of the movement; a correction has the kind of what it corrects.' }),
  is_correction: Type.Boolean(),
  credits: Type.String({ description: 'Above 0: what leaves the one side arrives on the other.' }),
  from: Side,
  to: Side,
  effective_at: Instant,
  recorded_at: Instant,
  usage_id: Type.Union([Type.String(), Type.Null()], { description: 'The call that has caused it.' }),
  hold: TextOrNull,
  period: Type.Union([Type.Integer(), Type.Null()]),
  belongs_to_period: Type.Union([Type.Integer(), Type.Null()], {
    description: 'The closed period that late usage belongs to.',
  }),
  fact_id: TextOrNull,
});
export type Entry = Static<typeof EntrySchema>;

/** A transfer has two legs in `credit_ledger`; here it is one entry with two sides. */
const ENTRY_COLUMNS = `
  entry, customer, from_word.word, from_lot, to_word.word, to_lot, kind_word.word, amount, effective_at, recorded_at,
  CASE WHEN trace_id IS NOT NULL THEN ledger.hex_of(trace_id) || ledger.hex_of(span_id) END,
  hold, period, belongs_to_period, fact`;
const ENTRY_TABLES = `
  ledger.credit_transfer
  JOIN ledger.word from_word ON from_word.code = from_account
  JOIN ledger.word to_word ON to_word.code = to_account
  JOIN ledger.word kind_word ON kind_word.code = kind`;

export function selectEntries(condition: string): string {
  return `SELECT ${ENTRY_COLUMNS} FROM ${ENTRY_TABLES} WHERE ${condition}`;
}

const CORRECTION = '_correction';

export function entryOf(row: readonly unknown[]): Entry {
  const [
    entry,
    customer,
    from,
    fromLot,
    to,
    toLot,
    written,
    amount,
    effective,
    recorded,
    usage,
    hold,
    period,
    belongs,
    fact,
  ] = row;
  const kind = String(written);
  const isCorrection = kind.endsWith(CORRECTION);
  return {
    id: entryId(entry),
    customer: String(customer),
    kind: isCorrection ? kind.slice(0, -CORRECTION.length) : kind,
    is_correction: isCorrection,
    credits: creditsOf(amount),
    from: { account: accountOf(from), lot: textOrNull(fromLot) },
    to: { account: accountOf(to), lot: textOrNull(toLot) },
    effective_at: String(effective),
    recorded_at: String(recorded),
    usage_id: textOrNull(usage),
    hold: textOrNull(hold),
    period: numberOrNull(period),
    belongs_to_period: numberOrNull(belongs),
    fact_id: textOrNull(fact),
  };
}

/** The node that has booked it, and its number there; see `credit_ledger`. */
function entryId(entry: unknown): string {
  return `n1-${entry}`;
}

/** The number of an entry in this ledger; null: no entry has such an id. */
export function entryNumber(id: string): string | null {
  return /^n1-(\d{1,18})$/.exec(id)?.[1] ?? null;
}

function accountOf(word: unknown): Entry['from']['account'] {
  const account = ACCOUNTS.find((name) => name === word);
  if (account === undefined) throw new Error(`the ledger has an account that is none: ${word}`);
  return account;
}

const ACCOUNTS = [
  'issued',
  'available',
  'held',
  'used',
  'expired',
  'overage',
  'overrun',
  'overdraft',
] as const;

export function entryRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  server.get(
    '/api/customers/:customer/entries',
    {
      schema: {
        summary: 'What was booked, the latest first',
        tags: ['ledger'],
        params: CustomerParams,
        querystring: PageQuery,
        response: { 200: Page(EntrySchema), '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { customer } = request.params;
      const { cursor, limit = DEFAULT_PAGE } = request.query;
      const last = lastOf(cursor);
      if (last !== null && !/^\d{1,18}$/.test(last)) {
        throw new InvalidRequest([aProblem('query.cursor', '`next` of another page of entries', cursor)]);
      }
      await customers.account(customer, parts.nowMillis() * 1000);
      await parts.ledger.whenCommitted();
      const { rows } = await parts.query(
        `${selectEntries('customer = $1 AND ($2::BIGINT IS NULL OR entry < $2::BIGINT)')} ORDER BY entry DESC LIMIT $3`,
        [customer, last, limit + 1],
      );
      return pageOf(rows, limit, entryOf, ([entry]) => String(entry));
    },
  );
}
