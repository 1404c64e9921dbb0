import { describe, expect, it } from 'vitest';
import { encodeExportResponse, encodeStatus } from './reply.ts';
import { RpcStatusType, TracesResponseType } from './testing/schema.ts';

describe('the answer to a traces request', () => {
  it('is empty in protobuf and {} in JSON when every span was taken', () => {
    expect(encodeExportResponse('protobuf')).toHaveLength(0);
    expect(text(encodeExportResponse('json'))).toBe('{}');
  });

  it.each([
    [1, '1 span rejected: trace_id has 15 bytes'],
    [0, 'a warning'],
    [300, ''],
    [Number.MAX_SAFE_INTEGER, 'ä🙂'.repeat(100)],
  ])('counts %d rejected spans and says why', (rejectedSpans, errorMessage) => {
    const decoded = TracesResponseType.decode(
      encodeExportResponse('protobuf', { rejectedSpans, errorMessage }),
    );
    expect(TracesResponseType.toObject(decoded, { longs: String, defaults: true })).toEqual({
      partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage },
    });
    expect(JSON.parse(text(encodeExportResponse('json', { rejectedSpans, errorMessage })))).toEqual({
      partialSuccess: { rejectedSpans: String(rejectedSpans), errorMessage },
    });
  });
});

describe('the answer to a refused request', () => {
  it.each([
    [3, 'the body is malformed'],
    [14, ''],
    [0, 'größer 🙂'],
  ])('is a google.rpc.Status with code %d', (code, message) => {
    const decoded = RpcStatusType.decode(encodeStatus('protobuf', code, message));
    expect(RpcStatusType.toObject(decoded, { defaults: true })).toEqual({ code, message });
    expect(JSON.parse(text(encodeStatus('json', code, message)))).toEqual({ code, message });
  });
});

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
