import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { Fields } from './record.ts';
import { metered, problemsOf, spanOf } from './testing/metered.ts';
import { readUsageRow, usageRowJsonSchema } from './usage-row.ts';

const ROW: Fields = {
  id: 'a-1',
  time: '2026-01-15T12:00:00Z',
  model: 'gpt-4o',
  input_tokens: '100',
  output_tokens: '20',
};
const SETTINGS = { source: 'jsonl', ignoresUnknownFields: false };
const read = (fields: Fields) => readUsageRow({ ...ROW, ...fields }, SETTINGS);

describe('a row of usage', () => {
  it('is the call that it tells of, with every label and every token in one class', () => {
    const usage = metered(
      read({
        duration_ms: '812.5',
        customer: 'Acme, Inc.',
        feature: 'chat',
        user: 'u1',
        session: 's1',
        action: 'act-1',
        degraded: 'TRUE',
        usage_class: 'trial',
        environment: 'prod',
        service: 'api',
        provider: 'openai',
        input_tokens: '1200',
        cache_read_tokens: '1000',
        cache_write_tokens: '50',
        cache_write_1h_tokens: '20',
        output_tokens: '300.0',
        reasoning_tokens: '100',
        service_tier: 'flex',
        response_id: 'resp_12345678',
      }),
    );
    expect(usage).toMatchObject({
      billingRole: 'billed',
      eventTimeMicros: Date.UTC(2026, 0, 15, 12) * 1000,
      durationMicros: 812_500,
      customer: 'Acme, Inc.',
      feature: 'chat',
      userId: 'u1',
      sessionId: 's1',
      actionId: 'act-1',
      isDegraded: true,
      usageClass: 'trial',
      environment: 'prod',
      service: 'api',
      provider: 'openai',
      responseModel: 'gpt-4o',
      serviceTier: 'flex',
      responseId: 'resp_12345678',
      usageStatus: 'reported',
      cacheSemantics: 'declared',
      cacheWrite5m: 30,
      cacheWrite1h: 20,
      tokens: { uncachedInput: 150, cacheRead: 1000, cacheWrite: 50, visibleOutput: 200, reasoning: 100 },
    });
  });

  it('has the ids of its own id and source alone, so that it counts once wherever it stands', () => {
    const ids = ({ traceId, spanId }: { traceId: string; spanId: string }) => `${traceId}/${spanId}`;
    const first = ids(spanOf(read({})));
    expect(first).toMatch(/^[0-9a-f]{32}\/[0-9a-f]{16}$/);
    expect(ids(spanOf(read({ customer: 'other', time: '1768478400' })))).toBe(first);
    expect(ids(spanOf(read({ id: 'a-2' })))).not.toBe(first);
    expect(ids(spanOf(readUsageRow(ROW, { ...SETTINGS, source: 'other' })))).not.toBe(first);
  });

  it('of a unit is counted by the piece', () => {
    const bare = {
      id: 'p',
      time: ROW.time,
      provider: 'openai',
      model: 'an-image-model',
      unit: 'image',
      quantity: '3',
    };
    expect(metered(readUsageRow(bare, SETTINGS))).toMatchObject({
      billingRole: 'billed',
      operation: 'image',
      units: { images: 3 },
      tokens: { uncachedInput: 0, visibleOutput: 0 },
    });
    const seconds = { ...bare, unit: 'second', quantity: '12.5', operation: 'transcription' };
    expect(metered(readUsageRow(seconds, SETTINGS)).units?.milliseconds).toBe(12_500);
  });

  it('that failed needs no counts, and bills nothing without them', () => {
    const failed = read({ status: 'error', input_tokens: '', output_tokens: null });
    expect(metered(failed)).toMatchObject({ billingRole: 'ignored', status: 'error' });
    expect(metered(read({ status: 'error' }))).toMatchObject({ billingRole: 'billed', status: 'error' });
  });

  it.each<[string, Fields, string, RegExp]>([
    ['no id', { id: '' }, 'id', /no other row/],
    ['no time', { time: null }, 'time', /RFC 3339/],
    ['a time that is none', { time: '15.01.2026' }, 'time', /RFC 3339/],
    ['thousands separators', { input_tokens: '1,200' }, 'input_tokens', /without separators/],
    ['half a token', { input_tokens: '0.5' }, 'input_tokens', /whole number/],
    ['fewer than no tokens', { output_tokens: '-1' }, 'output_tokens', /0 or more/],
    ['more cached than there is', { cache_read_tokens: '101' }, 'input_tokens', /at least the 101 cached/],
    ['more reasoning than output', { reasoning_tokens: '21' }, 'output_tokens', /at least the 21/],
    ['half a count', { output_tokens: '' }, 'output_tokens', /half a count/],
    ['no count at all', { input_tokens: '', output_tokens: '' }, 'input_tokens', /or a unit/],
    ['no model', { model: '' }, 'model', /model/],
    ['an unknown class', { usage_class: 'vip' }, 'usage_class', /one of customer, trial/],
    ['half a yes', { degraded: 'yes' }, 'degraded', /true or false/],
    ['an unknown operation', { operation: 'invoke_agent' }, 'operation', /one of chat/],
    ['a unit without a quantity', { unit: 'page' }, 'quantity', /how many/],
    ['half a page', { unit: 'page', quantity: '1.5' }, 'quantity', /whole number/],
    ['a quantity of nothing', { quantity: '1' }, 'unit', /what the quantity is of/],
    ['a field that it does not know', { costumer: 'acme' }, 'costumer', /import-row\.schema\.json/],
    ['a field that is no scalar', { customer: { id: 'acme' } }, 'customer', /billed/],
  ])('with %s is refused, with what was expected', (_what, fields, field, expected) => {
    const problems = problemsOf(read(fields));
    expect(problems.map((problem) => problem.field)).toEqual([field]);
    expect(problems[0]?.expected).toMatch(expected);
  });

  it('tells all that is wrong with it at once', () => {
    expect(
      problemsOf(read({ id: '', time: '', input_tokens: 'x', extra: 1 }))
        .map(({ field }) => field)
        .sort(),
    ).toEqual(['extra', 'id', 'input_tokens', 'time']);
  });

  it('may have more columns where that is allowed', () => {
    expect(readUsageRow({ ...ROW, extra: 1 }, { ...SETTINGS, ignoresUnknownFields: true }).kind).toBe('span');
  });
});

it('the committed JSON Schema of rows is current (npm run generate)', async () => {
  const committed = await readFile(new URL('../../import-row.schema.json', import.meta.url), 'utf8');
  expect(committed).toBe(usageRowJsonSchema());
});
