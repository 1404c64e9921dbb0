import type { AccountFact, AttributionSource, Movement, SpanKey } from '@spanledger/metering';
import type { AccountDue, AccountKey } from '../ledger/account-store.ts';
import { type ActionKey, actionLink, actionOf } from '../ledger/action.ts';
import { factText } from '../ledger/fact-text.ts';
import type { KeptSpan, LinkQuery, Posting, Quarantined, Rejection, TraceKey } from '../ledger/store.ts';
import type { StoredRating } from '../ledger/stored-rating.ts';
import {
  CodeColumn,
  Decimal64Column,
  HexColumn,
  IntegerColumn,
  type TableLayout,
  TextColumn,
  WordColumn,
} from './columns.ts';
import {
  CREDIT_RATING_COLUMNS,
  FIRST_RATING_COLUMNS,
  LATER_RATING_COLUMNS,
  RATING_COLUMNS,
  RATING_DECLARATION,
  ratingColumns,
  setRating,
} from './rating-columns.ts';
import type { Shapes } from './shapes.ts';
import type { Words } from './words.ts';

/** The columns of the first schema; those that came later follow the rating in the table. */
function factColumns(words: Words) {
  return {
    tenant: new WordColumn(words),
    traceId: new HexColumn(16),
    spanId: new HexColumn(8),
    parentSpanId: new HexColumn(8),
    actionId: new TextColumn(),
    eventTime: new IntegerColumn(),
    duration: new IntegerColumn(),
    ttft: new IntegerColumn(),
    customer: new TextColumn(),
    feature: new TextColumn(),
    userId: new TextColumn(),
    sessionId: new TextColumn(),
    usageClass: new WordColumn(words),
    environment: new TextColumn(),
    service: new TextColumn(),
    provider: new TextColumn(),
    requestModel: new TextColumn(),
    responseModel: new TextColumn(),
    responseId: new TextColumn(),
    operation: new WordColumn(words),
    uncachedInput: new IntegerColumn(),
    cacheRead: new IntegerColumn(),
    cacheWrite: new IntegerColumn(),
    visibleOutput: new IntegerColumn(),
    reasoning: new IntegerColumn(),
    usageStatus: new WordColumn(words),
    usageReason: new TextColumn(),
    billingRole: new WordColumn(words),
    roleReason: new TextColumn(),
    dialect: new WordColumn(words),
    status: new WordColumn(words),
  };
}

function setFact(c: ReturnType<typeof factColumns>, row: number, posting: Posting): void {
  const { usage } = posting;
  const tokens = usage.tokens;
  c.tenant.set(row, posting.tenant);
  c.traceId.set(row, usage.traceId);
  c.spanId.set(row, usage.spanId);
  c.parentSpanId.set(row, usage.parentSpanId);
  c.actionId.set(row, usage.actionId === usage.traceId ? null : usage.actionId);
  c.eventTime.set(row, usage.eventTimeMicros);
  c.duration.set(row, usage.durationMicros);
  c.ttft.set(row, usage.timeToFirstTokenMicros);
  c.customer.set(row, usage.customer);
  c.feature.set(row, usage.feature);
  c.userId.set(row, usage.userId);
  c.sessionId.set(row, usage.sessionId);
  c.usageClass.set(row, usage.usageClass);
  c.environment.set(row, usage.environment);
  c.service.set(row, usage.service);
  c.provider.set(row, usage.provider);
  c.requestModel.set(row, usage.requestModel);
  c.responseModel.set(row, usage.responseModel);
  c.responseId.set(row, usage.responseId);
  c.operation.set(row, usage.operation);
  c.uncachedInput.set(row, tokens === null ? null : tokens.uncachedInput);
  c.cacheRead.set(row, tokens === null ? null : tokens.cacheRead);
  c.cacheWrite.set(row, tokens === null ? null : tokens.cacheWrite);
  c.visibleOutput.set(row, tokens === null ? null : tokens.visibleOutput);
  c.reasoning.set(row, tokens === null ? null : tokens.reasoning);
  c.usageStatus.set(row, usage.usageStatus);
  c.usageReason.set(row, usage.usageReason);
  c.billingRole.set(row, usage.billingRole);
  c.roleReason.set(row, usage.roleReason);
  c.dialect.set(row, usage.dialect);
  c.status.set(row, usage.status);
}

/** What only several spans of a call, or its emitter's own words, can tell. */
function detailColumns(words: Words) {
  return {
    supersededByTrace: new HexColumn(16),
    supersededBySpan: new HexColumn(8),
    dialectEvidence: new WordColumn(words),
    cacheSemantics: new WordColumn(words),
    reasoningSemantics: new WordColumn(words),
    cacheWrite5m: new IntegerColumn(),
    cacheWrite1h: new IntegerColumn(),
    audioInput: new IntegerColumn(),
    audioOutput: new IntegerColumn(),
    imageInput: new IntegerColumn(),
    imageOutput: new IntegerColumn(),
    requestId: new TextColumn(),
    gateway: new TextColumn(),
    reportedCost: new TextColumn(),
    customerSource: new WordColumn(words),
    featureSource: new WordColumn(words),
    userSource: new WordColumn(words),
    sessionSource: new WordColumn(words),
    usageClassSource: new WordColumn(words),
    revision: new IntegerColumn(),
    digest: new IntegerColumn(),
  };
}

function setDetail(c: ReturnType<typeof detailColumns>, row: number, posting: Posting): void {
  const { usage } = posting;
  const { modalities, sources } = usage;
  c.supersededByTrace.set(row, traceIdOf(usage.supersededBy));
  c.supersededBySpan.set(row, spanIdOf(usage.supersededBy));
  c.dialectEvidence.set(row, usage.dialectEvidence);
  c.cacheSemantics.set(row, usage.cacheSemantics);
  c.reasoningSemantics.set(row, usage.reasoningSemantics);
  c.cacheWrite5m.set(row, usage.cacheWrite5m);
  c.cacheWrite1h.set(row, usage.cacheWrite1h);
  c.audioInput.set(row, modalities === null ? null : modalities.audioInput);
  c.audioOutput.set(row, modalities === null ? null : modalities.audioOutput);
  c.imageInput.set(row, modalities === null ? null : modalities.imageInput);
  c.imageOutput.set(row, modalities === null ? null : modalities.imageOutput);
  c.requestId.set(row, usage.requestId);
  c.gateway.set(row, usage.gateway);
  c.reportedCost.set(row, usage.reportedCostUsd);
  c.customerSource.set(row, sourceWord(sources.customer));
  c.featureSource.set(row, sourceWord(sources.feature));
  c.userSource.set(row, sourceWord(sources.userId));
  c.sessionSource.set(row, sourceWord(sources.sessionId));
  c.usageClassSource.set(row, sourceWord(sources.usageClass));
  c.revision.set(row, revisionOf(posting));
  c.digest.set(row, posting.digest);
}

/** What is counted in a unit of the app's own. */
function customColumns(words: Words) {
  return { unit: new WordColumn(words), thousandths: new IntegerColumn() };
}

function setCustom(c: ReturnType<typeof customColumns>, row: number, { usage }: Posting): void {
  const custom = usage.units === null ? null : usage.units.custom;
  c.unit.set(row, custom === null ? null : custom.unit);
  c.thousandths.set(row, custom === null ? null : custom.thousandths);
}

/** What the price depends on besides. */
function priceColumns(words: Words) {
  return {
    serviceTier: new WordColumn(words),
    region: new WordColumn(words),
    inferenceGeo: new WordColumn(words),
    cacheWrite12h: new IntegerColumn(),
    cacheReadAudio: new IntegerColumn(),
    requests: new IntegerColumn(),
    webSearches: new IntegerColumn(),
    images: new IntegerColumn(),
    milliseconds: new IntegerColumn(),
    pages: new IntegerColumn(),
  };
}

function setPrice(c: ReturnType<typeof priceColumns>, row: number, { usage }: Posting): void {
  const { modalities, units } = usage;
  c.serviceTier.set(row, usage.serviceTier);
  c.region.set(row, usage.region);
  c.inferenceGeo.set(row, usage.inferenceGeo);
  c.cacheWrite12h.set(row, usage.cacheWrite12h);
  c.cacheReadAudio.set(row, modalities === null ? null : modalities.cacheReadAudio);
  c.requests.set(row, units === null ? null : units.requests);
  c.webSearches.set(row, units === null ? null : units.webSearches);
  c.images.set(row, units === null ? null : units.images);
  c.milliseconds.set(row, units === null ? null : units.milliseconds);
  c.pages.set(row, units === null ? null : units.pages);
}

/** What the credits of its action depend on besides. */
function actionColumns(words: Words) {
  return {
    outcome: new WordColumn(words),
    importBatch: new TextColumn(),
    importMode: new WordColumn(words),
    actionLink: new IntegerColumn(),
  };
}

function setAction(c: ReturnType<typeof actionColumns>, row: number, { usage, tenant }: Posting): void {
  c.outcome.set(row, usage.outcome);
  c.importBatch.set(row, usage.importBatch);
  c.importMode.set(row, usage.isCostOnly ? COST_ONLY : null);
  const found = usage.actionId === usage.traceId ? null : actionOf(usage, tenant);
  c.actionLink.set(row, found?.kind === 'action' ? actionLink(found.action) : null);
}

/** Which form of its feature the action took. */
function formColumns(words: Words) {
  return { actionForm: new WordColumn(words) };
}

function setForm(c: ReturnType<typeof formColumns>, row: number, { usage }: Posting): void {
  c.actionForm.set(row, usage.isDegraded ? DEGRADED : null);
}

/** The word that `action_form` has where the app took the smaller form; NULL for all other. */
export const DEGRADED = 'degraded';

/** The word that `import_mode` has for usage that burns no credits; NULL for all other. */
export const COST_ONLY = 'cost_only';

function revisionOf({ replaces }: Posting): number {
  return (replaces?.revision ?? 0) + 1;
}

function traceIdOf(key: SpanKey | null): string | null {
  return key === null ? null : key.slice(0, 32);
}

function spanIdOf(key: SpanKey | null): string | null {
  return key === null ? null : key.slice(33);
}

/** `level:key`. The same few come on every row, so that each is put together once. */
function sourceWord(source: AttributionSource | null): string | null {
  if (source === null) return null;
  const { level, key } = source;
  let words = SOURCE_WORDS.get(level);
  if (words === undefined) {
    words = new Map();
    SOURCE_WORDS.set(level, words);
  }
  let word = words.get(key);
  if (word === undefined) {
    word = `${level}:${key}`;
    words.set(key, word);
  }
  return word;
}

const SOURCE_WORDS = new Map<AttributionSource['level'], Map<string, string>>();

/**
 * `ledger.usage_record`: the usage and its rating.
 *
 * @param openBatch the number of the commit that a posting which is added now will be in
 */
export function usageLayout(words: Words, openBatch: () => number): TableLayout<Posting> {
  const fact = factColumns(words);
  const receivedAt = new IntegerColumn();
  const rating = ratingColumns(words);
  const detail = detailColumns(words);
  const prices = priceColumns(words);
  const action = actionColumns(words);
  const custom = customColumns(words);
  const form = formColumns(words);
  const writtenIn = new IntegerColumn();
  return {
    schema: 'ledger',
    table: 'usage_record',
    columns: [
      ...Object.values(fact),
      receivedAt,
      ...FIRST_RATING_COLUMNS.map((name) => rating[name]),
      ...Object.values(detail),
      ...Object.values(prices),
      ...LATER_RATING_COLUMNS.map((name) => rating[name]),
      ...Object.values(action),
      ...CREDIT_RATING_COLUMNS.map((name) => rating[name]),
      ...Object.values(custom),
      ...Object.values(form),
      writtenIn,
    ],
    set(row, posting) {
      setFact(fact, row, posting);
      setDetail(detail, row, posting);
      setPrice(prices, row, posting);
      setAction(action, row, posting);
      setCustom(custom, row, posting);
      setForm(form, row, posting);
      receivedAt.set(row, posting.receivedAtMillis * 1000);
      setRating(rating, row, posting.rating);
      writtenIn.set(row, openBatch());
    },
  };
}

export interface ReratedRow {
  /** The `rowid` of the record that it takes the place of. */
  readonly row: number;
  readonly rating: StoredRating;
}

/** New ratings for records that stay as they are otherwise. */
export function reratedLayout(words: Words): KeyTable<ReratedRow> {
  const record = new IntegerColumn();
  const rating = ratingColumns(words);
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'rerated',
    declaration: `record BIGINT, ${RATING_DECLARATION}`,
    columns: [record, ...RATING_COLUMNS.map((name) => rating[name])],
    set(row, rerated) {
      record.set(row, rerated.row);
      setRating(rating, row, rerated.rating);
    },
  };
}

/** `ledger.span`: what a span says. */
export function spanLayout(words: Words, shapes: Shapes): TableLayout<KeptSpan> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const spanId = new HexColumn(8);
  const parentSpanId = new HexColumn(8);
  const eventTime = new IntegerColumn();
  const duration = new IntegerColumn();
  const receivedAt = new IntegerColumn();
  const shape = new CodeColumn();
  const detail = new TextColumn();
  const links = [new IntegerColumn(), new IntegerColumn(), new IntegerColumn()];
  return {
    schema: 'ledger',
    table: 'span',
    columns: [
      tenant,
      traceId,
      spanId,
      parentSpanId,
      eventTime,
      duration,
      receivedAt,
      shape,
      detail,
      ...links,
    ],
    set(row, span) {
      const { kept } = span;
      tenant.set(row, span.tenant);
      traceId.set(row, kept.traceId);
      spanId.set(row, kept.spanId);
      parentSpanId.set(row, kept.parentSpanId);
      eventTime.set(row, kept.endTimeMicros);
      duration.set(row, kept.endTimeMicros - kept.startTimeMicros);
      receivedAt.set(row, span.receivedAtMillis * 1000);
      shape.set(row, shapes.codeOf(kept.shape));
      detail.set(row, kept.detail);
      for (let at = 0; at < links.length; at++) links[at]?.set(row, span.links[at] ?? null);
    },
  };
}

export interface ShapeRow {
  readonly code: number;
  readonly content: string;
}

export function shapeLayout(): TableLayout<ShapeRow> {
  const code = new CodeColumn();
  const content = new TextColumn();
  return {
    schema: 'ledger',
    table: 'span_shape',
    columns: [code, content],
    set(row, shape) {
      code.set(row, shape.code);
      content.set(row, shape.content);
    },
  };
}

/** A temporary table of keys, to be joined with what the ledger holds. */
export interface KeyTable<Row> extends TableLayout<Row> {
  readonly declaration: string;
}

export interface ReplacedRow extends TraceKey {
  readonly spanId: string;
  readonly revision: number;
}

/** Usage records that others take the place of. */
export function replacedLayout(words: Words): KeyTable<ReplacedRow> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const spanId = new HexColumn(8);
  const revision = new IntegerColumn();
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'replaced',
    declaration: 'tenant INTEGER, trace_id UHUGEINT, span_id UBIGINT, revision BIGINT',
    columns: [tenant, traceId, spanId, revision],
    set(row, replaced) {
      tenant.set(row, replaced.tenant);
      traceId.set(row, replaced.traceId);
      spanId.set(row, replaced.spanId);
      revision.set(row, replaced.revision);
    },
  };
}

export interface TraceRow extends TraceKey {
  readonly dueAtMicros: number | null;
}

export function traceLayout(words: Words): KeyTable<TraceRow> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const dueAt = new IntegerColumn();
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'trace',
    declaration: 'tenant INTEGER, trace_id UHUGEINT, due_at TIMESTAMPTZ',
    columns: [tenant, traceId, dueAt],
    set(row, trace) {
      tenant.set(row, trace.tenant);
      traceId.set(row, trace.traceId);
      dueAt.set(row, trace.dueAtMicros);
    },
  };
}

export function linkLayout(words: Words): KeyTable<LinkQuery> {
  const tenant = new WordColumn(words);
  const link = new IntegerColumn();
  const startTime = new IntegerColumn();
  const endTime = new IntegerColumn();
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'link',
    declaration: 'tenant INTEGER, link BIGINT, start_time TIMESTAMPTZ, end_time TIMESTAMPTZ',
    columns: [tenant, link, startTime, endTime],
    set(row, query) {
      tenant.set(row, query.tenant);
      link.set(row, query.link);
      startTime.set(row, query.startTimeMicros);
      endTime.set(row, query.endTimeMicros);
    },
  };
}

export interface ActionRow extends ActionKey {
  readonly link: number | null;
}

/** Actions whose calls are looked for: by their trace, or by the link of their name. */
export function actionLayout(words: Words): KeyTable<ActionRow> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const link = new IntegerColumn();
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'action',
    declaration: 'tenant INTEGER, trace_id UHUGEINT, link BIGINT',
    columns: [tenant, traceId, link],
    set(row, action) {
      tenant.set(row, action.tenant);
      traceId.set(row, action.traceId);
      link.set(row, action.link);
    },
  };
}

/** One movement of credits: by a usage record in one of its revisions, or by what happened to the account. */
export interface TransferRow extends AccountKey {
  readonly movement: Movement;
  readonly recordedAtMillis: number;
  /** Counts all movements of this ledger. */
  readonly entry: number;
  readonly usage: {
    readonly traceId: string;
    readonly spanId: string;
    readonly revision: number;
    readonly rulesVersion: string;
  } | null;
  readonly fact: string | null;
}

export function transferLayout(words: Words): TableLayout<TransferRow> {
  const tenant = new WordColumn(words);
  const traceId = new HexColumn(16);
  const spanId = new HexColumn(8);
  const customer = new TextColumn();
  const from = new WordColumn(words);
  const to = new WordColumn(words);
  const kind = new WordColumn(words);
  const amount = new Decimal64Column();
  const effectiveAt = new IntegerColumn();
  const recordedAt = new IntegerColumn();
  const rulesVersion = new WordColumn(words);
  const revision = new IntegerColumn();
  const entry = new IntegerColumn();
  const fromLot = new TextColumn();
  const toLot = new TextColumn();
  const stepAt = new IntegerColumn();
  const hold = new TextColumn();
  const period = new IntegerColumn();
  const belongsToPeriod = new IntegerColumn();
  const fact = new TextColumn();
  return {
    schema: 'ledger',
    table: 'credit_transfer',
    columns: [
      tenant,
      traceId,
      spanId,
      customer,
      from,
      to,
      kind,
      amount,
      effectiveAt,
      recordedAt,
      rulesVersion,
      revision,
      entry,
      fromLot,
      toLot,
      stepAt,
      hold,
      period,
      belongsToPeriod,
      fact,
    ],
    set(row, booked) {
      const { movement, usage } = booked;
      tenant.set(row, booked.tenant);
      traceId.set(row, usage === null ? null : usage.traceId);
      spanId.set(row, usage === null ? null : usage.spanId);
      customer.set(row, booked.customer);
      from.set(row, movement.from);
      to.set(row, movement.to);
      kind.set(row, kindWord(movement));
      amount.set(row, movement.amount);
      effectiveAt.set(row, movement.effectiveMicros);
      recordedAt.set(row, booked.recordedAtMillis * 1000);
      rulesVersion.set(row, usage === null ? null : usage.rulesVersion);
      revision.set(row, usage === null ? null : usage.revision);
      entry.set(row, booked.entry);
      fromLot.set(row, movement.fromLot);
      toLot.set(row, movement.toLot);
      stepAt.set(row, movement.stepMicros);
      hold.set(row, movement.hold);
      period.set(row, movement.period);
      belongsToPeriod.set(row, movement.belongsToPeriod);
      fact.set(row, booked.fact);
    },
  };
}

/** What takes back or moves elsewhere what was booked has a word of its own: people look for it. */
function kindWord({ kind, isCorrection }: Movement): string {
  return isCorrection ? `${kind}_correction` : kind;
}

export interface FactRow extends AccountKey {
  readonly fact: AccountFact;
}

export function factLayout(words: Words): TableLayout<FactRow> {
  const tenant = new WordColumn(words);
  const customer = new TextColumn();
  const id = new TextColumn();
  const kind = new TextColumn();
  const effectiveAt = new IntegerColumn();
  const recordedAt = new IntegerColumn();
  const actor = new TextColumn();
  const reason = new TextColumn();
  const content = new TextColumn();
  return {
    schema: 'ledger',
    table: 'account_fact',
    columns: [tenant, customer, id, kind, effectiveAt, recordedAt, actor, reason, content],
    set(row, { fact, ...account }) {
      tenant.set(row, account.tenant);
      customer.set(row, account.customer);
      id.set(row, fact.id);
      kind.set(row, fact.kind);
      effectiveAt.set(row, fact.atMicros);
      recordedAt.set(row, fact.recordedMicros);
      actor.set(row, fact.actor);
      reason.set(row, fact.reason);
      content.set(row, factText(fact));
    },
  };
}

/** Accounts, to take the place of what was noted of them. */
export function accountLayout(words: Words): KeyTable<AccountDue> {
  const tenant = new WordColumn(words);
  const customer = new TextColumn();
  const dueAt = new IntegerColumn();
  return {
    catalog: 'temp',
    schema: 'main',
    table: 'account_due',
    declaration: 'tenant INTEGER, customer VARCHAR, due_at TIMESTAMPTZ',
    columns: [tenant, customer, dueAt],
    set(row, due) {
      tenant.set(row, due.tenant);
      customer.set(row, due.customer);
      dueAt.set(row, due.dueAtMicros);
    },
  };
}

export function rejectionLayout(): TableLayout<Rejection> {
  const tenant = new TextColumn();
  const receivedAt = new IntegerColumn();
  const traceId = new TextColumn();
  const spanId = new TextColumn();
  const name = new TextColumn();
  const reason = new TextColumn();
  const detail = new TextColumn();
  return {
    schema: 'ledger',
    table: 'rejected_span',
    columns: [tenant, receivedAt, traceId, spanId, name, reason, detail],
    set(row, rejection) {
      tenant.set(row, rejection.tenant);
      receivedAt.set(row, rejection.receivedAtMillis * 1000);
      traceId.set(row, rejection.span.traceId);
      spanId.set(row, rejection.span.spanId);
      name.set(row, rejection.span.name);
      reason.set(row, rejection.span.reason);
      detail.set(row, rejection.span.detail);
    },
  };
}

export function quarantineLayout(): TableLayout<Quarantined> {
  const tenant = new TextColumn();
  const receivedAt = new IntegerColumn();
  const traceId = new TextColumn();
  const spanId = new TextColumn();
  const reason = new TextColumn();
  const content = new TextColumn();
  return {
    schema: 'ledger',
    table: 'quarantined_span',
    columns: [tenant, receivedAt, traceId, spanId, reason, content],
    set(row, span) {
      tenant.set(row, span.tenant);
      receivedAt.set(row, span.receivedAtMillis * 1000);
      traceId.set(row, span.traceId);
      spanId.set(row, span.spanId);
      reason.set(row, span.reason);
      content.set(row, span.content);
    },
  };
}
