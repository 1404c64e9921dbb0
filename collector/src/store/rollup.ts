import type { DuckDBConnection } from '@duckdb/node-api';

/**
 * A rollup holds sums over a log, kept in two tables: the combinations of keys there are, each with a code, and for each
 * hour (or for ever) and code one row of sums. `folded_to` says how much of the log is in them; what came later, the
 * tail, is added up whenever somebody reads. So what is read is exact at any moment, whenever the tail was last folded
 * into the sums. Decision 16.
 */
export interface Rollup {
  /** The view `ledger.<name>`, which has all columns named here, and `code`. */
  readonly name: string;
  readonly source: RollupSource;
  /** Which rows of the source are summed up. */
  readonly where?: string;
  /** The start of the time that a row of sums stands for. */
  readonly time: Expression;
  /** NULL is a key like others. */
  readonly keys: readonly Expression[];
  /** The column that counts the rows that were summed up: none are left at 0, and the row of sums vanishes. */
  readonly rows: string;
  readonly measures: readonly Measure[];
}

/**
 * A log: rows are only ever added. What no longer holds is there a second time with the `sign` -1, which the amounts that
 * are added up bear, too.
 */
export interface RollupSource {
  /**
   * The `SELECT` of the log, each row with `number` and `sign`. Numbers never decrease from one commit to the next.
   *
   * @param isWithin the condition on the expression that holds the number: in each branch, where zone maps help
   * @param reads whether a column is asked for: to understand a statement takes the longer the more it names, and that
   *   is most of the time of a query of a few rows
   */
  readonly select: (isWithin: IsWithin, reads: Reads) => string;
  /**
   * The log that this one is made of, where it has fewer rows than that: its tail is as long as what is read for it, or
   * what is rare would have the whole log for a tail.
   */
  readonly of?: RollupSource;
}

export type IsWithin = (number: string) => string;
export type Reads = (column: string) => boolean;

/** The columns that the expressions speak of, and maybe more: a word of theirs may be something else than a column. */
export function readBy(expressions: readonly string[]): Reads {
  const words = new Set(expressions.join(' ').match(/\w+/g));
  return (column) => words.has(column);
}

const NOTHING: Reads = () => false;

interface Expression {
  readonly name: string;
  readonly of: string;
  readonly type: string;
}

/** A column of the view. `of` is what is added up, or which rows are counted. */
export type Measure =
  /** How many rows there are of which `of` is true. */
  | (Expression & { readonly kind: 'count' })
  /** The sum of what is not NULL: 0 where nothing is. */
  | (Expression & { readonly kind: 'total' })
  /** The same, NULL where nothing is: where `isKnown`, of counts of the same rollup, is not true. */
  | (Expression & { readonly kind: 'sum'; readonly isKnown: string })
  /** The least, or greatest, that there ever was: a row that takes another away does not take it away from here. */
  | (Expression & { readonly kind: 'earliest' | 'latest' });

export function key(name: string, of = name, type = 'VARCHAR'): Expression {
  return { name, of, type };
}

export function hourOf(of: string): Expression {
  return { name: 'hour', of: `date_trunc('hour', ${of})`, type: 'TIMESTAMPTZ' };
}

export function count(name: string, of: string): Measure {
  return { kind: 'count', name, of, type: 'BIGINT' };
}

/** HUGEINT like the engine's own sums of integers: nothing that a span claims can make it overflow. */
export function total(name: string, of: string, type = 'HUGEINT'): Measure {
  return { kind: 'total', name, of, type };
}

export function sum(name: string, isKnown: string, type = 'HUGEINT'): Measure {
  return { kind: 'sum', name, of: name, type, isKnown };
}

export function earliest(name: string, of: string, type: string): Measure {
  return { kind: 'earliest', name, of, type };
}

export function latest(name: string, of: string, type: string): Measure {
  return { kind: 'latest', name, of, type };
}

/** The columns of the table of sums, after time and code: how each is taken from the log and put together. */
interface Stored {
  readonly name: string;
  readonly type: string;
  readonly aggregate: string;
  readonly together: (one: string, other: string) => string;
}

const added = (one: string, other: string) => `${one} + coalesce(${other}, 0)`;

function storedOf({ rows, measures }: Rollup): readonly Stored[] {
  return [
    { name: rows, type: 'BIGINT', aggregate: 'sum(sign)', together: added },
    ...measures.map((measure) => ({
      name: measure.name,
      type: measure.type,
      aggregate: aggregateOf(measure),
      together: togetherOf(measure),
    })),
  ];
}

function togetherOf({ kind }: Measure): Stored['together'] {
  switch (kind) {
    case 'count':
    case 'total':
    case 'sum':
      return added;
    case 'earliest':
      return (one, other) => `least(${one}, ${other})`;
    case 'latest':
      return (one, other) => `greatest(${one}, ${other})`;
  }
}

function aggregateOf({ kind, of }: Measure): string {
  switch (kind) {
    case 'count':
      return `coalesce(sum(sign) FILTER (${of}), 0)`;
    case 'total':
    case 'sum':
      return `coalesce(sum(${of}), 0)`;
    case 'earliest':
      return `min(${of})`;
    case 'latest':
      return `max(${of})`;
  }
}

/** What the log adds up to, a row for each time and combination of keys. */
function selectSums(rollup: Rollup, isWithin: IsWithin): string {
  const { time, keys } = rollup;
  const sums = storedOf(rollup).map(({ name, type, aggregate }) => `(${aggregate})::${type} AS ${name}`);
  // By position: an output column may have the name of one of the source.
  const groups = [time, ...keys].map((_, index) => index + 1);
  return `${selectOf(rollup, isWithin, [...[time, ...keys].map(named), ...sums])} GROUP BY ${groups.join(', ')}`;
}

const named = ({ name, of }: Expression) => `${of} AS ${name}`;

/** Columns made of the rows of the log that are summed up. */
function selectOf({ source, where }: Rollup, isWithin: IsWithin, columns: readonly string[]): string {
  const log = source.select(isWithin, readBy([...columns, where ?? '']));
  return `SELECT ${columns.join(', ')} FROM (${log})${where === undefined ? '' : ` WHERE ${where}`}`;
}

function keyTable({ name }: Rollup): string {
  return `ledger.${name}_key`;
}

function sumTable({ name }: Rollup): string {
  return `ledger.${name}_sum`;
}

function hasSameKeys({ keys }: Rollup, one: string, other: string): string {
  return keys.map(({ name }) => `${one}.${name} IS NOT DISTINCT FROM ${other}.${name}`).join(' AND ');
}

function foldedTo({ name }: Rollup): string {
  return `(SELECT folded_to FROM ledger.rollup WHERE name = '${name}')`;
}

/**
 * Brings the tables of the rollups to what is declared, in the transaction of the connection. A rollup that is
 * declared otherwise than before begins anew, with everything in its tail.
 *
 * @returns whether tables or views were made or dropped
 */
export async function declareRollups(
  connection: DuckDBConnection,
  rollups: readonly Rollup[],
): Promise<boolean> {
  const rows = await connection.runAndReadAll('SELECT name, definition FROM ledger.rollup');
  const present = new Map(rows.getRows().map(([name, definition]) => [String(name), String(definition)]));
  let isChanged = false;
  for (const [name, definition] of present) {
    const declared = rollups.find((rollup) => rollup.name === name);
    if (declared !== undefined && definitionOf(declared) === definition) continue;
    present.delete(name);
    isChanged = true;
    await connection.run('DELETE FROM ledger.rollup WHERE name = $1', [name]);
    await connection.run(`DROP VIEW IF EXISTS ledger.${name}`);
    await connection.run(`DROP VIEW IF EXISTS ledger.${name}_keys`);
    await connection.run(`DROP TABLE IF EXISTS ledger.${name}_key`);
    await connection.run(`DROP TABLE IF EXISTS ledger.${name}_sum`);
  }
  for (const rollup of rollups) {
    if (present.has(rollup.name)) continue;
    await createTables(connection, rollup);
    isChanged = true;
  }
  return isChanged;
}

/** Statements that make the views of the rollups, over tables that are there. */
export function rollupViews(rollups: readonly Rollup[]): string {
  return rollups.map((rollup) => `${viewOf(rollup)};\n${keysViewOf(rollup)};\n`).join('');
}

/** Everything that what is in the tables depends on. */
function definitionOf(rollup: Rollup): string {
  return `${declarationOf(storedOf(rollup))}: ${selectSums(rollup, (number) => `${number} IN PORTION`)}`;
}

/**
 * Integers of 128 bits are kept by runs: packed into as few bits as they have, as the engine would by itself, reading one
 * takes 0.3 µs instead of 0.01 (DuckDB 1.5), which was most of what a dashboard waited for.
 */
function declarationOf(columns: readonly { readonly name: string; readonly type: string }[]): string {
  return columns
    .map(
      ({ name, type }) =>
        `${name} ${type}${/^(HUGEINT|DECIMAL\(38)/.test(type) ? ' USING COMPRESSION rle' : ''}`,
    )
    .join(', ');
}

async function createTables(connection: DuckDBConnection, rollup: Rollup): Promise<void> {
  const { name, time, keys } = rollup;
  await connection.run(`CREATE TABLE ${keyTable(rollup)} (code INTEGER NOT NULL, ${declarationOf(keys)})`);
  await connection.run(
    `CREATE TABLE ${sumTable(rollup)} (${time.name} ${time.type}, code INTEGER NOT NULL, ${declarationOf(storedOf(rollup))})`,
  );
  await connection.run('INSERT INTO ledger.rollup VALUES ($1, $2, -1)', [name, definitionOf(rollup)]);
}

/**
 * Sums that the tail says nothing of are shown as they are; only the others are put together with it. Grouping all of
 * them once more would take seconds where adding up a column takes milliseconds. Nor may the tail be a CTE that is
 * materialized: the engine would then read all columns of all sums (DuckDB 1.5), 2.7 s instead of 0.15 s of CPU for
 * 700,000 of them.
 */
function viewOf(rollup: Rollup): string {
  const { name, time, keys, rows, measures } = rollup;
  const stored = storedOf(rollup);
  const shown = [
    time.name,
    // NULL for keys that only the tail has; others may look for the few keys first, and for sums by code.
    'code',
    ...keys.map((each) => each.name),
    rows,
    ...measures.map((measure) =>
      measure.kind === 'sum'
        ? `CASE WHEN ${measure.isKnown} THEN ${measure.name} END AS ${measure.name}`
        : measure.name,
    ),
  ];
  const isTail: IsWithin = (number) => `${number} > ${foldedTo(rollup)}`;
  const key = keyTable(rollup);
  const tail = `(
    SELECT t.*, k.code
    FROM (${selectSums(rollup, isTail)}) t
    LEFT JOIN ${key} k ON ${hasSameKeys(rollup, 't', 'k')}
  )`;
  // Which sums the tail says something of, without what it says.
  const touched = `(
    SELECT t.${time.name}, k.code
    FROM (${selectOf(rollup, isTail, [time, ...keys].map(named))}) t
    JOIN ${key} k ON ${hasSameKeys(rollup, 't', 'k')}
  )`;
  return `CREATE OR REPLACE VIEW ledger.${name} AS
SELECT ${shown.join(', ')} FROM (
  SELECT s.${time.name}, s.code, ${listOf(keys, 'k')}, ${listOf(stored, 's')}
  FROM ${sumTable(rollup)} s
  JOIN ${key} k ON k.code = s.code
  ANTI JOIN ${touched} t ON t.code = s.code AND t.${time.name} = s.${time.name}
  UNION ALL
  SELECT t.${time.name}, t.code, ${listOf(keys, 't')},
    ${stored.map((column) => `(${column.together(`t.${column.name}`, `s.${column.name}`)})::${column.type} AS ${column.name}`).join(', ')}
  FROM ${tail} t LEFT JOIN ${sumTable(rollup)} s ON s.code = t.code AND s.${time.name} = t.${time.name}
) WHERE ${rows} <> 0`;
}

/** The view `ledger.<name>_keys`: every combination of keys that there is, or was; as many rows as that, and no sums. */
function keysViewOf(rollup: Rollup): string {
  const { name, keys } = rollup;
  const tail = selectOf(rollup, (number) => `${number} > ${foldedTo(rollup)}`, keys.map(named));
  return `CREATE OR REPLACE VIEW ledger.${name}_keys AS
SELECT ${listOf(keys, 'k')} FROM ${keyTable(rollup)} k
UNION
${tail}`;
}

function listOf(columns: readonly { readonly name: string }[], table: string): string {
  return columns.map(({ name }) => `${table}.${name}`).join(', ');
}

function countedLog({ source }: Rollup): RollupSource {
  return source.of ?? source;
}

/** How many rows of the log are not in the sums yet. */
export async function tailRows(connection: DuckDBConnection, rollup: Rollup): Promise<number> {
  const log = countedLog(rollup).select((number) => `${number} > ${foldedTo(rollup)}`, NOTHING);
  return Number((await connection.runAndReadAll(`SELECT count(*) FROM (${log})`)).getRows()[0]?.[0] ?? 0);
}

/**
 * Folds the first part of the tail into the sums, in a transaction of its own: whole commits, about `maxRows` rows of the
 * log, or one commit that has more. Returns how many rows that were; 0 when there is no tail.
 */
export async function fold(connection: DuckDBConnection, rollup: Rollup, maxRows: number): Promise<number> {
  await connection.run('BEGIN TRANSACTION');
  try {
    const portion = await nextPortion(connection, rollup, maxRows);
    if (portion !== null) await foldPortion(connection, rollup, portion);
    await connection.run('COMMIT');
    return portion === null ? 0 : portion.rows;
  } catch (error) {
    // After an error of the engine's the transaction may be over already.
    await connection.run('ROLLBACK').catch(() => {});
    throw error;
  }
}

/** Numbers of the log: more than `from`, up to `to`. */
interface Portion {
  readonly from: bigint;
  readonly to: bigint;
  readonly rows: number;
}

async function nextPortion(
  connection: DuckDBConnection,
  rollup: Rollup,
  maxRows: number,
): Promise<Portion | null> {
  const source = countedLog(rollup);
  const log = (condition: string) => source.select((number) => `${number} ${condition}`, NOTHING);
  const position = await connection.runAndReadAll(`SELECT ${foldedTo(rollup)}`);
  const from = BigInt(String(position.getRows()[0]?.[0]));
  const lowest = await connection.runAndReadAll(`SELECT min(number) FROM (${log(`> ${from}`)})`);
  const first = lowest.getRows()[0]?.[0] ?? null;
  if (first === null) return null;
  // A number stands for one row at least, so no more of them can be in the portion.
  const last = BigInt(String(first)) + BigInt(maxRows);
  const rows = await connection.runAndReadAll(
    `SELECT max(number), max(up_to) FROM (
       SELECT number, count(*) AS here, sum(count(*)) OVER (ORDER BY number) AS up_to
       FROM (${log(`BETWEEN ${first} AND ${last}`)}) GROUP BY number
     ) WHERE up_to <= ${maxRows} OR up_to = here`,
  );
  const [to, taken] = rows.getRows()[0] ?? [];
  return { from, to: BigInt(String(to)), rows: Number(taken) };
}

async function foldPortion(
  connection: DuckDBConnection,
  rollup: Rollup,
  { from, to }: Portion,
): Promise<void> {
  const { name, time, keys, rows } = rollup;
  const stored = storedOf(rollup);
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE portion AS
     ${selectSums(rollup, (number) => `${number} BETWEEN ${from + 1n} AND ${to}`)}`,
  );
  const times = await connection.runAndReadAll(
    `SELECT epoch_us(min(${time.name})), epoch_us(max(${time.name})) FROM temp.portion`,
  );
  const [fromMicros, toMicros] = times.getRows()[0] ?? [];
  // The times are no condition but a help: only the row groups of those hours are looked at.
  const isSameRow = `s.code = p.code AND s.${time.name} = p.${time.name}
    AND s.${time.name} BETWEEN make_timestamptz(${fromMicros}) AND make_timestamptz(${toMicros})`;
  await connection.run(
    `INSERT INTO ${keyTable(rollup)}
     SELECT (SELECT coalesce(max(code), 0) FROM ${keyTable(rollup)}) + row_number() OVER (), p.*
     FROM (SELECT DISTINCT ${listOf(keys, 'portion')} FROM temp.portion) p
     ANTI JOIN ${keyTable(rollup)} k ON ${hasSameKeys(rollup, 'p', 'k')}`,
  );
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE merged AS
     SELECT p.${time.name}, p.code, ${stored
       .map((column) => `${column.together(`p.${column.name}`, `s.${column.name}`)} AS ${column.name}`)
       .join(', ')}
     FROM (
       SELECT portion.*, k.code
       FROM temp.portion JOIN ${keyTable(rollup)} k ON ${hasSameKeys(rollup, 'portion', 'k')}
     ) p
     LEFT JOIN ${sumTable(rollup)} s ON ${isSameRow}`,
  );
  await connection.run(`DELETE FROM ${sumTable(rollup)} s USING temp.merged p WHERE ${isSameRow}`);
  await connection.run(
    `INSERT INTO ${sumTable(rollup)} SELECT * FROM temp.merged WHERE ${rows} <> 0 ORDER BY ${time.name}, code`,
  );
  await connection.run('UPDATE ledger.rollup SET folded_to = $1::BIGINT WHERE name = $2', [to, name]);
  await connection.run('DROP TABLE temp.portion');
  await connection.run('DROP TABLE temp.merged');
}
