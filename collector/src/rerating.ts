import { randomUUID } from 'node:crypto';
import {
  type Catalogue,
  type Comparison,
  CREDIT_SCALE,
  type CreditRules,
  formatDecimal,
  instantMicros,
  noComparison,
  parseDecimal,
  type ReratePolicy,
} from '@spanledger/metering';
import {
  linesOf,
  MAX_LINES,
  type NamedComparison,
  reportedComparison,
  reportedValuedComparison,
} from './api/comparison.ts';
import type { RerateBody, RerateReport, Rerating, WhatIfBody, WhatIfReport } from './api/rerate.ts';
import { SpanledgerError } from './errors.ts';
import type { Ledger } from './ledger/ledger.ts';
import type { RatedUsageReader, UsageSelection } from './ledger/rated-usage.ts';
import type { RerateJob, RerateTally } from './ledger/rerate-store.ts';
import { type MonthlyCredits, tryRerating, whatIf } from './ledger/what-if.ts';
import { parseRulesFile } from './parse-rules-file.ts';
import { jobOf, selectJobs, selectTally, tallyRowOf } from './store/rerate.ts';

export interface ReratingParts {
  readonly ledger: Pick<Ledger, 'rerate' | 'currentBook'>;
  /** A reader of its own connection; whoever asks closes it. */
  readonly openReader: () => Promise<RatedUsageReader & { close(): void }>;
  readonly query: (
    sql: string,
    params: readonly string[],
  ) => Promise<{ readonly rows: readonly (readonly unknown[])[] }>;
  /** The prices in use with those of a file laid over them, or what is wrong with the file. */
  readonly catalogueWith: (
    prices: string,
  ) => Catalogue | readonly { path: string; expected: string; value: string }[];
  readonly onSurprise: (error: unknown) => void;
}

/** Calls that a dry run or a what-if looks at, at most: some minutes of reading, which also hold up other questions. */
const MAX_CALLS = 20_000_000;
/** Dry runs that are remembered; each has at most some megabytes of sums. */
const MAX_DRY_RUNS = 8;
/** Customers over an allowance that are listed. */
const MAX_OVER = 1000;

interface DryRun {
  readonly id: string;
  readonly request: RerateBody;
  readonly selection: UsageSelection;
  readonly bookVersion: string;
  readonly total: number;
  examined: number;
  changed: number;
  tally: RerateTally | null;
  hasFailed: boolean;
}

/**
 * What the API is asked about rating again. Jobs that write belong to the ledger and are found in its file; dry runs
 * and what-ifs only read, one at a time, and are forgotten with the process.
 */
export function rerating(parts: ReratingParts): Rerating {
  const dryRuns = new Map<string, DryRun>();
  let isReading = false;

  /** One at a time: each reads as fast as the machine can. */
  async function reading<Result>(
    selection: UsageSelection,
    work: (reader: RatedUsageReader, total: number) => Promise<Result>,
  ): Promise<Result> {
    if (isReading) throw new SpanledgerError('SL_RERATE_BUSY', 'Another dry run or what-if is not finished.');
    isReading = true;
    try {
      const reader = await parts.openReader();
      try {
        const total = await reader.count(selection);
        if (total <= MAX_CALLS) return await work(reader, total);
        throw new SpanledgerError(
          'SL_WHATIF_LIMIT',
          `There are ${total} calls in that time, and the most at once is ${MAX_CALLS}. Ask about a shorter time.`,
        );
      } finally {
        reader.close();
      }
    } finally {
      isReading = false;
    }
  }

  async function startDryRun(request: RerateBody, selection: UsageSelection): Promise<string> {
    const started = Promise.withResolvers<string>();
    const book = parts.ledger.currentBook;
    const work = reading(selection, async (reader, total) => {
      const run: DryRun = {
        id: randomUUID(),
        request,
        selection,
        bookVersion: book.version,
        total,
        examined: 0,
        changed: 0,
        tally: null,
        hasFailed: false,
      };
      dryRuns.set(run.id, run);
      for (const [oldest] of dryRuns) if (dryRuns.size > MAX_DRY_RUNS) dryRuns.delete(oldest);
      started.resolve(run.id);
      try {
        run.tally = await tryRerating(reader, selection, book, policyOf(request), (isChanged) => {
          run.examined++;
          if (isChanged) run.changed++;
        });
      } catch (error) {
        run.hasFailed = true;
        parts.onSurprise(error);
      }
    });
    work.catch((error: unknown) => started.reject(error));
    return await started.promise;
  }

  return {
    async start(request) {
      const selection = { ...rangeOf(request), model: request.model ?? null, scope: 'all' } as const;
      if (request.dry_run === true) return await startDryRun(request, selection);
      const { scope: _all, ...range } = selection;
      return (await parts.ledger.rerate({ ...range, policy: policyOf(request) })).id;
    },

    async report(id) {
      const dryRun = dryRuns.get(id);
      if (dryRun !== undefined) return dryRunReport(dryRun);
      const jobs = await parts.query(selectJobs('id = $1'), [id]);
      const [row] = jobs.rows;
      if (row === undefined) return null;
      return jobReport(jobOf(row), (await parts.query(selectTally(MAX_LINES), [id])).rows);
    },

    async whatIf(request, isWanted) {
      const supposed = { catalogue: pricesOf(request, parts), rules: rulesOf(request) };
      const allowance = allowanceOf(request);
      const selection = { ...rangeOf(request), model: null, scope: 'all' } as const;
      const { tally, months } = await reading(selection, (reader) =>
        whatIf(reader, selection, parts.ledger.currentBook, supposed, isWanted),
      );
      const { total, by } = tally;
      return {
        from: instantOf(selection.fromMicros),
        to: instantOf(selection.toMicros),
        is_same: total.changedCalls === 0,
        supposed: { prices: supposed.catalogue !== null, rules: supposed.rules !== null },
        totals: reportedValuedComparison(total),
        by_model: linesOf(by.model, reportedValuedComparison),
        by_feature: linesOf(by.feature, reportedValuedComparison),
        by_customer: linesOf(by.customer, reportedValuedComparison),
        allowance: allowance === null ? null : formatDecimal(allowance, CREDIT_SCALE),
        over_allowance: allowance === null ? [] : overAllowance(months.values(), allowance),
      };
    },
  };
}

function policyOf({ policy }: RerateBody): ReratePolicy {
  return policy ?? 'customer_favourable';
}

function dryRunReport(run: DryRun): RerateReport {
  const { request, selection, tally } = run;
  return {
    id: run.id,
    state: run.hasFailed ? 'failed' : tally === null ? 'running' : 'done',
    replaced_by: null,
    dry_run: true,
    reason: 'request',
    ...reportedSelection(selection),
    policy: policyOf(request),
    book_version: run.bookVersion,
    total_calls: run.total,
    examined_calls: run.examined,
    changed_calls: run.changed,
    transfers: 0,
    ...reportedTally(
      tally?.total ?? null,
      tally === null ? [] : linesOf(tally.by.model, reportedComparison),
      tally === null ? [] : linesOf(tally.by.customer, reportedComparison),
    ),
  };
}

function jobReport(job: RerateJob, rows: readonly (readonly unknown[])[]): RerateReport {
  const tally = rows.map(tallyRowOf);
  const lines = (dimension: 'model' | 'customer') =>
    tally
      .filter((row) => row.dimension === dimension)
      .map(({ name, comparison }) => ({ name, ...reportedComparison(comparison) }));
  return {
    id: job.id,
    state: job.state === 'open' ? 'running' : job.state,
    replaced_by: job.replacedBy,
    dry_run: false,
    reason: job.reason,
    ...reportedSelection(job.selection),
    policy: job.policy,
    book_version: job.bookVersion,
    total_calls: job.total,
    examined_calls: job.examined,
    changed_calls: job.changed,
    transfers: job.transfers,
    ...reportedTally(
      tally.find(({ dimension }) => dimension === 'total')?.comparison ?? null,
      lines('model'),
      lines('customer'),
    ),
  };
}

function reportedSelection({ fromMicros, toMicros, model }: UsageSelection) {
  return { from: instantOf(fromMicros), to: instantOf(toMicros), model };
}

function reportedTally(total: Comparison | null, byModel: NamedComparison[], byCustomer: NamedComparison[]) {
  return {
    totals: reportedComparison(total ?? noComparison()),
    by_model: byModel,
    by_customer: byCustomer,
  };
}

function overAllowance(months: Iterable<MonthlyCredits>, allowance: bigint): WhatIfReport['over_allowance'] {
  return [...months]
    .filter(({ again }) => again > allowance)
    .sort((one, other) => (one.again < other.again ? 1 : one.again > other.again ? -1 : 0))
    .slice(0, MAX_OVER)
    .map(({ customer, month, recorded, again }) => ({
      customer,
      month,
      recorded_credits: formatDecimal(recorded, CREDIT_SCALE),
      credits: formatDecimal(again, CREDIT_SCALE),
      over: formatDecimal(again - allowance, CREDIT_SCALE),
    }));
}

function pricesOf({ prices }: WhatIfBody, { catalogueWith }: ReratingParts): Catalogue | null {
  if (prices === undefined) return null;
  const catalogue = catalogueWith(typeof prices === 'string' ? prices : JSON.stringify(prices));
  if (!isProblems(catalogue)) return catalogue;
  throw mistakes('prices', catalogue);
}

function isProblems<Problem>(found: Catalogue | readonly Problem[]): found is readonly Problem[] {
  return Array.isArray(found);
}

function rulesOf({ rules }: WhatIfBody): CreditRules | null {
  if (rules === undefined) return null;
  const parsed = parseRulesFile(typeof rules === 'string' ? rules : JSON.stringify(rules), 'rules');
  if (parsed.kind === 'rules') return parsed.rules;
  throw mistakes('rules', parsed.problems);
}

function mistakes(
  what: string,
  problems: readonly { readonly path: string; readonly expected: string; readonly value: string }[],
): SpanledgerError {
  return new SpanledgerError(
    'SL_WHATIF_REQUEST',
    [
      `The ${what} have ${problems.length === 1 ? 'a mistake' : `${problems.length} mistakes`}:`,
      ...problems.map(({ path, expected, value }) => `  ${path}: ${expected}, found ${value}`),
    ].join('\n'),
  );
}

function allowanceOf({ allowance }: WhatIfBody): bigint | null {
  if (allowance === undefined) return null;
  const parsed = parseDecimal(allowance, CREDIT_SCALE);
  if (parsed.kind === 'decimal' && parsed.value >= 0n) return parsed.value;
  throw new SpanledgerError(
    'SL_WHATIF_REQUEST',
    `The allowance is a number of credits with at most ${CREDIT_SCALE} decimal places, found ${allowance}.`,
  );
}

function rangeOf({ from, to }: { readonly from: string; readonly to: string }): {
  readonly fromMicros: number;
  readonly toMicros: number;
} {
  const [fromMicros, toMicros] = [from, to].map((text) => {
    const micros = instantMicros(text);
    if (micros !== null) return micros;
    throw new SpanledgerError(
      'SL_RERATE_REQUEST',
      `A time is a date (2026-10-01, from 00:00 UTC) or an instant with its offset (2026-10-01T16:00:00Z), found ${text}.`,
    );
  });
  if (fromMicros !== undefined && toMicros !== undefined && fromMicros < toMicros)
    return { fromMicros, toMicros };
  throw new SpanledgerError('SL_RERATE_REQUEST', `The time must end after it begins: ${from} to ${to}.`);
}

function instantOf(micros: number): string {
  return new Date(micros / 1000).toISOString();
}
