import type { Origin, Scope, SentSpan, SpanKind } from './span.ts';

/**
 * The spans of one process as the body of an OTLP request in protobuf, as exporters send it
 * (opentelemetry/proto/trace/v1/trace.proto). Written by hand, because the demo is a user of the service: it takes
 * nothing from its insides, and an encoder for what is sent here is this one page.
 */
export function otlpBody(origin: Origin, spans: readonly SentSpan[]): Uint8Array {
  const out = new Writer();
  out.message(1, () => {
    out.message(1, () => {
      for (const [key, value] of Object.entries(resourceOf(origin))) attribute(out, 1, key, value);
    });
    for (const [scope, own] of byScope(spans)) {
      out.message(2, () => {
        out.message(1, () => {
          out.text(1, scope.name);
          out.text(2, scope.version);
        });
        for (const span of own) out.message(2, () => spanFields(out, span));
      });
    }
  });
  return out.bytes();
}

function resourceOf({ service, environment, isCostOnly }: Origin): Readonly<Record<string, string>> {
  return {
    'service.name': service,
    'service.version': service === 'desk-api' ? '5.2.0' : '1.9.3',
    'deployment.environment.name': environment,
    'telemetry.sdk.name': 'opentelemetry',
    'telemetry.sdk.language': service === 'desk-api' ? 'nodejs' : 'python',
    ...(isCostOnly
      ? { 'spanledger.import.batch': 'before-credits', 'spanledger.import.mode': 'cost_only' }
      : {}),
  };
}

function byScope(spans: readonly SentSpan[]): ReadonlyMap<Scope, readonly SentSpan[]> {
  const scopes = new Map<Scope, SentSpan[]>();
  for (const span of spans) {
    const own = scopes.get(span.scope);
    if (own === undefined) scopes.set(span.scope, [span]);
    else own.push(span);
  }
  return scopes;
}

const KINDS: Readonly<Record<SpanKind, number>> = { internal: 1, server: 2, client: 3 };
const STATUS_OK = 1;
const STATUS_ERROR = 2;

function spanFields(out: Writer, span: SentSpan): void {
  out.hex(1, span.traceId);
  out.hex(2, span.spanId);
  if (span.parentSpanId !== null) out.hex(4, span.parentSpanId);
  out.text(5, span.name);
  out.number(6, KINDS[span.kind]);
  out.instant(7, span.startMicros);
  out.instant(8, span.endMicros);
  for (const [key, value] of Object.entries(span.attributes)) {
    if (value !== undefined) attribute(out, 9, key, value);
  }
  out.message(15, () => out.number(3, span.hasFailed ? STATUS_ERROR : STATUS_OK));
}

function attribute(out: Writer, field: number, key: string, value: string | number | boolean): void {
  out.message(field, () => {
    out.text(1, key);
    out.message(2, () => {
      if (typeof value === 'string') out.text(1, value);
      else if (typeof value === 'boolean') out.number(2, value ? 1 : 0);
      else if (Number.isInteger(value)) out.number(3, value);
      else out.double(4, value);
    });
  });
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
/** More than one string or number takes here; beyond it the buffer grows. */
const ROOM_BYTES = 4096;

/** Fields of protobuf, one after the other. */
class Writer {
  #buffer = Buffer.allocUnsafe(256 * 1024);
  #position = 0;

  bytes(): Uint8Array {
    return this.#buffer.subarray(0, this.#position);
  }

  text(field: number, value: string): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#withLength(() => {
      this.#makeRoom(value.length * 3);
      this.#position += this.#buffer.write(value, this.#position, 'utf8');
    });
  }

  hex(field: number, digits: string): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#withLength(() => {
      this.#makeRoom(digits.length);
      this.#position += this.#buffer.write(digits, this.#position, 'hex');
    });
  }

  number(field: number, value: number): void {
    this.#tag(field, VARINT);
    this.#varint(value);
  }

  double(field: number, value: number): void {
    this.#tag(field, FIXED64);
    this.#position = this.#buffer.writeDoubleLE(value, this.#position);
  }

  /** Microseconds since 1970, sent as nanoseconds. */
  instant(field: number, micros: number): void {
    this.#tag(field, FIXED64);
    this.#position = this.#buffer.writeBigUInt64LE(BigInt(micros) * 1000n, this.#position);
  }

  message(field: number, write: () => void): void {
    this.#tag(field, LENGTH_DELIMITED);
    this.#withLength(write);
  }

  /** What is written is moved on where its length takes more than the one byte that was left for it. */
  #withLength(write: () => void): void {
    const at = this.#position;
    this.#position = at + 1;
    write();
    const length = this.#position - at - 1;
    const extra = varintBytes(length) - 1;
    if (extra > 0) {
      this.#makeRoom(extra);
      this.#buffer.copyWithin(at + 1 + extra, at + 1, at + 1 + length);
    }
    this.#position = at;
    this.#varint(length);
    this.#position += length;
  }

  #tag(field: number, wireType: number): void {
    this.#makeRoom(ROOM_BYTES);
    this.#varint(field * 8 + wireType);
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[this.#position++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#buffer[this.#position++] = rest;
  }

  #makeRoom(bytes: number): void {
    if (this.#position + bytes <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(this.#buffer.length * 2, this.#position + bytes));
    this.#buffer.copy(larger, 0, 0, this.#position);
    this.#buffer = larger;
  }
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}
