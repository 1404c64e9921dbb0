import { type Agent, type OutgoingHttpHeaders, request } from 'node:http';
import { gzipSync } from 'node:zlib';
import {
  encodeTraces,
  type RequestSpan,
  type TracesRequest,
  toJsonBody,
} from '../collector/src/otlp/testing/bodies.ts';
import { RpcStatusType, TracesResponseType } from '../collector/src/otlp/testing/schema.ts';

export interface HttpAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export interface Outgoing {
  readonly method?: string;
  readonly headers?: OutgoingHttpHeaders;
  /** Several pieces are sent as chunks, without a content length. */
  readonly body?: Uint8Array | readonly Uint8Array[];
  readonly agent?: Agent;
}

/** One request with exactly these headers: `fetch` would add to them and hide the connection. */
export function send(
  url: string,
  { method = 'POST', headers = {}, body, agent }: Outgoing = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const pieces = body === undefined ? [] : body instanceof Uint8Array ? [body] : body;
    const isChunked = body !== undefined && !(body instanceof Uint8Array);
    const outgoing = request(url, {
      method,
      headers: { ...headers, ...(isChunked ? {} : { 'content-length': pieces[0]?.byteLength ?? 0 }) },
      ...(agent === undefined ? {} : { agent }),
    });
    let isAnswered = false;
    outgoing.on('response', (response) => {
      isAnswered = true;
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks),
        }),
      );
    });
    // A server that refuses early closes while the rest of the body is still on its way.
    outgoing.on('error', (error) => {
      if (!isAnswered) reject(error);
    });
    for (const piece of pieces) outgoing.write(piece);
    outgoing.end();
  });
}

export type Encoding = 'protobuf' | 'protobuf+gzip' | 'json' | 'json+gzip';
export const ENCODINGS: readonly Encoding[] = ['protobuf', 'protobuf+gzip', 'json', 'json+gzip'];

export interface EncodedBody {
  readonly headers: { 'content-type': string; 'content-encoding'?: string };
  readonly body: Uint8Array;
}

export function encode(traces: TracesRequest, encoding: Encoding): EncodedBody {
  const isJson = encoding.startsWith('json');
  const plain = isJson ? toJsonBody(traces) : encodeTraces(traces);
  const type = { 'content-type': isJson ? 'application/json' : 'application/x-protobuf' };
  if (!encoding.endsWith('+gzip')) return { headers: type, body: plain };
  return { headers: { ...type, 'content-encoding': 'gzip' }, body: gzipSync(plain, { level: 1 }) };
}

/** Posts the request, in protobuf unless told otherwise. */
export function post(
  url: string,
  traces: TracesRequest,
  encoding: Encoding = 'protobuf',
): Promise<HttpAnswer> {
  return send(url, encode(traces, encoding));
}

/** A `google.rpc.Status` in whichever encoding the answer says it has. */
export function statusOf({ headers, body }: HttpAnswer): { code: number; message: string } {
  const plain =
    headers['content-type'] === 'application/x-protobuf'
      ? RpcStatusType.toObject(RpcStatusType.decode(body), { defaults: true })
      : JSON.parse(body.toString('utf8'));
  return { code: Number(plain.code), message: String(plain.message) };
}

/** The partial success that an answer tells, or null for full success. */
export function partialSuccessOf({
  headers,
  body,
}: HttpAnswer): { rejectedSpans: string; errorMessage: string } | null {
  const plain =
    headers['content-type'] === 'application/x-protobuf'
      ? TracesResponseType.toObject(TracesResponseType.decode(body), { longs: String })
      : JSON.parse(body.toString('utf8'));
  return plain.partialSuccess ?? null;
}

export function spansOf(traces: TracesRequest): RequestSpan[] {
  return (traces.resourceSpans ?? []).flatMap(({ scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) => spans),
  );
}
