import { type Static, type TSchema, Type } from 'typebox';
import { Decimal, InstantOrNull, InstantText } from './amounts.ts';
import { ProblemSchema } from './problems.ts';

/** Shapes that several routes have in common. */
export const ErrorSchema = Type.Object({
  error: Type.Object({
    code: Type.String(),
    message: Type.String({ description: 'What was expected, what came, what to do.' }),
    problems: Type.Optional(
      Type.Array(ProblemSchema, { description: 'Everything that is wrong with the request.' }),
    ),
  }),
});
export type ErrorAnswer = Static<typeof ErrorSchema>;

/** As long as the label of a span may be; blank is none, and no reader can carry NUL. */
export const CustomerId = Type.String({
  minLength: 1,
  maxLength: 1000,
  pattern: '^[^\\u0000]*[^\\s\\u0000][^\\u0000]*$',
  description: 'As `spanledger.customer.id` has it.',
});
export const CustomerParams = Type.Object({ customer: CustomerId });

/** Names that callers choose: for features, actions, holds. */
export const Name = Type.String({ minLength: 1, maxLength: 1000, pattern: '^[^\\u0000]+$' });

export const WriteHeaders = Type.Object({
  'idempotency-key': Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      description:
        'Names this write. Sent again within a day, it is answered as it was and done once; the answer then has Idempotency-Replayed.',
    }),
  ),
});

export const Actor = Type.String({ minLength: 1, maxLength: 200, description: 'Who does it.' });
export const Reason = Type.String({ minLength: 1, maxLength: 2000, description: 'Why.' });

/** For what is told late. */
export const EffectiveAt = Type.Optional(
  Type.Unsafe<string>({
    ...InstantText,
    description:
      'From when it holds: now when left out, or an instant in the past, in no closed period (RFC 3339, or a date, which begins at 00:00 UTC). Usage since then is booked anew; actions that were charged keep their credits.',
  }),
);

/** Kept with what comes of it. */
export const Told = { actor: Type.Optional(Actor), reason: Type.Optional(Reason) };

export function toldBy(body: { readonly actor?: string | undefined; readonly reason?: string | undefined }) {
  return { actor: body.actor ?? null, reason: body.reason ?? null };
}

export const PageQuery = Type.Object({
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 3000, description: '`next` of the page before.' }),
  ),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, default: 100 })),
});
export const DEFAULT_PAGE = 100;

export function Page<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next: Type.Union([Type.String(), Type.Null()], {
      description: 'The cursor of the next page; null: none.',
    }),
  });
}

export const BalanceSchema = Type.Object({
  available: Decimal,
  held: Decimal,
  remaining: Type.String({ description: 'Available and held.' }),
});

export const LotSchema = Type.Object({
  id: Type.String(),
  kind: Type.Enum(['allowance', 'promotional', 'trial', 'rollover', 'purchased']),
  amount: Decimal,
  effective: Type.String(),
  expires: InstantOrNull,
  consumed: Decimal,
  expired: Decimal,
  rolled_over: Decimal,
  withdrawn: Decimal,
  available: Decimal,
  held: Decimal,
});
