import { type Static, Type } from 'typebox';
import {
  ComparisonSchema,
  NamedComparisonSchema,
  NamedValuedComparisonSchema,
  ValuedComparisonSchema,
} from './comparison.ts';

const Range = {
  from: Type.String({
    description: 'Events from here on: an instant (RFC 3339), or a date, which begins at 00:00 UTC.',
  }),
  to: Type.String({ description: 'Events before this.' }),
};

export const RerateBody = Type.Object(
  {
    ...Range,
    model: Type.Optional(
      Type.String({ minLength: 1, description: 'As the column model of the view usage has it.' }),
    ),
    policy: Type.Optional(
      Type.Enum(['customer_favourable', 'neutral'], {
        default: 'customer_favourable',
        description:
          'customer_favourable never raises the credits of a settled call; neutral lets them follow the price.',
      }),
    ),
    dry_run: Type.Optional(
      Type.Boolean({ default: false, description: 'Compute what would change, and write nothing.' }),
    ),
  },
  { additionalProperties: false },
);
export type RerateBody = Static<typeof RerateBody>;

export const RerateAcceptedSchema = Type.Object({ id: Type.String() });

export const RerateReportSchema = Type.Object({
  id: Type.String(),
  state: Type.Enum(['running', 'done', 'replaced', 'failed'], {
    description:
      'replaced: the price book changed meanwhile, and another job does the same under the new one.',
  }),
  replaced_by: Type.Union([Type.String(), Type.Null()]),
  dry_run: Type.Boolean(),
  reason: Type.Enum(['request', 'new_book']),
  from: Type.String(),
  to: Type.String(),
  model: Type.Union([Type.String(), Type.Null()]),
  policy: Type.Enum(['customer_favourable', 'neutral']),
  book_version: Type.String(),
  total_calls: Type.Integer({ description: 'Selected when it was asked for.' }),
  examined_calls: Type.Integer(),
  changed_calls: Type.Integer(),
  transfers: Type.Integer({ description: 'Entries booked for the difference of credits.' }),
  totals: ComparisonSchema,
  by_model: Type.Array(NamedComparisonSchema),
  by_customer: Type.Array(NamedComparisonSchema),
});
export type RerateReport = Static<typeof RerateReportSchema>;

export const WhatIfBody = Type.Object(
  {
    ...Range,
    prices: Type.Optional(Type.Unknown({ description: 'A price file, laid over the prices in use.' })),
    rules: Type.Optional(Type.Unknown({ description: 'What the section credits of spanledger.yaml holds.' })),
    allowance: Type.Optional(
      Type.String({ description: 'Credits of each customer in a calendar month (UTC).' }),
    ),
  },
  { additionalProperties: false },
);
export type WhatIfBody = Static<typeof WhatIfBody>;

export const WhatIfReportSchema = Type.Object({
  from: Type.String(),
  to: Type.String(),
  is_same: Type.Boolean({ description: 'No call differs from what is recorded.' }),
  supposed: Type.Object({ prices: Type.Boolean(), rules: Type.Boolean() }),
  totals: ValuedComparisonSchema,
  by_model: Type.Array(NamedValuedComparisonSchema),
  by_feature: Type.Array(NamedValuedComparisonSchema),
  by_customer: Type.Array(NamedValuedComparisonSchema),
  allowance: Type.Union([Type.String(), Type.Null()]),
  over_allowance: Type.Array(
    Type.Object({
      customer: Type.String(),
      month: Type.String(),
      recorded_credits: Type.String(),
      credits: Type.String(),
      over: Type.String(),
    }),
    { description: 'Customers who would run over the allowance, the furthest first.' },
  ),
});
export type WhatIfReport = Static<typeof WhatIfReportSchema>;

/** What the API needs of the ledger for rating again. Requests are checked in shape only. */
export interface Rerating {
  start(request: RerateBody): Promise<string>;
  report(id: string): Promise<RerateReport | null>;
  whatIf(request: WhatIfBody, isWanted: () => boolean): Promise<WhatIfReport>;
}
