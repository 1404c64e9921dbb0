import { readFileSync } from 'node:fs';
import type { AttributeValue, Span } from '@spanledger/metering';
import type { TracesRead } from '../traces.ts';
import type { KeyValue, RequestSpan, AnyValue as RequestValue, ScopeSpans, TracesRequest } from './bodies.ts';
import { TracesRequestType } from './schema.ts';

/**
 * The obvious way to read a request, slow and easy to trust: a general decoder builds the whole message, then it
 * is mapped with BigInt arithmetic. Tests compare the walks with it.
 */
export interface PlainSpan extends Omit<Span, 'attributes' | 'resource'> {
  readonly attributes: Readonly<Record<string, AttributeValue>>;
  readonly resource: Readonly<Record<string, AttributeValue>>;
}

export interface PlainRead {
  readonly spans: readonly PlainSpan[];
  readonly rejected: readonly string[];
}

/** What a walk read, in the shape of the reference. */
export function plain({ spans, rejected }: TracesRead, keys: readonly string[]): PlainRead {
  return {
    spans: spans.map((span) => ({
      ...span,
      attributes: valuesAt(span.attributes, keys),
      resource: valuesAt(span.resource, keys),
    })),
    rejected: rejected.map(({ reason }) => reason),
  };
}

/** Throws whatever the general decoder throws. */
export function referenceProtobuf(body: Uint8Array, keys: readonly string[]): PlainRead {
  const { resourceSpans } = TracesRequestType.toObject(TracesRequestType.decode(body), {
    longs: String,
    defaults: true,
  });
  return mapRequest({ resourceSpans }, keys);
}

export function referenceJson(body: Uint8Array, keys: readonly string[]): PlainRead {
  const request: TracesRequest = JSON.parse(Buffer.from(body).toString('utf8'));
  const decoded: DecodedRequest = {
    resourceSpans: (request.resourceSpans ?? []).map(({ resource, scopeSpans }) => ({
      resource: { attributes: resource?.attributes ?? [] },
      scopeSpans: (scopeSpans ?? []).map(({ scope, spans }) => ({
        scope: { name: scope?.name ?? '', version: scope?.version ?? '' },
        spans: (spans ?? []).map((span) => ({
          traceId: Buffer.from(span.traceId ?? '', 'hex'),
          spanId: Buffer.from(span.spanId ?? '', 'hex'),
          parentSpanId: Buffer.from(span.parentSpanId ?? '', 'hex'),
          name: span.name ?? '',
          kind: span.kind ?? 0,
          startTimeUnixNano: span.startTimeUnixNano ?? '0',
          endTimeUnixNano: span.endTimeUnixNano ?? '0',
          attributes: span.attributes ?? [],
          status: { code: span.status?.code ?? 0 },
        })),
      })),
    })),
  };
  return mapRequest(decoded, keys);
}

/** A captured body in the shape in which tests write requests down, to be sent again in other ways. */
export function requestOf(body: Uint8Array, type: 'protobuf' | 'json'): TracesRequest {
  if (type === 'json') return JSON.parse(Buffer.from(body).toString('utf8'));
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  const { resourceSpans = [] }: DecodedTraces = TracesRequestType.toObject(TracesRequestType.decode(body), {
    longs: String,
  });
  return {
    resourceSpans: resourceSpans.map(({ scopeSpans = [], ...ofResource }) => ({
      ...ofResource,
      scopeSpans: scopeSpans.map(({ spans = [], ...ofScope }) => ({
        ...ofScope,
        spans: spans.map(({ traceId, spanId, parentSpanId, ...span }) => ({
          ...span,
          traceId: hex(traceId),
          spanId: hex(spanId),
          ...(parentSpanId === undefined ? {} : { parentSpanId: hex(parentSpanId) }),
        })),
      })),
    })),
  };
}

/** What the general decoder gives, as far as it differs from the shape of a request: ids are bytes. */
interface DecodedTraces {
  readonly resourceSpans?: readonly (Omit<
    NonNullable<TracesRequest['resourceSpans']>[number],
    'scopeSpans'
  > & {
    readonly scopeSpans?: readonly (Omit<ScopeSpans, 'spans'> & {
      readonly spans?: readonly (Omit<RequestSpan, 'traceId' | 'spanId' | 'parentSpanId'> & {
        readonly traceId: Uint8Array;
        readonly spanId: Uint8Array;
        readonly parentSpanId?: Uint8Array;
      })[];
    })[];
  })[];
}

export interface CapturedBody {
  readonly case: string;
  readonly file: string;
  readonly bytes: Buffer;
  readonly contentType: string;
  readonly contentEncoding: string | undefined;
  readonly spans: number;
}

interface CaptureMeta {
  readonly bodies: readonly {
    readonly file: string;
    readonly content_type: string;
    readonly content_encoding: string | null;
    readonly spans: number;
  }[];
}

/** The captured bodies that one `.meta.json` file describes. */
export function capturedBodies(meta: URL): CapturedBody[] {
  const { bodies }: CaptureMeta = JSON.parse(readFileSync(meta, 'utf8'));
  return bodies.map((body) => ({
    case: meta.pathname.replace(/^.*\/|\.meta\.json$/g, ''),
    file: body.file,
    bytes: readFileSync(new URL(body.file, meta)),
    contentType: body.content_type,
    contentEncoding: body.content_encoding ?? undefined,
    spans: body.spans,
  }));
}

interface DecodedRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] } | null;
    readonly scopeSpans: readonly {
      readonly scope: { readonly name: string; readonly version: string } | null;
      readonly spans: readonly DecodedSpan[];
    }[];
  }[];
}

interface DecodedSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: number } | null;
}

function mapRequest(request: DecodedRequest, keys: readonly string[]): PlainRead {
  const spans: PlainSpan[] = [];
  const rejected: string[] = [];
  for (const { resource, scopeSpans } of request.resourceSpans) {
    for (const { scope, spans: ofScope } of scopeSpans) {
      for (const span of ofScope) {
        const end = BigInt(span.endTimeUnixNano) / 1000n;
        const start = BigInt(span.startTimeUnixNano) / 1000n;
        const reason = !isId(span.traceId, 16)
          ? 'trace_id_invalid'
          : !isId(span.spanId, 8)
            ? 'span_id_invalid'
            : BigInt(span.endTimeUnixNano) === 0n
              ? 'end_time_missing'
              : end > BigInt(Number.MAX_SAFE_INTEGER)
                ? 'time_out_of_range'
                : null;
        if (reason !== null) {
          rejected.push(reason);
          continue;
        }
        const hasStart = BigInt(span.startTimeUnixNano) !== 0n && start <= end;
        spans.push({
          traceId: span.traceId.toString('hex'),
          spanId: span.spanId.toString('hex'),
          parentSpanId: isId(span.parentSpanId, 8) ? span.parentSpanId.toString('hex') : null,
          name: span.name,
          kind: span.kind,
          startTimeMicros: Number(hasStart ? start : end),
          endTimeMicros: Number(end),
          statusCode: span.status?.code ?? 0,
          attributes: mapAttributes(span.attributes, keys),
          resource: mapAttributes(resource?.attributes ?? [], keys),
          scopeName: scope?.name ?? '',
          scopeVersion: scope?.version ?? '',
        });
      }
    }
  }
  return { spans, rejected };
}

function isId(bytes: Buffer, length: number): boolean {
  return bytes.length === length && bytes.some((byte) => byte !== 0);
}

function mapAttributes(
  attributes: readonly KeyValue[],
  keys: readonly string[],
): Record<string, AttributeValue> {
  const last = new Map(attributes.map(({ key, value }) => [key, mapValue(value)]));
  return valuesAt(last, keys);
}

function mapValue(value: RequestValue | null | undefined): AttributeValue | undefined {
  if (value === undefined || value === null) return undefined;
  if (value.stringValue !== undefined) return value.stringValue;
  if (value.boolValue !== undefined) return value.boolValue;
  if (value.intValue !== undefined) {
    const number = Number(value.intValue);
    return Number.isSafeInteger(number) ? number : BigInt(value.intValue);
  }
  // JSON.stringify writes NaN as null.
  if (value.doubleValue !== undefined) return value.doubleValue ?? Number.NaN;
  if (value.arrayValue !== undefined) {
    return (value.arrayValue.values ?? []).map(mapValue).filter((element) => element !== undefined);
  }
  return undefined;
}

function valuesAt(
  attributes: { get(key: string): AttributeValue | undefined },
  keys: readonly string[],
): Record<string, AttributeValue> {
  const values = keys.map((key) => [key, attributes.get(key)] as const);
  return Object.fromEntries(
    values.filter((entry): entry is [string, AttributeValue] => entry[1] !== undefined),
  );
}
