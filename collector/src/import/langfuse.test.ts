import { describe, expect, it } from 'vitest';
import { readLangfuseObservation } from './langfuse.ts';
import type { Fields } from './record.ts';
import { metered, meteredAll, problemsOf, spanOf } from './testing/metered.ts';

const GENERATION: Fields = {
  id: 'obs-1',
  traceId: 'trace-1',
  type: 'GENERATION',
  name: 'answer',
  startTime: '2026-01-15T12:00:00.000Z',
  endTime: '2026-01-15T12:00:02.000Z',
  model: 'gpt-4o-2024-08-06',
  environment: 'prod',
  level: 'DEFAULT',
  userId: 'u1',
  sessionId: 's1',
  traceName: 'support',
  metadata: { customer_id: 'acme' },
  parentObservationId: null,
  usageDetails: {
    input: '80',
    output: '20',
    total: '150',
    input_cached_tokens: '40',
    output_reasoning_tokens: '10',
  },
  costDetails: { total: '0.0012' },
};
const read = (fields: Fields = {}) => readLangfuseObservation({ ...GENERATION, ...fields }, 'langfuse');

describe('an observation of Langfuse', () => {
  it('that is a generation is a call, with amounts of which none includes another', () => {
    expect(metered(read())).toMatchObject({
      billingRole: 'billed',
      dialect: 'langfuse',
      provider: 'openai',
      requestModel: 'gpt-4o-2024-08-06',
      eventTimeMicros: (Date.UTC(2026, 0, 15, 12) + 2000) * 1000,
      customer: 'acme',
      feature: 'support',
      userId: 'u1',
      sessionId: 's1',
      environment: 'prod',
      reportedCostUsd: '0.0012',
      tokens: { uncachedInput: 80, cacheRead: 40, cacheWrite: 0, visibleOutput: 20, reasoning: 10 },
    });
  });

  it('is the same in the names of the blob storage export, and from CSV', () => {
    const names = {
      trace_id: 'traceId',
      start_time: 'startTime',
      end_time: 'endTime',
      provided_model_name: 'model',
      user_id: 'userId',
      session_id: 'sessionId',
      trace_name: 'traceName',
      usage_details: 'usageDetails',
      cost_details: 'costDetails',
    };
    const { id, type, name, environment, level } = GENERATION;
    const snake: Record<string, unknown> = { id, type, name, environment, level };
    for (const [theirs, ours] of Object.entries(names)) snake[theirs] = GENERATION[ours];
    const metadata = JSON.stringify(GENERATION.metadata);
    const usage = JSON.stringify(GENERATION.usageDetails);
    const start = '2026-01-15 12:00:00.000000';
    const texts = { ...snake, metadata, usage_details: usage, start_time: start };
    expect(metered(readLangfuseObservation(texts, 'langfuse'))).toEqual(metered(read()));
  });

  it('of the older kind has input and output, never the words of its prompt', () => {
    const usage = { unit: 'TOKENS', input: '12', output: '5', total: '17' };
    const older = { usageDetails: null, usage, input: '42', output: '43' };
    expect(metered(read(older)).tokens).toMatchObject({ uncachedInput: 12, visibleOutput: 5 });
    expect(metered(read({ usageDetails: {}, input: '42', output: '43' })).usageStatus).toBe('missing');
    expect(problemsOf(read({ ...older, usage: { ...usage, unit: 'CHARACTERS' } }))).toMatchObject([
      { field: 'usage.unit', found: 'CHARACTERS' },
    ]);
  });

  it('around others repeats them: a generation inside a generation counts once', () => {
    const outer = spanOf(read({ id: 'outer', name: 'wrapper' }));
    const between = spanOf(
      read({ id: 'between', type: 'SPAN', model: null, usageDetails: null, parentObservationId: 'outer' }),
    );
    const inner = spanOf(read({ id: 'inner', parentObservationId: 'between' }));
    const roles = meteredAll([outer, between, inner]).map(({ spanId, billingRole }) => [spanId, billingRole]);
    expect(new Map(roles.map(([id, role]) => [id, role]))).toEqual(
      new Map([
        [outer.spanId, 'duplicate'],
        [between.spanId, 'container'],
        [inner.spanId, 'billed'],
      ]),
    );
  });

  it('with ids of OpenTelemetry keeps them, so that what was received live counts once', () => {
    const traceId = '5b8efff798038103d269b633813fc60c';
    const live = spanOf(read({ traceId, id: 'eee19b7ec3c1b174', parentObservationId: '00f067aa0ba902b7' }));
    expect(live).toMatchObject({ traceId, spanId: 'eee19b7ec3c1b174', parentSpanId: '00f067aa0ba902b7' });
    expect(spanOf(read()).traceId).toMatch(/^[0-9a-f]{32}$/);
    expect(spanOf(read()).traceId).toBe(spanOf(read({ id: 'obs-2' })).traceId);
  });

  it('of level ERROR has failed, and one that never ended ends when it began', () => {
    expect(metered(read({ level: 'ERROR' }))).toMatchObject({ status: 'error', billingRole: 'billed' });
    expect(metered(read({ endTime: null })).durationMicros).toBe(0);
  });

  it.each<[string, Fields, string]>([
    ['no id', { id: null }, 'id'],
    ['no type', { type: '' }, 'type'],
    ['no beginning', { startTime: 'soon' }, 'startTime'],
    ['a usage without a model', { model: null }, 'model'],
  ])('with %s is refused', (_what, fields, field) => {
    expect(problemsOf(read(fields)).map((problem) => problem.field)).toEqual([field]);
  });
});
