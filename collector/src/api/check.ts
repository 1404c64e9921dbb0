import {
  type AskedAction,
  byRecentUse,
  type Catalogue,
  expectedPriceQuery,
  type KnownEstimate,
  type PlanTerms,
  type PriceMatch,
  preflight,
  preflightEstimate,
  type TokenClasses,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import { CreditsText, creditsText, Decimal, microCredits, TextOrNull } from './amounts.ts';
import { balanceJson } from './balance.ts';
import type { CheckSources } from './check-sources.ts';
import { TENANT } from './credits.ts';
import { aProblem, InvalidRequest, type Problem } from './problems.ts';
import { BalanceSchema, CustomerParams, ErrorSchema, Name } from './schemas.ts';
import type { ApiServer } from './server.ts';

/** More tokens than any model takes; far below what a sum could not hold. */
const Tokens = Type.Integer({ minimum: 0, maximum: 1_000_000_000 });

const ExpectedTokens = Type.Object(
  {
    input: Type.Integer({
      ...Tokens,
      description: 'All of it, what is read from or written to a cache included.',
    }),
    output: Type.Integer({ ...Tokens, description: 'All of it, reasoning included.' }),
    cache_read: Type.Optional(Tokens),
    cache_write: Type.Optional(Tokens),
    reasoning: Type.Optional(Tokens),
  },
  { additionalProperties: false, description: 'Of each call.' },
);

const CheckBody = Type.Object(
  {
    feature: Type.Optional(Name),
    credits: Type.Optional(
      Type.String({
        ...CreditsText,
        description: 'What it will take, where you know; else it is estimated.',
      }),
    ),
    model: Type.Optional(Name),
    provider: Type.Optional(Name),
    expected_tokens: Type.Optional(ExpectedTokens),
    calls: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100_000,
        default: 1,
        description: 'Calls of the action, all alike.',
      }),
    ),
  },
  { additionalProperties: false },
);
type CheckBody = Static<typeof CheckBody>;

const CheckAnswer = Type.Object({
  answer: Type.Enum(['allow', 'degrade', 'deny']),
  reason: Type.Enum([
    'COVERED',
    'OVERAGE',
    'OVERDRAFT',
    'NO_PLAN',
    'DEGRADED',
    'INSUFFICIENT_CREDITS',
    'OVERAGE_LIMIT',
  ]),
  message: Type.String({ description: 'The reason in a sentence, with the numbers that decided.' }),
  estimate_credits: Type.String({
    description:
      'Of what is allowed: that of the degraded form under degrade. Of what was asked for when denied.',
  }),
  estimate_by: Type.Enum(['credits', 'rule', 'expected_tokens', 'recent_actions', 'least', 'not_charged'], {
    description:
      'What the estimate is from: what you said, the rule alone, the tokens, nine of ten recent actions of this customer and feature, or, where nothing is known, the least that an action of the feature takes. not_charged: no rule charges it.',
  }),
  usual_credits: Type.Union([Type.String(), Type.Null()], {
    description: 'The median of recent actions, where the estimate is from them.',
  }),
  uncovered: Type.String({
    description: 'The part of the estimate that the available credits do not cover.',
  }),
  ...BalanceSchema.properties,
  degraded: Type.Union([Type.Object({ model: TextOrNull, estimate_credits: Decimal }), Type.Null()], {
    description:
      'The smaller form that is allowed instead; null unless the answer is degrade. It is charged as such where the app says that it took it: spanledger.action.degraded is true on a span of the action or on one around it, which withAttribution({degraded: true}) of @spanledger/instrumentation sees to. An action that says nothing is charged in full.',
  }),
});

/**
 * Whether an action may begin (convention C13). Asked before every action, so it looks only at what is in memory: the
 * funds of the account, the rules and the prices.
 */
export function checkRoutes(server: ApiServer, sources: CheckSources): void {
  server.post(
    '/api/customers/:customer/check',
    {
      schema: {
        summary: 'May this begin? allow, degrade or deny',
        tags: ['check'],
        params: CustomerParams,
        body: CheckBody,
        response: { 200: CheckAnswer, '4xx': ErrorSchema },
      },
    },
    async (request) => {
      const { body } = request;
      assertSensible(body);
      const { customer } = request.params;
      const nowMicros = sources.nowMillis() * 1000;
      const funds = await sources.funds(customer, nowMicros);
      const estimate = await estimateOf(body, customer, funds.terms, nowMicros);
      const answer = preflight(
        { estimate: estimate.credits, degradedEstimate: estimate.degraded?.credits ?? null },
        funds,
      );
      return {
        answer: answer.answer,
        reason: answer.reason,
        message: answer.message,
        estimate_credits: creditsText(answer.estimate),
        estimate_by: estimatedBy(estimate),
        usual_credits: estimate.usual === null ? null : creditsText(estimate.usual),
        uncovered: creditsText(answer.uncovered),
        ...balanceJson(answer),
        degraded:
          answer.answer === 'degrade' && estimate.degraded !== null
            ? { model: estimate.degraded.model, estimate_credits: creditsText(estimate.degraded.credits) }
            : null,
      };
    },
  );

  async function estimateOf(
    body: CheckBody,
    customer: string,
    plan: PlanTerms | null,
    nowMicros: number,
  ): Promise<KnownEstimate> {
    const { feature = null, model = null } = body;
    const rule = sources.ruleAt(feature, nowMicros);
    const models = [model, rule?.degraded?.model ?? null];
    const catalogue = await catalogueOf(body, models, customer, nowMicros);
    const asked = askedOf(body, customer, nowMicros);
    const estimate = preflightEstimate(asked, { rule, plan, catalogue, tenant: TENANT });
    switch (estimate.kind) {
      case 'known':
        return estimate;
      case 'unpriced':
        throw notPriced(model);
      case 'unsaid':
        return byRecentUse(estimate, await sources.usual(customer, feature));
    }
  }

  /** What the price book has of these models, as far as tokens of them are expected. */
  async function catalogueOf(
    { provider, expected_tokens: expected }: CheckBody,
    models: readonly (string | null)[],
    customer: string,
    atMicros: number,
  ): Promise<Catalogue> {
    const matches = new Map<string, PriceMatch>();
    for (const model of expected === undefined ? [] : models) {
      if (model === null || matches.has(model)) continue;
      const query = expectedPriceQuery({ model, provider: provider ?? null, customer, atMicros }, TENANT);
      matches.set(model, await sources.price(query));
    }
    return {
      find({ model }) {
        const match = matches.get(model);
        if (match === undefined) throw new Error(`the price of ${model} was not asked for`);
        return match;
      },
    };
  }
}

function askedOf(body: CheckBody, customer: string, atMicros: number): AskedAction {
  const { credits, calls = 1, expected_tokens: expected, model = null, provider = null } = body;
  return {
    customer,
    atMicros,
    credits: credits === undefined ? null : microCredits(credits),
    calls,
    tokens: expected === undefined ? null : tokensOf(expected),
    cost: null,
    model,
    provider,
  };
}

/** Here tokens are all that can be expected. */
function estimatedBy({ by }: KnownEstimate): Static<typeof CheckAnswer>['estimate_by'] {
  return by === 'expected_use' ? 'expected_tokens' : by;
}

function tokensOf({
  input,
  output,
  cache_read: cacheRead = 0,
  cache_write: cacheWrite = 0,
  reasoning = 0,
}: Static<typeof ExpectedTokens>): TokenClasses {
  return {
    uncachedInput: input - cacheRead - cacheWrite,
    cacheRead,
    cacheWrite,
    visibleOutput: output - reasoning,
    reasoning,
  };
}

/** Counts that contradict each other are mistakes of whoever asks (convention C2). */
function assertSensible({ expected_tokens: expected, model, feature, credits }: CheckBody): void {
  const problems: Problem[] = [];
  if (expected !== undefined) {
    const { input, output, cache_read: read = 0, cache_write: write = 0, reasoning = 0 } = expected;
    const path = 'body.expected_tokens';
    if (read + write > input) {
      problems.push(
        aProblem(`${path}.input`, `at least the ${read + write} read from and written to a cache`, input),
      );
    }
    if (reasoning > output) {
      problems.push(aProblem(`${path}.output`, `at least the ${reasoning} of reasoning`, output));
    }
    if (model === undefined)
      problems.push(aProblem('body.model', 'the model that the tokens are for', undefined));
  }
  if (feature === undefined && credits === undefined && expected === undefined) {
    problems.push(aProblem('body', 'feature, credits, or model with expected_tokens', {}));
  }
  if (problems.length > 0) throw new InvalidRequest(problems);
}

function notPriced(model: string | null): SpanledgerError {
  return new SpanledgerError(
    'SL_CHECK_UNPRICED',
    `The rule counts what calls cost, and the price book has no price for the model ${model ?? ''}. Say the provider too, or what it will take in credits.`,
  );
}
