import {
  type AccountFact,
  type CustomerAccount,
  decideAdjust,
  decideGrant,
  decideSince,
  decideTopUp,
} from '@spanledger/metering';
import { Type } from 'typebox';
import {
  CreditsText,
  creditsText,
  Instant,
  InstantOrNull,
  InstantText,
  instantOf,
  instantText,
  instantTextOrNull,
  microCredits,
  SignedCreditsText,
  TextOrNull,
  UsdText,
  usdFemto,
} from './amounts.ts';
import { balanceJson } from './balance.ts';
import type { CreditsParts, Customers } from './credits.ts';
import { perform } from './perform.ts';
import { InvalidRequest, type Problem } from './problems.ts';
import {
  Actor,
  BalanceSchema,
  CustomerParams,
  EffectiveAt,
  ErrorSchema,
  Reason,
  Told,
  toldBy,
  WriteHeaders,
} from './schemas.ts';
import type { ApiServer } from './server.ts';

const Priority = Type.Integer({
  minimum: -1000,
  maximum: 1000,
  description: 'Lots of a smaller number burn first; 0 when left out.',
});

const TopUpBody = Type.Object(
  {
    credits: CreditsText,
    paid_usd: Type.Optional(UsdText),
    effective_at: EffectiveAt,
    expires_at: Type.Optional(InstantText),
    priority: Type.Optional(Priority),
    ...Told,
  },
  { additionalProperties: false },
);

const GrantBody = Type.Object(
  {
    credits: CreditsText,
    effective_at: EffectiveAt,
    expires_at: Type.Optional(InstantText),
    priority: Type.Optional(Priority),
    ...Told,
  },
  { additionalProperties: false },
);

const AdjustBody = Type.Object(
  {
    credits: SignedCreditsText,
    expires_at: Type.Optional(InstantText),
    reason: Reason,
    actor: Actor,
  },
  { additionalProperties: false },
);

const GrantedAnswer = Type.Object({
  id: Type.String({ description: 'Of the fact: credit_ledger.fact_id of what it moved.' }),
  customer: Type.String(),
  credits: Type.String({ description: 'Signed: below 0 where credits were taken.' }),
  lot: Type.Union([
    Type.Object({ id: Type.String(), kind: Type.String(), expires: InstantOrNull }),
    Type.Null(),
  ]),
  effective_at: Instant,
  actor: TextOrNull,
  reason: TextOrNull,
  ...BalanceSchema.properties,
});

export function lotRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  const schema = {
    tags: ['credits'],
    headers: WriteHeaders,
    params: CustomerParams,
    response: { 201: GrantedAnswer, '4xx': ErrorSchema },
  };

  server.post(
    '/api/customers/:customer/top-ups',
    { schema: { ...schema, summary: 'Add credits that were sold', body: TopUpBody } },
    async (request, reply) => {
      const { body, params } = request;
      const told = toldBy(body);
      const { sinceMicros, expiresMicros } = timesOf(body);
      await customers.assertKnown(params.customer);
      const amount = microCredits(body.credits);
      const paidUsd = usdFemto(body.paid_usd ?? '0');
      return await perform(request, reply, parts, {
        customer: params.customer,
        actor: told.actor,
        decide: (account, id, nowMicros) =>
          decideSince(account, sinceMicros, nowMicros, (atMicros) =>
            decideTopUp(
              { id, ...told, amount, paidUsd, expiresMicros, priority: body.priority ?? null },
              atMicros,
            ),
          ),
        answer: answerOf,
      });
    },
  );

  server.post(
    '/api/customers/:customer/grants',
    { schema: { ...schema, summary: 'Give credits away', body: GrantBody } },
    async (request, reply) => {
      const { body, params } = request;
      const told = toldBy(body);
      const { sinceMicros, expiresMicros } = timesOf(body);
      await customers.assertKnown(params.customer);
      const amount = microCredits(body.credits);
      return await perform(request, reply, parts, {
        customer: params.customer,
        actor: told.actor,
        decide: (account, id, nowMicros) =>
          decideSince(account, sinceMicros, nowMicros, (atMicros) =>
            decideGrant({ id, ...told, amount, expiresMicros, priority: body.priority ?? null }, atMicros),
          ),
        answer: answerOf,
      });
    },
  );

  server.post(
    '/api/customers/:customer/adjustments',
    {
      schema: {
        ...schema,
        summary: 'Give or take credits by hand, by somebody and for a reason',
        body: AdjustBody,
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const told = toldBy(body);
      const { expiresMicros } = timesOf(body);
      await customers.assertKnown(params.customer);
      const amount = microCredits(body.credits);
      return await perform(request, reply, parts, {
        customer: params.customer,
        actor: told.actor,
        decide: (account, id, nowMicros) =>
          decideAdjust(account, { id, ...told, amount, expiresMicros }, nowMicros),
        answer: answerOf,
      });
    },
  );
}

interface TimesBody {
  readonly effective_at?: string;
  readonly expires_at?: string;
}

function timesOf({ effective_at, expires_at }: TimesBody) {
  const problems: Problem[] = [];
  const sinceMicros = instantOf(effective_at, 'body.effective_at', problems);
  const expiresMicros = instantOf(expires_at, 'body.expires_at', problems);
  if (problems.length > 0) throw new InvalidRequest(problems);
  return { sinceMicros, expiresMicros };
}

function answerOf(account: CustomerAccount, facts: readonly AccountFact[], nowMicros: number) {
  const fact = facts.find(({ kind }) => kind === 'granted' || kind === 'withdrawn');
  if (fact === undefined || (fact.kind !== 'granted' && fact.kind !== 'withdrawn')) {
    throw new Error('credits were neither granted nor withdrawn');
  }
  const amount = fact.kind === 'granted' ? fact.lot.amount : -fact.amount;
  return {
    status: 201,
    body: {
      id: fact.id,
      customer: account.customer,
      credits: creditsText(amount),
      lot:
        fact.kind === 'granted'
          ? { id: fact.lot.id, kind: fact.lot.kind, expires: instantTextOrNull(fact.lot.expiresMicros) }
          : null,
      effective_at: instantText(fact.atMicros),
      actor: fact.actor,
      reason: fact.reason,
      ...balanceJson(account.balance(nowMicros)),
    },
  };
}
