import type { DuckDBInstance, Json } from '@duckdb/node-api';
import { inputTokens, outputTokens } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import { afterCrash, aStore, read, readOne } from '../../collector/src/store/testing/stores.ts';
import { CAPTURES } from '../captures.ts';
import { creditsOf, type ExpectedCharge, expectedCharges, expectedUse } from '../expected-charges.ts';
import { aSchedule, BOOK, type Draw, expectedRecords, follow, inKeyOrder } from '../schedule.ts';

const SCHEDULES = 6;

/** The same numbers for the same seed, on every machine (mulberry32). */
function drawsFrom(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let bits = Math.imul(state ^ (state >>> 15), 1 | state);
    bits = (bits + Math.imul(bits ^ (bits >>> 7), 61 | bits)) ^ bits;
    return Math.floor((((bits ^ (bits >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const ROWS = `
  SELECT usage_id, parent_span_id, action_id, epoch_us(event_time) AS event_time_us, billing_role, role_reason,
    superseded_by, customer, feature, user_id, session_id, usage_class, environment, service, provider, gateway,
    request_model, response_model, response_id, request_id, operation, uncached_input_tokens, cache_read_tokens,
    cache_write_tokens, input_tokens, output_tokens, reasoning_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
    audio_input_tokens, audio_output_tokens, image_input_tokens, image_output_tokens, usage_status, usage_reason,
    cache_semantics, reasoning_semantics, dialect, dialect_evidence, status, customer_source, feature_source,
    user_source, session_source, usage_class_source, (cost_usd * 1e15::DECIMAL(38, 0))::HUGEINT::VARCHAR AS femto_usd,
    price_status, (credits * 1000000)::BIGINT AS micro_credits, (duration_ms * 1000)::BIGINT AS duration_us,
    (ttft_ms * 1000)::BIGINT AS ttft_us
  FROM usage ORDER BY usage_id`;

/** The row of the view that says what the record says, put together without the code that stores it. */
function rowOf({ usage, rating, charge }: ExpectedCharge): Record<string, Json> {
  const { tokens, modalities, sources } = usage;
  const source = (field: keyof typeof sources) => {
    const found = sources[field];
    return found === null ? null : `${found.level}:${found.key}`;
  };
  const number = (value: number | bigint | null | undefined) =>
    value === null || value === undefined ? null : String(value);
  return {
    usage_id: usage.traceId + usage.spanId,
    parent_span_id: usage.parentSpanId,
    action_id: usage.actionId,
    event_time_us: number(usage.eventTimeMicros),
    billing_role: usage.billingRole,
    role_reason: usage.roleReason,
    superseded_by: usage.supersededBy === null ? null : usage.supersededBy.replace('/', ''),
    customer: usage.customer,
    feature: usage.feature,
    user_id: usage.userId,
    session_id: usage.sessionId,
    usage_class: usage.usageClass,
    environment: usage.environment,
    service: usage.service,
    provider: usage.provider,
    gateway: usage.gateway,
    request_model: usage.requestModel,
    response_model: usage.responseModel,
    response_id: usage.responseId,
    request_id: usage.requestId,
    operation: usage.operation,
    uncached_input_tokens: number(tokens?.uncachedInput),
    cache_read_tokens: number(tokens?.cacheRead),
    cache_write_tokens: number(tokens?.cacheWrite),
    input_tokens: tokens === null ? null : number(inputTokens(tokens)),
    output_tokens: tokens === null ? null : number(outputTokens(tokens)),
    reasoning_tokens: number(tokens?.reasoning),
    cache_write_5m_tokens: number(usage.cacheWrite5m),
    cache_write_1h_tokens: number(usage.cacheWrite1h),
    audio_input_tokens: number(modalities?.audioInput),
    audio_output_tokens: number(modalities?.audioOutput),
    image_input_tokens: number(modalities?.imageInput),
    image_output_tokens: number(modalities?.imageOutput),
    usage_status: usage.usageStatus,
    usage_reason: usage.usageReason,
    cache_semantics: usage.cacheSemantics,
    reasoning_semantics: usage.reasoningSemantics,
    dialect: usage.dialect,
    dialect_evidence: usage.dialectEvidence,
    status: usage.status,
    customer_source: source('customer'),
    feature_source: source('feature'),
    user_source: source('userId'),
    session_source: source('sessionId'),
    usage_class_source: source('usageClass'),
    femto_usd: rating.kind === 'priced' ? String(rating.cost) : null,
    price_status: rating.status,
    micro_credits: number(creditsOf(charge)),
    duration_us: number(usage.durationMicros),
    ttft_us: number(usage.timeToFirstTokenMicros),
  };
}

/** What is booked for each customer, three times: by the transfers, by the usage, and as it must be. */
async function credits(instance: DuckDBInstance, charges: readonly ExpectedCharge[]) {
  const micro = (sum: string) => `(${sum} * 1000000)::HUGEINT::VARCHAR AS micro`;
  return {
    byTransfers: await read(
      instance,
      `SELECT customer, ${micro('sum(credits)')} FROM credit_ledger WHERE account = 'used'
       GROUP BY ALL HAVING sum(credits) <> 0 ORDER BY customer`,
    ),
    byUsage: await read(
      instance,
      `SELECT customer, ${micro('sum(credits)')} FROM usage WHERE customer IS NOT NULL
       GROUP BY ALL HAVING sum(credits) <> 0 ORDER BY customer`,
    ),
    due: [...expectedUse(charges)].map(([customer, amount]) => ({ customer, micro: String(amount) })),
  };
}

describe('the ledger in DuckDB', () => {
  const reached = { corrections: 0, closings: 0, crashes: 0, givenBack: 0 };

  it.each(Array.from({ length: SCHEDULES }, (_, index) => index + 1))(
    'is the same in the end for any order, batching, repetition and restart: schedule %i',
    async (seed) => {
      const draw = drawsFrom(seed);
      const schedule = aSchedule(draw, CAPTURES.length);
      let open = await aStore();
      for (const upTo of schedule.restarts) {
        await follow(schedule, open.store, upTo);
        const { path } = open;
        if (draw(2) === 0) {
          await open.close();
          open = await aStore({ path, create: false });
          reached.closings++;
        } else {
          const copy = await afterCrash(path);
          await open.close();
          open = await aStore({ path: copy, create: false });
          reached.crashes++;
        }
      }
      // The last process ends long after: whatever waited has waited long enough.
      await follow(schedule, open.store, schedule.journal.items.length);

      const { instance } = open.store;
      const expected = expectedCharges(inKeyOrder(expectedRecords(schedule.captures)), BOOK);
      expect(expected.length).toBeGreaterThan(100);
      const found = await read(instance, ROWS);
      expect(found.map(({ usage_id }) => usage_id)).toEqual(
        expected.map(({ usage }) => usage.traceId + usage.spanId),
      );
      expect(found).toEqual(expected.map(rowOf));

      const { byTransfers, byUsage, due } = await credits(instance, expected);
      expect(due.length).toBeGreaterThan(0);
      expect(byTransfers).toEqual(due);
      expect(byUsage).toEqual(due);
      expect(
        await readOne(
          instance,
          `SELECT (SELECT count(*)::INTEGER FROM ledger.quarantined_span) AS quarantined,
             (SELECT count(*)::INTEGER FROM ledger.trace_due) AS waiting,
             (SELECT count(*)::INTEGER FROM credit_ledger) =
               (SELECT 2 * count(DISTINCT transfer_id)::INTEGER FROM credit_ledger) AS are_transfers_distinct`,
        ),
      ).toEqual({ quarantined: 0, waiting: 0, are_transfers_distinct: true });
      const { corrections, given_back } = await readOne(
        instance,
        `SELECT (SELECT count(*)::INTEGER FROM corrections) AS corrections,
           (SELECT count(*)::INTEGER FROM credit_ledger WHERE kind = 'usage_correction') AS given_back`,
      );
      reached.corrections += Number(corrections);
      reached.givenBack += Number(given_back);
      await open.close();
    },
  );

  it('had schedules that were bad enough to mean something', () => {
    expect(reached.corrections).toBeGreaterThan(100);
    expect(reached.givenBack).toBeGreaterThan(10);
    expect(reached.closings).toBeGreaterThan(1);
    expect(reached.crashes).toBeGreaterThan(1);
  });
});
