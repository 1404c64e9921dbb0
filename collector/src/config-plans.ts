import { Type } from 'typebox';
import { Decimal } from './config-credits.ts';

/** The section `plans` of `spanledger.yaml`: its shape. `plans` of the core reads the amounts exactly. */

const Overage = Type.Object(
  {
    policy: Type.Enum(['charge', 'block', 'allow', 'degrade'], {
      description:
        'charge: used beyond the allowance is sold at price_usd. block: the check before an action denies it. allow: it is lent. degrade: the check offers the degraded rule of the feature while that fits.',
    }),
    price_usd: Type.Optional(Decimal),
    limit: Type.Optional(Decimal),
    repay: Type.Optional(
      Type.Boolean({ description: 'Under allow: the next allowance first repays what was lent.' }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'What happens when the credits run out; block where nothing is said. Under charge: price_usd per credit, of at most 9 decimal places, and limit, the credits per period beyond which the check denies.',
  },
);

const VERSION_SHAPE = 'a plan: {fee_usd, allowance, …}, or a list of its versions, each with from';

const PlanVersion = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        minLength: 10,
        description:
          'An instant with its offset from UTC (RFC 3339), or a date, which begins at 00:00 UTC. Periods that begin from then on have these terms. Only the first version may be without: it holds since ever.',
        examples: ['2026-10-07T00:00:00Z'],
      }),
    ),
    fee_usd: Decimal,
    allowance: Decimal,
    credit_value_usd: Type.Optional(Decimal),
    multiplier: Type.Optional(Decimal),
    overage: Type.Optional(Overage),
    rollover: Type.Optional(
      Type.Object(
        {
          up_to: Type.Optional(Decimal),
          // Twenty years of months: beyond it nobody means a number of periods.
          periods: Type.Optional(Type.Integer({ minimum: 1, maximum: 240, description: '1 when left out.' })),
        },
        {
          additionalProperties: false,
          description: 'Unused allowance, up_to so many credits (else all), lives on for so many periods.',
        },
      ),
    ),
    trial: Type.Optional(
      Type.Object(
        { days: Type.Integer({ minimum: 1, maximum: 366 }), credits: Decimal },
        {
          additionalProperties: false,
          description:
            'So many local calendar days with so many credits before the first period; once per customer.',
        },
      ),
    ),
    restored_days: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 3660,
        description:
          'Credits that a correction gives back after their lot has expired live so many days as a promotional lot; without it they are gone.',
      }),
    ),
    alerts: Type.Optional(
      Type.Object(
        {
          thresholds: Type.Optional(
            Type.Array(Type.Integer({ minimum: 1, maximum: 1000 }), {
              maxItems: 20,
              description: 'Percent of the allowance; 50, 80 and 100 when left out.',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: 'Which use of the allowance is told of, once per period.',
        },
      ),
    ),
  },
  {
    additionalProperties: false,
    description:
      'fee_usd and allowance (credits) of each period; credit_value_usd is fee ÷ allowance when left out; multiplier of the credits of every action.',
  },
);

export const PlansSection = Type.Record(
  Type.String(),
  Type.Union([PlanVersion, Type.Array(PlanVersion, { minItems: 1 })], { description: VERSION_SHAPE }),
  { default: {}, description: 'What customers subscribe to.' },
);
