import { DEPLOYMENT_ENVIRONMENT_NAME, SESSION_ID, USER_ID } from '@spanledger/semconv';
import { CLIENT_SPAN, spanIdOf, traceIdOf } from './outgoing-span.ts';
import { countOf, type Fields, fieldsOf, firstOf, problem, textOf, type Understood } from './record.ts';
import { TIME_EXPECTATION, timeMicros } from './row-time.ts';

/**
 * Observations as Langfuse exports them: from the table in its pages and its API in camel case, from its blob storage
 * in snake case (langfuse/langfuse, domain/observations.ts; documentation, "Blob storage export field reference").
 * All of them are sent, not only generations: one generation may stand around another, and only the observations
 * between them show it.
 *
 * They become the spans that Langfuse's SDKs send, so the numbers are understood as there: `usageDetails` has amounts of
 * which none includes another. What only has input and output of the older kind has no cached tokens to tell apart.
 */
export function readLangfuseObservation(fields: Fields, source: string): Understood {
  const id = textOf(fields.id);
  if (id === null) return problem('id', 'the id of the observation', fields.id);
  const type = textOf(fields.type)?.toLowerCase() ?? null;
  if (type === null) return problem('type', 'the type of the observation (GENERATION, SPAN, …)', fields.type);
  const traceId = textOf(firstOf(fields, 'traceId', 'trace_id'));
  const start = firstOf(fields, 'startTime', 'start_time');
  const startMicros = timeMicros(textOf(start) ?? '');
  if (startMicros === null) return problem('startTime', TIME_EXPECTATION, start);
  const end = firstOf(fields, 'endTime', 'end_time');
  const endMicros = end === undefined ? startMicros : timeMicros(textOf(end) ?? '');
  if (endMicros === null) return problem('endTime', TIME_EXPECTATION, end);

  const usage = usageOf(fields);
  if (usage.kind === 'other_unit') {
    return problem('usage.unit', 'TOKENS, as other units cannot be told apart from tokens', usage.unit);
  }
  const model = textOf(firstOf(fields, 'model', 'providedModelName', 'provided_model_name'));
  if (usage.kind === 'counted' && model === null && type === 'generation') {
    return problem('model', 'the model of a generation that has a usage', undefined);
  }
  const environment = textOf(fields.environment);
  const parent = textOf(firstOf(fields, 'parentObservationId', 'parent_observation_id'));
  const isFailed = textOf(fields.level) === 'ERROR';
  return {
    kind: 'span',
    span: {
      resource: environment === null ? {} : { [DEPLOYMENT_ENVIRONMENT_NAME]: environment },
      traceId: openTelemetryId(traceId, TRACE_ID) ?? traceIdOf(source, traceId ?? id),
      spanId: observationSpanId(source, id),
      parentSpanId: parent === null || parent === traceId ? null : observationSpanId(source, parent),
      name: textOf(fields.name) ?? type,
      kind: CLIENT_SPAN,
      startMicros: Math.min(startMicros, endMicros),
      endMicros: Math.max(startMicros, endMicros),
      hasFailed: isFailed,
      attributes: {
        'langfuse.observation.type': type,
        'langfuse.observation.model.name': model,
        'langfuse.observation.usage_details': usage.kind === 'counted' ? JSON.stringify(usage.details) : null,
        'langfuse.observation.cost_details': jsonText(firstOf(fields, 'costDetails', 'cost_details')),
        'langfuse.observation.model.parameters': jsonText(
          firstOf(fields, 'modelParameters', 'model_parameters'),
        ),
        'langfuse.observation.level': textOf(fields.level),
        'langfuse.observation.completion_start_time': textOf(
          firstOf(fields, 'completionStartTime', 'completion_start_time'),
        ),
        'langfuse.observation.metadata': jsonText(fields.metadata),
        'langfuse.trace.name': textOf(firstOf(fields, 'traceName', 'trace_name')),
        'langfuse.trace.tags': jsonText(firstOf(fields, 'tags', 'traceTags', 'trace_tags')),
        [USER_ID]: textOf(firstOf(fields, 'userId', 'user_id')),
        [SESSION_ID]: textOf(firstOf(fields, 'sessionId', 'session_id')),
      },
    },
  };
}

const TRACE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const SPAN_ID = /^(?!0{16})[0-9a-f]{16}$/;

/** Langfuse keeps the ids of OpenTelemetry, so what was also received live is the same span, and counts once. */
function openTelemetryId(id: string | null, shape: RegExp): string | null {
  return id !== null && shape.test(id) ? id : null;
}

function observationSpanId(source: string, id: string): string {
  return openTelemetryId(id, SPAN_ID) ?? spanIdOf(source, id);
}

type Usage =
  | { readonly kind: 'none' }
  | { readonly kind: 'counted'; readonly details: Readonly<Record<string, number>> }
  | { readonly kind: 'other_unit'; readonly unit: string };

function usageOf(fields: Fields): Usage {
  for (const name of ['usageDetails', 'usage_details', 'providedUsageDetails', 'provided_usage_details']) {
    const details = countsIn(fieldsOf(fields[name]) ?? {});
    if (Object.keys(details).length > 0) return { kind: 'counted', details };
  }
  // An observation's own `input` and `output` are prompt and answer, whatever they look like.
  const older = fieldsOf(fields.usage);
  const details = countsIn({
    input: older?.input ?? firstOf(fields, 'promptTokens', 'inputUsage', 'input_usage'),
    output: older?.output ?? firstOf(fields, 'completionTokens', 'outputUsage', 'output_usage'),
  });
  if (Object.values(details).every((count) => count === 0)) return { kind: 'none' };
  const unit = textOf(older?.unit);
  return unit === null || unit === 'TOKENS' ? { kind: 'counted', details } : { kind: 'other_unit', unit };
}

function countsIn(fields: Fields): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [name, value] of Object.entries(fields)) {
    const count = countOf(value);
    if (count !== null) counts[name] = count;
  }
  return counts;
}

function jsonText(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  return typeof value === 'string' ? textOf(value) : JSON.stringify(value);
}
