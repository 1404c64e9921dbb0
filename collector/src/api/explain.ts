import { explain, lotJson, type PlanTerms, type Ratio, reduced, USD_SCALE } from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import { type ActionKey, actionOf, leafOf } from '../ledger/action.ts';
import { pinnedRules } from '../ledger/charging.ts';
import type { RatedUsage } from '../ledger/rated-usage.ts';
import { creditsText, Decimal, Instant, instantText, TextOrNull, usdText } from './amounts.ts';
import { creditsOf, textOrNull } from './cells.ts';
import { type CreditsParts, keyOf, TENANT } from './credits.ts';
import { type Entry, EntrySchema, entryNumber, entryOf, selectEntries } from './entries.ts';
import { ExplainedPriceSchema, explainedPrice } from './explained-price.ts';
import { ErrorSchema, LotSchema } from './schemas.ts';
import type { ApiServer } from './server.ts';

const CallSchema = Type.Object({
  usage_id: Type.String(),
  trace_id: Type.String(),
  event_time: Instant,
  feature: TextOrNull,
  provider: TextOrNull,
  model: TextOrNull,
  status: Type.String(),
  credits: Type.Union([Type.String(), Type.Null()], {
    description: "Its share of the action's credits, as it is booked; null while it waits for a price.",
  }),
  credit_status: Type.String(),
  price: ExplainedPriceSchema,
});

const ActionSchema = Type.Object({
  action_id: Type.String(),
  credits: Type.String({ description: 'The sum of the shares of its calls, as they are booked.' }),
  calls: Type.Array(CallSchema, { description: 'In the order in which they bear their shares.' }),
  explanation: Type.Unknown({
    description:
      'How the rule makes credits of the calls, step by step: `evaluate` of @spanledger/metering computes them from nothing else.',
  }),
  is_as_booked: Type.Boolean({
    description:
      'The explanation leads to the credits that are booked. Not so where a corrected price did not raise them.',
  }),
});

const TermsSchema = Type.Object({
  plan: Type.String(),
  version: Type.String(),
  fee_usd: Decimal,
  allowance: Decimal,
  credit_value_usd: Type.Union([Type.String(), Type.Null()], {
    description: 'USD for one credit, as an exact quotient.',
  }),
  multiplier: Type.String({ description: 'An exact quotient.' }),
});

const FactSchema = Type.Object({
  id: Type.String(),
  kind: Type.String(),
  effective_at: Instant,
  recorded_at: Instant,
  actor: TextOrNull,
  reason: TextOrNull,
  detail: Type.Unknown({
    description: 'All of it; amounts are whole millionths or 10^-15 USD, written 123n.',
  }),
});

const ExplainAnswer = Type.Object({
  entry: EntrySchema,
  lots: Type.Array(LotSchema, { description: 'Those that the credits left or came to, as they are now.' }),
  usage: Type.Union([
    Type.Object({
      usage_id: Type.String(),
      trace_id: Type.String(),
      span_id: Type.String(),
      trace: Type.String({ description: 'Where the whole trace is.' }),
      customer: TextOrNull,
      feature: TextOrNull,
      user_id: TextOrNull,
      billing_role: Type.String(),
      revision: Type.Integer({ description: 'More than 1: more was known of it later.' }),
      booked_credits: Type.String({ description: 'All that was ever booked for it, together.' }),
      why_no_action: TextOrNull,
    }),
    Type.Null(),
  ]),
  action: Type.Union([ActionSchema, Type.Null()]),
  plan_terms: Type.Union([TermsSchema, Type.Null()]),
  facts: Type.Array(FactSchema, { description: 'What was done, where it was not usage.' }),
});
type ExplainAnswer = Static<typeof ExplainAnswer>;

const EntryParams = Type.Object({
  id: Type.String({ minLength: 1, maxLength: 40, description: 'credit_ledger.transfer_id.' }),
});

/** From what was booked, one step to everything that it follows from. */
export function explainRoutes(server: ApiServer, parts: CreditsParts): void {
  const { ledger } = parts;

  server.get(
    '/api/entries/:id/explain',
    {
      schema: {
        summary: 'Why credits were booked: call, action, rule, plan, prices, lot, trace',
        tags: ['ledger'],
        params: EntryParams,
        response: { 200: ExplainAnswer, '4xx': ErrorSchema },
      },
    },
    async (request): Promise<ExplainAnswer> => {
      const { id } = request.params;
      await ledger.whenCommitted();
      const entry = await findEntry(id);
      const usage = entry.usage_id === null ? null : await findUsage(entry.usage_id);
      const explained =
        usage === null || usage.action === null ? null : await explainAction(usage.action, usage.actionId);
      return {
        entry,
        lots: await lotsOf(entry),
        usage: usage?.shown ?? null,
        action: explained?.action ?? null,
        plan_terms: explained?.terms ?? null,
        facts: entry.usage_id === null ? await findFacts(entry) : [],
      };
    },
  );

  async function findEntry(id: string): Promise<Entry> {
    const number = entryNumber(id);
    const rows =
      number === null ? [] : (await parts.query(selectEntries('entry = $1::BIGINT'), [number])).rows;
    const [row] = rows;
    if (row !== undefined) return entryOf(row);
    throw new SpanledgerError(
      'SL_ENTRY_UNKNOWN',
      `Expected the transfer_id of an entry in credit_ledger (n1-17), got ${id}.`,
    );
  }

  async function lotsOf({ customer, from, to }: Entry): Promise<ExplainAnswer['lots']> {
    const nowMicros = parts.nowMillis() * 1000;
    const balance = (await ledger.accounts.look(keyOf(customer), nowMicros))?.balance(nowMicros);
    return (balance?.lots ?? [])
      .filter(({ lot }) => lot.id === from.lot || lot.id === to.lot)
      .map((lot) => lotJson(lot));
  }

  async function findUsage(usageId: string): Promise<FoundUsage | null> {
    const traceId = usageId.slice(0, 32);
    const spanId = usageId.slice(32);
    const { rows } = await parts.query(SELECT_USAGE, [
      BigInt(`0x${traceId}`).toString(),
      BigInt(`0x${spanId}`).toString(),
      TENANT,
    ]);
    const [row] = rows;
    if (row === undefined) return null;
    const [customer, feature, userId, ownActionId, usageClass, role, importMode, revision, booked] = row;
    const actionId = textOrNull(ownActionId) ?? traceId;
    const found = actionOf(
      {
        traceId,
        actionId,
        customer: textOrNull(customer),
        feature: textOrNull(feature),
        // Only metering writes these columns, and only words of these types.
        billingRole: String(role) as Parameters<typeof actionOf>[0]['billingRole'],
        usageClass: String(usageClass) as Parameters<typeof actionOf>[0]['usageClass'],
        isCostOnly: importMode === 'cost_only',
      },
      TENANT,
    );
    return {
      action: found.kind === 'action' ? found.action : null,
      actionId,
      shown: {
        usage_id: usageId,
        trace_id: traceId,
        span_id: spanId,
        trace: `/api/traces/${traceId}`,
        customer: textOrNull(customer),
        feature: textOrNull(feature),
        user_id: textOrNull(userId),
        billing_role: String(role),
        revision: Number(revision),
        booked_credits: creditsOf(booked),
        why_no_action:
          found.kind === 'action' ? null : `By what is known now, it burns no credits: ${found.reason}.`,
      },
    };
  }

  async function explainAction(
    key: ActionKey,
    actionId: string,
  ): Promise<{ readonly action: ExplainAnswer['action']; readonly terms: ExplainAnswer['plan_terms'] }> {
    const reader = await parts.openReader();
    let rated: readonly RatedUsage[];
    try {
      rated = await reader.ofActions([key]);
    } finally {
      reader.close();
    }
    const calls = new Map(rated.map((call) => [leafOf(call.usage, call.rating.cost).key, call]));
    const leaves = [...calls.values()].map((call) => ({
      leaf: leafOf(call.usage, call.rating.cost),
      posted: call.rating,
    }));
    const book = ledger.currentBook;
    const first = Math.min(...leaves.map(({ leaf }) => leaf.eventTimeMicros));
    const terms = await ledger.accounts.during([key], () =>
      ledger.accounts.termsAt(key, first, parts.nowMillis() * 1000),
    );
    const explanation = explain(
      leaves.map(({ leaf }) => leaf),
      pinnedRules(leaves, book.rulesOf) ?? book.rules,
      terms,
    );
    const booked = creditsText(rated.reduce((sum, { rating }) => sum + (rating.credits ?? 0n), 0n));
    return {
      action: {
        action_id: actionId,
        credits: booked,
        calls: explanation.leaves.flatMap((leaf) => {
          const call = calls.get(leaf.key);
          return call === undefined ? [] : [callJson(call, explainedPrice(call, book.catalogue))];
        }),
        explanation,
        is_as_booked: (explanation.credits ?? '0') === booked,
      },
      terms: terms === null ? null : termsJson(terms),
    };
  }

  /** One fact is named by its movements; of several that were decided together, the time tells. */
  async function findFacts({ customer, fact_id, recorded_at }: Entry): Promise<ExplainAnswer['facts']> {
    const { rows } = await parts.query(
      `SELECT fact_id, kind, effective_at, recorded_at, actor, reason, detail FROM account_history
       WHERE customer = $1 AND kind <> 'alert' AND
         CASE WHEN $2::VARCHAR IS NULL THEN recorded_at = $3::TIMESTAMPTZ ELSE fact_id = $2::VARCHAR END
       LIMIT ${MAX_FACTS}`,
      [customer, fact_id, recorded_at],
    );
    return rows.map(([id, kind, effective, recorded, actor, reason, detail]) => ({
      id: String(id),
      kind: String(kind),
      effective_at: String(effective),
      recorded_at: String(recorded),
      actor: textOrNull(actor),
      reason: textOrNull(reason),
      detail: JSON.parse(String(detail)),
    }));
  }
}

/** More than one command, or one step of time, decides at once. */
const MAX_FACTS = 20;

interface FoundUsage {
  readonly action: ActionKey | null;
  readonly actionId: string;
  readonly shown: NonNullable<ExplainAnswer['usage']>;
}

const SELECT_USAGE = `
WITH
  words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word),
  tenant AS MATERIALIZED (SELECT code FROM ledger.word WHERE word = $3),
  used AS MATERIALIZED (SELECT code FROM ledger.word WHERE word = 'used')
SELECT
  customer,
  feature,
  user_id,
  action_id,
  word[usage_class],
  word[billing_role],
  word[import_mode],
  revision,
  (
    SELECT coalesce(sum(CASE WHEN to_account = (SELECT code FROM used) THEN amount ELSE -amount END), 0)
    FROM ledger.credit_transfer t
    WHERE t.trace_id = $1::UHUGEINT AND t.span_id = $2::UBIGINT AND t.tenant = (SELECT code FROM tenant)
      AND (SELECT code FROM used) IN (from_account, to_account)
  )
FROM ledger.usage_record, words
WHERE trace_id = $1::UHUGEINT AND span_id = $2::UBIGINT AND tenant = (SELECT code FROM tenant)`;

function callJson(
  { usage, rating }: RatedUsage,
  price: Static<typeof ExplainedPriceSchema>,
): Static<typeof CallSchema> {
  return {
    usage_id: `${usage.traceId}${usage.spanId}`,
    trace_id: usage.traceId,
    event_time: instantText(usage.eventTimeMicros),
    feature: usage.feature,
    provider: usage.provider,
    model: usage.responseModel ?? usage.requestModel,
    status: usage.status,
    credits: rating.credits === null ? null : creditsText(rating.credits),
    credit_status: rating.creditStatus,
    price,
  };
}

function termsJson({
  plan,
  version,
  fee,
  allowance,
  creditValue,
  multiplier,
}: PlanTerms): Static<typeof TermsSchema> {
  return {
    plan,
    version,
    fee_usd: usdText(fee),
    allowance: creditsText(allowance),
    credit_value_usd: creditValue === null ? null : inUsd(creditValue),
    multiplier: `${multiplier.numerator}/${multiplier.denominator}`,
  };
}

/** From 10⁻¹⁵ USD. */
function inUsd({ numerator, denominator }: Ratio): string {
  const { numerator: usd, denominator: per } = reduced(numerator, denominator * 10n ** BigInt(USD_SCALE));
  return `${usd}/${per}`;
}
