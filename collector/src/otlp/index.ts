/**
 * OTLP/HTTP traces: from the bytes of a request to the spans that metering reads, and the bytes of the answer.
 *
 * In the order of a request: `bodyTypeOf` and `bodyEncodingOf` say how it is written, `inflate` undoes the
 * compression within a bound, `checkTraces` decides before the answer whether the body can be kept and what is
 * wrong with single spans, `encodeTracesResponse` or `encodeStatus` is the answer. Later, from the journal,
 * `readTraces` makes the spans.
 *
 * `protobuf.ts` and `json.ts` are the two walks; both give the same spans for the same request.
 */
export { type BodyEncoding, type BodyType, bodyEncodingOf, bodyTypeOf } from './content.ts';
export { inflate } from './inflate.ts';
export { SCAN_LIMITS, type ScanLimits } from './limits.ts';
export type { RejectedSpan, RejectReason } from './rejection.ts';
export { encodeStatus, encodeTracesResponse, type PartialSuccess } from './reply.ts';
export { checkTraces, readTraces, type TracesCheck, type TracesRead } from './traces.ts';
export { WantedAttributes } from './wanted.ts';
