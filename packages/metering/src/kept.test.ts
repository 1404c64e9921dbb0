import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { spanIdOf } from '../test/builders.ts';
import { agent, chat, observed, tree } from '../test/traces.ts';
import { keep, linkHashes, recall, tellTheSame } from './kept.ts';
import type { Observation } from './observation.ts';

function observationOf(attributes: Parameters<typeof chat>[2] = {}): Observation {
  const [observation] = observed(tree({ id: 'x', attributes: chat(100, 20, attributes) }));
  if (observation === undefined) throw new Error('a chat is observed');
  return observation;
}

describe('an observation that is kept', () => {
  it.each([
    ['a chat', observationOf()],
    [
      'labels of every kind',
      observationOf({
        'user.id': 'u"1\n',
        'customer.id': 'é',
        'tag.tags': ['feature:a'],
        'spanledger.action.degraded': true,
      }),
    ],
    ['parts of the cache writes', observationOf({ 'gen_ai.usage.cache_creation.input_tokens': 7 })],
    ['half a count', observationOf({ 'gen_ai.usage.output_tokens': 'None' })],
    ['an agent', observed(tree({ id: 'x', attributes: agent(3, 4) }))[0]],
    ['a plain span', observed(tree({ id: 'x', attributes: { 'http.route': '/' } }))[0]],
    ['a plain span with a label', observed(tree({ id: 'x', attributes: { 'customer.id': 'cus_1' } }))[0]],
  ])('is recalled as it was: %s', (_name, observation) => {
    if (observation === undefined) throw new Error('everything here is observed');
    expect(recall(keep(observation))).toEqual(observation);
  });

  it('is recalled as it was, whatever it says of tier, region and units', () => {
    const word = fc.option(fc.constantFrom('flex', 'eu', ' "é\n'));
    const number = fc.option(fc.nat());
    const units = fc.record({
      requests: number,
      webSearches: number,
      images: number,
      milliseconds: number,
      pages: number,
      custom: fc.option(fc.record({ unit: fc.constantFrom('document', 'email'), thousandths: fc.nat() })),
    });
    const modalities = fc.record({
      audioInput: number,
      audioOutput: number,
      imageInput: number,
      imageOutput: number,
      cacheReadAudio: number,
    });
    const served = fc.record({ responseTier: word, requestTier: word, region: word, inferenceGeo: word });
    const counts = fc.record({
      cacheWrite5m: number,
      cacheWrite1h: number,
      cacheWrite12h: number,
      modalities: fc.option(modalities),
      units: fc.option(units).filter((some) => some === null || Object.values(some).some((n) => n !== null)),
    });
    const { usage, called, ...rest } = observationOf();
    if (usage === null) throw new Error('a chat has a usage');
    fc.assert(
      fc.property(served, counts, (said, told) => {
        const observation = { ...rest, called: { ...called, ...said }, usage: { ...usage, ...told } };
        expect(recall(keep(observation))).toEqual(observation);
      }),
    );
  });

  it('takes no more room than it must where nothing of that is said', () => {
    const plainly = keep(observationOf());
    expect(plainly.detail).toBe(keep(observationOf({ 'openai.response.service_tier': 'flex' })).detail);
    expect(plainly.detail.endsWith('[100,0,0,20,0]]')).toBe(true);
  });

  it('is read where the version before wrote it', () => {
    const chat = observationOf({
      'gen_ai.usage.audio.input_tokens': 5,
      'gen_ai.usage.cache_creation.input_tokens': 9,
      'gen_ai.response.id': 'resp_1',
    });
    const { traceId, spanId, parentSpanId, startTimeMicros, endTimeMicros } = chat;
    const old = recall({
      ...{ traceId, spanId, parentSpanId, startTimeMicros, endTimeMicros },
      shape:
        '[1,3,"ok",null,null,"test","call","chat is a model call","chat",false,"opentelemetry","gen_ai.operation.name","openai",null,"gpt-4o",null,false,["reported",true,"assumed",null,2],[null,null,null,null,null,null,null,null],{}]',
      detail: '["chat",[],null,null,"resp_1",null,null,null,[91,0,9,20,0,null,null,5,null,null,null]]',
    });
    expect(old).toEqual(chat);
    expect(keep(old)).toEqual(keep(chat));
  });

  it('shares its shape with the next of its kind, whoever it is for and whatever it used', () => {
    const one = keep(observationOf({ 'customer.id': 'cus_1', 'gen_ai.response.id': 'resp_1' }));
    const other = keep(observationOf({ 'customer.id': 'cus_2', 'gen_ai.usage.input_tokens': 5 }));
    expect(other.shape).toBe(one.shape);
    expect(other.detail).not.toBe(one.detail);
  });

  it('has another shape for each of the things a shape tells', () => {
    const shapes = [
      {},
      { 'gen_ai.request.model': 'other' },
      { 'gen_ai.response.model': 'other' },
      { 'error.type': 'timeout' },
      { 'user.id': 'u' },
      { 'enduser.id': 'u' },
      { 'gen_ai.usage.input_tokens': 'NaN' },
      { 'gen_ai.provider.name': 'anthropic' },
      { 'openai.response.service_tier': 'flex' },
      { 'openai.request.service_tier': 'flex' },
      { 'server.address': 'eu.api.openai.com' },
      { 'anthropic.response.inference_geo': 'us' },
      { 'spanledger.usage.unit': 'document', 'spanledger.usage.quantity': 2 },
      { 'spanledger.usage.unit': 'email', 'spanledger.usage.quantity': 2 },
    ].map((attributes) => keep(observationOf(attributes)).shape);
    expect(new Set(shapes).size).toBe(shapes.length);
  });

  it('is refused when a newer version has written it', () => {
    const kept = keep(observationOf());
    expect(() => recall({ ...kept, shape: kept.shape.replace('[4,', '[5,') })).toThrow('version 5');
  });

  it('is recalled as it was when a version has written it that knew no units of the app’s own', () => {
    const observation = observationOf({ 'spanledger.usage.unit': 'page', 'spanledger.usage.quantity': 7 });
    const kept = keep(observation);
    expect(recall({ ...kept, shape: kept.shape.replace('[4,', '[2,') })).toEqual(observation);
  });

  it('is recalled as it was when a version has written it that knew no degraded actions', () => {
    const observation = observationOf({ 'customer.id': 'cus_1', 'spanledger.action.id': 'letter' });
    const kept = keep(observation);
    const old = kept.shape
      .replace('[4,', '[3,')
      .replace('null,null,null,null,null],{}', 'null,null,null,null],{}');
    expect(old.length).toBe(kept.shape.length - ',null'.length);
    expect(recall({ ...kept, shape: old })).toEqual(observation);
  });
});

describe('two copies of a span', () => {
  it('tell the same in any order of labels, and whatever our reading says of them', () => {
    const one = observationOf({ 'user.id': 'u', 'customer.id': 'c' });
    const other = {
      ...one,
      labels: { customer: one.labels.customer, userId: one.labels.userId },
      why: 'other',
    };
    expect(
      tellTheSame(one, { ...other, labels: Object.fromEntries(Object.entries(other.labels).reverse()) }),
    ).toBe(true);
  });

  it.each([
    { 'gen_ai.usage.output_tokens': 21 },
    { 'gen_ai.response.id': 'resp_2' },
    { 'customer.id': 'cus_2' },
    { 'spanledger.action.degraded': true },
    { 'gen_ai.usage.cache_read.input_tokens': 1 },
  ])('differ by %o', (attributes) => {
    expect(tellTheSame(observationOf(), observationOf(attributes))).toBe(false);
  });
});

describe('a copy of a span that was kept before tiers and units were read', () => {
  const told = { 'openai.response.service_tier': 'flex', 'gen_ai.usage.web_search_requests': 1 };

  it('is no other span than the same one read now', () => {
    expect(tellTheSame(observationOf(), observationOf(told))).toBe(true);
    expect(tellTheSame(observationOf(told), observationOf())).toBe(true);
  });

  it('is another one where both tell them and differ', () => {
    const other = { ...told, 'openai.response.service_tier': 'default' };
    expect(tellTheSame(observationOf(told), observationOf(other))).toBe(false);
    const more = { ...told, 'gen_ai.usage.web_search_requests': 2 };
    expect(tellTheSame(observationOf(told), observationOf(more))).toBe(false);
  });
});

describe('the hashes of link keys', () => {
  it('are one for each key, each tenant apart, and none for spans that cannot be a call', () => {
    const call = observationOf({ 'gen_ai.response.id': 'resp_12345' });
    expect(linkHashes('one', call)).toHaveLength(1);
    expect(linkHashes('one', call)).toEqual(linkHashes('one', { ...call, spanId: spanIdOf('y') }));
    expect(linkHashes('other', call)).not.toEqual(linkHashes('one', call));
    expect(linkHashes('one', { ...call, kind: 'tool' })).toEqual([]);
    expect(linkHashes('one', call).every(Number.isSafeInteger)).toBe(true);
  });
});
