/**
 * OTLP/HTTP traces and logs: from the bytes of a request to the spans and log records that metering reads, and the bytes
 * of the answer.
 *
 * In the order of a request: `bodyTypeOf` and `bodyEncodingOf` say how it is written, `inflate` undoes the
 * compression within a bound, `checkTraces` or `checkLogs` decides before the answer whether the body can be kept and
 * what is wrong with single spans, `encodeExportResponse` or `encodeStatus` is the answer. Later, from the journal,
 * `readTraces` and `readLogs` make the spans and log records.
 *
 * `protobuf.ts` and `json.ts` are the two walks down to a record; beside them stands what a record is in each signal.
 * Both walks give the same for the same request.
 */
export { type BodyEncoding, type BodyType, bodyEncodingOf, bodyTypeOf } from './content.ts';
export { inflate } from './inflate.ts';
export { SCAN_LIMITS, type ScanLimits } from './limits.ts';
export { checkLogs, type LogsCheck, type LogsRead, readLogs } from './logs.ts';
export type { RejectedSpan, RejectReason } from './rejection.ts';
export { encodeExportResponse, encodeStatus, type PartialSuccess } from './reply.ts';
export type { Signal } from './signal.ts';
export { checkTraces, readTraces, type TracesCheck, type TracesRead } from './traces.ts';
export { WantedAttributes } from './wanted.ts';
