import { NOT_SERVED } from './dialects/served.ts';
import { NO_UNITS } from './dialects/units.ts';
import { Hash53 } from './hash.ts';
import { LABEL_FIELDS, type Label, type LabelField, type Labels } from './labels.ts';
import type { Called, Observation, ObservedUsage } from './observation.ts';
import { linkKeys } from './trace/linked.ts';

/**
 * An observation as it is stored: two short texts beside its place and times. What recurs among many spans is one
 * text, stored once for all of them; what is the span's own is the other.
 */
export interface KeptObservation {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly startTimeMicros: number;
  readonly endTimeMicros: number;
  /** Emitter, model, part, names of labels, …: JSON. */
  readonly shape: string;
  /** Name, counts, ids, values of labels: JSON. */
  readonly detail: string;
}

/**
 * Raised when values are added or their meaning changes. Older versions stay readable; a program that does not know
 * this one must not read it as if nothing had been added. Version 2 added `served` and `added`, at the ends; version 3
 * a unit of the app's own: its name to the shape of the usage, its count to `added`; version 4 the label `degraded`, last.
 */
const VERSION = 4;
const OLDEST_VERSION = 1;

type ShapeValues = readonly [
  version: number,
  spanKind: number,
  status: Observation['status'],
  service: string | null,
  environment: string | null,
  scopeName: string,
  kind: Observation['kind'],
  why: string,
  operation: Observation['operation'],
  isCumulative: boolean,
  dialect: string | null,
  dialectEvidence: string,
  provider: string | null,
  gateway: string | null,
  requestModel: string | null,
  responseModel: string | null,
  failedUnanswered: boolean,
  usage: UsageShape | null,
  labelKeys: readonly (string | null)[],
  resourceLabels: Labels,
  /** Null where the span says none of it; not there before version 2. */
  served?: ServedValues | null,
];

type ServedValues = readonly [
  responseTier: string | null,
  requestTier: string | null,
  region: string | null,
  inferenceGeo: string | null,
];

type UsageShape = readonly [
  status: ObservedUsage['status'],
  hasCounts: boolean,
  cacheSemantics: ObservedUsage['cacheSemantics'],
  reasoningSemantics: ObservedUsage['reasoningSemantics'],
  detail: number,
  /** A unit of the app's own; left out where there is none. */
  customUnit?: string,
];

type DetailValues = readonly [
  name: string,
  labelValues?: readonly string[],
  timeToFirstTokenMicros?: number | null,
  reportedCostUsd?: string | null,
  responseId?: string | null,
  requestId?: string | null,
  answer?: string | null,
  usageReason?: string | null,
  /** The five classes, then the parts that only some emitters tell. */
  counts?: readonly (number | null)[] | null,
  /** Cache writes of 12 hours, cached audio, the units, then thousandths of one of the app's own. Left out where the span tells none of them. */
  added?: readonly (number | null)[],
];

export function keep(observation: Observation): KeptObservation {
  const { traceId, spanId, parentSpanId, startTimeMicros, endTimeMicros } = observation;
  return {
    traceId,
    spanId,
    parentSpanId,
    startTimeMicros,
    endTimeMicros,
    shape: shapeTextOf(observation),
    detail: detailTextOf(observation),
  };
}

/** A shape that was written out before. */
interface KnownShape {
  readonly observation: Observation;
  readonly text: string;
}

/**
 * The shapes met last, so that the same few are not written out for every span: comparing takes a tenth of the time.
 * The names are what spans of a service differ in most; the bounds keep a sender of random names from filling it.
 */
const knownShapes = new Map<string, KnownShape[]>();
const MAX_NAMES = 2048;
const SHAPES_PER_NAME = 8;

function shapeTextOf(observation: Observation): string {
  const name = observation.called.requestModel ?? observation.scopeName;
  let shapes = knownShapes.get(name);
  if (shapes === undefined) {
    if (knownShapes.size >= MAX_NAMES) knownShapes.clear();
    shapes = [];
    knownShapes.set(name, shapes);
  }
  for (const shape of shapes) if (hasShapeOf(observation, shape.observation)) return shape.text;
  const text = JSON.stringify(shapeOf(observation));
  if (shapes.length >= SHAPES_PER_NAME) shapes.shift();
  shapes.push({ observation, text });
  return text;
}

/** Whether all that `shapeOf` writes is equal. */
function hasShapeOf(one: Observation, other: Observation): boolean {
  return (
    one.why === other.why &&
    one.kind === other.kind &&
    one.operation === other.operation &&
    one.spanKind === other.spanKind &&
    one.status === other.status &&
    one.scopeName === other.scopeName &&
    one.service === other.service &&
    one.environment === other.environment &&
    one.isCumulative === other.isCumulative &&
    one.failedUnanswered === other.failedUnanswered &&
    one.dialect === other.dialect &&
    one.dialectEvidence === other.dialectEvidence &&
    one.called.provider === other.called.provider &&
    one.called.gateway === other.called.gateway &&
    one.called.requestModel === other.called.requestModel &&
    one.called.responseModel === other.called.responseModel &&
    one.called.responseTier === other.called.responseTier &&
    one.called.requestTier === other.called.requestTier &&
    one.called.region === other.called.region &&
    one.called.inferenceGeo === other.called.inferenceGeo &&
    hasUsageShapeOf(one.usage, other.usage) &&
    LABEL_FIELDS.every((field) => one.labels[field]?.key === other.labels[field]?.key) &&
    areEqualLabels(one.resourceLabels, other.resourceLabels)
  );
}

function hasUsageShapeOf(one: ObservedUsage | null, other: ObservedUsage | null): boolean {
  if (one === null || other === null) return one === other;
  return (
    one.status === other.status &&
    one.hasCounts === other.hasCounts &&
    one.cacheSemantics === other.cacheSemantics &&
    one.reasoningSemantics === other.reasoningSemantics &&
    one.detail === other.detail &&
    one.units?.custom?.unit === other.units?.custom?.unit
  );
}

function areEqualLabels(one: Labels, other: Labels): boolean {
  return (
    one === other ||
    LABEL_FIELDS.every(
      (field) => one[field]?.key === other[field]?.key && one[field]?.value === other[field]?.value,
    )
  );
}

/** What `keep` was given. */
export function recall(kept: KeptObservation): Observation {
  const { traceId, spanId, parentSpanId, startTimeMicros, endTimeMicros } = kept;
  // Our own writing: `keep` is the only one that makes these texts.
  const shape = JSON.parse(kept.shape) as ShapeValues;
  const detail = JSON.parse(kept.detail) as DetailValues;
  const [version, spanKind, status, service, environment, scopeName, kind, why, operation, isCumulative] =
    shape;
  if (version < OLDEST_VERSION || version > VERSION)
    throw new Error(`an observation of version ${version}; known are ${OLDEST_VERSION} to ${VERSION}`);
  const [, , , , , , , , , , dialect, dialectEvidence, provider, gateway, requestModel, responseModel] =
    shape;
  const [, , , , , , , , , , , , , , , , failedUnanswered, usage, labelKeys, resourceLabels, served] = shape;
  const [responseTier = null, requestTier = null, region = null, inferenceGeo = null] = served ?? [];
  const [name, labelValues = [], timeToFirstTokenMicros = null, reportedCostUsd = null, responseId = null] =
    detail;
  const [, , , , , requestId = null, answer = null, usageReason = null, counts = null, added = []] = detail;
  const called: Called = {
    provider,
    gateway,
    requestModel,
    responseModel,
    timeToFirstTokenMicros,
    reportedCostUsd,
    responseTier,
    requestTier,
    region,
    inferenceGeo,
  };
  return {
    traceId,
    spanId,
    parentSpanId,
    name,
    startTimeMicros,
    endTimeMicros,
    spanKind,
    service,
    environment,
    scopeName,
    labels: labelsOf(labelKeys, labelValues),
    resourceLabels,
    status,
    kind,
    why,
    operation,
    isCumulative,
    dialect,
    dialectEvidence,
    called,
    usage: usage === null ? null : usageOf(usage, usageReason, counts, added),
    failedUnanswered,
    responseId,
    requestId,
    answer,
  };
}

/** The link keys of an observation (`linkKeys`) as numbers, each tenant's for itself. */
export function linkHashes(tenant: string, observation: Observation): readonly number[] {
  const keys = linkKeys(observation);
  if (keys.length === 0) return NO_LINKS;
  const links: number[] = [];
  for (const key of keys) links.push(new Hash53().text(tenant).text(key).finish());
  return links;
}

const NO_LINKS: readonly number[] = [];

/**
 * Whether two copies of one span tell the same. What our reading adds (reasons, evidence, how sure it is) does not
 * count: a newer version may put it otherwise.
 */
export function tellTheSame(one: Observation, other: Observation): boolean {
  return facts(one) === facts(other) && agree(laterFacts(one), laterFacts(other));
}

type Fact = string | number | null;

/** What is read since version 2. A copy that was kept before does not tell it, and contradicts no other by that. */
function laterFacts({ called, usage }: Observation): readonly Fact[] {
  const { responseTier, requestTier, region, inferenceGeo } = called;
  const customUnit = usage?.units?.custom?.unit ?? null;
  return [
    responseTier,
    requestTier,
    region,
    inferenceGeo,
    customUnit,
    ...(usage === null ? [] : addedOf(usage)),
  ];
}

function agree(one: readonly Fact[], other: readonly Fact[]): boolean {
  return one.every((fact, index) => fact === null || (other[index] ?? fact) === fact);
}

function facts({ why, dialect, dialectEvidence, usage, called, ...facts }: Observation): string {
  const { tokens, cacheWrite5m, cacheWrite1h } = usage ?? NO_USAGE;
  const modalities = usage?.modalities ?? null;
  const { labels, resourceLabels, ...others } = facts;
  const rest = { ...others, called: { ...called, ...NOT_SERVED } };
  return JSON.stringify(
    [
      rest,
      inOrder(labels),
      inOrder(resourceLabels),
      tokens,
      cacheWrite5m,
      cacheWrite1h,
      modalities === null ? null : { ...modalities, cacheReadAudio: null },
    ],
    sortedKeys,
  );
}

const NO_USAGE = { tokens: null, cacheWrite5m: null, cacheWrite1h: null };

function inOrder(labels: Labels): readonly (Label | null)[] {
  return TOLD_LABELS.map((field) => labels[field] ?? null);
}

/** With which batch of the past a call came is no part of what it was: imported again, it is the same call. */
const TOLD_LABELS = LABEL_FIELDS.filter((field) => field !== 'importBatch');

function sortedKeys(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

function shapeOf(observation: Observation): ShapeValues {
  const { called, usage, labels } = observation;
  const { responseTier, requestTier, region, inferenceGeo } = called;
  const served: ServedValues = [responseTier, requestTier, region, inferenceGeo];
  return [
    VERSION,
    observation.spanKind,
    observation.status,
    observation.service,
    observation.environment,
    observation.scopeName,
    observation.kind,
    observation.why,
    observation.operation,
    observation.isCumulative,
    observation.dialect,
    observation.dialectEvidence,
    called.provider,
    called.gateway,
    called.requestModel,
    called.responseModel,
    observation.failedUnanswered,
    usage === null ? null : usageShapeOf(usage),
    LABEL_FIELDS.map((field) => labels[field]?.key ?? null),
    observation.resourceLabels,
    served.some((value) => value !== null) ? served : null,
  ];
}

function usageShapeOf(usage: ObservedUsage): UsageShape {
  const { status, hasCounts, cacheSemantics, reasoningSemantics, detail, units } = usage;
  const custom = units?.custom ?? null;
  return custom === null
    ? [status, hasCounts, cacheSemantics, reasoningSemantics, detail]
    : [status, hasCounts, cacheSemantics, reasoningSemantics, detail, custom.unit];
}

/** A `DetailValues` as JSON. Put together by hand, which takes a third of the time of `JSON.stringify`. */
function detailTextOf(observation: Observation): string {
  const { name, labels, called, usage, responseId, requestId, answer } = observation;
  let values = '';
  for (const field of LABEL_FIELDS) {
    const label = labels[field];
    if (label !== undefined) values += values === '' ? textJson(label.value) : `,${textJson(label.value)}`;
  }
  if (observation.kind === 'plain') {
    return values === '' ? `[${textJson(name)}]` : `[${textJson(name)},[${values}]]`;
  }
  const ttft = called.timeToFirstTokenMicros;
  const ids = `${textJson(responseId)},${textJson(requestId)},${textJson(answer)}`;
  const counts = usage === null ? 'null' : `[${countsOf(usage).join(',')}]`;
  const added = usage === null ? '' : addedText(usage);
  return `[${textJson(name)},[${values}],${ttft},${textJson(called.reportedCostUsd)},${ids},${textJson(usage?.reason ?? null)},${counts}${added}]`;
}

/** Everything that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

function textJson(text: string | null): string {
  if (text === null) return 'null';
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Numbers and nulls; `join` writes a null as nothing, so it is a text here. */
function countsOf({ tokens, cacheWrite5m, cacheWrite1h, modalities }: ObservedUsage): (number | 'null')[] {
  const counts: (number | 'null')[] =
    tokens === null
      ? ['null', 'null', 'null', 'null', 'null']
      : [tokens.uncachedInput, tokens.cacheRead, tokens.cacheWrite, tokens.visibleOutput, tokens.reasoning];
  if (cacheWrite5m !== null || cacheWrite1h !== null || modalities !== null) {
    counts.push(cacheWrite5m ?? 'null', cacheWrite1h ?? 'null');
  }
  if (modalities !== null) {
    const { audioInput, audioOutput, imageInput, imageOutput } = modalities;
    counts.push(audioInput ?? 'null', audioOutput ?? 'null', imageInput ?? 'null', imageOutput ?? 'null');
  }
  return counts;
}

/** With the comma before it; nothing for most usages, which have none of it. */
function addedText(usage: ObservedUsage): string {
  const { cacheWrite12h, modalities, units } = usage;
  if (cacheWrite12h === null && (modalities?.cacheReadAudio ?? null) === null && units === null) return '';
  return `,${JSON.stringify(addedOf(usage))}`;
}

function addedOf({ cacheWrite12h, modalities, units }: ObservedUsage): readonly (number | null)[] {
  const { requests, webSearches, images, milliseconds, pages, custom } = units ?? NO_UNITS;
  return [
    cacheWrite12h,
    modalities?.cacheReadAudio ?? null,
    requests,
    webSearches,
    images,
    milliseconds,
    pages,
    ...(custom === null ? [] : [custom.thousandths]),
  ];
}

function usageOf(
  [status, hasCounts, cacheSemantics, reasoningSemantics, detail, customUnit]: UsageShape,
  reason: string | null,
  counts: readonly (number | null)[] | null,
  added: readonly (number | null)[],
): ObservedUsage {
  const [cacheWrite12h = null, cacheReadAudio = null, ...pieces] = added;
  const [requests = null, webSearches = null, images = null, milliseconds = null, pages = null] = pieces;
  const [, , , , , thousandths = null] = pieces;
  const custom = customUnit === undefined || thousandths === null ? null : { unit: customUnit, thousandths };
  const [uncachedInput = null, cacheRead = null, cacheWrite = null, visibleOutput = null, reasoning = null] =
    counts ?? [];
  const [, , , , , cacheWrite5m = null, cacheWrite1h = null] = counts ?? [];
  const [, , , , , , , audioInput = null, audioOutput = null, imageInput = null, imageOutput = null] =
    counts ?? [];
  const hasModalities = counts !== null && counts.length > 7;
  return {
    status,
    reason,
    tokens:
      uncachedInput === null
        ? null
        : {
            uncachedInput,
            cacheRead: cacheRead ?? 0,
            cacheWrite: cacheWrite ?? 0,
            visibleOutput: visibleOutput ?? 0,
            reasoning: reasoning ?? 0,
          },
    hasCounts,
    cacheSemantics,
    reasoningSemantics,
    cacheWrite5m,
    cacheWrite1h,
    cacheWrite12h,
    modalities: hasModalities ? { audioInput, audioOutput, imageInput, imageOutput, cacheReadAudio } : null,
    units: pieces.some((value) => value !== null)
      ? { requests, webSearches, images, milliseconds, pages, custom }
      : null,
    detail,
  };
}

function labelsOf(keys: readonly (string | null)[], values: readonly string[]): Labels {
  const labels: { [Field in LabelField]?: Label } = {};
  let next = 0;
  LABEL_FIELDS.forEach((field, index) => {
    const key = keys[index] ?? null;
    if (key !== null) labels[field] = { value: values[next++] ?? '', key };
  });
  return labels;
}
