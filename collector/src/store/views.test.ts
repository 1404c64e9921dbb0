import type { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Posting } from '../ledger/store.ts';
import type { DuckDbStore } from './store.ts';
import {
  aContainerPosting,
  aCorrectionOf,
  aFailedPosting,
  anUnpricedPosting,
  aPosting,
  aPostingOf,
  spanId,
} from './testing/postings.ts';
import { aStore, commitAt, NOON, read, readOne } from './testing/stores.ts';

const HOUR_MICROS = 3_600_000_000;
const NOON_MICROS = NOON * 1000;

async function aStoreWith(...postings: readonly Posting[]): Promise<DuckDbStore> {
  const { store } = await aStore();
  for (const posting of postings) store.post(posting);
  await commitAt(store, 1);
  return store;
}

/** The same postings with span ids 1, 2, … */
function distinct(postings: readonly Posting[]): Posting[] {
  return postings.map((posting, index) => ({
    ...posting,
    usage: { ...posting.usage, spanId: spanId(index + 1) },
  }));
}

async function columnsOf(instance: DuckDBInstance, view: string): Promise<Record<string, string>> {
  const rows = await read(
    instance,
    `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = 'public' AND table_name = '${view}' ORDER BY ordinal_position`,
  );
  return Object.fromEntries(rows.map((row) => [String(row.column_name), String(row.data_type)]));
}

describe('the view usage', () => {
  it('has every column of the contract, decimals as decimals', async () => {
    const { store } = await aStore();
    const columns = await columnsOf(store.instance, 'usage');
    const contract =
      'usage_id event_time trace_id span_id parent_span_id action_id customer feature user_id session_id usage_class ' +
      'environment service provider model request_model response_model operation input_tokens uncached_input_tokens ' +
      'cache_read_tokens cache_write_tokens output_tokens reasoning_tokens usage_status billing_role role_reason ' +
      'cost_usd price_status credits dialect status duration_ms ttft_ms superseded_by request_id gateway ' +
      'reported_cost_usd cache_write_5m_tokens cache_write_1h_tokens audio_input_tokens audio_output_tokens ' +
      'image_input_tokens image_output_tokens cache_semantics reasoning_semantics dialect_evidence customer_source ' +
      'feature_source user_source session_source usage_class_source revision';
    expect(Object.keys(columns)).toEqual(expect.arrayContaining(contract.split(' ')));
    expect(columns).toMatchObject({
      event_time: 'TIMESTAMP WITH TIME ZONE',
      usage_id: 'VARCHAR',
      trace_id: 'VARCHAR',
      cost_usd: 'DECIMAL(38,15)',
      credits: 'DECIMAL(18,6)',
      input_tokens: 'BIGINT',
      reported_cost_usd: 'DECIMAL(38,15)',
      revision: 'BIGINT',
    });
  });

  it('shows a call as it was metered', async () => {
    const posting = aPosting({
      traceId: '0000000000000000000000000000abcd',
      spanId: '00000000000000ef',
      parentSpanId: 'ffffffffffffffff',
      actionId: 'act_7',
      isDegraded: true,
      timeToFirstTokenMicros: 250_500,
      sessionId: 'conv_1',
      usageReason: 'the total proves it',
      requestId: 'req_9',
      gateway: 'openrouter',
      reportedCostUsd: '0.00227',
      cacheWrite5m: 11,
      cacheWrite1h: 12,
      cacheWrite12h: 17,
      serviceTier: 'flex',
      region: 'eu',
      inferenceGeo: 'us',
      units: {
        requests: 1,
        webSearches: 2,
        images: 3,
        milliseconds: 4500,
        pages: 5,
        custom: { unit: 'document', thousandths: 1250 },
      },
      modalities: { audioInput: 13, audioOutput: 14, imageInput: 15, imageOutput: 16, cacheReadAudio: 18 },
      supersededBy: '000000000000000000000000000000fe/00000000000000dc',
      cacheSemantics: 'declared',
      reasoningSemantics: 'table',
      sources: {
        customer: { level: 'span', key: 'spanledger.customer.id' },
        feature: { level: 'ancestor', key: 'spanledger.feature.name' },
        userId: { level: 'resource', key: 'user.id' },
        sessionId: { level: 'span', key: 'session.id' },
        usageClass: { level: 'environment', key: 'deployment.environment.name' },
      },
    });
    const { instance } = await aStoreWith(posting);
    expect(await readOne(instance, 'FROM usage')).toEqual({
      usage_id: '0000000000000000000000000000abcd00000000000000ef',
      event_time: '2026-11-22T12:00:00Z',
      trace_id: '0000000000000000000000000000abcd',
      span_id: '00000000000000ef',
      parent_span_id: 'ffffffffffffffff',
      action_id: 'act_7',
      customer: 'cus_acme',
      feature: 'support-chat',
      user_id: 'u_1001',
      session_id: 'conv_1',
      usage_class: 'customer',
      environment: 'production',
      service: 'app',
      provider: 'openai',
      model: 'gpt-4o-2024-11-20',
      request_model: 'gpt-4o',
      response_model: 'gpt-4o-2024-11-20',
      operation: 'chat',
      input_tokens: '1100',
      uncached_input_tokens: '700',
      cache_read_tokens: '400',
      cache_write_tokens: '0',
      output_tokens: '70',
      reasoning_tokens: '30',
      usage_status: 'reported',
      usage_reason: 'the total proves it',
      billing_role: 'billed',
      role_reason: 'operation chat',
      cost_usd: '0.002275000000000',
      price_status: 'priced',
      price_card: 'openai/gpt-4o@2024-10-02',
      price_match: 'dated_snapshot',
      book_version: 'book-1',
      credits: '5.000000',
      credit_status: 'charged',
      credit_rules_version: 'rules-1',
      dialect: 'opentelemetry',
      status: 'ok',
      duration_ms: 1250,
      ttft_ms: 250.5,
      response_id: 'chatcmpl-1',
      received_at: '2026-11-22T12:00:00.2Z',
      tenant: 'default',
      superseded_by: '000000000000000000000000000000fe00000000000000dc',
      request_id: 'req_9',
      gateway: 'openrouter',
      reported_cost_usd: '0.002270000000000',
      cache_write_5m_tokens: '11',
      cache_write_1h_tokens: '12',
      audio_input_tokens: '13',
      audio_output_tokens: '14',
      image_input_tokens: '15',
      image_output_tokens: '16',
      cache_semantics: 'declared',
      reasoning_semantics: 'table',
      dialect_evidence: 'gen_ai.operation.name',
      customer_source: 'span:spanledger.customer.id',
      feature_source: 'ancestor:spanledger.feature.name',
      user_source: 'resource:user.id',
      session_source: 'span:session.id',
      usage_class_source: 'environment:deployment.environment.name',
      revision: '1',
      service_tier: 'flex',
      region: 'eu',
      inference_geo: 'us',
      cache_write_12h_tokens: '17',
      cache_read_audio_tokens: '18',
      requests: '1',
      web_searches: '2',
      images: '3',
      milliseconds: '4500',
      custom_unit: 'document',
      custom_quantity: '1.250',
      pages: '5',
      price_note: null,
      cost_known_part: null,
      credit_rule: 'default',
      plan_terms: null,
      import_batch: null,
      import_mode: null,
      is_degraded: true,
      outcome: 'ok',
    });
  });

  it.each([
    ['in digits', '0.5', '0.500000000000000'],
    ['in powers of ten', '1.2e-7', '0.000000120000000'],
    ['as something else', 'free of charge', null],
    ['not at all', null, null],
  ])('shows a cost that was reported %s as a decimal or as NULL', async (_how, sent, shown) => {
    const { instance } = await aStoreWith(aPosting({ reportedCostUsd: sent }));
    expect(await readOne(instance, 'SELECT reported_cost_usd FROM usage')).toEqual({
      reported_cost_usd: shown,
    });
  });

  it('shows what is not known as NULL', async () => {
    const nothing = anUnpricedPosting({
      customer: null,
      feature: null,
      userId: null,
      sessionId: null,
      environment: null,
      service: null,
      provider: null,
      requestModel: null,
      responseModel: null,
      responseId: null,
      parentSpanId: null,
      tokens: null,
      usageStatus: 'missing',
      cacheSemantics: null,
      reasoningSemantics: null,
      sources: { customer: null, feature: null, userId: null, sessionId: null, usageClass: null },
    });
    const { instance } = await aStoreWith(nothing);
    const row = await readOne(instance, 'FROM usage');
    const missing = Object.keys(row).filter((column) => row[column] === null);
    expect(missing.sort()).toEqual(
      (
        'audio_input_tokens audio_output_tokens cache_read_audio_tokens cache_read_tokens cache_semantics ' +
        'cache_write_12h_tokens cache_write_1h_tokens cache_write_5m_tokens cache_write_tokens cost_known_part ' +
        'cost_usd credits custom_quantity custom_unit customer customer_source environment feature feature_source gateway image_input_tokens ' +
        'image_output_tokens images import_batch import_mode inference_geo input_tokens milliseconds model output_tokens pages ' +
        'parent_span_id plan_terms price_card price_match price_note provider reasoning_semantics reasoning_tokens region ' +
        'reported_cost_usd request_id request_model requests response_id response_model service service_tier ' +
        'session_id session_source superseded_by ttft_ms uncached_input_tokens usage_class_source usage_reason ' +
        'user_id user_source web_searches'
      ).split(' '),
    );
    expect(row.action_id).toBe(row.trace_id);
    expect(row.is_degraded).toBe(false);
  });

  it('falls back to the model that was asked for', async () => {
    const { instance } = await aStoreWith(aPosting({ responseModel: null }));
    expect(await readOne(instance, 'SELECT model FROM usage')).toEqual({ model: 'gpt-4o' });
  });

  it('says NULL for credits that wait for a price, and 0 for those that are none, each with the reason', async () => {
    const postings = distinct([aPosting(), anUnpricedPosting(), aFailedPosting(), aContainerPosting()]);
    const { instance } = await aStoreWith(...postings);
    expect(
      await read(
        instance,
        'SELECT cost_usd, price_status, credits, credit_status FROM usage ORDER BY span_id',
      ),
    ).toEqual([
      {
        cost_usd: '0.002275000000000',
        price_status: 'priced',
        credits: '5.000000',
        credit_status: 'charged',
      },
      {
        cost_usd: null,
        price_status: 'unpriced:unknown_model',
        credits: null,
        credit_status: 'pending:unpriced',
      },
      {
        cost_usd: '0.002275000000000',
        price_status: 'priced',
        credits: '0.000000',
        credit_status: 'not_charged:failed',
      },
      {
        cost_usd: null,
        price_status: 'not_billed',
        credits: '0.000000',
        credit_status: 'not_charged:not_billed',
      },
    ]);
  });

  it('is exact where floats are not: a tenth of a femto-dollar more would show', async () => {
    const { instance } = await aStoreWith(
      ...distinct([
        aPostingOf(123_456_789_012_345_678_901_234_567n, 123_456_789_012_345_678n),
        aPostingOf(1n, 1n),
      ]),
    );
    expect(
      await readOne(instance, 'SELECT sum(cost_usd) AS cost, sum(credits) AS credits FROM usage'),
    ).toEqual({
      cost: '123456789012.345678901234568',
      credits: '123456789012.345679',
    });
  });
});

describe('the view corrections', () => {
  const first = aPosting({ feature: null, customer: null });
  const second = aCorrectionOf(first, aPosting({ feature: null }));
  const third = aCorrectionOf(second, aContainerPosting({ roleReason: 'a call below it bills' }));

  async function aCorrectedStore(): Promise<DuckDbStore> {
    const { store } = await aStore();
    for (const [batch, posting] of [first, second, third].entries()) {
      store.post(posting);
      await commitAt(store, batch, {}, NOON + batch * 1000);
    }
    return store;
  }

  it('shows what was said before and when that ended, while usage shows what holds now', async () => {
    const { instance } = await aCorrectedStore();
    const usage = await read(
      instance,
      'SELECT usage_id, revision, billing_role, role_reason, credits FROM usage',
    );
    expect(usage).toEqual([
      {
        usage_id: 'a'.repeat(48),
        revision: '3',
        billing_role: 'container',
        role_reason: 'a call below it bills',
        credits: '0.000000',
      },
    ]);
    const before = {
      usage_id: 'a'.repeat(48),
      event_time: '2026-11-22T12:00:00Z',
      feature: null,
      billing_role: 'billed',
      role_reason: 'operation chat',
      input_tokens: '1100',
      output_tokens: '70',
      cost_usd: '0.002275000000000',
      price_status: 'priced',
      credits: '5.000000',
      credit_status: 'charged',
      service_tier: null,
      price_note: null,
      cost_known_part: null,
    };
    expect(await read(instance, 'FROM corrections ORDER BY revision')).toEqual([
      { ...before, customer: null, revision: '1', superseded_at: '2026-11-22T12:00:01Z' },
      { ...before, customer: 'cus_acme', revision: '2', superseded_at: '2026-11-22T12:00:02Z' },
    ]);
  });

  it('is empty where nothing was corrected', async () => {
    const { instance } = await aStoreWith(aPosting());
    expect(await read(instance, 'FROM corrections')).toEqual([]);
  });
});

/** Calls of every kind in few hours, customers and models, so that groups have more than one member. */
const anyPosting: fc.Arbitrary<Posting> = fc
  .record({
    make: fc.constantFrom(anUnpricedPosting, aFailedPosting, aContainerPosting, null),
    cost: fc.bigInt({ min: 0n, max: 10n ** 20n }),
    credits: fc.bigInt({ min: 0n, max: 10n ** 12n }),
    customer: fc.constantFrom('cus_acme', 'cus_globex', null),
    feature: fc.constantFrom('support-chat', 'search', null),
    requestModel: fc.constantFrom('gpt-4o', 'o3'),
    environment: fc.constantFrom('production', null),
    traceId: fc.constantFrom('a'.repeat(32), 'b'.repeat(32)),
    hours: fc.integer({ min: -3, max: 3 }),
    micros: fc.integer({ min: 0, max: HOUR_MICROS - 1 }),
    input: fc.integer({ min: 0, max: 100_000 }),
  })
  .map(({ make, cost, credits, hours, micros, input, ...labels }) => {
    const changes = {
      ...labels,
      actionId: labels.traceId,
      responseModel: null,
      eventTimeMicros: NOON_MICROS + hours * HOUR_MICROS + micros,
      tokens: { uncachedInput: input, cacheRead: 7, cacheWrite: 1, visibleOutput: 20, reasoning: 3 },
    };
    return make === null ? aPostingOf(cost, credits, changes) : make(changes);
  });

const somePostings = fc.array(anyPosting, { minLength: 5, maxLength: 40, size: 'max' }).map(distinct);

describe('the view usage_hourly', () => {
  const MEASURES = `sum(input_tokens)::VARCHAR AS input, sum(cache_read_tokens)::VARCHAR AS cache_read,
    sum(cache_write_tokens)::VARCHAR AS cache_write, sum(output_tokens)::VARCHAR AS output,
    sum(reasoning_tokens)::VARCHAR AS reasoning, sum(cost_usd)::VARCHAR AS cost, sum(credits)::VARCHAR AS credits`;

  it('sums up to what the billed rows of usage sum up to, whatever is asked', async () => {
    const dimension = fc.constantFrom(
      'customer',
      'feature',
      'provider',
      'model',
      'usage_class',
      'environment',
      'service',
      'hour',
    );
    const filter = fc.constantFrom(
      'true',
      "customer = 'cus_acme'",
      'customer IS NULL',
      "model = 'o3'",
      "hour >= '2026-11-22 12:00:00+00'",
    );
    const question = fc.record({ dimensions: fc.uniqueArray(dimension, { maxLength: 3 }), filter });
    await fc.assert(
      // Several questions of each ledger: opening one takes as long as many answers.
      fc.asyncProperty(
        somePostings,
        fc.array(question, { minLength: 5, maxLength: 5 }),
        async (postings, questions) => {
          const { instance } = await aStoreWith(...postings);
          for (const { dimensions, filter } of questions) {
            const by = dimensions.length === 0 ? "'all'" : dimensions.join(', ');
            const hourly = await read(
              instance,
              `SELECT ${by}, coalesce(sum(calls), 0)::INTEGER AS calls, coalesce(sum(failed_calls), 0)::INTEGER AS failed,
               coalesce(sum(unpriced_calls), 0)::INTEGER AS unpriced, ${MEASURES}
             FROM usage_hourly WHERE ${filter} GROUP BY ALL ORDER BY ALL`,
            );
            const plain = await read(
              instance,
              `SELECT ${by}, count(*)::INTEGER AS calls, count(*) FILTER (status = 'error')::INTEGER AS failed,
               count(*) FILTER (cost_usd IS NULL)::INTEGER AS unpriced, ${MEASURES}
             FROM (SELECT *, date_trunc('hour', event_time) AS hour FROM usage WHERE billing_role = 'billed')
             WHERE ${filter} GROUP BY ALL ORDER BY ALL`,
            );
            expect(hourly, `by ${by} where ${filter}`).toEqual(plain);
          }
        },
      ),
      { numRuns: 6 },
    );
  });

  it('puts the first microsecond of an hour into it and the last of the one before into that', async () => {
    const { instance } = await aStoreWith(
      ...distinct([
        aPosting({ eventTimeMicros: NOON_MICROS }),
        aPosting({ eventTimeMicros: NOON_MICROS - 1 }),
      ]),
    );
    expect(
      await read(instance, 'SELECT hour, calls::INTEGER AS calls FROM usage_hourly ORDER BY hour'),
    ).toEqual([
      { hour: '2026-11-22T11:00:00Z', calls: 1 },
      { hour: '2026-11-22T12:00:00Z', calls: 1 },
    ]);
  });

  it('counts calls, failures, missing counts and missing prices, and leaves containers out', async () => {
    const missing = anUnpricedPosting({ tokens: null, usageStatus: 'missing' });
    const { instance } = await aStoreWith(
      ...distinct([aPosting(), aFailedPosting(), missing, aContainerPosting()]),
    );
    expect(
      await readOne(
        instance,
        `SELECT sum(calls)::INTEGER AS calls, sum(failed_calls)::INTEGER AS failed,
           sum(calls_without_usage)::INTEGER AS missing, sum(unpriced_calls)::INTEGER AS unpriced FROM usage_hourly`,
      ),
    ).toEqual({ calls: 3, failed: 1, missing: 1, unpriced: 1 });
  });
});

describe('the credit ledger', () => {
  it('I1: sums to zero in each transfer, and has one transfer for each movement of credits', async () => {
    await fc.assert(
      fc.asyncProperty(somePostings, async (postings) => {
        const { instance } = await aStoreWith(...postings);
        const transfers = await read(
          instance,
          'SELECT transfer_id, count(*)::INTEGER AS legs, sum(credits) = 0 AS is_zero FROM credit_ledger GROUP BY ALL',
        );
        expect(transfers).toHaveLength(postings.flatMap(({ bookings }) => bookings).length);
        for (const { legs, is_zero } of transfers)
          expect({ legs, is_zero }).toEqual({ legs: 2, is_zero: true });
      }),
      { numRuns: 6 },
    );
  });

  it('says who, how much, when and by which rules', async () => {
    const { instance } = await aStoreWith(aPosting());
    const leg = {
      transfer_id: 'n1-1',
      customer: 'cus_acme',
      lot: null,
      kind: 'usage',
      effective_at: '2026-11-22T12:00:00Z',
      recorded_at: '2026-11-22T12:00:00.2Z',
      usage_id: 'a'.repeat(48),
      credit_rules_version: 'rules-1',
      hold: null,
      period: null,
      belongs_to_period: null,
      fact_id: null,
      tenant: 'default',
    };
    expect(await read(instance, 'FROM credit_ledger ORDER BY credits')).toEqual([
      { ...leg, account: 'overdraft', credits: '-5.000000' },
      { ...leg, account: 'used', credits: '5.000000' },
    ]);
  });

  it('has every transfer of a usage that was corrected, given back and booked on another, in this order', async () => {
    const { store } = await aStore();
    const first = aPostingOf(1n, 5_000_000n);
    const more = aCorrectionOf(first, aPostingOf(1n, 7_000_000n));
    const less = aCorrectionOf(more, aPostingOf(1n, 4_000_000n));
    const other = aCorrectionOf(less, aPostingOf(1n, 4_000_000n, { customer: 'cus_globex' }));
    const nobody = aCorrectionOf(other, aPostingOf(1n, 4_000_000n, { customer: null }));
    const back = aCorrectionOf(nobody, first);
    for (const [batch, posting] of [first, more, less, other, nobody, back].entries()) {
      store.post(posting);
      await commitAt(store, batch);
    }
    const used = await read(
      store.instance,
      `SELECT transfer_id, usage_id = repeat('a', 48) AS is_of_it, kind, customer, credits FROM credit_ledger
       WHERE account = 'used' ORDER BY transfer_id`,
    );
    expect(used).toEqual(
      [
        { kind: 'usage', customer: 'cus_acme', credits: '5.000000' },
        { kind: 'usage', customer: 'cus_acme', credits: '2.000000' },
        { kind: 'usage_correction', customer: 'cus_acme', credits: '-3.000000' },
        { kind: 'usage_correction', customer: 'cus_acme', credits: '-4.000000' },
        { kind: 'usage', customer: 'cus_globex', credits: '4.000000' },
        { kind: 'usage_correction', customer: 'cus_globex', credits: '-4.000000' },
        { kind: 'usage', customer: 'cus_acme', credits: '5.000000' },
      ].map((entry, index) => ({ transfer_id: `n1-${index + 1}`, is_of_it: true, ...entry })),
    );
    expect(
      await read(store.instance, 'SELECT sum(credits) AS sum FROM credit_ledger GROUP BY transfer_id'),
    ).toEqual(Array.from({ length: 7 }, () => ({ sum: '0.000000' })));
    expect(
      await read(
        store.instance,
        'SELECT customer, used_credits, overdraft_credits FROM credit_balances ORDER BY customer',
      ),
    ).toEqual([
      { customer: 'cus_acme', used_credits: '5.000000', overdraft_credits: '5.000000' },
      { customer: 'cus_globex', used_credits: '0.000000', overdraft_credits: '0.000000' },
    ]);
  });

  it('agrees with balances, usage and statements about what a customer used', async () => {
    await fc.assert(
      fc.asyncProperty(somePostings, async (postings) => {
        const { instance } = await aStoreWith(...postings);
        const used = new Map<string, bigint>();
        for (const { customer, movement } of postings.flatMap(({ bookings }) => bookings)) {
          used.set(customer, (used.get(customer) ?? 0n) + movement.amount);
        }
        const expected = [...used].sort().map(([customer, micro]) => ({ customer, micro: String(micro) }));
        const micro = (sum: string) => `(${sum} * 1000000)::HUGEINT::VARCHAR AS micro`;
        for (const sql of [
          `SELECT customer, ${micro('used_credits')} FROM credit_balances ORDER BY customer`,
          `SELECT customer, ${micro('overdraft_credits')} FROM credit_balances ORDER BY customer`,
          `SELECT customer, ${micro('sum(credits)')} FROM usage WHERE customer IS NOT NULL GROUP BY ALL HAVING sum(credits) > 0 ORDER BY customer`,
          `SELECT customer, ${micro('sum(used_credits)')} FROM statements WHERE customer IS NOT NULL GROUP BY ALL HAVING sum(used_credits) > 0 ORDER BY customer`,
        ]) {
          expect(await read(instance, sql), sql).toEqual(expected);
        }
      }),
      // Usage without a customer may burn credits in these postings, which metering never lets happen.
      { numRuns: 6 },
    );
  });
});

describe('the views that sum up', () => {
  it('show an action from the start of its first call to the end of its last', async () => {
    const call = (changes: Parameters<typeof aPosting>[0]) => aPosting({ actionId: 'act_1', ...changes });
    const { instance } = await aStoreWith(
      ...distinct([
        call({ eventTimeMicros: NOON_MICROS, durationMicros: 10_000_000 }),
        call({ eventTimeMicros: NOON_MICROS + 1_000_000, durationMicros: 500_000 }),
        aFailedPosting({ actionId: 'act_1' }),
        aContainerPosting({ actionId: 'act_1', durationMicros: 60_000_000 }),
        aPosting({ actionId: 'act_2' }),
      ]),
    );
    expect(await readOne(instance, "FROM actions WHERE action_id = 'act_1'")).toEqual({
      action_id: 'act_1',
      customer: 'cus_acme',
      feature: 'support-chat',
      started_at: '2026-11-22T11:59:50Z',
      ended_at: '2026-11-22T12:00:01Z',
      calls: '3',
      failed_calls: '1',
      unpriced_calls: '0',
      unpriced_tokens: '0',
      input_tokens: '3300',
      output_tokens: '210',
      cost_usd: '0.006825000000000',
      credits: '10.000000',
    });
  });

  it('state each calendar month by itself', async () => {
    const december = Date.UTC(2026, 11, 1) * 1000;
    const { instance } = await aStoreWith(
      ...distinct([
        aPosting({ eventTimeMicros: december - 1 }),
        aPosting({ eventTimeMicros: december }),
        anUnpricedPosting({ eventTimeMicros: december }),
      ]),
    );
    // Nobody has a plan, and no account was opened by these postings.
    const noPlan = {
      period: null,
      plan: null,
      fee_usd: null,
      allowance_credits: null,
      overage_credits: null,
      overrun_credits: null,
      overdraft_credits: null,
      expired_credits: null,
      overage_usd: null,
      closed_at: null,
    };
    expect(await read(instance, 'FROM statements ORDER BY period_start')).toEqual([
      {
        ...noPlan,
        customer: 'cus_acme',
        period_start: '2026-11-01T00:00:00Z',
        period_end: '2026-12-01T00:00:00Z',
        calls: '1',
        unpriced_calls: '0',
        unpriced_tokens: '0',
        cost_usd: '0.002275000000000',
        used_credits: '5.000000',
      },
      {
        ...noPlan,
        customer: 'cus_acme',
        period_start: '2026-12-01T00:00:00Z',
        period_end: '2027-01-01T00:00:00Z',
        calls: '2',
        unpriced_calls: '1',
        unpriced_tokens: '1170',
        cost_usd: '0.002275000000000',
        used_credits: '5.000000',
      },
    ]);
  });

  it('list every customer, and what nobody claimed in a line without a name', async () => {
    const unclaimed = { ...aFailedPosting({ customer: null }) };
    const { instance } = await aStoreWith(
      ...distinct([aPosting(), aPosting({ eventTimeMicros: NOON_MICROS + 1 }), unclaimed]),
    );
    expect(await read(instance, 'FROM customers ORDER BY customer NULLS LAST')).toEqual([
      {
        customer: 'cus_acme',
        first_seen_at: '2026-11-22T12:00:00Z',
        last_seen_at: '2026-11-22T12:00:00.000001Z',
        calls: '2',
        unpriced_calls: '0',
        cost_usd: '0.004550000000000',
        credits: '10.000000',
      },
      {
        customer: null,
        first_seen_at: '2026-11-22T12:00:00Z',
        last_seen_at: '2026-11-22T12:00:00Z',
        calls: '1',
        unpriced_calls: '0',
        cost_usd: '0.002275000000000',
        credits: '0.000000',
      },
    ]);
  });

  it('list what has no price by provider, model and reason, and no containers', async () => {
    const { instance } = await aStoreWith(
      ...distinct([
        anUnpricedPosting({ requestModel: 'mystery-1', responseModel: null }),
        anUnpricedPosting({
          requestModel: 'mystery-1',
          responseModel: null,
          eventTimeMicros: NOON_MICROS + 5,
        }),
        aContainerPosting(),
        aPosting(),
      ]),
    );
    expect(await read(instance, 'FROM unpriced')).toEqual([
      {
        provider: 'openai',
        model: 'mystery-1',
        reason: 'unpriced:unknown_model',
        calls: '2',
        input_tokens: '2200',
        output_tokens: '140',
        first_seen_at: '2026-11-22T12:00:00Z',
        last_seen_at: '2026-11-22T12:00:00.000005Z',
      },
    ]);
  });
});

describe('the view ingest_health', () => {
  it('adds up the commits of an hour, and starts a new line with the next', async () => {
    const { store } = await aStore();
    await commitAt(store, 1, {
      bodies: 2,
      spans: 9,
      notModelCalls: 4,
      posted: 3,
      duplicates: 1,
      corrected: 2,
    });
    const span = { traceId: '', spanId: '', name: '', reason: 'trace_id_invalid', detail: '' } as const;
    store.reject({ tenant: 'default', receivedAtMillis: NOON, span });
    store.quarantine({
      tenant: 'default',
      receivedAtMillis: NOON,
      traceId: 'a'.repeat(32),
      spanId: spanId(1),
      reason: 'event_in_future',
      content: '{}',
    });
    store.damage({ position: { segment: 1, offset: 64 }, bytes: 17, reason: 'checksum' });
    store.damage({ position: { segment: 1, offset: 99 }, bytes: 3, reason: 'checksum' });
    const second = { bodies: 1, spans: 2, posted: 4, duplicates: 5, corrected: 6, conflicts: 1 };
    await commitAt(store, 2, second, NOON + 3_599_999);
    await commitAt(store, 3, {}, NOON + 3_600_000);
    const expected = {
      usage_records: '1',
      not_model_calls: '0',
      duplicates: '0',
      quarantined: '0',
      rejected: '0',
      damaged_bytes: '0',
      commits: '1',
      corrections: '0',
    };
    expect(await read(store.instance, 'FROM ingest_health ORDER BY hour')).toEqual([
      {
        ...expected,
        hour: '2026-11-22T12:00:00Z',
        bodies: '3',
        spans: '11',
        usage_records: '7',
        not_model_calls: '4',
        duplicates: '6',
        corrections: '8',
        quarantined: '1',
        rejected: '1',
        damaged_bytes: '20',
        commits: '2',
        last_commit_at: '2026-11-22T12:59:59.999Z',
      },
      {
        ...expected,
        hour: '2026-11-22T13:00:00Z',
        bodies: '1',
        spans: '1',
        last_commit_at: '2026-11-22T13:00:00Z',
      },
    ]);
  });
});
