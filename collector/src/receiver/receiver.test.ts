import { gzipSync } from 'node:zlib';
import type { LightMyRequestResponse } from 'fastify';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ErrorCode, SpanledgerError } from '../errors.ts';
import type { JournalEntry } from '../journal/index.ts';
import { SCAN_LIMITS } from '../otlp/index.ts';
import {
  aLogsRequest,
  aRequest,
  aRequestLogRecord,
  aRequestSpan,
  encodeLogs,
  encodeTraces,
  manySpans,
  toJsonBody,
} from '../otlp/testing/bodies.ts';
import { RpcStatusType, TracesResponseType } from '../otlp/testing/schema.ts';
import { buildReceiver, type ReceiverLimits, type ReceiverParts } from './receiver.ts';

const NOON = Date.UTC(2026, 10, 22, 12);
const LIMITS: ReceiverLimits = {
  maxBodyBytes: 100_000,
  maxInflatedBytes: 200_000,
  maxInFlightBytes: 1_000_000,
  requestTimeoutMs: 30_000,
  scan: SCAN_LIMITS,
};
const ONE = aRequest([aRequestSpan()]);

function aReceiver({
  limits,
  ...parts
}: Partial<Omit<ReceiverParts, 'limits'>> & { limits?: Partial<ReceiverLimits> } = {}) {
  const appended: JournalEntry[] = [];
  const surprises: unknown[] = [];
  const { server, counters } = buildReceiver({
    append: async (entry) => appended.push(entry),
    limits: { ...LIMITS, ...limits },
    nowMillis: () => NOON,
    onSurprise: (error) => surprises.push(error),
    ...parts,
  });
  onTestFinished(() => server.close());
  const post = (
    body: Uint8Array,
    headers: Record<string, string> = { 'content-type': 'application/x-protobuf' },
    url = '/v1/traces',
  ) => server.inject({ method: 'POST', url, payload: Buffer.from(body), headers });
  return { server, counters, appended, surprises, post };
}

const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { 'content-type': 'application/json' };

/** The google.rpc.Status of an answer, decoded as its content type says. */
function statusOf(answer: LightMyRequestResponse): { code: number; message: string } {
  const type = answer.headers['content-type'];
  if (type === 'application/json') return answer.json();
  expect(type).toBe('application/x-protobuf');
  const status = RpcStatusType.toObject(RpcStatusType.decode(answer.rawPayload), { defaults: true });
  return { code: Number(status.code), message: String(status.message) };
}

describe('a body that is taken', () => {
  it.each([
    ['protobuf', PROTOBUF, encodeTraces(ONE), ''],
    ['json', JSON_TYPE, toJsonBody(ONE), '{}'],
    ['json', { 'content-type': 'Application/JSON; charset=utf-8' }, toJsonBody(ONE), '{}'],
  ] as const)(
    'as %s is journaled as it came and answered in kind',
    async (bodyType, headers, body, answered) => {
      const { post, appended, counters } = aReceiver();
      const answer = await post(body, headers);
      expect([answer.statusCode, answer.body]).toEqual([200, answered]);
      expect(answer.headers['content-type']).toBe(
        bodyType === 'json' ? 'application/json' : 'application/x-protobuf',
      );
      expect(appended).toEqual([
        {
          receivedAtMillis: NOON,
          tenant: 'default',
          signal: 'traces',
          bodyType,
          bodyEncoding: 'identity',
          spans: 1,
          body: Buffer.from(body),
        },
      ]);
      expect(counters).toMatchObject({ requests: 1, spans: 1, rejectedSpans: 0, bodyBytes: body.byteLength });
    },
  );

  it('compressed is journaled compressed', async () => {
    const { post, appended } = aReceiver();
    const body = gzipSync(encodeTraces(manySpans({ count: 40 })));
    const answer = await post(body, { ...PROTOBUF, 'content-encoding': 'gzip' });
    expect(answer.statusCode).toBe(200);
    expect(appended).toMatchObject([{ bodyEncoding: 'gzip', spans: 40, body }]);
  });

  it('is answered only when it is on disk', async () => {
    const onDisk = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const { post, counters } = aReceiver({
      append() {
        reached.resolve();
        return onDisk.promise;
      },
    });
    let isAnswered = false;
    const answer = post(encodeTraces(ONE)).then((response) => {
      isAnswered = true;
      return response;
    });
    await reached.promise;
    await new Promise(setImmediate);
    expect(isAnswered).toBe(false);
    expect(counters.spans).toBe(0);
    onDisk.resolve();
    expect((await answer).statusCode).toBe(200);
    expect(counters.spans).toBe(1);
  });

  it('without spans is answered and leaves nothing in the journal', async () => {
    const { post, appended } = aReceiver();
    expect((await post(Buffer.alloc(0))).statusCode).toBe(200);
    expect((await post(toJsonBody({}), JSON_TYPE)).body).toBe('{}');
    expect(appended).toEqual([]);
  });

  it.each([
    ['protobuf', PROTOBUF, encodeTraces],
    ['json', JSON_TYPE, toJsonBody],
  ] as const)(
    'with a malformed span is a partial success in %s, with a count and a sentence',
    async (type, headers, encode) => {
      const { post, appended, counters } = aReceiver();
      const body = encode(aRequest([aRequestSpan({ name: 'chat', endTimeUnixNano: '0' })]));
      const answer = await post(body, headers);
      expect(answer.statusCode).toBe(200);
      const { partialSuccess } =
        type === 'json'
          ? answer.json()
          : TracesResponseType.toObject(TracesResponseType.decode(answer.rawPayload), { longs: String });
      expect(partialSuccess).toEqual({
        rejectedSpans: '1',
        errorMessage: expect.stringMatching(/^1 of 1 spans cannot be metered.*"chat": end_time_missing/),
      });
      expect(appended).toHaveLength(1);
      expect(counters.rejectedSpans).toBe(1);
    },
  );

  it('with good and malformed spans tells both numbers', async () => {
    const { post } = aReceiver();
    const good = aRequestSpan();
    const bad = aRequestSpan({ endTimeUnixNano: '0' });
    const answer = await post(toJsonBody(aRequest([good, bad, good])), JSON_TYPE);
    expect(answer.json().partialSuccess.errorMessage).toMatch(/^1 of 3 spans /);
  });

  it('with good and malformed spans counts each span once', async () => {
    const { post, appended, counters } = aReceiver();
    const good = aRequestSpan();
    await post(encodeTraces(aRequest([good, aRequestSpan({ endTimeUnixNano: '0' }), good])));
    expect(appended).toMatchObject([{ spans: 3 }]);
    expect(counters).toMatchObject({ spans: 2, rejectedSpans: 1 });
  });
});

describe('a body of logs', () => {
  const LOGS = aLogsRequest([aRequestLogRecord(), {}]);

  it.each([
    ['protobuf', PROTOBUF, encodeLogs(LOGS), 'identity', ''],
    ['json', JSON_TYPE, toJsonBody(LOGS), 'identity', '{}'],
    ['protobuf', { ...PROTOBUF, 'content-encoding': 'gzip' }, gzipSync(encodeLogs(LOGS)), 'gzip', ''],
    ['json', { ...JSON_TYPE, 'content-encoding': 'gzip' }, gzipSync(toJsonBody(LOGS)), 'gzip', '{}'],
  ] as const)(
    'as %s is journaled as it came, and answered in kind',
    async (bodyType, headers, body, bodyEncoding, answered) => {
      const { post, appended, counters } = aReceiver();
      const answer = await post(body, headers, '/v1/logs');
      expect([answer.statusCode, answer.body]).toEqual([200, answered]);
      expect(answer.headers['content-type']).toBe(headers['content-type']);
      expect(appended).toEqual([
        {
          receivedAtMillis: NOON,
          tenant: 'default',
          signal: 'logs',
          bodyType,
          bodyEncoding,
          spans: 2,
          body: Buffer.from(body),
        },
      ]);
      expect(counters).toMatchObject({ requests: 1, spans: 0, logRecords: 2, bodyBytes: body.byteLength });
    },
  );

  it('without records is answered and leaves nothing in the journal', async () => {
    const { post, appended } = aReceiver();
    expect((await post(Buffer.alloc(0), PROTOBUF, '/v1/logs')).statusCode).toBe(200);
    expect((await post(toJsonBody({}), JSON_TYPE, '/v1/logs')).body).toBe('{}');
    expect(appended).toEqual([]);
  });

  it.each<[string, string, Record<string, string>, Uint8Array, number, ErrorCode, RegExp]>([
    [
      'JSON of traces',
      '/v1/logs',
      JSON_TYPE,
      toJsonBody(ONE),
      400,
      'SL_OTLP_WRONG_SIGNAL',
      /Send traces to \/v1\/traces/,
    ],
    [
      'protobuf of traces',
      '/v1/logs',
      PROTOBUF,
      encodeTraces(ONE),
      400,
      'SL_OTLP_MALFORMED',
      /traces go to \/v1\/traces/,
    ],
    [
      'JSON of logs sent as traces',
      '/v1/traces',
      JSON_TYPE,
      toJsonBody(LOGS),
      400,
      'SL_OTLP_WRONG_SIGNAL',
      /Send logs to \/v1\/logs/,
    ],
    [
      'protobuf of logs sent as traces',
      '/v1/traces',
      PROTOBUF,
      encodeLogs(LOGS),
      400,
      'SL_OTLP_MALFORMED',
      /logs go to \/v1\/logs/,
    ],
    ['no content type', '/v1/logs', {}, encodeLogs(LOGS), 415, 'SL_OTLP_CONTENT_TYPE', /./],
    ['a large body', '/v1/logs', PROTOBUF, Buffer.alloc(100_001), 413, 'SL_OTLP_TOO_LARGE', /./],
    [
      'a body that inflates past the bound',
      '/v1/logs',
      { ...PROTOBUF, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(200_001)),
      413,
      'SL_OTLP_TOO_LARGE',
      /./,
    ],
  ])('is refused like one of traces: %s', async (_what, url, headers, body, http, code, message) => {
    const { post, appended, counters } = aReceiver();
    const answer = await post(body, headers, url);
    expect(answer.statusCode).toBe(http);
    expect(statusOf(answer).message).toMatch(new RegExp(`^${code}: `));
    expect(statusOf(answer).message).toMatch(message);
    expect(appended).toEqual([]);
    expect([...counters.refused]).toEqual([[code, 1]]);
  });

  it('is to be sent again later when the journal is full', async () => {
    const { post } = aReceiver({
      append: async () => {
        throw new SpanledgerError('SL_JOURNAL_FULL', 'The disk is full.');
      },
    });
    const answer = await post(encodeLogs(LOGS), PROTOBUF, '/v1/logs');
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '5']);
  });
});

describe('the paths that SDKs of other vendors post to', () => {
  it.each(['/otel', '/api/public/otel'])('below %s take what those without it take', async (prefix) => {
    const { post, appended } = aReceiver();
    const logs = toJsonBody(aLogsRequest([aRequestLogRecord()]));
    expect((await post(encodeTraces(ONE), PROTOBUF, `${prefix}/v1/traces`)).statusCode).toBe(200);
    expect((await post(logs, JSON_TYPE, `${prefix}/v1/logs?x=1`)).statusCode).toBe(200);
    expect(appended).toMatchObject([
      { signal: 'traces', bodyType: 'protobuf', spans: 1 },
      { signal: 'logs', bodyType: 'json', spans: 1 },
    ]);
    const malformed = toJsonBody(aRequest([aRequestSpan({ endTimeUnixNano: '0' })]));
    const answer = await post(malformed, JSON_TYPE, `${prefix}/v1/traces`);
    expect(answer.json()).toMatchObject({ partialSuccess: { rejectedSpans: '1' } });
  });
});

describe('a body that is refused', () => {
  it.each<[string, Record<string, string>, Uint8Array, number, ErrorCode, number]>([
    ['malformed protobuf', PROTOBUF, Buffer.from('not protobuf'), 400, 'SL_OTLP_MALFORMED', 3],
    ['malformed JSON', JSON_TYPE, Buffer.from('{'), 400, 'SL_OTLP_MALFORMED', 3],
    [
      'JSON of another signal',
      JSON_TYPE,
      Buffer.from('{"resourceMetrics":[{}]}'),
      400,
      'SL_OTLP_WRONG_SIGNAL',
      3,
    ],
    [
      'an unknown encoding',
      { ...PROTOBUF, 'content-encoding': 'br' },
      encodeTraces(ONE),
      400,
      'SL_OTLP_ENCODING',
      3,
    ],
    [
      'broken gzip',
      { ...PROTOBUF, 'content-encoding': 'gzip' },
      encodeTraces(ONE),
      400,
      'SL_OTLP_ENCODING',
      3,
    ],
    [
      'another content type',
      { 'content-type': 'text/plain' },
      encodeTraces(ONE),
      415,
      'SL_OTLP_CONTENT_TYPE',
      3,
    ],
    ['no content type', {}, encodeTraces(ONE), 415, 'SL_OTLP_CONTENT_TYPE', 3],
    ['a large body', PROTOBUF, Buffer.alloc(100_001), 413, 'SL_OTLP_TOO_LARGE', 8],
    [
      'a body that inflates past the bound',
      { ...PROTOBUF, 'content-encoding': 'gzip' },
      gzipSync(Buffer.alloc(200_001)),
      413,
      'SL_OTLP_TOO_LARGE',
      8,
    ],
  ])('for %s is not to be sent again, and says why', async (_what, headers, body, http, code, grpc) => {
    const { post, appended, counters, surprises } = aReceiver();
    const answer = await post(body, headers);
    expect(answer.statusCode).toBe(http);
    expect(answer.headers['retry-after']).toBeUndefined();
    expect(statusOf(answer)).toEqual({ code: grpc, message: expect.stringMatching(`^${code}: `) });
    expect(appended).toEqual([]);
    expect(surprises).toEqual([]);
    expect([...counters.refused]).toEqual([[code, 1]]);
  });

  it.each([
    ['protobuf', PROTOBUF, encodeTraces(ONE)],
    ['json', JSON_TYPE, toJsonBody(ONE)],
  ] as const)(
    'because the journal is full is to be sent again later, and says so in %s',
    async (type, headers, body) => {
      const { post, counters, surprises } = aReceiver({
        append: async () => {
          throw new SpanledgerError('SL_JOURNAL_FULL', 'The disk is full.');
        },
      });
      const answer = await post(body, headers);
      expect(answer.statusCode).toBe(503);
      expect(answer.headers['retry-after']).toBe('5');
      expect(answer.headers['content-type']).toContain(type);
      expect(statusOf(answer)).toEqual({ code: 14, message: 'SL_JOURNAL_FULL: The disk is full.' });
      expect([...counters.refused]).toEqual([['SL_JOURNAL_FULL', 1]]);
      expect(counters).toMatchObject({ spans: 0, bodyBytes: 0 });
      expect(surprises).toEqual([]);
    },
  );

  it.each([
    ['an error', new Error('EACCES /var/lib/secret')],
    ['a coded error of elsewhere', new SpanledgerError('SL_STORE_UNREADABLE', 'EACCES /var/lib/secret')],
    ['an error that says it is a 500', Object.assign(new Error('secret'), { statusCode: 500 })],
    ['what is no error at all', 'secret'],
  ])(
    'for a reason nobody expected is never a 500, which makes senders drop their spans: %s',
    async (_what, thrown) => {
      const { post, surprises } = aReceiver({
        append: async () => {
          throw thrown;
        },
      });
      const answer = await post(encodeTraces(ONE));
      expect(answer.statusCode).toBe(503);
      expect(answer.headers['retry-after']).toBe('5');
      expect(statusOf(answer)).toEqual({
        code: 14,
        message: 'SL_INTERNAL: The request could not be stored; send it again.',
      });
      expect(surprises).toEqual([thrown]);
    },
  );

  it('because too much is being received at once gets its turn when that is over', async () => {
    const onDisk = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const body = encodeTraces(ONE);
    const { post } = aReceiver({
      limits: { maxInFlightBytes: body.byteLength + 10 },
      append() {
        reached.resolve();
        return onDisk.promise;
      },
    });
    const first = post(body);
    await reached.promise;
    const second = await post(body);
    expect(second.statusCode).toBe(503);
    expect(second.headers['retry-after']).toBe('1');
    expect(statusOf(second)).toMatchObject({
      code: 14,
      message: expect.stringMatching('^SL_RECEIVER_BUSY: '),
    });
    onDisk.resolve();
    expect((await first).statusCode).toBe(200);
    expect((await post(body)).statusCode).toBe(200);
  });

  it('gives its bytes back, whatever was wrong with it', async () => {
    const body = encodeTraces(ONE);
    const { post } = aReceiver({ limits: { maxInFlightBytes: body.byteLength + 10 } });
    for (let time = 0; time < 5; time++) {
      expect((await post(Buffer.alloc(body.byteLength, 0xff))).statusCode).toBe(400);
      expect((await post(body, { ...PROTOBUF, 'content-encoding': 'gzip' })).statusCode).toBe(400);
      expect((await post(body)).statusCode).toBe(200);
    }
  });
});

describe('another path or method', () => {
  it.each([
    ['GET', '/v1/traces', 405],
    ['PUT', '/v1/traces?x=1', 405],
    ['GET', '/v1/logs', 405],
    ['GET', '/otel/v1/traces', 405],
    ['DELETE', '/api/public/otel/v1/logs', 405],
    ['POST', '/v1/metrics', 404],
    ['POST', '/otel/v2/traces', 404],
    ['GET', '/', 404],
  ] as const)('%s %s is answered with %d and what is taken', async (method, url, status) => {
    const { server } = aReceiver();
    const answer = await server.inject({ method, url });
    expect(answer.statusCode).toBe(status);
    expect(answer.headers.allow).toBe(status === 405 ? 'POST' : undefined);
    expect(statusOf(answer)).toEqual({ code: 12, message: expect.stringMatching(/^SL_OTLP_PATH: .*POST/) });
  });

  it.each(['/v1/metrics', '/api/public/otel/v1/metrics'])(
    'a sender of metrics to %s is told what to do',
    async (url) => {
      const { post } = aReceiver();
      expect(statusOf(await post(Buffer.alloc(0), PROTOBUF, url)).message).toMatch(
        /^SL_OTLP_PATH: Metrics are not taken: .*Point only the exporters of traces and logs here/,
      );
    },
  );
});
