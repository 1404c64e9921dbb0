import { randomFillSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import { encodeTraces, manySpans } from '../../collector/src/otlp/testing/bodies.ts';

/**
 * Load on an OTLP receiver, as a process of its own: `node load.ts URL SECONDS CONNECTIONS RATE GZIP`. Each request has
 * 512 spans of 25 attributes with ids that were never sent before. RATE is spans per second, 0 for as fast as the
 * answers come; latency is counted from the moment a request should have been sent. Prints one line of JSON.
 */
export interface LoadResult {
  readonly spans: number;
  readonly requests: number;
  /** When the first request was sent, milliseconds since the epoch. */
  readonly startedAtMillis: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly refused: number;
}

const SPANS = 512;
const TEMPLATES = 8;

const RESPONSE_ID = /chatcmpl-[0-9a-f]{24}/g;
const RESPONSE_ID_HEX = 24;

/** A body whose ids can be replaced in place: encoding anew would cost more than everything that is measured. */
interface Template {
  readonly body: Buffer;
  /** Where trace ids stand, with the number of the id, and span and parent ids alike. */
  readonly traceIds: readonly (readonly [offset: number, id: number])[];
  readonly spanIds: readonly (readonly [offset: number, id: number])[];
  /** Where the digits of response ids stand: two calls with one id would be taken for one. */
  readonly responseIds: readonly number[];
}

function template(seed: number): Template {
  const spans = manySpans({ count: SPANS, seed, endTimeMs: Date.now() });
  const body = Buffer.from(encodeTraces(spans));
  const traceIds: [number, number][] = [];
  const spanIds: [number, number][] = [];
  const numbers = new Map<string, number>();
  const number = (hex: string) => numbers.get(hex) ?? numbers.set(hex, numbers.size).size - 1;
  for (const span of spans.resourceSpans?.flatMap((r) => r.scopeSpans?.flatMap((s) => s.spans ?? []) ?? []) ??
    []) {
    for (const [hex, places] of [
      [span.traceId ?? '', traceIds],
      [span.spanId ?? '', spanIds],
    ] as const) {
      if (numbers.has(hex)) continue;
      const bytes = Buffer.from(hex, 'hex');
      for (let at = body.indexOf(bytes); at >= 0; at = body.indexOf(bytes, at + 1))
        places.push([at, number(hex)]);
    }
  }
  const responseIds = [...body.toString('latin1').matchAll(RESPONSE_ID)].map(
    ({ index }) => index + 'chatcmpl-'.length,
  );
  return { body, traceIds, spanIds, responseIds };
}

function withFreshIds({ body, traceIds, spanIds, responseIds }: Template): Buffer {
  const fresh = Buffer.from(body);
  const random = randomFillSync(Buffer.allocUnsafe(SPANS * 2 * 16));
  for (const [offset, id] of traceIds) random.copy(fresh, offset, id * 16, id * 16 + 16);
  for (const [offset, id] of spanIds) random.copy(fresh, offset, id * 16, id * 16 + 8);
  const digits = randomFillSync(Buffer.allocUnsafe(RESPONSE_ID_HEX / 2)).toString('hex');
  for (const [index, offset] of responseIds.entries()) {
    fresh.write(digits, offset, 'latin1');
    fresh.write(index.toString(16).padStart(4, '0'), offset, 'latin1');
  }
  return fresh;
}

async function run(url: string, seconds: number, connections: number, rate: number, gzip: boolean) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const templates = Array.from({ length: TEMPLATES }, (_, seed) => template(seed + 1));
  const headers = {
    'content-type': 'application/x-protobuf',
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  };
  // Compressing takes longer than receiving, so gzipped bodies are made before the clock starts.
  const ready: Buffer[] = [];
  const prepared = gzip ? Math.ceil(((rate || 200_000) * seconds) / SPANS) : 0;
  for (let i = 0; i < prepared; i++)
    ready.push(gzipSync(withFreshIds(templates[i % TEMPLATES] ?? template(1)), { level: 3 }));

  const send = (body: Buffer) =>
    new Promise<number>((resolve, reject) => {
      const outgoing = request(url, {
        method: 'POST',
        agent,
        headers: { ...headers, 'content-length': body.length },
      });
      outgoing.on('response', (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode ?? 0));
      });
      outgoing.on('error', reject);
      outgoing.end(body);
    });

  const latencies: number[] = [];
  let spans = 0;
  let refused = 0;
  let sent = 0;
  const startedAtMillis = Date.now();
  const startedAt = performance.now();
  const everyMs = rate === 0 ? 0 : (SPANS / rate) * 1000;
  const sender = async () => {
    for (;;) {
      const turn = sent++;
      const dueAt = rate === 0 ? performance.now() : startedAt + turn * everyMs;
      if (dueAt - startedAt > seconds * 1000) return;
      const waitMs = dueAt - performance.now();
      if (waitMs > 1) await new Promise((resolve) => setTimeout(resolve, waitMs));
      const body = gzip ? ready[turn] : withFreshIds(templates[turn % TEMPLATES] ?? template(1));
      if (body === undefined) return;
      const status = await send(body);
      latencies.push(performance.now() - dueAt);
      if (status === 200) spans += SPANS;
      else refused++;
    }
  };
  await Promise.all(Array.from({ length: connections }, sender));
  agent.destroy();
  latencies.sort((a, b) => a - b);
  const at = (share: number) =>
    Number((latencies[Math.floor((latencies.length - 1) * share)] ?? 0).toFixed(1));
  const result: LoadResult = {
    spans,
    requests: latencies.length,
    startedAtMillis,
    seconds: (performance.now() - startedAt) / 1000,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: at(1),
    refused,
  };
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

const [url = '', seconds = '10', connections = '8', rate = '0', gzip = 'false'] = process.argv.slice(2);
await run(url, Number(seconds), Number(connections), Number(rate), gzip === 'true');
