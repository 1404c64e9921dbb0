import { NOT_SERVED } from '../dialects/served.ts';
import type { Labels } from '../labels.ts';
import { look } from '../meaning.ts';
import type { Observation, ObservedUsage } from '../observation.ts';
import { DEFAULT_OBSERVE_SETTINGS, type ObserveSettings, observedResource } from '../observe.ts';
import { observedUsage } from '../observed-usage.ts';
import { resolveTokens } from '../tokens.ts';
import { type CallEvent, EVENT_NAME, type LogDialect } from './dialect.ts';
import { EVENT_KEYS, identityOf } from './identity.ts';
import type { LogRecord } from './record.ts';
import { LOG_DIALECTS } from './table.ts';

/** Every attribute key that observing log records reads under these settings; codecs skip all others. */
export function logAttributesRead(settings: ObserveSettings): readonly string[] {
  return [
    ...new Set([
      EVENT_NAME,
      ...EVENT_KEYS,
      ...LOG_DIALECTS.flatMap(({ attributes, alsoReads = [] }) => [...attributes, ...alsoReads]),
      ...settings.labels.attributes,
    ]),
  ];
}

/** The same under the settings that nobody has extended. */
export const LOG_ATTRIBUTES_READ: readonly string[] = logAttributesRead(DEFAULT_OBSERVE_SETTINGS);

/**
 * A log event that tells of a model call, as the observation that a span of that call would be: from here on nothing
 * tells them apart, and where both came, they are decided to be one call. Its time is the record's, which is the end of
 * the call; without any, `receivedAtMicros` stands for it (microseconds since the Unix epoch).
 *
 * Null for every other record. Some of those carry usage too: `gen_ai.client.inference.operation.details` repeats what
 * its span says, for any emitter; errors and the steps of a session (`api_error`, `tool_result`, …) repeat or foretell
 * a call that has its own event. To bill those as well would bill twice.
 */
export function observeLog(
  record: LogRecord,
  settings: ObserveSettings,
  receivedAtMicros: number,
): Observation | null {
  for (const dialect of LOG_DIALECTS) {
    const event = dialect.read(record);
    if (event !== null) return observationOf(record, dialect, event, settings, receivedAtMicros);
  }
  return null;
}

function observationOf(
  record: LogRecord,
  dialect: LogDialect,
  event: CallEvent,
  settings: ObserveSettings,
  receivedAtMicros: number,
): Observation {
  const endTimeMicros = record.timeMicros ?? record.observedTimeMicros ?? receivedAtMicros;
  const resource = observedResource(record.resource, settings);
  return {
    ...identityOf(record, dialect, event.name),
    name: event.name,
    startTimeMicros: Math.max(0, endTimeMicros - (event.durationMicros ?? 0)),
    endTimeMicros,
    spanKind: UNSPECIFIED_KIND,
    status: event.hasFailed ? 'error' : 'ok',
    service: resource.service,
    environment: resource.environment,
    // Events and spans of one library are two accounts of its calls, as those of two libraries are.
    scopeName: `${record.scopeName} log events`,
    kind: 'call',
    why: `${event.name} tells of a model call`,
    operation: 'chat',
    isCumulative: false,
    dialect: dialect.name,
    dialectEvidence: `log event ${event.name}`,
    called: {
      provider: event.provider,
      gateway: null,
      requestModel: event.model,
      responseModel: null,
      timeToFirstTokenMicros: null,
      reportedCostUsd: event.reportedCostUsd,
      ...NOT_SERVED,
      responseTier: event.serviceTier,
    },
    usage: usageOf(event),
    // The event is written when an answer has come; what failed without one has another event.
    failedUnanswered: false,
    responseId: event.responseId,
    requestId: event.requestId,
    answer: null,
    labels: labelsOf(record, resource.labels, settings),
    resourceLabels: resource.labels,
  };
}

const UNSPECIFIED_KIND = 0;

const NO_FINER_COUNTS = {
  cacheWrite5m: null,
  cacheWrite1h: null,
  cacheWrite12h: null,
  modalities: null,
  units: null,
};

function usageOf({ counts, placements }: CallEvent): ObservedUsage {
  const resolved = resolveTokens(counts, false, () => ({ declaredInclusive: false, ...placements }));
  return observedUsage(resolved, { ...counts, ...NO_FINER_COUNTS });
}

/**
 * Tools put the account they are signed in with on every event (`organization.id`), which may stand in for the customer.
 * Their users cannot label a call, only the process (`OTEL_RESOURCE_ATTRIBUTES`): where they did, that is what they mean.
 */
function labelsOf(record: LogRecord, resourceLabels: Labels, settings: ObserveSettings): Labels {
  const { labels } = look(record.attributes, settings.meanings, settings.labels);
  if (resourceLabels.customer === undefined && resourceLabels.customerStandIn === undefined) return labels;
  const { customerStandIn: _account, ...others } = labels;
  return others;
}
