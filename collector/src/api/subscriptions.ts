import {
  decideCancel,
  decideChangePlan,
  decideSince,
  decideSubscribe,
  type PlanFact,
} from '@spanledger/metering';
import { Type } from 'typebox';
import { Decimal, Instant, InstantText, instantOf, instantText, usdText } from './amounts.ts';
import { balanceJson } from './balance.ts';
import type { CreditsParts, Customers } from './credits.ts';
import { SubscriptionSchema, subscriptionJson } from './customers.ts';
import { perform } from './perform.ts';
import { InvalidRequest, type Problem } from './problems.ts';
import {
  BalanceSchema,
  CustomerParams,
  EffectiveAt,
  ErrorSchema,
  Name,
  Told,
  toldBy,
  WriteHeaders,
} from './schemas.ts';
import type { ApiServer } from './server.ts';

const SubscribeBody = Type.Object(
  {
    plan: Name,
    start: Type.Optional(InstantText),
    anchor_day: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 31,
        description: 'The day on which periods begin; the local day of the start when left out.',
      }),
    ),
    zone: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        default: 'UTC',
        description: 'IANA name of the time zone whose midnight counts (Europe/Berlin).',
      }),
    ),
    trial: Type.Optional(
      Type.Boolean({
        default: true,
        description: 'With the trial of the plan, if it has one and the customer has never had any.',
      }),
    ),
    ...Told,
  },
  { additionalProperties: false },
);

const ChangeBody = Type.Object(
  { plan: Name, effective_at: EffectiveAt, ...Told },
  { additionalProperties: false },
);

const CancelBody = Type.Object(
  { at: Type.Enum(['period_end', 'now']), ...Told },
  { additionalProperties: false },
);

const SubscriptionAnswer = Type.Object({
  customer: Type.String(),
  subscription: Type.Union([SubscriptionSchema, Type.Null()]),
  effective_at: Instant,
  extra_fee_usd: Type.Union([Decimal, Type.Null()], {
    description: 'Of an upgrade: the difference of fees for the days that are left.',
  }),
  ...BalanceSchema.properties,
});

export function subscriptionRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  const { ledger } = parts;
  const schema = { tags: ['subscriptions'], headers: WriteHeaders, params: CustomerParams };

  server.post(
    '/api/customers/:customer/subscription',
    {
      schema: {
        ...schema,
        summary: 'Begin a plan, now or from a day in the past on',
        body: SubscribeBody,
        response: { 201: SubscriptionAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const { plan, zone = 'UTC', trial: withTrial = true } = body;
      const problems: Problem[] = [];
      const startMicros = instantOf(body.start, 'body.start', problems);
      if (problems.length > 0) throw new InvalidRequest(problems);
      await customers.assertKnown(params.customer);
      const { actor, reason } = toldBy(body);
      return await perform(request, reply, parts, {
        customer: params.customer,
        actor,
        decide: (account, id, nowMicros) =>
          decideSubscribe(
            account,
            { id, actor, reason, plan, startMicros, zone, anchorDay: body.anchor_day ?? null, withTrial },
            ledger.accounts.plans,
            nowMicros,
          ),
        answer: (account, facts, nowMicros) => answerOf(201, account, facts, nowMicros),
      });
    },
  );

  server.post(
    '/api/customers/:customer/subscription/change',
    {
      schema: {
        ...schema,
        summary: 'Change the plan: to a higher one at once, to a lower one at the end of the period',
        body: ChangeBody,
        response: { 200: SubscriptionAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer } = request.params;
      const { plan, effective_at } = request.body;
      const problems: Problem[] = [];
      const sinceMicros = instantOf(effective_at, 'body.effective_at', problems);
      if (problems.length > 0) throw new InvalidRequest(problems);
      await customers.assertKnown(customer);
      const { actor, reason } = toldBy(request.body);
      return await perform(request, reply, parts, {
        customer,
        actor,
        decide: (account, id, nowMicros) =>
          decideSince(account, sinceMicros, nowMicros, (atMicros) =>
            decideChangePlan(account, { id, actor, reason, plan }, ledger.accounts.plans, atMicros),
          ),
        answer: (account, facts, nowMicros) => answerOf(200, account, facts, nowMicros),
      });
    },
  );

  server.post(
    '/api/customers/:customer/subscription/cancel',
    {
      schema: {
        ...schema,
        summary: 'End the plan, at the end of the period or now',
        body: CancelBody,
        response: { 200: SubscriptionAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer } = request.params;
      await customers.assertKnown(customer);
      const { at: when } = request.body;
      const { actor, reason } = toldBy(request.body);
      return await perform(request, reply, parts, {
        customer,
        actor,
        decide: (account, id, nowMicros) => decideCancel(account, { id, actor, reason, when }, nowMicros),
        answer: (account, facts, nowMicros) => answerOf(200, account, facts, nowMicros),
      });
    },
  );
}

type Answering = Parameters<Parameters<typeof perform>[3]['answer']>;

function answerOf(
  status: number,
  account: Answering[0],
  facts: Answering[1],
  nowMicros: number,
): { readonly status: number; readonly body: unknown } {
  const decided = facts.find(
    (fact): fact is PlanFact =>
      fact.kind === 'subscribed' || fact.kind === 'plan_changed' || fact.kind === 'canceled',
  );
  return {
    status,
    body: {
      customer: account.customer,
      subscription: subscriptionJson(account, nowMicros),
      effective_at: instantText(decided?.atMicros ?? nowMicros),
      extra_fee_usd:
        decided?.kind === 'plan_changed' && decided.terms !== null ? usdText(decided.extraFee) : null,
      ...balanceJson(account.balance(nowMicros)),
    },
  };
}
