import { GEN_AI_OPERATION_NAME, SERVICE_NAME } from '@spanledger/semconv';
import {
  errorType,
  hasCounts,
  READINGS,
  type Readable,
  reportedCost,
  requestId,
  requestModel,
  responseModel,
  statedProvider,
  statedResponseId,
  timeToFirstTokenMicros,
} from './dialects/common.ts';
import type { Dialect, Part } from './dialects/dialect.ts';
import { type Recognised, recognise } from './dialects/recognise.ts';
import { NOT_SERVED, servedBy } from './dialects/served.ts';
import { DIALECTS } from './dialects/table.ts';
import { firstLabel, label } from './label.ts';
import {
  ENVIRONMENT_KEYS,
  type LabelSettings,
  type Labels,
  type LabelTable,
  labelTable,
  NO_LABELS,
} from './labels.ts';
import { look, type Meanings, meaningsOf, type Sighting } from './meaning.ts';
import type { Called, Observation, ObservedUsage } from './observation.ts';
import { usageOf } from './observed-usage.ts';
import { partOfOperation } from './operation.ts';
import { readProvider } from './provider.ts';
import type { Attributes, Span } from './span.ts';

/** How spans are read: the names of labels that the user of the product has added. */
export interface ObserveSettings {
  readonly labels: LabelTable;
  readonly meanings: Meanings;
  /** A resource is read once for all its spans. */
  readonly resources: WeakMap<Attributes, ObservedResource>;
}

export interface ObservedResource {
  readonly service: string | null;
  readonly environment: string | null;
  readonly labels: Labels;
}

export function observeSettings(settings?: LabelSettings): ObserveSettings {
  const labels = labelTable(settings);
  return { labels, meanings: meaningsOf(labels), resources: new WeakMap() };
}

export const DEFAULT_OBSERVE_SETTINGS: ObserveSettings = observeSettings();

/** Every attribute key that observing reads under these settings, on spans and resources; codecs skip all others. */
export function attributesRead(settings: ObserveSettings): readonly string[] {
  return [
    ...new Set([
      ...READINGS.flatMap(({ keys }) => keys),
      ...DIALECTS.flatMap(({ attributes }) => attributes),
      ...settings.labels.attributes,
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
  const seen = look(span.attributes, settings.meanings, settings.labels);
  const said = saidBy(span, seen);
  if (said.kind === 'pending_twin' && seen.labels === NO_LABELS) return null;
  const resource = observedResource(span.resource, settings);
  // The only place where observations are made, field by field: all of one shape are faster for whoever reads them.
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name.length > MAX_NAME_CHARACTERS ? span.name.slice(0, MAX_NAME_CHARACTERS) : span.name,
    startTimeMicros: span.startTimeMicros,
    endTimeMicros: span.endTimeMicros,
    spanKind: span.kind,
    status: said.hasFailed ? 'error' : 'ok',
    service: resource.service,
    environment: resource.environment,
    scopeName: span.scopeName,
    kind: said.kind,
    why: said.why,
    operation: said.operation,
    isCumulative: said.isCumulative,
    dialect: said.dialect,
    dialectEvidence: said.dialectEvidence,
    called: said.called,
    usage: said.usage,
    failedUnanswered: said.failedUnanswered,
    responseId: said.responseId,
    requestId: said.requestId,
    answer: said.answer,
    labels: seen.labels,
    resourceLabels: resource.labels,
  };
}

/** Names are shown to people, who read no more than this. */
const MAX_NAME_CHARACTERS = 120;

/** What a span says of a model call, in the words of its dialect. */
type Said = Pick<
  Observation,
  | 'kind'
  | 'why'
  | 'operation'
  | 'isCumulative'
  | 'dialect'
  | 'dialectEvidence'
  | 'called'
  | 'usage'
  | 'failedUnanswered'
  | 'responseId'
  | 'requestId'
  | 'answer'
> & { readonly hasFailed: boolean };

function saidBy(span: Span, seen: Sighting): Said {
  const hasFailed = span.statusCode === STATUS_ERROR || errorType(seen) !== null;
  const recognised = recognise(span, seen);
  const part = recognised === null ? null : partOf(span, seen, recognised.dialect);
  if (recognised === null || part === null || part.kind === 'plain') return hasFailed ? FAILED_PLAIN : PLAIN;
  return saidInDialect(span, seen, recognised, part, hasFailed);
}

function saidInDialect(
  span: Span,
  seen: Sighting,
  { dialect, evidence }: Recognised,
  part: Part,
  hasFailedPlainly: boolean,
): Said {
  const bearsUsage = part.kind !== 'tool' && part.kind !== 'other' && part.kind !== 'pending_twin';
  const called = calledBy(span, seen, dialect);
  const usage = bearsUsage ? usageOf(span, seen, dialect, part, called) : null;
  const hasFailed = hasFailedPlainly || dialect.hasFailed?.(span) === true;
  const responseId = responseIdOf(span, seen, dialect, part);
  return {
    hasFailed,
    kind: part.kind,
    why: part.why,
    operation: part.operation,
    isCumulative: part.kind === 'container' && part.cumulative,
    dialect: dialect.name,
    dialectEvidence: evidence,
    called,
    usage,
    failedUnanswered:
      hasFailed && isUnanswered(usage, called, responseId) && dialect.hasAnswered?.(span) !== true,
    responseId,
    requestId: requestId(seen),
    answer: part.kind === 'call' ? (dialect.answer?.(span) ?? null) : null,
  };
}

/** OTLP StatusCode. */
const STATUS_ERROR = 2;

const NOTHING_CALLED: Called = {
  provider: null,
  gateway: null,
  requestModel: null,
  responseModel: null,
  timeToFirstTokenMicros: null,
  reportedCostUsd: null,
  ...NOT_SERVED,
};

const PLAIN: Said = {
  hasFailed: false,
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
const FAILED_PLAIN: Said = { ...PLAIN, hasFailed: true };

/** The dialect's own kind decides, else the operation name; counts without either make a candidate. */
function partOf(span: Span, seen: Readable, dialect: Dialect): Part | null {
  const own = dialect.part?.(span) ?? null;
  if (own !== null) return own;
  const word =
    label(span.attributes.get(GEN_AI_OPERATION_NAME)) ?? label(span.attributes.get('llm.request.type'));
  return (word === null ? null : partOfOperation(word)) ?? unstatedPart(seen, word);
}

/**
 * Without a known operation, usage and a provider make a span a candidate for a model call and no more: SDK roots
 * that only sum their children look the same. Without both it is no model call.
 */
function unstatedPart(seen: Readable, word: string | null): Part | null {
  const stated = word === null ? 'no operation name' : `unknown operation ${word}`;
  if (hasCounts(seen) && statedProvider(seen) !== null) {
    const why = `${stated}; usage and provider make it a candidate until its trace is known`;
    return { kind: 'candidate', operation: word === null ? 'chat' : 'other', why };
  }
  if (word === null) return null;
  return { kind: 'other', operation: 'other', why: `${stated}, and no usage with a provider` };
}

function calledBy(span: Span, seen: Readable, dialect: Dialect): Called {
  const request = dialect.requestModel?.(span) ?? requestModel(seen);
  const response = responseModel(seen);
  const { provider, gateway } = readProvider(
    dialect.provider?.(span) ?? statedProvider(seen),
    response ?? request,
  );
  const served = servedBy(seen, request, dialect.served?.(span) ?? null);
  return {
    provider,
    gateway,
    requestModel: request,
    responseModel: response,
    timeToFirstTokenMicros: timeToFirstTokenMicros(seen),
    reportedCostUsd: reportedCost(seen) ?? dialect.reportedCostUsd?.(span) ?? null,
    responseTier: served.responseTier,
    requestTier: served.requestTier,
    region: served.region,
    inferenceGeo: served.inferenceGeo,
  };
}

/** Where only a dialect knows the id, it stands in a long text, which is worth reading for a call alone. */
function responseIdOf(span: Span, seen: Readable, dialect: Dialect, { kind }: Part): string | null {
  const id = statedResponseId(seen) ?? (kind === 'call' ? dialect.responseId?.(span) : null) ?? null;
  if (id === null) return null;
  // OpenRouter numbers its attempts behind the id of the request.
  return id.includes(':attempt-') ? id.trim().replace(/:attempt-\d+$/, '') : id.trim();
}

function isUnanswered(usage: ObservedUsage | null, called: Called, responseId: string | null): boolean {
  return usage?.hasCounts !== true && responseId === null && called.timeToFirstTokenMicros === null;
}

/** What a process says of itself. */
export function observedResource(
  resource: Attributes,
  { labels, meanings, resources }: ObserveSettings,
): ObservedResource {
  const before = resources.get(resource);
  if (before !== undefined) return before;
  const read = {
    service: label(resource.get(SERVICE_NAME)),
    environment: firstLabel(resource, ENVIRONMENT_KEYS),
    labels: look(resource, meanings, labels).labels,
  };
  resources.set(resource, read);
  return read;
}
