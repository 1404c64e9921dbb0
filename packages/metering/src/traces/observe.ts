import {
  ERROR_TYPE,
  GEN_AI_OPERATION_NAME,
  SERVICE_NAME,
  SPANLEDGER_USAGE_SOURCE,
} from '@spanledger/semconv';
import { firstLabel, label } from '../label.ts';
import type { Attributes, Span } from '../span.ts';
import {
  COMMON_KEYS,
  hasCounts,
  reportedCost,
  requestId,
  requestModel,
  responseModel,
  statedProvider,
  statedResponseId,
  timeToFirstTokenMicros,
} from './dialects/common.ts';
import type { Dialect, Part } from './dialects/dialect.ts';
import { DIALECTS } from './dialects/table.ts';
import {
  ENVIRONMENT_KEYS,
  type LabelSettings,
  type Labels,
  type LabelTable,
  labelTable,
  readLabels,
} from './labels.ts';
import type { Called, Observation, ObservedUsage } from './observation.ts';
import { usageOf } from './observed-usage.ts';
import { partOfOperation } from './operation.ts';
import { readProvider } from './provider.ts';
import type { CallStatus } from './usage.ts';

/** How spans are read: the names of labels that the user of the product has added. */
export interface ObserveSettings {
  readonly labels: LabelTable;
  /** A resource is read once for all its spans. */
  readonly resources: WeakMap<Attributes, Labels>;
}

export function observeSettings(labels?: LabelSettings): ObserveSettings {
  return { labels: labelTable(labels), resources: new WeakMap() };
}

export const DEFAULT_OBSERVE_SETTINGS: ObserveSettings = observeSettings();

/** Every attribute key that observing reads under these settings, on spans and resources; codecs skip all others. */
export function attributesRead(settings: ObserveSettings): readonly string[] {
  return [
    ...new Set([
      ...COMMON_KEYS,
      ...DIALECTS.flatMap(({ attributes }) => attributes),
      ...settings.labels.attributes,
      SPANLEDGER_USAGE_SOURCE,
      ERROR_TYPE,
    ]),
  ];
}

/** The same under the settings that nobody has extended. */
export const ATTRIBUTES_READ: readonly string[] = attributesRead(DEFAULT_OBSERVE_SETTINGS);

/**
 * One span on its own: which dialect it is in, what part it plays, what it used, and whose labels it bears. A span
 * that has nothing to do with models is observed too, for its labels and its place in the tree. Null only for a
 * span that can matter to nothing.
 */
export function observe(
  span: Span,
  settings: ObserveSettings = DEFAULT_OBSERVE_SETTINGS,
): Observation | null {
  const labels = readLabels(span.attributes, settings.labels);
  const recognised = recognise(span);
  const part = recognised === null ? null : partOf(span, recognised.dialect);
  if (recognised === null || part === null || part.kind === 'plain') return plain(span, labels, settings);
  if (part.kind === 'pending_twin' && Object.keys(labels).length === 0) return null;

  const { dialect, evidence } = recognised;
  const bearsUsage = part.kind !== 'tool' && part.kind !== 'other' && part.kind !== 'pending_twin';
  const called = calledBy(span, dialect);
  const usage = bearsUsage ? usageOf(span, dialect, part, called) : null;
  const status = statusOf(span, dialect);
  const responseId = responseIdOf(span, dialect);
  return {
    ...placeOf(span, labels, settings),
    status,
    kind: part.kind,
    why: part.why,
    operation: part.operation,
    isCumulative: part.kind === 'container' && part.cumulative,
    dialect: dialect.name,
    dialectEvidence: evidence,
    called,
    usage,
    failedUnanswered:
      status === 'error' && isUnanswered(usage, called, responseId) && dialect.hasAnswered?.(span) !== true,
    responseId,
    requestId: requestId(span.attributes),
    answer: part.kind === 'call' ? (dialect.answer?.(span) ?? null) : null,
  };
}

interface Recognised {
  readonly dialect: Dialect;
  readonly evidence: string;
}

function recognise(span: Span): Recognised | null {
  for (const dialect of DIALECTS) {
    const evidence = dialect.recognise(span);
    if (evidence !== null) return { dialect, evidence };
  }
  return null;
}

/** The dialect's own kind decides, else the operation name; counts without either make a candidate. */
function partOf(span: Span, dialect: Dialect): Part | null {
  const own = dialect.part?.(span) ?? null;
  if (own !== null) return own;
  const word =
    label(span.attributes.get(GEN_AI_OPERATION_NAME)) ?? label(span.attributes.get('llm.request.type'));
  return (word === null ? null : partOfOperation(word)) ?? unstatedPart(span, word);
}

/**
 * Without a known operation, usage and a provider make a span a candidate for a model call and no more: SDK roots
 * that only sum their children look the same. Without both it is no model call.
 */
function unstatedPart(span: Span, word: string | null): Part | null {
  const stated = word === null ? 'no operation name' : `unknown operation ${word}`;
  if (hasCounts(span.attributes) && statedProvider(span.attributes) !== null) {
    const why = `${stated}; usage and provider make it a candidate until its trace is known`;
    return { kind: 'candidate', operation: word === null ? 'chat' : 'other', why };
  }
  if (word === null) return null;
  return { kind: 'other', operation: 'other', why: `${stated}, and no usage with a provider` };
}

function calledBy(span: Span, dialect: Dialect): Called {
  const { attributes } = span;
  const request = dialect.requestModel?.(span) ?? requestModel(attributes);
  const response = responseModel(attributes);
  const { provider, gateway } = readProvider(
    dialect.provider?.(span) ?? statedProvider(attributes),
    response ?? request,
  );
  return {
    provider,
    gateway,
    requestModel: request,
    responseModel: response,
    timeToFirstTokenMicros: timeToFirstTokenMicros(attributes),
    reportedCostUsd: reportedCost(attributes) ?? dialect.reportedCostUsd?.(span) ?? null,
  };
}

/** OpenRouter numbers its attempts behind the id of the request. */
function responseIdOf(span: Span, dialect: Dialect): string | null {
  const id = statedResponseId(span.attributes) ?? dialect.responseId?.(span) ?? null;
  return id === null ? null : id.trim().replace(/:attempt-\d+$/, '');
}

function isUnanswered(usage: ObservedUsage | null, called: Called, responseId: string | null): boolean {
  return usage?.hasCounts !== true && responseId === null && called.timeToFirstTokenMicros === null;
}

function statusOf(span: Span, dialect: Dialect | null): CallStatus {
  const failed =
    span.statusCode === 2 ||
    label(span.attributes.get(ERROR_TYPE)) !== null ||
    dialect?.hasFailed?.(span) === true;
  return failed ? 'error' : 'ok';
}

const NOTHING_CALLED: Called = {
  provider: null,
  gateway: null,
  requestModel: null,
  responseModel: null,
  timeToFirstTokenMicros: null,
  reportedCostUsd: null,
};

function plain(span: Span, labels: Labels, settings: ObserveSettings): Observation {
  return {
    ...placeOf(span, labels, settings),
    status: statusOf(span, null),
    kind: 'plain',
    why: 'no gen-ai span',
    operation: 'other',
    isCumulative: false,
    dialect: null,
    dialectEvidence: '',
    called: NOTHING_CALLED,
    usage: null,
    failedUnanswered: false,
    responseId: null,
    requestId: null,
    answer: null,
  };
}

/** Names are shown to people, who read no more than this. */
const MAX_NAME_CHARACTERS = 120;

/** What every observation has: where it stands in its trace, in time and in which process, and its labels. */
function placeOf(span: Span, labels: Labels, settings: ObserveSettings) {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name.slice(0, MAX_NAME_CHARACTERS),
    startTimeMicros: span.startTimeMicros,
    endTimeMicros: span.endTimeMicros,
    spanKind: span.kind,
    service: label(span.resource.get(SERVICE_NAME)),
    environment: firstLabel(span.resource, ENVIRONMENT_KEYS),
    scopeName: span.scopeName,
    labels,
    resourceLabels: labelsOfResource(span.resource, settings),
  } as const;
}

function labelsOfResource(resource: Attributes, { labels, resources }: ObserveSettings): Labels {
  const before = resources.get(resource);
  if (before !== undefined) return before;
  const read = readLabels(resource, labels);
  resources.set(resource, read);
  return read;
}
