import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  bodyEncodingOf,
  bodyTypeOf,
  checkTraces,
  inflate,
  readTraces,
  SCAN_LIMITS,
  WantedAttributes,
} from './index.ts';
import { capturedBodies, plain, referenceJson, referenceProtobuf } from './testing/reference.ts';

const CORPUS = new URL('../../../test/corpus/', import.meta.url);
const bodies = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.meta.json'))
  .flatMap((name) => capturedBodies(new URL(name, CORPUS)));

describe('bodies captured from real emitters', () => {
  it('are all there', () => {
    expect(bodies.length).toBeGreaterThanOrEqual(23);
    expect(new Set(bodies.map(({ contentType }) => contentType)).size).toBe(2);
  });

  it.each(bodies.map((body) => [body.file, body] as const))(
    '%s reads as the general decoder does',
    (_, body) => {
      const type = bodyTypeOf(body.contentType);
      const encoding = bodyEncodingOf(body.contentEncoding);
      if (type === undefined || encoding === undefined)
        throw new Error('the capture has an unknown content type');
      const bytes = inflate(body.bytes, encoding, 1024 * 1024);
      const keys = attributeKeysIn(bytes);
      expect(keys.length).toBeGreaterThan(5);

      const everything = readTraces(bytes, type, new WantedAttributes(keys), SCAN_LIMITS);
      expect(everything.spans).toHaveLength(body.spans);
      expect(checkTraces(bytes, type, SCAN_LIMITS)).toEqual({
        spans: body.spans,
        rejected: 0,
        firstRejection: null,
      });
      const reference = type === 'json' ? referenceJson : referenceProtobuf;
      expect(plain(everything, keys)).toEqual(reference(bytes, keys));

      const few = keys.filter((_key, index) => index % 7 === 0);
      expect(plain(readTraces(bytes, type, new WantedAttributes(few), SCAN_LIMITS), few)).toEqual(
        reference(bytes, few),
      );
    },
  );
});

/** Everything in a body that looks like an attribute name; names that are none do no harm. */
function attributeKeysIn(bytes: Uint8Array): string[] {
  const names = Buffer.from(bytes)
    .toString('latin1')
    .matchAll(/[a-z][\w-]*(?:\.[\w-]+)+/gi);
  return [...new Set(Array.from(names, ([name]) => name))];
}
