import { once } from 'node:events';
import { createServer } from 'node:http';

export interface SunkSpan {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly kind: number;
  readonly isError: boolean;
  readonly attributes: Readonly<Record<string, unknown>>;
}

export interface Sink {
  readonly url: string;
  spans(): readonly SunkSpan[];
  /** Everything received, as text: what must not be in there can be searched for. */
  raw(): string;
  close(): Promise<void>;
}

/** Receives OTLP over HTTP on loopback; reads the JSON form, keeps the bytes of any. */
export async function startSink(): Promise<Sink> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part);
    bodies.push(Buffer.concat(parts).toString('utf8'));
    response.end('{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  return {
    url: `http://127.0.0.1:${port}`,
    spans: () => bodies.flatMap((body) => spansOf(JSON.parse(body))),
    raw: () => bodies.join('\n'),
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function spansOf(body: unknown): SunkSpan[] {
  return list(body, 'resourceSpans')
    .flatMap((resource) => list(resource, 'scopeSpans'))
    .flatMap((scope) => list(scope, 'spans'))
    .map((span) => ({
      name: String(member(span, 'name')),
      traceId: String(member(span, 'traceId')),
      spanId: String(member(span, 'spanId')),
      parentSpanId:
        member(span, 'parentSpanId') === undefined ? undefined : String(member(span, 'parentSpanId')),
      kind: Number(member(span, 'kind')),
      isError: member(member(span, 'status'), 'code') === 2,
      attributes: Object.fromEntries(
        list(span, 'attributes').map((entry) => [
          String(member(entry, 'key')),
          plain(member(entry, 'value')),
        ]),
      ),
    }));
}

function plain(value: unknown): unknown {
  const values = member(member(value, 'arrayValue'), 'values');
  if (Array.isArray(values)) return values.map(plain);
  const number = member(value, 'intValue') ?? member(value, 'doubleValue');
  return number === undefined ? (member(value, 'stringValue') ?? member(value, 'boolValue')) : Number(number);
}

function list(value: unknown, name: string): readonly unknown[] {
  const entries = member(value, name);
  return Array.isArray(entries) ? entries : [];
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
