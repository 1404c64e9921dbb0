import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aChat, NO_TOKENS } from '../../test/builders.ts';
import { chat, recordOf, recordsOf, tree } from '../../test/traces.ts';
import type { AttributeValue } from '../span.ts';
import type { UsageRecord } from '../usage.ts';

type Given = Record<string, AttributeValue>;

function recordWith(attributes: Given): UsageRecord {
  const [record] = recordsOf([aChat(attributes)]);
  if (record === undefined) throw new Error('a chat has a record');
  return record;
}

/** No token counts: undefined values are as good as absent ones. */
const withoutTokens = (operation: string, attributes: Given): Given => ({
  'gen_ai.operation.name': operation,
  'gen_ai.usage.input_tokens': '',
  'gen_ai.usage.output_tokens': '',
  ...attributes,
});

const NONE = {
  requests: null,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

describe('web searches', () => {
  it.each([
    'gen_ai.usage.details.web_search_requests',
    'gen_ai.usage.server_tool_use.web_search_requests',
    'anthropic.usage.server_tool_use.web_search_requests',
    'llm.token_count.prompt_details.web_search_requests',
  ])('are read from %s, beside the tokens', (key) => {
    const { units, tokens } = recordWith({ [key]: 3 });
    expect(units).toEqual({ ...NONE, webSearches: 3 });
    expect(tokens?.uncachedInput).toBe(1000);
  });

  it('are nothing to tell when there were none', () => {
    expect(recordWith({ 'gen_ai.usage.server_tool_use.web_search_requests': 0 }).units).toBeNull();
  });

  it('are told by a second span of the call where the billed one does not know them', () => {
    const id = { 'gen_ai.response.id': 'resp_12345678' };
    const searched = { ...id, 'gen_ai.usage.web_search_requests': 2 };
    const spans = tree({
      id: 'o',
      attributes: chat(100, 20, searched),
      below: [{ id: 'i', attributes: chat(100, 20, id) }],
    });
    expect(recordOf('i', spans)).toMatchObject({ billingRole: 'billed', units: { webSearches: 2 } });
  });

  it('do not stand in for tokens that are missing', () => {
    const record = recordWith(withoutTokens('chat', { 'gen_ai.usage.web_search_requests': 2 }));
    expect(record).toMatchObject({ tokens: null, usageStatus: 'missing', units: { webSearches: 2 } });
  });
});

describe('pieces of a call without tokens', () => {
  it.each<[string, Given, object]>([
    ['image', { 'gen_ai.response.image.count': 2 }, { images: 2 }],
    ['transcription', { 'gen_ai.usage.audio_duration_seconds': 36.5 }, { milliseconds: 36_500 }],
    ['speech', { 'gen_ai.usage.audio_seconds': '2.5' }, { milliseconds: 2500 }],
    ['ocr', { 'gen_ai.usage.pages_processed': 7 }, { pages: 7 }],
    ['rerank', { 'gen_ai.usage.search_units': 1 }, { requests: 1 }],
  ])('are the whole usage of %s', (operation, attributes, units) => {
    const record = recordWith(withoutTokens(operation, attributes));
    expect(record).toMatchObject({
      billingRole: 'billed',
      usageStatus: 'reported',
      tokens: NO_TOKENS,
      units: { ...NONE, ...units },
    });
  });

  it('say beside tokens only what those stand for', () => {
    expect(
      recordWith({ 'gen_ai.operation.name': 'image', 'gen_ai.response.image.count': 2 }).units,
    ).toBeNull();
    expect(recordWith({ 'gen_ai.usage.image_count': 2 }).units).toBeNull();
  });
});

describe('a unit that an app reports itself', () => {
  const unit = (name: string, quantity: AttributeValue): Given => ({
    'spanledger.usage.unit': name,
    'spanledger.usage.quantity': quantity,
  });

  it.each<[string, AttributeValue, object]>([
    ['request', 1, { requests: 1 }],
    ['web_search', '4', { webSearches: 4 }],
    ['image', 2, { images: 2 }],
    ['second', '1.2345', { milliseconds: 1235 }],
    ['page', 12n, { pages: 12 }],
    ['api_call', 3, { requests: 3 }],
    ['minute', 1.5, { milliseconds: 90_000 }],
    ['hour', '0.5', { milliseconds: 1_800_000 }],
    ['document', 3, { custom: { unit: 'document', thousandths: 3000 } }],
    [' E-Mail ', '0.125', { custom: { unit: 'e-mail', thousandths: 125 } }],
    ['document', 0, { custom: { unit: 'document', thousandths: 0 } }],
    ['constructor', 7n, { custom: { unit: 'constructor', thousandths: 7000 } }],
  ])('%s is counted, also beside tokens', (name, quantity, units) => {
    expect(recordWith(unit(name, quantity)).units).toEqual({ ...NONE, ...units });
  });

  it('wins over what an emitter counts of the same', () => {
    const record = recordWith({ ...unit('web_search', 4), 'gen_ai.usage.web_search_requests': 3 });
    expect(record.units?.webSearches).toBe(4);
  });

  it.each<[string, Given]>([
    ['a unit that has no name of one', unit('2 documents', 1)],
    ['a unit with a name too long', unit('d'.repeat(65), 1)],
    ['tokens', unit('tokens', 1)],
    ['the name of a token class', unit('output', 1)],
    ['more places than are kept', unit('document', '0.0005')],
    ['less than no document', unit('document', '-0.001')],
    ['more documents than there are', unit('document', '1000000000000')],
    ['no number of documents', unit('document', Number.NaN)],
    ['half an image', unit('image', 0.5)],
    ['less than nothing', unit('page', -1)],
    ['a word for a number', unit('second', 'long')],
    ['no quantity', { 'spanledger.usage.unit': 'image' }],
    ['no unit', { 'spanledger.usage.quantity': 3 }],
  ])('is no usage with %s, and the reason says so', (_what, attributes) => {
    const record = recordWith(attributes);
    expect(record).toMatchObject({ usageStatus: 'invalid', tokens: null });
    expect(record.usageReason).toContain('no count of a unit');
  });

  it('is kept to the thousandth of one, exactly, whether it comes as text or as a binary number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000_000_000 }), (thousandths) => {
        const whole = String(Math.trunc(thousandths / 1000));
        const text = `${whole}.${String(thousandths % 1000).padStart(3, '0')}`;
        for (const quantity of [text, Number(text)]) {
          const { units } = recordWith(unit('document', quantity));
          expect(units?.custom).toEqual({ unit: 'document', thousandths });
        }
      }),
    );
  });

  it('is kept to the thousandth of a second', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (milliseconds) => {
        const record = recordWith(unit('second', milliseconds / 1000));
        expect(record.units?.milliseconds).toBe(milliseconds);
      }),
    );
  });
});

describe('parts of the tokens', () => {
  it('have a class for cached audio and for writes of twelve hours', () => {
    const record = recordWith({
      'gen_ai.usage.details.cache_audio_read_tokens': 30,
      'gen_ai.usage.cache_creation.ephemeral_12h_input_tokens': 40,
    });
    expect(record).toMatchObject({
      cacheWrite12h: 40,
      tokens: { cacheWrite: 40, uncachedInput: 960 },
      modalities: { cacheReadAudio: 30 },
    });
  });
});
