/**
 * Many spans of one call, and what counts: `observe` reads a span of any emitter alone, `decide` settles for all spans
 * of linked traces who bills and who pays, whatever the order they came in. Read `observe.ts`, `decide.ts`, `calls.ts`,
 * `roles.ts`, `attribution.ts` in this order.
 *
 * The ledger does not use it yet: until it keeps what it knows of open traces, it meters each span alone with
 * `meter`, which reads the OpenTelemetry conventions only. When it does, `normalise.ts` and what only that needs go.
 */
export {
  type AttributionSettings,
  NO_ATTRIBUTION_SETTINGS,
  type UsageClassRule,
} from './attribution.ts';
export { DEFAULT_GRACE_MICROS, type Decision, decide } from './decide.ts';
export { digest } from './digest.ts';
export {
  type KeptObservation,
  keep,
  linkHashes,
  recall,
  tellTheSame,
} from './kept.ts';
export { type Label, type LabelField, type LabelSettings, type Labels, NO_LABEL_SETTINGS } from './labels.ts';
export { linkedGroups, linkKeys, MAX_TRACES_OF_A_LINK } from './linked.ts';
export { LOG_ATTRIBUTES_READ, logAttributesRead, observeLog } from './logs/observe-log.ts';
export type { LogRecord } from './logs/record.ts';
export { completeness, keyOf, type Observation, type ObservedUsage } from './observation.ts';
export {
  ATTRIBUTES_READ,
  attributesRead,
  DEFAULT_OBSERVE_SETTINGS,
  type ObserveSettings,
  observe,
  observeSettings,
} from './observe.ts';
export type { Deadline } from './roles.ts';
export type {
  AttributionLevel,
  AttributionSource,
  AttributionSources,
  ModalityTokens,
  SemanticsLevel,
  SpanKey,
  UsageRecord,
} from './usage.ts';
export { inputTokens, outputTokens } from './usage.ts';
