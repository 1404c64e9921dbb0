import { type CustomerAccount, openAccount, subscriptionAt } from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import type { CustomerProfile } from '../ledger/account-store.ts';
import { Instant, InstantOrNull, instantText, instantTextOrNull, TextOrNull } from './amounts.ts';
import { balanceJson } from './balance.ts';
import { type CreditsParts, type Customers, keyOf } from './credits.ts';
import { cursorOf, lastOf } from './cursor.ts';
import { perform } from './perform.ts';
import {
  BalanceSchema,
  CustomerId,
  CustomerParams,
  DEFAULT_PAGE,
  ErrorSchema,
  Page,
  PageQuery,
  Told,
  WriteHeaders,
} from './schemas.ts';
import type { ApiServer } from './server.ts';

const Metadata = Type.Record(Type.String({ minLength: 1, maxLength: 100 }), Type.String({ maxLength: 500 }), {
  maxProperties: 50,
  description: "The app's own words.",
});
const DisplayName = Type.Union([Type.String({ minLength: 1, maxLength: 500 }), Type.Null()]);

const CreateBody = Type.Object(
  {
    id: CustomerId,
    name: Type.Optional(DisplayName),
    metadata: Type.Optional(Metadata),
    actor: Told.actor,
  },
  { additionalProperties: false },
);

const ChangeBody = Type.Object(
  {
    name: Type.Optional(DisplayName),
    metadata: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1, maxLength: 100 }),
        Type.Union([Type.String({ maxLength: 500 }), Type.Null()]),
        { maxProperties: 50, description: 'What is named is set, or with null taken away; the rest stays.' },
      ),
    ),
    actor: Told.actor,
  },
  { additionalProperties: false, minProperties: 1 },
);

export const SubscriptionSchema = Type.Object({
  plan: Type.String(),
  plan_version: TextOrNull,
  since: Instant,
  anchor_day: Type.Integer(),
  zone: Type.String(),
  is_trial: Type.Boolean(),
  next_plan: Type.Union([Type.String(), Type.Null()], {
    description: 'What the plan changes to at `next_change_at`; null: it ends then, or nothing is decided.',
  }),
  next_change_at: InstantOrNull,
});

const CustomerSchema = Type.Object({
  id: Type.String(),
  name: TextOrNull,
  metadata: Type.Record(Type.String(), Type.String()),
  subscription: Type.Union([SubscriptionSchema, Type.Null()]),
  period: Type.Union([Type.Object({ number: Type.Integer(), start: Instant, end: Instant }), Type.Null()]),
  ...BalanceSchema.properties,
});
export type CustomerAnswer = Static<typeof CustomerSchema>;

const NO_PROFILE: CustomerProfile = { name: null, metadata: {} };

/** Metadata of one customer, all changes together. */
const MAX_METADATA = 50;

export function customerRoutes(server: ApiServer, parts: CreditsParts, customers: Customers): void {
  const { ledger } = parts;

  function customerJson(
    account: CustomerAccount,
    profile: CustomerProfile,
    nowMicros: number,
  ): CustomerAnswer {
    const period = account.periodAt(nowMicros);
    return {
      id: account.customer,
      name: profile.name,
      metadata: { ...profile.metadata },
      subscription: subscriptionJson(account, nowMicros),
      period:
        period === null
          ? null
          : {
              number: period.period,
              start: instantText(period.bounds.startMicros),
              end: instantText(period.bounds.endMicros),
            },
      ...balanceJson(account.balance(nowMicros)),
    };
  }

  server.post(
    '/api/customers',
    {
      schema: {
        summary: 'Create a customer before there is usage of it, or name one that there is',
        tags: ['customers'],
        headers: WriteHeaders,
        body: CreateBody,
        response: { 201: CustomerSchema, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { id, name = null, metadata = {}, actor } = request.body;
      const profile = { name, metadata };
      return await perform(request, reply, parts, {
        customer: id,
        actor: actor ?? null,
        decide() {
          if (ledger.commands.profileOf(keyOf(id)) === null) return { kind: 'profile', profile };
          throw new SpanledgerError(
            'SL_CUSTOMER_EXISTS',
            `The customer ${id} exists already. Change it by PATCH /api/customers/{id}.`,
          );
        },
        answer: (account, _facts, nowMicros) => ({
          status: 201,
          body: customerJson(account, profile, nowMicros),
        }),
      });
    },
  );

  server.patch(
    '/api/customers/:customer',
    {
      schema: {
        summary: 'Change the name or the metadata of a customer',
        tags: ['customers'],
        headers: WriteHeaders,
        params: CustomerParams,
        body: ChangeBody,
        response: { 200: CustomerSchema, '4xx': ErrorSchema },
      },
    },
    async (request, reply) => {
      const { customer } = request.params;
      const { name, metadata, actor } = request.body;
      await customers.assertKnown(customer);
      let changed = NO_PROFILE;
      return await perform(request, reply, parts, {
        customer,
        actor: actor ?? null,
        decide() {
          changed = changedProfile(ledger.commands.profileOf(keyOf(customer)) ?? NO_PROFILE, name, metadata);
          return { kind: 'profile', profile: changed };
        },
        answer: (account, _facts, nowMicros) => ({
          status: 200,
          body: customerJson(account, changed, nowMicros),
        }),
      });
    },
  );

  server.get(
    '/api/customers/:customer',
    {
      schema: {
        summary: 'A customer: profile, plan and balance',
        tags: ['customers'],
        params: CustomerParams,
        response: { 200: CustomerSchema, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { customer } = request.params;
      const nowMicros = parts.nowMillis() * 1000;
      const account = await customers.account(customer, nowMicros);
      return customerJson(account, ledger.commands.profileOf(keyOf(customer)) ?? NO_PROFILE, nowMicros);
    },
  );

  server.get(
    '/api/customers',
    {
      schema: {
        summary: 'All customers, by id',
        tags: ['customers'],
        querystring: PageQuery,
        response: { 200: Page(CustomerSchema), '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { cursor, limit = DEFAULT_PAGE } = request.query;
      const last = lastOf(cursor);
      await ledger.whenCommitted();
      const { rows } = await parts.query(
        `SELECT customer FROM (
           SELECT DISTINCT customer FROM usage WHERE customer > $1
           UNION SELECT DISTINCT customer FROM account_history WHERE customer > $1
           UNION SELECT DISTINCT customer FROM ledger.customer_profile WHERE customer > $1
         ) ORDER BY customer LIMIT $2`,
        [last ?? '', limit + 1],
      );
      const ids = rows.slice(0, limit).map(([customer]) => String(customer));
      const nowMicros = parts.nowMillis() * 1000;
      const items = await ledger.accounts.during(ids.map(keyOf), () =>
        ids.map((id) => {
          const account = ledger.accounts.find(keyOf(id), nowMicros) ?? openAccount(id, [], []);
          return customerJson(account, ledger.commands.profileOf(keyOf(id)) ?? NO_PROFILE, nowMicros);
        }),
      );
      const lastShown = ids.at(-1);
      return { items, next: rows.length > limit && lastShown !== undefined ? cursorOf(lastShown) : null };
    },
  );
}

export function subscriptionJson(
  account: Pick<CustomerAccount, 'planFacts' | 'termsAt' | 'periodAt'>,
  nowMicros: number,
): CustomerAnswer['subscription'] {
  const subscription = subscriptionAt(account.planFacts, nowMicros);
  if (subscription === null) return null;
  const { plan, began, next } = subscription;
  return {
    plan,
    plan_version: account.termsAt(nowMicros)?.version ?? null,
    since: instantText(began.atMicros),
    anchor_day: began.anchor.day,
    zone: began.anchor.zone,
    is_trial: account.periodAt(nowMicros)?.isTrial ?? false,
    next_plan: next?.kind === 'plan_changed' ? next.to : null,
    next_change_at: instantTextOrNull(next?.atMicros ?? null),
  };
}

function changedProfile(
  { name, metadata }: CustomerProfile,
  newName: string | null | undefined,
  changes: Readonly<Record<string, string | null>> = {},
): CustomerProfile {
  const merged = new Map(Object.entries(metadata));
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) merged.delete(key);
    else merged.set(key, value);
  }
  if (merged.size > MAX_METADATA) {
    throw new SpanledgerError(
      'SL_API_REQUEST',
      `Expected at most ${MAX_METADATA} entries of metadata, with those that are there it would be ${merged.size}.`,
    );
  }
  return { name: newName === undefined ? name : newName, metadata: Object.fromEntries(merged) };
}
