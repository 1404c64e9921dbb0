import type { Span } from '@spanledger/metering';
import type { BodyType } from './content.ts';
import { walkJsonTraces } from './json-traces.ts';
import type { ScanLimits } from './limits.ts';
import { walkProtobufTraces } from './protobuf-traces.ts';
import type { RejectedSpan } from './rejection.ts';
import type { WantedAttributes } from './wanted.ts';

export interface TracesCheck {
  /** Spans that `readTraces` will return. */
  readonly spans: number;
  /** Spans that it will reject. */
  readonly rejected: number;
  readonly firstRejection: RejectedSpan | null;
}

export interface TracesRead {
  readonly spans: Span[];
  readonly rejected: RejectedSpan[];
}

/**
 * Whether a body can be read, and how many spans it has: the receiver asks before it answers. A body that passes
 * is read by `readTraces` without an error and with these counts, whatever attributes are wanted there, because
 * both are one walk that keeps or does not keep what it passes. No bytes are an empty request in either type.
 *
 * @throws SL_OTLP_MALFORMED, SL_OTLP_WRONG_SIGNAL, SL_OTLP_TOO_LARGE; nothing else.
 */
export function checkTraces(body: Uint8Array, type: BodyType, limits: ScanLimits): TracesCheck {
  const { accepted, rejected } = walkTraces(body, type, null, limits);
  return { spans: accepted, rejected: rejected.length, firstRejection: rejected[0] ?? null };
}

/**
 * The spans of a body with the attributes that are wanted, in the order of the body.
 *
 * @throws what `checkTraces` throws for the same body.
 */
export function readTraces(
  body: Uint8Array,
  type: BodyType,
  wanted: WantedAttributes,
  limits: ScanLimits,
): TracesRead {
  const { spans, rejected } = walkTraces(body, type, wanted, limits);
  return { spans, rejected };
}

function walkTraces(body: Uint8Array, type: BodyType, wanted: WantedAttributes | null, limits: ScanLimits) {
  switch (type) {
    case 'protobuf':
      return walkProtobufTraces(body, wanted, limits);
    case 'json':
      return walkJsonTraces(body, wanted, limits);
  }
}
