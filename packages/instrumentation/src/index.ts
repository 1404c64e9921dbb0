export { type Attribution, currentAttribution, type UsageClass, withAttribution } from './attribution.ts';
export { meter, OpenAIInstrumentation } from './openai/instrumentation.ts';
export type { MeteringOptions, StreamUsagePolicy } from './options.ts';
export { recordUsage, type UsageToRecord, type UsageUnit } from './record-usage.ts';
export { SpanledgerSpanProcessor } from './span-processor.ts';
