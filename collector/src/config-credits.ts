import { Type } from 'typebox';

/**
 * The section `credits` of the configuration: how actions become credits. Amounts stay text until `creditRules` reads
 * them exactly; what may stand together is checked there too.
 */

/** Written with or without quotes; either way the text is read, not a float. */
export const Decimal = Type.Unsafe<string>({
  type: ['string', 'number'],
  description: 'A decimal number, read exactly.',
  examples: ['0.5'],
});

const WholeNumber = Type.Unsafe<string>({
  type: ['string', 'integer'],
  description: 'A whole number above 0.',
  examples: ['1000'],
});

function credits(description: string) {
  return Type.Optional(Type.Unsafe<string>({ ...Decimal, description }));
}

const Fixed = Type.Object(
  { credits: Decimal },
  { additionalProperties: false, description: 'A fixed number of credits for each action.' },
);

const CostPlus = Type.Object(
  {
    target_margin: credits('(revenue - cost) / revenue. Either this or markup.'),
    markup: credits('(revenue - cost) / cost.'),
    credit_value_usd: credits("What one credit is worth; the value in the customer's plan when left out."),
    increment: credits('The same as increment beside cost_plus.'),
  },
  {
    additionalProperties: false,
    description:
      'Credits = cost / (1 - target_margin) / credit_value_usd, or cost x (1 + markup) / credit_value_usd.',
  },
);

const Tokens = Type.Object(
  {
    per: Type.Optional(
      Type.Unsafe<string>({
        ...WholeNumber,
        description: 'Credits are for so many tokens; 1000 when left out.',
      }),
    ),
    input: credits('For the classes of input that are not named.'),
    uncached_input: credits('For input that was not read from a cache and not written to one.'),
    cache_read: credits('For input read from a cache.'),
    cache_write: credits('For input written to a cache.'),
    output: credits('For output; reasoning too, unless that is named.'),
    reasoning: credits('For reasoning.'),
  },
  { additionalProperties: false, description: 'Credits by class of tokens. What is not named is free.' },
);

const Units = Type.Object(
  {
    image: credits('For each image.'),
    minute: credits('For each started minute of each call.'),
    second: credits('For each second, by the millisecond.'),
    page: credits('For each page.'),
    request: credits('For each request; a call that does not say how many it was is one.'),
    web_search: credits('For each web search.'),
  },
  {
    additionalProperties: Decimal,
    description: 'Credits by the piece; a unit of your own (document) by its name, to the thousandth.',
  },
);

const Step = Type.Object(
  {
    calls: Type.Unsafe<string>({ ...WholeNumber, description: 'From so many successful calls on.' }),
    factor: Decimal,
  },
  { additionalProperties: false },
);

const TERMS = {
  fixed: Type.Optional(Fixed),
  cost_plus: Type.Optional(CostPlus),
  tokens: Type.Optional(Tokens),
  units: Type.Optional(Units),
  minimum: credits('An action that is charged at all costs at least this.'),
  increment: credits(
    'Credits are rounded up, once for each action, to a multiple of this; 1 when left out, and fixed credits of less than 1 are their own.',
  ),
  cap: credits('An action never costs more than this.'),
  feature_value: credits('Multiplies the credits; 1 when left out.'),
  complexity: Type.Optional(
    Type.Array(Step, {
      minItems: 1,
      description:
        'Multiplies the credits by the factor of the highest step that the action reaches; by 1 below the first.',
    }),
  ),
  charge: Type.Optional(
    Type.Enum(['success', 'always'], {
      description: 'Whether an action burns credits in which nothing succeeded; success when left out.',
    }),
  ),
};

const Degraded = Type.Object(
  {
    ...TERMS,
    model: Type.Optional(
      Type.String({ minLength: 1, description: 'The model that the app should ask instead.' }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'What a check offers instead where credits run short and the plan degrades; an action whose spans say that they took it (spanledger.action.degraded) is charged by this.',
  },
);

const Rule = Type.Object(
  {
    from: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'The rule holds from this instant on (2026-12-01T00:00:00Z), or from 00:00 UTC of this date, until the next version begins.',
      }),
    ),
    ...TERMS,
    degraded: Type.Optional(Degraded),
  },
  { additionalProperties: false },
);

const Versions = Type.Union([Rule, Type.Array(Rule, { minItems: 1 })], {
  description:
    'fixed: {credits}, or cost_plus: {target_margin or markup}, or tokens: {…} and units: {…}; or a list of such rules, each with the instant from which it holds',
});

export const CREDIT_RULES = {
  features: Type.Optional(
    Type.Record(Type.String(), Versions, { description: 'The rule of each feature, or its versions.' }),
  ),
  default: Type.Optional(Versions),
};
