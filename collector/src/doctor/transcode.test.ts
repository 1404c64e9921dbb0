import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import { aRequest, aRequestSpan, encodeTraces, toJsonBody } from '../otlp/testing/bodies.ts';
import { plain, requestOf as referenceRequestOf } from '../otlp/testing/reference.ts';
import { type Body, caseNames, readCase } from './corpus.ts';
import { bodyOf, requestOf } from './transcode.ts';

const CORPUS = fileURLToPath(new URL('../../../test/corpus/', import.meta.url));

/** All spans of a body with every attribute that any text in it may name. */
function spansOf({ type, bytes }: Body, keys: readonly string[]) {
  return plain(readTraces(bytes, type, new WantedAttributes(keys), SCAN_LIMITS), keys);
}

function keysIn({ type, bytes }: Body): string[] {
  const request = JSON.stringify(referenceRequestOf(bytes, type));
  return [...new Set([...request.matchAll(/"key":"([^"]+)"/g)].map(([, key = '']) => key))];
}

describe('a body in the other encoding', () => {
  it('reads as it did, for every capture', async () => {
    const names = await caseNames(CORPUS);
    expect(names.length).toBeGreaterThan(20);
    for (const name of names) {
      for (const body of (await readCase(CORPUS, name)).bodies) {
        const keys = keysIn(body);
        expect(keys.length, name).toBeGreaterThan(5);
        const asRead = spansOf(body, keys);
        for (const type of ['json', 'protobuf'] as const) {
          expect(spansOf(bodyOf(requestOf(body), type), keys), `${name} in ${type}`).toEqual(asRead);
        }
      }
    }
  });

  it('keeps every kind of value, also those that JSON has no word for', () => {
    const values = [
      { stringValue: 'Grüße 👋' },
      { stringValue: '' },
      { intValue: '-1' },
      { intValue: '9223372036854775807' },
      { intValue: '-9223372036854775808' },
      { boolValue: false },
      { doubleValue: 0.1 },
      { arrayValue: { values: [{ intValue: '0' }, { stringValue: 'x' }] } },
      { kvlistValue: { values: [{ key: 'inner', value: { boolValue: true } }] } },
      { bytesValue: 'AAEC/w==' },
    ];
    const attributes = values.map((value, index) => ({ key: `key${index}`, value }));
    const request = aRequest([aRequestSpan({ attributes })]);
    const json: Body = { type: 'json', bytes: toJsonBody(request) };
    const protobuf: Body = { type: 'protobuf', bytes: encodeTraces(request) };
    expect(requestOf(bodyOf(requestOf(json), 'protobuf'))).toEqual(requestOf(json));
    expect(Buffer.from(bodyOf(requestOf(json), 'protobuf').bytes)).toEqual(Buffer.from(protobuf.bytes));
    expect(requestOf(protobuf)).toEqual(requestOf(json));
  });

  it('keeps a count that is no number', () => {
    const attributes = [{ key: 'ai.usage.promptTokens', value: { doubleValue: Number.NaN } }];
    const json: Body = { type: 'json', bytes: toJsonBody(aRequest([aRequestSpan({ attributes })])) };
    const keys = ['ai.usage.promptTokens'];
    expect(spansOf(bodyOf(requestOf(json), 'protobuf'), keys)).toEqual(spansOf(json, keys));
    expect(spansOf(json, keys).spans[0]?.attributes).toEqual({ 'ai.usage.promptTokens': Number.NaN });
  });
});
