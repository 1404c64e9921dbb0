import type { DuckDBConnection, DuckDBValue } from '@duckdb/node-api';
import { type Comparison, CREDIT_SCALE, parseDecimal, type Sums, USD_SCALE } from '@spanledger/metering';
import type { RerateJob, RerateTally, Rerating } from '../ledger/rerate-store.ts';
import { Decimal128Column, IntegerColumn, type TableLayout, TextColumn } from './columns.ts';
import { RATING_COLUMNS } from './rating-columns.ts';

/**
 * Puts the ratings of `temp.rerated` in the place of those that the ledger has: the old records move to
 * `ledger.superseded_usage`, new ones with the next revision take their place. Whatever else a record says is copied as
 * it is, by the engine, column by column.
 */
export async function supersedeRatings(
  connection: DuckDBConnection,
  reratings: readonly Rerating[],
  batch: number,
  nowMillis: number,
): Promise<void> {
  const times = reratings.map(({ rated }) => rated.usage.eventTimeMicros);
  const from = times.reduce((first, each) => Math.min(first, each), Number.MAX_SAFE_INTEGER);
  const to = times.reduce((last, each) => Math.max(last, each), Number.MIN_SAFE_INTEGER);
  // The time is no condition but a help: only the row groups of that time are looked at.
  const isRerated = `u.rowid = r.record
    AND u.event_time BETWEEN make_timestamptz(${from}) AND make_timestamptz(${to})`;
  await connection.run(
    `INSERT INTO ledger.superseded_usage BY NAME
     SELECT u.*, make_timestamptz(${nowMillis * 1000}) AS superseded_at, ${batch} AS superseded_in
     FROM ledger.usage_record u JOIN temp.rerated r ON ${isRerated}`,
  );
  const replaced = RATING_COLUMNS.map((name) => `r.${name} AS ${name}`).join(', ');
  await connection.run(
    `INSERT INTO ledger.usage_record BY NAME
     SELECT u.* REPLACE (${replaced}, u.revision + 1 AS revision, ${batch} AS written_in)
     FROM ledger.usage_record u JOIN temp.rerated r ON ${isRerated}`,
  );
  await connection.run(`DELETE FROM ledger.usage_record u USING temp.rerated r WHERE ${isRerated}`);
}

const JOB_COLUMNS = `id, reason, epoch_us(from_time), epoch_us(to_time), model, scope, policy, book_version, state,
  replaced_by, epoch_us(next_time), total, examined, changed, transfers, epoch_ms(requested_at), epoch_ms(finished_at)`;

/** `SELECT` of jobs, for `jobOf`. */
export function selectJobs(condition: string): string {
  return `SELECT ${JOB_COLUMNS} FROM ledger.rerate_job WHERE ${condition} ORDER BY requested_at, rowid`;
}

/** The job of a row of `selectJobs`; 64-bit integers may be numbers or texts. Only `writeJob` writes such rows. */
export function jobOf(row: readonly unknown[]): RerateJob {
  const [id, reason, from, to, model, scope, policy, bookVersion, state, replacedBy, next, ...rest] = row;
  const [total, examined, changed, transfers, requestedAt, finishedAt] = rest;
  return {
    id: String(id),
    reason: reason as RerateJob['reason'],
    selection: {
      fromMicros: Number(from),
      toMicros: Number(to),
      model: textOf(model),
      scope: scope as RerateJob['selection']['scope'],
    },
    policy: policy as RerateJob['policy'],
    bookVersion: String(bookVersion),
    state: state as RerateJob['state'],
    replacedBy: textOf(replacedBy),
    nextMicros: Number(next),
    total: Number(total),
    examined: Number(examined),
    changed: Number(changed),
    transfers: Number(transfers),
    requestedAtMillis: Number(requestedAt),
    finishedAtMillis: finishedAt === null ? null : Number(finishedAt),
  };
}

export async function writeJob(connection: DuckDBConnection, job: RerateJob): Promise<void> {
  const { selection } = job;
  await connection.run('DELETE FROM ledger.rerate_job WHERE id = $1', [job.id]);
  const values: DuckDBValue[] = [
    job.id,
    job.reason,
    BigInt(selection.fromMicros),
    BigInt(selection.toMicros),
    selection.model,
    selection.scope,
    job.policy,
    job.bookVersion,
    job.state,
    job.replacedBy,
    BigInt(job.nextMicros),
    BigInt(job.total),
    BigInt(job.examined),
    BigInt(job.changed),
    BigInt(job.transfers),
    BigInt(job.requestedAtMillis),
    job.finishedAtMillis === null ? null : BigInt(job.finishedAtMillis),
  ];
  await connection.run(
    `INSERT INTO ledger.rerate_job SELECT $1, $2, make_timestamptz($3::BIGINT), make_timestamptz($4::BIGINT),
       $5::VARCHAR, $6, $7, $8, $9, $10::VARCHAR, make_timestamptz($11::BIGINT), $12::BIGINT, $13::BIGINT,
       $14::BIGINT, $15::BIGINT, make_timestamptz($16::BIGINT * 1000), make_timestamptz($17::BIGINT * 1000)`,
    values,
  );
}

export interface TallyRow {
  readonly job: string;
  readonly dimension: 'total' | 'model' | 'customer';
  readonly name: string | null;
  readonly comparison: Comparison;
}

export function* tallyRows(job: string, tally: RerateTally): Iterable<TallyRow> {
  yield { job, dimension: 'total', name: null, comparison: tally.total };
  for (const dimension of ['model', 'customer'] as const) {
    for (const [name, comparison] of tally.by[dimension]) yield { job, dimension, name, comparison };
  }
}

export function tallyLayout(): TableLayout<TallyRow> {
  const job = new TextColumn();
  const dimension = new TextColumn();
  const name = new TextColumn();
  const calls = new IntegerColumn();
  const changedCalls = new IntegerColumn();
  const sides = (['recorded', 'again'] as const).map((side) => ({
    side,
    unpricedCalls: new IntegerColumn(),
    cost: new Decimal128Column(),
    credits: new Decimal128Column(),
  }));
  return {
    schema: 'ledger',
    table: 'rerate_tally',
    columns: [
      job,
      dimension,
      name,
      calls,
      changedCalls,
      ...sides.flatMap(({ unpricedCalls, cost, credits }) => [unpricedCalls, cost, credits]),
    ],
    set(row, tally) {
      const { comparison } = tally;
      job.set(row, tally.job);
      dimension.set(row, tally.dimension);
      name.set(row, tally.name);
      calls.set(row, comparison.calls);
      changedCalls.set(row, comparison.changedCalls);
      for (const { side, unpricedCalls, cost, credits } of sides) {
        const sums = comparison[side];
        unpricedCalls.set(row, sums.unpricedCalls);
        cost.set(row, sums.cost);
        credits.set(row, sums.credits);
      }
    },
  };
}

function textOf(cell: unknown): string | null {
  return cell === null || cell === undefined ? null : String(cell);
}

/** `SELECT` of what job `$1` found, its slices together; the largest differences of each dimension. For `tallyRowOf`. */
export function selectTally(maxRows: number): string {
  return `SELECT * FROM (
    SELECT job, dimension, name, sum(calls)::BIGINT, sum(changed_calls)::BIGINT, sum(recorded_unpriced_calls)::BIGINT,
      sum(recorded_cost_usd) AS recorded_cost, sum(recorded_credits) AS recorded_credits,
      sum(unpriced_calls)::BIGINT, sum(cost_usd) AS cost, sum(credits) AS credits
    FROM ledger.rerate_tally WHERE job = $1
    GROUP BY job, dimension, name
  )
  QUALIFY row_number() OVER (
    PARTITION BY dimension ORDER BY abs(cost - recorded_cost) DESC, abs(credits - recorded_credits) DESC, name
  ) <= ${maxRows}
  ORDER BY dimension, abs(cost - recorded_cost) DESC, abs(credits - recorded_credits) DESC, name`;
}

export function tallyRowOf(row: readonly unknown[]): TallyRow {
  const [job, dimension, name, calls, changedCalls, ...sides] = row;
  const sums = ([unpricedCalls, cost, credits]: readonly unknown[]): Sums => ({
    unpricedCalls: Number(unpricedCalls),
    cost: exactly(cost, USD_SCALE),
    credits: exactly(credits, CREDIT_SCALE),
    revenue: 0n,
    creditsWithoutValue: 0n,
  });
  return {
    job: String(job),
    // Only `tallyRows` writes such rows.
    dimension: dimension as TallyRow['dimension'],
    name: textOf(name),
    comparison: {
      calls: Number(calls),
      changedCalls: Number(changedCalls),
      recorded: sums(sides.slice(0, 3)),
      again: sums(sides.slice(3)),
    },
  };
}

function exactly(cell: unknown, scale: number): bigint {
  const parsed = parseDecimal(String(cell), scale);
  if (parsed.kind === 'decimal') return parsed.value;
  throw new Error(`the ledger holds no decimal: ${cell}`);
}
