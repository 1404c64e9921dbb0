import { expect, it } from 'vitest';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import { aRequest, aRequestSpan, encodeTraces } from '../otlp/testing/bodies.ts';
import { withResourceAttributes } from './resource-attributes.ts';

const WANTED = new WantedAttributes(['service.name', 'spanledger.import.batch']);

it('adds attributes to every resource, one that is not there included, and changes nothing else', () => {
  const { resourceSpans = [] } = aRequest([aRequestSpan()], { 'service.name': 'a' });
  const { resourceSpans: others = [] } = aRequest([aRequestSpan({ spanId: 'aaaaaaaaaaaaaaaa' })], {});
  const bare = others.map(({ scopeSpans = [] }) => ({ scopeSpans }));
  const plain = encodeTraces({ resourceSpans: [...resourceSpans, ...bare] });
  const labelled = withResourceAttributes(plain, { 'spanledger.import.batch': 'b'.repeat(200) });

  const before = readTraces(plain, 'protobuf', WANTED, SCAN_LIMITS).spans;
  const after = readTraces(labelled, 'protobuf', WANTED, SCAN_LIMITS).spans;
  expect(after.map(({ resource: _, ...span }) => span)).toEqual(
    before.map(({ resource: _, ...span }) => span),
  );
  expect(after.map(({ resource }) => resource.get('service.name'))).toEqual(['a', undefined]);
  for (const { resource } of after) expect(resource.get('spanledger.import.batch')).toBe('b'.repeat(200));
});

it('refuses what is cut off', () => {
  const plain = encodeTraces(aRequest([aRequestSpan()]));
  expect(() => withResourceAttributes(plain.subarray(0, -5), {})).toThrow(/SL_OTLP_MALFORMED|cut off/);
});
