import {
  type AccountFact,
  type CustomerAccount,
  decideAuthorise,
  decideHeartbeat,
  decideRelease,
  decideSettle,
  type HoldState,
  MAX_HOLD_MICROS,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import {
  CreditsText,
  creditsText,
  Decimal,
  Instant,
  InstantOrNull,
  instantText,
  instantTextOrNull,
  microCredits,
  TextOrNull,
} from './amounts.ts';
import { balanceJson } from './balance.ts';
import { creditsOf, textOrNull } from './cells.ts';
import type { CreditsParts, Customers } from './credits.ts';
import { perform, refuse } from './perform.ts';
import {
  BalanceSchema,
  CustomerId,
  CustomerParams,
  ErrorSchema,
  Name,
  Told,
  toldBy,
  WriteHeaders,
} from './schemas.ts';
import type { ApiServer } from './server.ts';

const MICROS_PER_SECOND = 1_000_000;
/** Long enough for one call; whoever runs longer sends heartbeats. */
const DEFAULT_HOLD_SECONDS = 15 * 60;

const ExpiresInSeconds = Type.Integer({
  minimum: 1,
  maximum: MAX_HOLD_MICROS / MICROS_PER_SECOND,
  default: DEFAULT_HOLD_SECONDS,
  description: 'Seconds from now, after which what is held is free again; heartbeats move it.',
});

const AuthoriseBody = Type.Object(
  {
    id: Type.String({ ...Name, description: 'Your name for this hold; sent again, it is answered again.' }),
    credits: CreditsText,
    expires_in_s: Type.Optional(ExpiresInSeconds),
    feature: Type.Optional(Name),
    action_id: Type.Optional(
      Type.String({
        ...Name,
        description:
          'As spanledger.action.id, or the trace id: the calls of this action are taken from the hold as they are seen, and settling gives back the rest.',
      }),
    ),
    ...Told,
  },
  { additionalProperties: false },
);
const HeartbeatBody = Type.Object(
  { expires_in_s: Type.Optional(ExpiresInSeconds), ...Told },
  { additionalProperties: false },
);
const SettleBody = Type.Object(
  {
    credits: Type.Optional(
      Type.String({
        ...CreditsText,
        description: 'What was used. Left out for a hold of an action, whose calls say it.',
      }),
    ),
    ...Told,
  },
  { additionalProperties: false },
);
const ReleaseBody = Type.Object({ ...Told }, { additionalProperties: false });

const HoldParams = Type.Object({ customer: CustomerId, hold: Name });

const HoldSchema = Type.Object({
  id: Type.String(),
  customer: Type.String(),
  state: Type.Enum(['open', 'settled', 'released', 'expired']),
  credits: Type.String({ description: 'Set aside at its beginning.' }),
  authorised_at: Instant,
  expires_at: InstantOrNull,
  ended_at: InstantOrNull,
  settled_credits: Type.Union([Decimal, Type.Null()], {
    description: 'What the settlement charged; 0 where the calls of its action were charged instead.',
  }),
  is_late: Type.Boolean({ description: 'Settled after its expiry: an ordinary debit.' }),
  feature: TextOrNull,
  action_id: TextOrNull,
});
const HoldAnswer = Type.Object({ hold: HoldSchema, ...BalanceSchema.properties });

export function holdRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  const schema = { tags: ['holds'], headers: WriteHeaders };

  server.post(
    '/api/customers/:customer/holds',
    {
      schema: {
        ...schema,
        summary: 'Set credits aside for something that is about to happen',
        params: CustomerParams,
        body: AuthoriseBody,
        response: { 201: HoldAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { body, params } = request;
      const { id: hold, expires_in_s: seconds = DEFAULT_HOLD_SECONDS } = body;
      await customers.assertKnown(params.customer);
      const told = toldBy(body);
      const amount = microCredits(body.credits);
      return await perform(request, reply, parts, {
        customer: params.customer,
        actor: told.actor,
        decide: (account, id, nowMicros) =>
          decideAuthorise(
            account,
            {
              id,
              ...told,
              hold,
              amount,
              expiresMicros: nowMicros + seconds * MICROS_PER_SECOND,
              feature: body.feature ?? null,
              actionId: body.action_id ?? null,
            },
            nowMicros,
          ),
        answer: answerOf(201, hold),
      });
    },
  );

  server.post(
    '/api/customers/:customer/holds/:hold/heartbeat',
    {
      schema: {
        ...schema,
        summary: 'Keep a hold alive',
        params: HoldParams,
        body: HeartbeatBody,
        response: { 200: HoldAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer, hold } = request.params;
      const { expires_in_s: seconds = DEFAULT_HOLD_SECONDS } = request.body;
      await customers.assertKnown(customer);
      const told = toldBy(request.body);
      return await perform(request, reply, parts, {
        customer,
        actor: told.actor,
        decide: (account, id, nowMicros) =>
          decideHeartbeat(
            account,
            { id, ...told, hold, expiresMicros: nowMicros + seconds * MICROS_PER_SECOND },
            nowMicros,
          ),
        answer: answerOf(200, hold),
      });
    },
  );

  server.post(
    '/api/customers/:customer/holds/:hold/settle',
    {
      schema: {
        ...schema,
        summary: 'Charge what was used and give back the rest',
        params: HoldParams,
        body: SettleBody,
        response: { 200: HoldAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer, hold } = request.params;
      const { credits } = request.body;
      await customers.assertKnown(customer);
      const told = toldBy(request.body);
      const actual = credits === undefined ? null : microCredits(credits);
      return await perform(request, reply, parts, {
        customer,
        actor: told.actor,
        decide: (account, id, nowMicros) => decideSettle(account, { id, ...told, hold, actual }, nowMicros),
        answer: answerOf(200, hold),
      });
    },
  );

  server.post(
    '/api/customers/:customer/holds/:hold/release',
    {
      schema: {
        ...schema,
        summary: 'Give back what is held',
        params: HoldParams,
        body: ReleaseBody,
        response: { 200: HoldAnswer, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer, hold } = request.params;
      await customers.assertKnown(customer);
      const told = toldBy(request.body);
      return await perform(request, reply, parts, {
        customer,
        actor: told.actor,
        decide: (account, id, nowMicros) => decideRelease(account, { id, ...told, hold }, nowMicros),
        answer: answerOf(200, hold),
      });
    },
  );

  server.get(
    '/api/customers/:customer/holds/:hold',
    {
      schema: {
        summary: 'A hold and what has become of it',
        tags: ['holds'],
        params: HoldParams,
        response: { 200: HoldSchema, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer, hold } = request.params;
      const account = await customers.account(customer, parts.nowMillis() * 1000);
      const state = account.hold(hold);
      const found = state === null ? await endedLongAgo(customer, hold) : holdJson(customer, state);
      if (found !== null) return found;
      return refuse(reply, 'HOLD_UNKNOWN', `Expected the id of a hold of this customer, got ${hold}.`);
    },
  );

  /** Accounts forget holds whose end nothing can change any more; the file has them all. */
  async function endedLongAgo(customer: string, hold: string): Promise<HoldJson | null> {
    const { rows } = await parts.query(
      `SELECT credits, authorised_at, feature, action_id, state, ended_at, actual_credits, late_settlement
       FROM credit_holds WHERE customer = $1 AND hold = $2`,
      [customer, hold],
    );
    const [row] = rows;
    if (row === undefined) return null;
    const [credits, authorisedAt, feature, actionId, state, endedAt, actual, isLate] = row;
    return {
      id: hold,
      customer,
      state: stateOf(state),
      credits: creditsOf(credits),
      authorised_at: String(authorisedAt),
      expires_at: null,
      ended_at: textOrNull(endedAt),
      settled_credits: state === 'settled' ? creditsOf(actual) : null,
      is_late: isLate === true,
      feature: textOrNull(feature),
      action_id: textOrNull(actionId),
    };
  }
}

type HoldJson = Static<typeof HoldSchema>;

function answerOf(status: number, hold: string) {
  return (account: CustomerAccount, _facts: readonly AccountFact[], nowMicros: number) => {
    const state = account.hold(hold);
    if (state === null) throw new Error(`the hold ${hold} is gone as soon as it was decided on`);
    return {
      status,
      body: { hold: holdJson(account.customer, state), ...balanceJson(account.balance(nowMicros)) },
    };
  };
}

function holdJson(customer: string, { fact, expiresMicros, ended }: HoldState): HoldJson {
  return {
    id: fact.hold,
    customer,
    state: ended?.end ?? 'open',
    credits: creditsText(fact.amount),
    authorised_at: instantText(fact.atMicros),
    expires_at: instantText(expiresMicros),
    ended_at: instantTextOrNull(ended?.atMicros ?? null),
    settled_credits: ended?.end === 'settled' ? creditsText(ended.actual) : null,
    is_late: ended?.isLate ?? false,
    feature: fact.feature,
    action_id: fact.actionId,
  };
}

function stateOf(state: unknown): HoldJson['state'] {
  return state === 'settled' || state === 'released' || state === 'expired' ? state : 'open';
}
