import { type Static, Type } from 'typebox';

/**
 * How prices are written down: in the section `prices` of `spanledger.yaml`, in our own overlay, in what an importer
 * makes of a foreign list, and in the file that `whatif --prices` is given. Declared once: the type, the check and the
 * JSON Schema come from here. Amounts stay text until `read-price-file.ts` reads them exactly.
 */

/** Written with or without quotes; either way the text is read, not a float. */
const Decimal = Type.Unsafe<string>({
  type: ['string', 'number'],
  description: 'A decimal number, read exactly.',
  examples: ['0.5'],
});

const Name = Type.String({ minLength: 1 });

const Instant = Type.String({
  minLength: 10,
  description:
    'An instant with its offset from UTC (2026-08-16T16:00:00Z, RFC 3339), or a date, which begins at 00:00 UTC.',
  examples: ['2026-10-07T00:00:00Z'],
});

/** Token classes as price lists call them; each token is in exactly one. Also the names in views and explanations. */
export const Rates = Type.Partial(
  Type.Object({
    input: Decimal,
    input_audio: Decimal,
    input_image: Decimal,
    cache_read: Decimal,
    cache_read_audio: Decimal,
    cache_write_5m: Decimal,
    cache_write_1h: Decimal,
    cache_write_12h: Decimal,
    output: Decimal,
    reasoning: Decimal,
    output_audio: Decimal,
    output_image: Decimal,
  }),
  { additionalProperties: false, description: 'Price per million tokens of each class.' },
);

/** What is counted by the piece. */
const Units = Type.Partial(
  Type.Object({
    request: Decimal,
    web_search: Decimal,
    image: Decimal,
    second: Decimal,
    hour: Decimal,
    page: Decimal,
  }),
  {
    additionalProperties: Decimal,
    description:
      'Price of one: request, web search, image, page; of sound a second or an hour; of a unit of your own (document) by its name.',
  },
);

const Tier = Type.Object(
  {
    above: Type.Optional(
      Type.Integer({
        minimum: 0,
        description: 'Requests with more input tokens than this, cached ones included.',
      }),
    ),
    from: Type.Optional(
      Type.Integer({ minimum: 1, description: 'Requests with this many input tokens or more.' }),
    ),
    rates: Rates,
  },
  {
    additionalProperties: false,
    description: 'Long-context prices: the whole request is billed at them. Exactly one of above and from.',
  },
);

const ServiceTier = Type.Object(
  {
    multiplier: Type.Optional(Decimal),
    rates: Type.Optional(Rates),
    tiers: Type.Optional(Type.Array(Tier)),
  },
  {
    additionalProperties: false,
    description: 'A table of its own, or, only where the provider says so, a multiplier on the standard one.',
  },
);

const Multipliers = Type.Record(Type.String(), Decimal, {
  description: 'Factor by name; "*" stands for every other name. What is not named costs the plain price.',
});

const Hours = Type.Object(
  {
    from: Type.Optional(Type.String({ pattern: '^[0-2][0-9]:[0-5][0-9]$' })),
    to: Type.Optional(Type.String({ pattern: '^[0-2][0-9]:[0-5][0-9]$' })),
    weekdays: Type.Optional(
      Type.Array(Type.Enum(['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']), { minItems: 1 }),
    ),
    utc_offset: Type.Optional(
      Type.String({
        pattern: '^[+-][01][0-9]:[0-5][0-9]$',
        default: '+00:00',
        description: "The provider's clock.",
      }),
    ),
  },
  {
    additionalProperties: false,
    description:
      'The card holds only in this window of each day, [from, to), and on these weekdays; both must fit.',
  },
);

const Throughput = Type.Object(
  { input_tok_s: Decimal, output_tok_s: Decimal, utilisation: Decimal },
  { additionalProperties: false, description: 'Measured tokens per second, and the share of time in use.' },
);

export const CardEntry = Type.Object(
  {
    id: Type.String({ minLength: 1, description: 'Names the card wherever a price is explained.' }),
    scope: Type.Optional(
      Type.Object(
        { tenant: Type.Optional(Name), customer: Type.Optional(Name) },
        { additionalProperties: false, minProperties: 1, description: 'Only their usage has this price.' },
      ),
    ),
    match: Type.Object(
      {
        provider: Type.String({
          minLength: 1,
          description: 'gen_ai.provider.name, or "*" with an own model id or a multiplier.',
        }),
        model: Type.String({
          minLength: 1,
          description: 'A model id, or "*" for a multiplier on every model.',
        }),
      },
      { additionalProperties: false },
    ),
    effective_from: Instant,
    effective_to: Type.Optional(Instant),
    extends: Type.Optional(
      Type.Enum(['list'], {
        description: 'What is not said here is as in the list price; without it the card stands alone.',
      }),
    ),
    multiplier: Type.Optional(Decimal),
    currency: Type.Optional(
      Type.String({
        pattern: '^[A-Z]{3}$',
        default: 'USD',
        description: 'Of all amounts of the card (ISO 4217).',
      }),
    ),
    rates: Type.Optional(Rates),
    tiers: Type.Optional(Type.Array(Tier)),
    service_tiers: Type.Optional(Type.Record(Type.String(), ServiceTier)),
    regions: Type.Optional(Multipliers),
    inference_geos: Type.Optional(Multipliers),
    units: Type.Optional(Units),
    hours: Type.Optional(Hours),
    cache_writes_as_input: Type.Optional(
      Type.Boolean({ description: 'Cache writes without a rate of their own cost as much as input.' }),
    ),
    images_as_text: Type.Optional(
      Type.Boolean({ description: 'Image input without a rate of its own costs as much as text.' }),
    ),
    free: Type.Optional(
      Type.Boolean({ description: 'The model costs nothing; without it a card of zeros is a mistake.' }),
    ),
    basis: Type.Optional(Type.Enum(['gpu_time'], { description: 'Imputed from the cost of the machine.' })),
    gpu_hour: Type.Optional(Decimal),
    gpus: Type.Optional(Type.Integer({ minimum: 1 })),
    throughput: Type.Optional(Throughput),
    source: Type.Optional(
      Type.Object(
        {
          url: Name,
          read: Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$', description: 'The date it was read.' }),
          reader: Type.Optional(Name),
        },
        { additionalProperties: false },
      ),
    ),
    promotional_until: Type.Optional(Instant),
    note: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

export const AliasEntry = Type.Object(
  {
    provider: Name,
    model: Type.String({
      minLength: 1,
      description: 'The name as spans have it, for instance a deployment.',
    }),
    to: Type.String({ minLength: 1, description: 'The model id that is meant.' }),
    to_provider: Type.Optional(Name),
    deployment: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'The region or deployment type that prices depend on (data_zone).',
      }),
    ),
    effective_from: Type.Optional(Instant),
    effective_to: Type.Optional(Instant),
    source: Type.Optional(
      Type.Object(
        { url: Name, read: Type.String(), reader: Type.Optional(Name) },
        { additionalProperties: false },
      ),
    ),
    note: Type.Optional(Type.String()),
  },
  { additionalProperties: false },
);

export const CurrencyRate = Type.Object(
  {
    from: Instant,
    per_usd: Type.Unsafe<string>({
      ...Decimal,
      description: 'Units of the currency for one US dollar, fixed from here to the next entry.',
    }),
  },
  { additionalProperties: false },
);

export const PriceFile = Type.Object(
  {
    version: Type.Optional(Type.Integer({ minimum: 1, maximum: 1, default: 1 })),
    aliases: Type.Optional(Type.Array(AliasEntry)),
    cards: Type.Optional(Type.Array(CardEntry)),
    currencies: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Z]{3}$' }), Type.Array(CurrencyRate), {
        description: 'Fixed rates of the periods, by currency (ISO 4217).',
      }),
    ),
  },
  { additionalProperties: false },
);

export type PriceFile = Static<typeof PriceFile>;
export type CardEntry = Static<typeof CardEntry>;
export type AliasEntry = Static<typeof AliasEntry>;
