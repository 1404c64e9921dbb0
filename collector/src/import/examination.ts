import {
  type AttributionSettings,
  attributesRead,
  billedModel,
  type Catalogue,
  DEFAULT_GRACE_MICROS,
  decide,
  inputTokens,
  type ObserveSettings,
  observe,
  outputTokens,
  price,
  type UsageRecord,
} from '@spanledger/metering';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import type { ImportBatch, RowProblems } from './batch.ts';

/** How spans are understood and priced: as the service does it. */
export interface Metering {
  readonly observing: ObserveSettings;
  readonly attribution: AttributionSettings;
  readonly catalogue: Catalogue;
}

/** What an import would do, found without sending anything. */
export interface Examination {
  readonly rows: number;
  readonly spans: number;
  /** Rows with problems; of the first of them, what is wrong. */
  readonly badRows: number;
  readonly firstProblems: readonly RowProblems[];
  readonly passedOver: ReadonlyMap<string, number>;
  /** Spans that the receiver would set aside (no ids, no end), and what is wrong with the first. */
  readonly rejected: number;
  readonly firstRejection: string | null;
  /** Gen-ai spans that repeat others or bill nothing. */
  readonly notBilled: number;
  readonly withoutCustomer: number;
  readonly firstEventMicros: number | null;
  readonly lastEventMicros: number | null;
  readonly models: readonly ModelSums[];
}

export interface ModelSums {
  /** Null: no model is named, or there are more models than are kept apart. */
  readonly model: string | null;
  readonly provider: string | null;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  /** In 10⁻¹⁵ USD, of the calls that have a price today. */
  costFemtoUsd: bigint;
  unpricedCalls: number;
}

/** More problems nobody reads; the first show what is wrong. */
const MAX_PROBLEMS_KEPT = 20;
/** A bound on what a file with a model of its own in each row can make us hold. */
const MAX_MODELS = 1000;

/**
 * Reads what would be sent as the receiver and the ledger will: so what is shown is what will be counted, but for calls
 * of one trace that lie in different parts of the file, and for what the ledger has already.
 */
export class Examiner {
  private readonly metering: Metering;
  private readonly nowMicros: number;
  private readonly wanted: WantedAttributes;
  private readonly models = new Map<string, ModelSums>();
  private readonly passedOver = new Map<string, number>();
  private readonly firstProblems: RowProblems[] = [];
  private rows = 0;
  private spans = 0;
  private badRows = 0;
  private rejected = 0;
  private firstRejection: string | null = null;
  private notBilled = 0;
  private withoutCustomer = 0;
  private firstEventMicros: number | null = null;
  private lastEventMicros: number | null = null;

  constructor(metering: Metering, nowMillis: number) {
    this.metering = metering;
    this.nowMicros = nowMillis * 1000;
    this.wanted = new WantedAttributes(attributesRead(metering.observing));
  }

  take({ body, bodyType, rows, problems, passedOver }: ImportBatch): void {
    this.rows += rows;
    this.badRows += problems.length;
    this.firstProblems.push(...problems.slice(0, MAX_PROBLEMS_KEPT - this.firstProblems.length));
    for (const [reason, count] of passedOver)
      this.passedOver.set(reason, (this.passedOver.get(reason) ?? 0) + count);

    const { spans, rejected } = readTraces(body, bodyType, this.wanted, SCAN_LIMITS);
    this.spans += spans.length;
    this.rejected += rejected.length;
    const [first] = rejected;
    if (first !== undefined) this.firstRejection ??= `"${first.name}": ${first.detail}`;
    const { observing, attribution } = this.metering;
    const observations = spans.flatMap((span) => observe(span, observing) ?? []);
    const deadline = { nowMicros: this.nowMicros, graceMicros: DEFAULT_GRACE_MICROS };
    for (const ofTrace of Map.groupBy(observations, ({ traceId }) => traceId).values()) {
      for (const { usage } of decide(ofTrace, deadline, attribution)) this.count(usage);
    }
  }

  get examination(): Examination {
    const { rows, spans, badRows, firstProblems, passedOver, rejected, firstRejection } = this;
    const { notBilled, withoutCustomer, firstEventMicros, lastEventMicros } = this;
    const models = [...this.models.values()].sort((a, b) => b.calls - a.calls);
    return {
      ...{ rows, spans, badRows, firstProblems, passedOver, rejected, firstRejection },
      ...{ notBilled, withoutCustomer, firstEventMicros, lastEventMicros, models },
    };
  }

  private count(usage: UsageRecord): void {
    if (usage.billingRole !== 'billed') {
      this.notBilled++;
      return;
    }
    if (usage.customer === null) this.withoutCustomer++;
    const at = usage.eventTimeMicros;
    this.firstEventMicros = Math.min(this.firstEventMicros ?? at, at);
    this.lastEventMicros = Math.max(this.lastEventMicros ?? at, at);
    const sums = this.sumsOf(usage);
    sums.calls++;
    if (usage.tokens !== null) {
      sums.inputTokens += inputTokens(usage.tokens);
      sums.outputTokens += outputTokens(usage.tokens);
    }
    const rating = price(usage, this.metering.catalogue, TENANT);
    if (rating.kind === 'priced') sums.costFemtoUsd += rating.cost;
    else sums.unpricedCalls++;
  }

  private sumsOf(usage: UsageRecord): ModelSums {
    const named = { model: billedModel(usage), provider: usage.provider };
    const isKept = this.models.has(keyOf(named)) || this.models.size < MAX_MODELS;
    const { model, provider } = isKept ? named : { model: null, provider: null };
    const key = keyOf({ model, provider });
    const before = this.models.get(key);
    if (before !== undefined) return before;
    const sums = {
      model,
      provider,
      calls: 0,
      inputTokens: 0,
      outputTokens: 0,
      costFemtoUsd: 0n,
      unpricedCalls: 0,
    };
    this.models.set(key, sums);
    return sums;
  }
}

const TENANT = 'default';

function keyOf({ model, provider }: Pick<ModelSums, 'model' | 'provider'>): string {
  return JSON.stringify([model, provider]);
}
