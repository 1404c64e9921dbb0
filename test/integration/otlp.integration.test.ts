import { once } from 'node:events';
import { mkdtemp, readFile, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  aRequest,
  aRequestSpan,
  attributes,
  encodeTraces,
  manySpans,
  type PlainValue,
  type RequestSpan,
  type TracesRequest,
  toJsonBody,
} from '../../collector/src/otlp/testing/bodies.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { encode, partialSuccessOf, post, send, spansOf, statusOf } from '../otlp-client.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const PROTOBUF = { 'content-type': 'application/x-protobuf' };
const JSON_TYPE = { 'content-type': 'application/json' };
const MIB = 1024 * 1024;
const MAX_BODY_BYTES = 2 * MIB;
const REQUEST_TIMEOUT_MS = 2000;

let dataDir = '';
let service: RunningService;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'spanledger-otlp-'));
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(
    configFile,
    `receiver:\n  max_body_bytes: ${MAX_BODY_BYTES}\n  max_inflated_bytes: ${8 * MIB}\n  request_timeout_ms: ${REQUEST_TIMEOUT_MS}\n`,
  );
  service = await startServiceProcess({ dataDir, configFile });
});

afterAll(async () => {
  const exitCode = await service?.stop();
  await removeDataDirectory(dataDir);
  expect(exitCode).toBe(0);
});

let nextSeed = 700_000;

function freshSpans(count = 4): TracesRequest {
  return manySpans({ count, seed: nextSeed++, endTimeMs: Date.now() - 1000 });
}

/** One model call of its own trace. */
function aCall(values: Readonly<Record<string, PlainValue>> = {}, given: RequestSpan = {}): RequestSpan {
  const [span = {}] = spansOf(freshSpans(1));
  const { traceId = '', spanId = '', endTimeUnixNano = '', startTimeUnixNano = '' } = span;
  return aRequestSpan({
    traceId,
    spanId,
    startTimeUnixNano,
    endTimeUnixNano,
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.input_tokens': 100,
      'gen_ai.usage.output_tokens': 20,
      ...values,
    }),
    ...given,
  });
}

async function idsInLedger(traces: TracesRequest): Promise<string[]> {
  const traceIds = [...new Set(spansOf(traces).map(({ traceId }) => `'${traceId}'`))];
  const rows = await service.query(
    `SELECT usage_id FROM usage WHERE trace_id IN (${traceIds.join(', ')}) ORDER BY 1`,
  );
  return rows.map((row) => row.usage_id ?? '');
}

/** The spans are in the ledger, each once. */
async function expectInLedger(traces: TracesRequest): Promise<void> {
  const expected = spansOf(traces)
    .map(({ traceId = '', spanId = '' }) => traceId + spanId)
    .sort();
  await until('the spans are in the ledger', 5000, async () => (await idsInLedger(traces)).length > 0);
  expect(await idsInLedger(traces)).toEqual(expected);
}

/** Counters of what was ingested since the service has this data directory. */
async function ingested(counter: string): Promise<number> {
  const [row] = await service.query(`SELECT sum(${counter})::BIGINT AS count FROM ingest_health`);
  return Number(row?.count);
}

/** Everything sent before is in the ledger: a span sent now is posted after it. */
async function allPosted(): Promise<void> {
  const last = freshSpans(1);
  expect((await post(service.otlpUrl, last)).status).toBe(200);
  await until('the last span is posted', 5000, async () => (await idsInLedger(last)).length === 1);
}

async function residentMib(pid: number): Promise<number> {
  const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kilobytes) / 1024;
}

describe('a body is accepted', () => {
  for (const [name, headers, body] of [
    ['in protobuf', PROTOBUF, encodeTraces],
    ['in JSON', JSON_TYPE, toJsonBody],
    [
      'in JSON with a charset, in any case',
      { 'Content-Type': 'Application/JSON; Charset=UTF-8' },
      toJsonBody,
    ],
    ['in protobuf with a parameter', { 'content-type': 'application/x-protobuf;proto=v1' }, encodeTraces],
    ['gzipped', { ...PROTOBUF, 'content-encoding': 'gzip' }, (t: TracesRequest) => gzipSync(encodeTraces(t))],
    [
      'gzipped, in JSON, named in capitals',
      { ...JSON_TYPE, 'content-encoding': 'GZIP' },
      (t: TracesRequest) => gzipSync(toJsonBody(t)),
    ],
    [
      'deflated',
      { ...PROTOBUF, 'content-encoding': 'deflate' },
      (t: TracesRequest) => deflateSync(encodeTraces(t)),
    ],
    [
      'deflated without the zlib header',
      { ...PROTOBUF, 'content-encoding': 'deflate' },
      (t: TracesRequest) => deflateRawSync(encodeTraces(t)),
    ],
    ['as identity', { ...PROTOBUF, 'content-encoding': 'identity' }, encodeTraces],
  ] as const) {
    it(`${name}, and answered in its own encoding`, async () => {
      const traces = freshSpans();
      const answer = await send(service.otlpUrl, { headers, body: body(traces) });
      expect(answer.status).toBe(200);
      const isJson = JSON.stringify(headers).toLowerCase().includes('json');
      expect(answer.headers['content-type']).toBe(isJson ? 'application/json' : 'application/x-protobuf');
      expect(partialSuccessOf(answer)).toBe(null);
      await expectInLedger(traces);
    });
  }

  it('in chunks, without a content length', async () => {
    const traces = freshSpans(30);
    const whole = encodeTraces(traces);
    const pieces = Array.from({ length: 7 }, (_, i) =>
      whole.subarray(Math.floor((whole.length * i) / 7), Math.floor((whole.length * (i + 1)) / 7)),
    );
    expect((await send(service.otlpUrl, { headers: PROTOBUF, body: pieces })).status).toBe(200);
    await expectInLedger(traces);
  });

  it('without any bytes, in both types: an empty request is a request', async () => {
    for (const headers of [PROTOBUF, JSON_TYPE]) {
      const answer = await send(service.otlpUrl, { headers, body: new Uint8Array() });
      expect(answer.status).toBe(200);
      expect(partialSuccessOf(answer)).toBe(null);
    }
  });

  it('over one connection that is kept, one after the other', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    let connections = 0;
    const createConnection = agent.createConnection.bind(agent);
    agent.createConnection = (...args) => {
      connections++;
      return createConnection(...args);
    };
    for (let i = 0; i < 5; i++) {
      const { headers, body } = encode(freshSpans(), 'protobuf+gzip');
      expect((await send(service.otlpUrl, { headers, body, agent })).status).toBe(200);
    }
    // A refused body that was read to its end leaves the connection usable.
    const malformed = await send(service.otlpUrl, {
      headers: PROTOBUF,
      body: Buffer.from('nonsense'),
      agent,
    });
    expect(malformed.status).toBe(400);
    const { headers, body } = encode(freshSpans(), 'json');
    expect((await send(service.otlpUrl, { headers, body, agent })).status).toBe(200);
    agent.destroy();
    expect(connections).toBe(1);
  });

  it('over 50 connections at once, every one of them', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 50 });
    const all = Array.from({ length: 200 }, () => freshSpans(4));
    const answers = await Promise.all(
      all.map((traces, i) =>
        send(service.otlpUrl, { ...encode(traces, i % 2 === 0 ? 'protobuf+gzip' : 'json'), agent }),
      ),
    );
    agent.destroy();
    expect(answers.map(({ status }) => status)).toEqual(all.map(() => 200));
    await allPosted();
    const ids = await idsInLedger({ resourceSpans: all.flatMap(({ resourceSpans = [] }) => resourceSpans) });
    expect(ids.length).toBe(800);
    expect(new Set(ids).size).toBe(800);
  });
});

describe('spans that cannot be metered', () => {
  for (const encoding of ['protobuf', 'json'] as const) {
    it(`are told as partial success and kept, and the others of the body count (${encoding})`, async () => {
      const good = aCall();
      const traces = aRequest([
        good,
        aCall({}, { traceId: '00000000000000000000000000000000' }),
        aCall({}, { spanId: '' }),
        aCall({}, { endTimeUnixNano: '0', name: 'never ended' }),
      ]);
      await allPosted();
      const before = await ingested('rejected');
      const answer = await post(service.otlpUrl, traces, encoding);
      expect(answer.status).toBe(200);
      expect(partialSuccessOf(answer)).toEqual({
        rejectedSpans: '3',
        errorMessage: expect.stringMatching(
          /^3 of 4 spans cannot be metered and were set aside; the first is "chat gpt-4o": /,
        ),
      });
      await expectInLedger(aRequest([good]));
      expect((await ingested('rejected')) - before).toBe(3);
    });
  }
});

describe('a body is refused', () => {
  const sound = () => encodeTraces(freshSpans(10));
  for (const [type, headers, body] of [
    ['protobuf', PROTOBUF, () => sound().subarray(0, 2000)],
    ['JSON', JSON_TYPE, () => toJsonBody(freshSpans(10)).subarray(0, 2000)],
    ['JSON that is no object', JSON_TYPE, () => Buffer.from('"resourceSpans"')],
    ['protobuf sent as JSON', JSON_TYPE, sound],
    ['JSON sent as protobuf', PROTOBUF, () => toJsonBody(freshSpans(1))],
    ['gzip', { ...PROTOBUF, 'content-encoding': 'gzip' }, () => gzipSync(sound()).subarray(0, 500)],
    ['gzip that is none', { ...PROTOBUF, 'content-encoding': 'gzip' }, sound],
  ] as const) {
    it(`with 400 when it does not decode: ${type}`, async () => {
      const answer = await send(service.otlpUrl, { headers, body: body() });
      expect(answer.status).toBe(400);
      expect(answer.headers['content-type']).toBe(headers['content-type']);
      expect(answer.headers['retry-after'], 'it must not be sent again').toBeUndefined();
      expect(statusOf(answer)).toMatchObject({
        code: 3,
        message: expect.stringMatching(/^SL_OTLP_(MALFORMED|ENCODING): .+/),
      });
    });
  }

  it('with 400 when it carries logs or metrics, with the signal named', async () => {
    const logs = { resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: { stringValue: 'hello' } }] }] }] };
    const metrics = {
      resourceMetrics: [
        { scopeMetrics: [{ metrics: [{ name: 'm', gauge: { dataPoints: [{ asInt: '1' }] } }] }] },
      ],
    };
    for (const body of [logs, metrics]) {
      const answer = await send(service.otlpUrl, {
        headers: JSON_TYPE,
        body: Buffer.from(JSON.stringify(body)),
      });
      expect(answer.status).toBe(400);
      expect(statusOf(answer).message).toMatch(/^SL_OTLP_WRONG_SIGNAL: /);
    }
  });

  it('with 400 when it is a protobuf body of logs', async () => {
    // ExportLogsServiceRequest{resource_logs{scope_logs{log_records{time_unix_nano, severity_number, body{"hello"}}}}}.
    const record = Buffer.from('0900000000000000011009' + '2a070a0568656c6c6f', 'hex');
    const inside = (field: number, bytes: Buffer) =>
      Buffer.concat([Buffer.from([(field << 3) | 2, bytes.length]), bytes]);
    const answer = await send(service.otlpUrl, {
      headers: PROTOBUF,
      body: inside(1, inside(2, inside(2, record))),
    });
    expect(answer.status).toBe(400);
    expect(statusOf(answer).message).toMatch(/^SL_OTLP_(WRONG_SIGNAL|MALFORMED): /);
  });

  it('with 415 when its content type or content encoding is not OTLP', async () => {
    for (const headers of [{ 'content-type': 'text/plain' }, {}, { 'content-type': 'application/grpc' }]) {
      const answer = await send(service.otlpUrl, { headers, body: sound() });
      expect(answer.status).toBe(415);
      expect(statusOf(answer).message).toMatch(/^SL_OTLP_CONTENT_TYPE: /);
    }
    for (const encoding of ['br', 'zstd', 'gzip, gzip']) {
      const answer = await send(service.otlpUrl, {
        headers: { ...PROTOBUF, 'content-encoding': encoding },
        body: sound(),
      });
      expect([400, 415]).toContain(answer.status);
      expect(statusOf(answer).message).toMatch(/^SL_OTLP_ENCODING: /);
    }
  });

  it('with 413 before a byte of it is read, when its declared length is past the bound', async () => {
    const outgoing = request(service.otlpUrl, {
      method: 'POST',
      headers: { ...PROTOBUF, 'content-length': MAX_BODY_BYTES + 1 },
    });
    outgoing.on('error', () => {}); // the connection is closed on a request that never ends
    outgoing.flushHeaders();
    const [response] = await once(outgoing, 'response');
    expect(response.statusCode).toBe(413);
    outgoing.destroy();
  });

  it('with 413 when it grows past the bound in chunks', async () => {
    const chunk = Buffer.alloc(64 * 1024, 'x');
    const answer = await send(service.otlpUrl, { headers: PROTOBUF, body: Array(64).fill(chunk) });
    expect(answer.status).toBe(413);
    expect(statusOf(answer)).toMatchObject({
      code: 8,
      message: expect.stringMatching(/^SL_OTLP_TOO_LARGE: /),
    });
  });

  it('with 413 and little memory when it is a gzip bomb of a gigabyte', async () => {
    const bomb = gzipSync(Buffer.alloc(1024 * MIB), { level: 9 });
    expect(bomb.length).toBeLessThan(MAX_BODY_BYTES);
    const before = await residentMib(service.pid);
    const startedAt = performance.now();
    for (let i = 0; i < 5; i++) {
      const answer = await send(service.otlpUrl, {
        headers: { ...PROTOBUF, 'content-encoding': 'gzip' },
        body: bomb,
      });
      expect(answer.status).toBe(413);
      expect(statusOf(answer).message).toMatch(/^SL_OTLP_TOO_LARGE: .*inflates past/);
    }
    expect(performance.now() - startedAt).toBeLessThan(5000);
    expect((await residentMib(service.pid)) - before, 'MiB more than before').toBeLessThan(200);
  });

  it('with 404 at an unknown path, and 405 with Allow for another method', async () => {
    const unknown = await send(service.otlpUrl.replace('/v1/traces', '/v2/traces'), {
      headers: PROTOBUF,
      body: sound(),
    });
    expect(unknown.status).toBe(404);
    expect(statusOf(unknown).message).toMatch(/^SL_OTLP_PATH: /);
    const get = await send(service.otlpUrl, { method: 'GET' });
    expect(get.status).toBe(405);
    expect(get.headers.allow).toBe('POST');
  });
});

describe('a sender that misbehaves', () => {
  it('by being slow is cut off, and holds nobody up', async () => {
    const { hostname, port } = new URL(service.otlpUrl);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    let received = '';
    socket.on('data', (chunk) => {
      received += chunk;
    });
    socket.on('error', () => {}); // cut off while it writes
    socket.write(
      'POST /v1/traces HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\ncontent-length: 10000\r\n\r\n',
    );
    const dribble = setInterval(() => socket.write('x'), 100);
    const startedAt = performance.now();
    const closed = once(socket, 'close');
    expect((await post(service.otlpUrl, freshSpans())).status).toBe(200);
    await closed;
    clearInterval(dribble);
    expect(performance.now() - startedAt).toBeLessThan(REQUEST_TIMEOUT_MS + 5000);
    expect(received === '' || /^HTTP\/1\.1 408 /.test(received), received).toBe(true);
  });

  it('by going away in the middle of a body leaves nothing of it', async () => {
    const traces = freshSpans(50);
    const whole = encodeTraces(traces);
    const { hostname, port } = new URL(service.otlpUrl);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.write(
      `POST /v1/traces HTTP/1.1\r\nhost: here\r\ncontent-type: application/x-protobuf\r\ncontent-length: ${whole.length}\r\n\r\n`,
    );
    await new Promise((resolve) => socket.write(whole.subarray(0, whole.length / 2), resolve));
    socket.destroy();
    await allPosted();
    expect(await idsInLedger(traces)).toEqual([]);
    // Its bytes are given back: the same body sent properly is taken.
    expect((await post(service.otlpUrl, traces)).status).toBe(200);
    await expectInLedger(traces);
  });
});

describe('the same span again', () => {
  it('in other encodings counts once', async () => {
    const traces = freshSpans(6);
    await allPosted();
    const before = { duplicates: await ingested('duplicates'), quarantined: await ingested('quarantined') };
    for (const encoding of ['protobuf', 'json', 'protobuf+gzip'] as const)
      expect((await post(service.otlpUrl, traces, encoding)).status).toBe(200);
    await allPosted();
    await expectInLedger(traces);
    expect((await ingested('duplicates')) - before.duplicates).toBe(12);
    expect((await ingested('quarantined')) - before.quarantined).toBe(0);
  });

  it('twice in one body counts once', async () => {
    const call = aCall();
    expect((await post(service.otlpUrl, aRequest([call, call]))).status).toBe(200);
    await expectInLedger(aRequest([call]));
  });

  it('with other content leaves the first, and is counted as quarantined', async () => {
    const first = aCall({ 'gen_ai.usage.input_tokens': 100 });
    const { traceId = '', spanId = '', endTimeUnixNano = '', startTimeUnixNano = '' } = first;
    const other = aCall(
      { 'gen_ai.usage.input_tokens': 999_999 },
      { traceId, spanId, endTimeUnixNano, startTimeUnixNano },
    );
    await allPosted();
    const before = await ingested('quarantined');
    expect((await post(service.otlpUrl, aRequest([first]))).status).toBe(200);
    await expectInLedger(aRequest([first]));
    const answer = await post(service.otlpUrl, aRequest([other]));
    expect(answer.status).toBe(200);
    expect(partialSuccessOf(answer), 'the sender did nothing wrong that it could mend').toBe(null);
    await allPosted();
    const rows = await service.query(`SELECT input_tokens FROM usage WHERE trace_id = '${traceId}'`);
    expect(rows).toEqual([{ input_tokens: '100' }]);
    expect((await ingested('quarantined')) - before).toBe(1);
  });
});

describe('a customer may be called anything', () => {
  const sendAs = async (customer: string) => {
    const call = aCall({ 'spanledger.customer.id': customer });
    expect((await post(service.otlpUrl, aRequest([call]))).status).toBe(200);
    await expectInLedger(aRequest([call]));
    const [row] = await service.query(`SELECT customer FROM usage WHERE trace_id = '${call.traceId}'`);
    return row?.customer;
  };

  for (const [name, customer] of [
    ['SQL', `Robert'); DROP TABLE ledger.usage_record; --`],
    ['quotes', `"O'Brien" \\ "Söhne"`],
    ['newlines and tabs', 'first line\nsecond line\r\n\tthird'],
    ['emoji and other scripts', '🧾 株式会社 عميل 👩‍👩‍👧'],
    ['escape codes', '\u001b[31mred\u001b[0m'],
    ['a formula', '=1+1'],
  ] as const) {
    it(`${name}: it is stored as it was sent`, async () => {
      expect(await sendAs(customer)).toBe(customer);
    });
  }

  it('NUL, which readers cannot carry, is replaced', async () => {
    expect(await sendAs('before\0after')).toBe('before\uFFFDafter');
  });

  it('names of 10 kB that differ at their end stay two customers', async () => {
    const beginning = 'x'.repeat(10_000);
    const [one, two] = [await sendAs(`${beginning}1`), await sendAs(`${beginning}2`)];
    expect(one?.startsWith('x'.repeat(900))).toBe(true);
    expect(two?.startsWith('x'.repeat(900))).toBe(true);
    expect(one).not.toBe(two);
    expect(await sendAs(`${beginning}1`)).toBe(one);
  });
});

it('a row is readable well within a second of its acknowledgement, on an idle service', async () => {
  await allPosted();
  const delaysMs: number[] = [];
  for (let i = 0; i < 20; i++) {
    const traces = freshSpans(1);
    expect((await post(service.otlpUrl, traces)).status).toBe(200);
    const acknowledgedAt = performance.now();
    await until('the row is readable', 5000, async () => (await idsInLedger(traces)).length === 1);
    delaysMs.push(performance.now() - acknowledgedAt);
  }
  delaysMs.sort((a, b) => a - b);
  const median = delaysMs[10] ?? Number.NaN;
  console.log(
    `from acknowledgement to readable: median ${median.toFixed(0)} ms, longest ${delaysMs.at(-1)?.toFixed(0)} ms`,
  );
  expect(median).toBeLessThan(1000);
  expect(delaysMs.at(-1), 'a bound for busy machines').toBeLessThan(3000);
});
