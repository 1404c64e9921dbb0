import { type Static, Type } from 'typebox';
import { CardEntry, PriceFile } from '../catalogue/index.ts';
import { CREDIT_RULES, Decimal } from '../config-credits.ts';
import { PlansSection } from '../config-plans.ts';

/**
 * How scenarios are written down. Declared once: the type, the check and the JSON Schema (`scenario.schema.json`) come
 * from here; prices, rules and plans are the sections of `spanledger.yaml`. Amounts stay text until `read-scenario.ts`
 * reads them exactly.
 */

const Name = Type.String({ minLength: 1, maxLength: 200 });

function text(description: string) {
  return Type.Optional(Type.String({ minLength: 1, maxLength: 1000, description }));
}

function decimal(description: string) {
  return Type.Optional(Type.Unsafe<string>({ ...Decimal, description }));
}

function whole(description: string) {
  return Type.Optional(Type.Integer({ minimum: 0, description }));
}

const MOMENT =
  'An instant (2026-11-03T12:00:00Z, or a date: 00:00 UTC), or a time from now: 3d, 2h, 1d12h, 45m, 10s; -2d is the past.';

function moment(description: string) {
  return Type.Optional(Type.String({ minLength: 2, description: `${description} ${MOMENT}` }));
}

const Tokens = Type.Object(
  {
    input: whole('All input tokens, cached ones included.'),
    cache_read: whole('Of the input, read from the cache.'),
    cache_write: whole('Of the input, written to the cache.'),
    output: whole('All output tokens, reasoning included.'),
    reasoning: whole('Of the output, reasoning.'),
  },
  { additionalProperties: false, description: 'What the provider counted, as spans say it.' },
);

const Units = Type.Object(
  {
    request: decimal('Requests.'),
    web_search: decimal('Web searches.'),
    image: decimal('Images.'),
    second: decimal('Seconds of audio or video; to the millisecond.'),
    page: decimal('Pages.'),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    description: 'What is counted by the piece, one unit for each span.',
  },
);

const CONTENT = {
  customer: text('Who pays; as a label, it also holds for the spans below.'),
  feature: text('What was used.'),
  user: text('Who used it.'),
  session: text('The session or conversation.'),
  action: text(
    'One use of a feature by an id of its own (spanledger.action.id): its calls are charged together, whatever traces they are in.',
  ),
  degraded: Type.Optional(
    Type.Boolean({
      description:
        'Whether the action took the smaller form of the feature (spanledger.action.degraded), as a check had answered degrade: it is then charged by the degraded rule.',
    }),
  ),
  class: Type.Optional(Type.Enum(['customer', 'trial', 'internal', 'test', 'demo', 'admin'])),
  model: text('The model.'),
  provider: text('Whose model it is (gen_ai.provider.name); what the name of the model tells when left out.'),
  operation: text(
    'gen_ai.operation.name: chat, embeddings, execute_tool, invoke_agent, …; none for a span of the app that is no model call. chat when left out.',
  ),
  tokens: Type.Optional(Tokens),
  units: Type.Optional(Units),
  status: Type.Optional(Type.Enum(['ok', 'error'], { description: 'How the call ended; ok when left out.' })),
  at: moment('When the call ended; now when left out.'),
  duration: text('How long it took: 2s when left out.'),
  attributes: Type.Optional(
    Type.Record(Type.String({ minLength: 1 }), Type.String(), {
      description: 'Further attributes, as texts: openai.response.service_tier, …',
    }),
  ),
};

const PLACE = {
  trace: text(
    'A name for the trace; when left out that of the parent, or the span begins a trace of its own.',
  ),
  span: text('A name for the span, so that others can be its children; that of the step when left out.'),
  parent: text('The name of the span around it.'),
};

/** A simulation takes seconds, and nobody reads more. */
const MAX_TIMES = 5000;

export const UsageEntry = Type.Object(
  {
    ...CONTENT,
    ...PLACE,
    times: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: MAX_TIMES,
        description: 'So many such calls, each an action of its own unless action says otherwise.',
      }),
    ),
  },
  { additionalProperties: false },
);
export type UsageEntry = Static<typeof UsageEntry>;

const UsageEntries = Type.Union([UsageEntry, Type.Array(UsageEntry, { minItems: 1 })], {
  description: 'a span: {customer, feature, model, tokens, …}, or a list of spans that are sent together',
});

const BY_HAND = {
  actor: text('Who does it.'),
  reason: text('Why.'),
};

const Subscription = {
  plan: Name,
  start: moment('When the plan begins, now or in the past; now when left out.'),
  anchor_day: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 31,
      description: 'Day of the month on which periods begin; that of the start when left out.',
    }),
  ),
  zone: text('The time zone of the customer: Europe/Berlin. UTC when left out.'),
  trial: Type.Optional(Type.Boolean({ description: 'With the trial of the plan. false when left out.' })),
};

const LotKinds = Type.Object(
  {
    allowance: decimal('Allowance.'),
    promotional: decimal('Promotional.'),
    trial: decimal('Trial.'),
    rollover: decimal('Rolled over.'),
    purchased: decimal('Purchased.'),
  },
  { additionalProperties: false, description: 'Available credits by the kind of lot.' },
);

const BalanceExpectation = Type.Object(
  {
    available: decimal('Available credits.'),
    held: decimal('Held credits.'),
    remaining: decimal('Available and held.'),
    used: decimal('All that was ever used.'),
    granted: decimal('All that was ever granted.'),
    expired: decimal('All that has ever expired.'),
    overage: decimal('Ever sold beyond the allowance.'),
    overrun: decimal('Ever used although it was blocked.'),
    overdraft: decimal('Lent and not repaid.'),
    period_used: decimal('Used in the running period.'),
    period_cost_usd: decimal('What the usage of the running period cost.'),
    period_revenue_usd: decimal('The revenue value of the credits used in it.'),
    period_margin: decimal('(revenue - cost) / revenue, rounded to six places.'),
    lots: Type.Optional(LotKinds),
    plan: text('The plan of the running period; none where there is none.'),
    period: whole('The number of the running period.'),
    period_start: text('Its first instant.'),
    period_end: text('Its end.'),
    alerts: Type.Optional(
      Type.Array(Name, { description: 'All that have fired in the running period, in any order.' }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type BalanceExpectation = Static<typeof BalanceExpectation>;

const ActionExpectation = Type.Object(
  {
    credits: decimal('What it burned.'),
    raw_credits: decimal('The exact amount before multipliers, minimum, rounding and cap.'),
    cost_usd: decimal('What it cost; unpriced where that is not known.'),
    calls: whole('Calls that bill.'),
    status: text('charged, not_charged:failed, pending:unpriced, …'),
    rule: text('The id of the rule.'),
    price_cards: Type.Optional(Type.Array(Name, { description: 'The ids of the price cards.' })),
    uncached_input: whole('Tokens.'),
    cache_read: whole('Tokens.'),
    cache_write: whole('Tokens.'),
    output: whole('Tokens without reasoning.'),
    reasoning: whole('Tokens.'),
  },
  { additionalProperties: false, minProperties: 1 },
);
export type ActionExpectation = Static<typeof ActionExpectation>;

const Expectation = Type.Object(
  {
    balances: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), BalanceExpectation, { description: 'By customer.' }),
    ),
    actions: Type.Optional(
      Type.Record(Type.String({ minLength: 1 }), ActionExpectation, {
        description:
          'By the name of the action: its id, the name of its trace, or that of the step (step.2 for the second of several); NAME/FEATURE where a trace has several features.',
      }),
    ),
    answer: Type.Optional(Type.Enum(['allow', 'degrade', 'deny'], { description: 'Of the check.' })),
    estimate: decimal('Credits, of the check.'),
    refused: text('The code with which the command is refused: INSUFFICIENT_CREDITS, …'),
    repeated: Type.Optional(
      Type.Boolean({ description: 'The command was done before, and is answered again.' }),
    ),
    posted: whole('Usage records that are new.'),
    duplicates: whole('Copies that were ignored.'),
    conflicts: whole('Copies with other content, which were set aside.'),
  },
  { additionalProperties: false, minProperties: 1, description: 'What must be true after the step.' },
);
export type Expectation = Static<typeof Expectation>;

/** What a step does, exactly one of them; none where it only expects. */
export const DEEDS = {
  usage: Type.Optional(UsageEntries),
  deliver_again: Type.Optional(
    Type.Object(
      {
        step: Type.String({ minLength: 1, description: 'The name of an earlier usage or backfill.' }),
        changed: Type.Optional(
          Type.Object(CONTENT, {
            additionalProperties: false,
            description: 'What is different: a copy under the same ids with other content.',
          }),
        ),
      },
      { additionalProperties: false, description: 'The spans of an earlier step arrive once more.' },
    ),
  ),
  backfill: Type.Optional(
    Type.Object(
      {
        batch: Type.String({ minLength: 1, description: 'Its id.' }),
        mode: Type.Optional(Type.Enum(['charge', 'cost_only'], { description: 'charge when left out.' })),
        usage: UsageEntries,
      },
      { additionalProperties: false, description: 'Usage of the past.' },
    ),
  ),
  subscribe: Type.Optional(Type.Object({ customer: Name, ...Subscription }, { additionalProperties: false })),
  change_plan: Type.Optional(Type.Object({ customer: Name, plan: Name }, { additionalProperties: false })),
  cancel: Type.Optional(
    Type.Object(
      {
        customer: Name,
        when: Type.Optional(Type.Enum(['period_end', 'now'], { description: 'period_end when left out.' })),
      },
      { additionalProperties: false },
    ),
  ),
  top_up: Type.Optional(
    Type.Object(
      {
        customer: Name,
        credits: Decimal,
        paid_usd: decimal('For all of it; 0 when left out.'),
        expires: moment('When they are gone; never when left out.'),
        ...BY_HAND,
      },
      { additionalProperties: false, description: 'Credits that are sold.' },
    ),
  ),
  grant: Type.Optional(
    Type.Object(
      {
        customer: Name,
        credits: Decimal,
        expires: moment('When they are gone; never when left out.'),
        priority: Type.Optional(
          Type.Integer({
            minimum: -1000,
            maximum: 1000,
            description: 'Smaller burns first; 0 when left out.',
          }),
        ),
        ...BY_HAND,
      },
      { additionalProperties: false, description: 'Credits that are given away.' },
    ),
  ),
  adjust: Type.Optional(
    Type.Object(
      {
        customer: Name,
        credits: Type.Unsafe<string>({ ...Decimal, description: 'Signed.' }),
        expires: moment('When they are gone; never when left out.'),
        ...BY_HAND,
      },
      {
        additionalProperties: false,
        description: 'Credits given or taken by hand; actor and reason are needed.',
      },
    ),
  ),
  authorise: Type.Optional(
    Type.Object(
      {
        customer: Name,
        hold: Name,
        credits: Decimal,
        expires: moment('When the hold ends by itself; 15 minutes from now when left out.'),
        feature: text('What it is for.'),
        action: text('Usage of this action is taken from the hold.'),
      },
      { additionalProperties: false },
    ),
  ),
  heartbeat: Type.Optional(
    Type.Object(
      { customer: Name, hold: Name, expires: Type.String({ minLength: 2, description: MOMENT }) },
      { additionalProperties: false },
    ),
  ),
  settle: Type.Optional(
    Type.Object(
      {
        customer: Name,
        hold: Name,
        credits: decimal('What was used; left out for a hold of an action.'),
      },
      { additionalProperties: false },
    ),
  ),
  release: Type.Optional(Type.Object({ customer: Name, hold: Name }, { additionalProperties: false })),
  check: Type.Optional(
    Type.Object(
      {
        customer: Name,
        feature: text('What is to be used.'),
        credits: decimal('The estimate itself.'),
        cost_usd: decimal('What all calls together are expected to cost, for cost-plus rules.'),
        model: text('For the price of the tokens, where no cost is said.'),
        provider: text('Whose model it is.'),
        tokens: Type.Optional(
          Type.Object(Tokens.properties, { additionalProperties: false, description: 'Of each call.' }),
        ),
        calls: Type.Optional(Type.Integer({ minimum: 1, description: '1 when left out; all alike.' })),
      },
      { additionalProperties: false, description: 'Whether something may begin.' },
    ),
  ),
  price_correction: Type.Optional(
    Type.Object(
      {
        cards: Type.Optional(
          Type.Array(CardEntry, { description: 'As in prices; they win over all earlier ones.' }),
        ),
        rerate: Type.Optional(
          Type.Object(
            {
              policy: Type.Optional(
                Type.Enum(['customer_favourable', 'neutral'], {
                  description: 'customer_favourable when left out.',
                }),
              ),
              from: moment('Events from then on; all when left out.'),
              to: moment('Events before then; up to now when left out.'),
              model: text('Only of this model.'),
            },
            { additionalProperties: false, description: 'Then the past is rated again.' },
          ),
        ),
      },
      { additionalProperties: false, minProperties: 1 },
    ),
  ),
  rules: Type.Optional(
    Type.Object(CREDIT_RULES, {
      additionalProperties: false,
      description: 'The section credits from now on; what was charged before keeps its rules.',
    }),
  ),
  plans: Type.Optional(PlansSection),
  advance: Type.Optional(Type.String({ minLength: 2, description: `The clock goes on. ${MOMENT}` })),
  close: Type.Optional(
    Type.Object(
      { customer: Name },
      {
        additionalProperties: false,
        description:
          "The clock goes on until the customer's running period is over and closed, 72 hours later.",
      },
    ),
  ),
  statement: Type.Optional(
    Type.Object(
      {
        customer: Name,
        period: Type.Optional(
          Type.Unsafe<string>({
            type: ['string', 'integer'],
            description: 'current, previous, or the number of a period; current when left out.',
          }),
        ),
      },
      { additionalProperties: false },
    ),
  ),
};

const StepEntry = Type.Object(
  {
    name: text('So that others can speak of it; step-3 for the third without one.'),
    note: text('What it is about, for people.'),
    ...DEEDS,
    expect: Type.Optional(Expectation),
  },
  { additionalProperties: false, description: 'One thing that happens, and what must be true after it.' },
);
export type StepEntry = Static<typeof StepEntry>;

const CustomerEntry = Type.Object(
  {
    id: Name,
    ...Subscription,
    plan: text('Subscribed when the scenario begins; no plan when left out.'),
  },
  { additionalProperties: false },
);
export type CustomerEntry = Static<typeof CustomerEntry>;

/** Far more than anybody writes by hand. */
const MAX_STEPS = 10_000;

export const ScenarioSchema = Type.Object(
  {
    $schema: Type.Optional(Type.String()),
    description: text('What it shows.'),
    starts_at: Type.String({
      minLength: 10,
      description: 'What time it is in the beginning: an instant, or a date (00:00 UTC).',
    }),
    prices: Type.Optional(
      Type.Object(
        {
          only: Type.Optional(
            Type.Boolean({
              description:
                'Without the built-in price list, so that nothing depends on its release. false when left out.',
            }),
          ),
          ...PriceFile.properties,
        },
        { additionalProperties: false, description: 'What models cost, over the built-in price list.' },
      ),
    ),
    credits: Type.Optional(
      Type.Object(CREDIT_RULES, { additionalProperties: false, description: 'How actions become credits.' }),
    ),
    plans: Type.Optional(PlansSection),
    customers: Type.Optional(
      Type.Array(CustomerEntry, {
        description: 'Those with a plan from the beginning; others come with their usage.',
      }),
    ),
    steps: Type.Array(StepEntry, { minItems: 1, maxItems: MAX_STEPS }),
  },
  { additionalProperties: false, title: 'A scenario of spanledger simulate' },
);
export type ScenarioEntry = Static<typeof ScenarioSchema>;

/** The JSON Schema of scenarios, as text, for editors and people. */
export function scenarioJsonSchema(): string {
  return `${JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...ScenarioSchema }, null, 2)}\n`;
}
