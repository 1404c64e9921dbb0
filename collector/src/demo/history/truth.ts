import type { BilledCall, Use } from './making.ts';
import { type CostOf, NO_USAGE, usdText } from './prices.ts';
import type { Origin } from './span.ts';
import { floorTo, HOUR_MICROS } from './story.ts';

/** What must come out: one row for each hour and everything that `usage_hourly` tells apart. */
export interface TruthRow {
  /** Where the hour begins: RFC 3339, UTC. */
  readonly hour: string;
  readonly customer: string | null;
  readonly feature: string | null;
  readonly provider: string;
  readonly model: string;
  readonly usageClass: string;
  readonly environment: string;
  readonly service: string;
  readonly sums: Sums;
}

/** Of billed calls. Input includes cached tokens, output includes reasoning. */
export interface Sums {
  readonly calls: number;
  readonly failedCalls: number;
  /** Those of a model without a price, or whose usage nobody knows: the cost lacks them. */
  readonly unpricedCalls: number;
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  readonly outputTokens: number;
  readonly reasoningTokens: number;
  /** 10⁻¹⁵ USD. */
  readonly costFemto: bigint;
}

/** What was sent besides billed calls, as `ingest_health` counts it. */
export interface Deliveries {
  /** Spans of all bodies, repeated and malformed ones included. */
  readonly spans: number;
  readonly bodies: number;
  readonly bytes: number;
  /** Uses of a feature. */
  readonly actions: number;
  /** Spans that had been sent before, and count for nothing. */
  readonly duplicates: number;
  /** Spans without ids or an end. */
  readonly rejected: number;
  /** Spans with the identity of another and other content. */
  readonly conflicts: number;
  /** Traces of which the span that says for whom it was comes long after the others. */
  readonly lateRoots: number;
  /** Requests that are not taken at all. */
  readonly refusedBodies: number;
}

export interface Truth {
  readonly rows: readonly TruthRow[];
  readonly deliveries: Deliveries;
}

const NOTHING: Sums = {
  calls: 0,
  failedCalls: 0,
  unpricedCalls: 0,
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  costFemto: 0n,
};

/** Adds up calls as they are made. */
export class Tally {
  readonly #rows = new Map<string, TruthRow>();
  readonly #costOf: CostOf;

  constructor(costOf: CostOf) {
    this.#costOf = costOf;
  }

  add({ customer, feature, usageClass, isNameless }: Use, origin: Origin, call: BilledCall): void {
    const row = {
      hour: new Date(floorTo(HOUR_MICROS, call.endMicros) / 1000).toISOString(),
      customer,
      feature: isNameless ? null : feature,
      provider: call.provider,
      model: call.model,
      usageClass: usageClass ?? 'customer',
      environment: origin.environment,
      service: origin.service,
    };
    const key = JSON.stringify(row);
    const { usage } = call;
    const cost = usage === null ? null : this.#costOf(call.model, call.endMicros, usage);
    const sums = plus(this.#rows.get(key)?.sums ?? NOTHING, {
      ...(usage ?? NO_USAGE),
      calls: 1,
      failedCalls: call.hasFailed ? 1 : 0,
      unpricedCalls: cost === null ? 1 : 0,
      costFemto: cost ?? 0n,
    });
    this.#rows.set(key, { ...row, sums });
  }

  get rows(): readonly TruthRow[] {
    return [...this.#rows.values()];
  }
}

function plus(one: Sums, other: Sums): Sums {
  return {
    calls: one.calls + other.calls,
    failedCalls: one.failedCalls + other.failedCalls,
    unpricedCalls: one.unpricedCalls + other.unpricedCalls,
    inputTokens: one.inputTokens + other.inputTokens,
    cacheReadTokens: one.cacheReadTokens + other.cacheReadTokens,
    cacheWriteTokens: one.cacheWriteTokens + other.cacheWriteTokens,
    outputTokens: one.outputTokens + other.outputTokens,
    reasoningTokens: one.reasoningTokens + other.reasoningTokens,
    costFemto: one.costFemto + other.costFemto,
  };
}

export type Dimension = Exclude<keyof TruthRow, 'sums'>;

/** The rows summed up by some of what they tell apart; the names are their values, in order, behind one another. */
export function sumsBy(
  rows: readonly TruthRow[],
  dimensions: readonly Dimension[],
): ReadonlyMap<string, Sums> {
  const sums = new Map<string, Sums>();
  for (const row of rows) {
    const name = dimensions.map((dimension) => row[dimension] ?? '(none)').join(' | ');
    sums.set(name, plus(sums.get(name) ?? NOTHING, row.sums));
  }
  return sums;
}

/** For a file: every amount as a decimal text. */
export function truthJson({ rows, deliveries }: Truth): string {
  const lines = rows.map(({ sums: { costFemto, ...counts }, ...row }) =>
    JSON.stringify({ ...row, ...counts, costUsd: usdText(costFemto) }),
  );
  return `{"deliveries":${JSON.stringify(deliveries)},\n"rows":[\n${lines.join(',\n')}\n]}\n`;
}
