import { formatInterval, parseIntervalMs, type TimeRange } from './interval.ts';

/**
 * What Grafana's PostgreSQL data source makes of a query before it sends it: global macros first, then those of the data
 * source. Its oddities are kept, because dashboards run into them: an argument ends at the first `)` and at every comma,
 * and a `$__timeGroup` with a comma right behind it names itself "time".
 */

export interface MacroContext {
  readonly range: TimeRange;
  readonly intervalMs: number;
  /** Whether the data source says `timescaledb: true`, as ours does: buckets stay timestamps. */
  readonly timescaledb?: boolean;
}

/** What to put where a bucket of `$__timeGroup` has no row. */
export interface Fill {
  readonly intervalMs: number;
  readonly with: { readonly mode: 'null' | 'previous' } | { readonly mode: 'value'; readonly value: number };
}

export interface ExpandedSql {
  readonly sql: string;
  readonly fill?: Fill;
}

const MACRO = /\$([_a-zA-Z0-9]+)\(([^)]*)\)/g;

/** @throws on an unknown macro and on arguments that Grafana refuses, with a message like its own. */
export function expandMacros(rawSql: string, context: MacroContext): ExpandedSql {
  const { range, intervalMs } = context;
  const sql = rawSql
    .replaceAll('$__interval_ms', String(intervalMs))
    .replaceAll('$__interval', formatInterval(intervalMs))
    .replaceAll('$__unixEpochFrom()', seconds(range.from))
    .replaceAll('$__unixEpochTo()', seconds(range.to));
  let fill: Fill | undefined;
  const expanded = sql.replace(MACRO, (call, name: string, list: string) => {
    const args = list.split(',').map((argument) => argument.trim());
    const replacement = expandOne(aliased(sql, call, name), args, context);
    fill = replacement.fill ?? fill;
    return replacement.sql;
  });
  return { sql: expanded, ...(fill === undefined ? {} : { fill }) };
}

/** Grafana looks at what follows the FIRST place where the same text stands. */
function aliased(sql: string, call: string, name: string): string {
  if (name !== '__timeGroup') return name;
  return sql[sql.indexOf(call) + call.length] === ',' ? '__timeGroupAlias' : name;
}

function expandOne(name: string, args: readonly string[], context: MacroContext): ExpandedSql {
  const { from, to } = context.range;
  const column = args[0] ?? '';
  switch (name) {
    case '__time':
      return { sql: `${column} AS "time"` };
    case '__timeEpoch':
      return { sql: `extract(epoch from ${column}) as "time"` };
    case '__timeFilter':
      return { sql: `${column} BETWEEN '${rfc3339(from)}' AND '${rfc3339(to)}'` };
    case '__timeFrom':
      return { sql: `'${rfc3339(from)}'` };
    case '__timeTo':
      return { sql: `'${rfc3339(to)}'` };
    case '__timeGroup':
      return timeGroup(name, args, context);
    case '__timeGroupAlias':
      return asTime(timeGroup(name, args, context));
    case '__unixEpochFilter':
      return { sql: `${column} >= ${seconds(from)} AND ${column} <= ${seconds(to)}` };
    case '__unixEpochNanoFilter':
      return { sql: `${column} >= ${nanoseconds(from)} AND ${column} <= ${nanoseconds(to)}` };
    case '__unixEpochNanoFrom':
      return { sql: nanoseconds(from) };
    case '__unixEpochNanoTo':
      return { sql: nanoseconds(to) };
    case '__unixEpochGroup':
      return unixEpochGroup(name, args);
    case '__unixEpochGroupAlias':
      return asTime(unixEpochGroup(name, args));
    default:
      throw new Error(`unknown macro "${name}"`);
  }
}

function timeGroup(name: string, args: readonly string[], { timescaledb = true }: MacroContext): ExpandedSql {
  const { bucketMs, ...rest } = grouping(name, args);
  const bucketSeconds = bucketMs / 1000;
  return {
    sql: timescaledb
      ? `time_bucket('${bucketSeconds.toFixed(3)}s',${args[0]})`
      : `floor(extract(epoch from ${args[0]})/${bucketSeconds})*${bucketSeconds}`,
    ...rest,
  };
}

function unixEpochGroup(name: string, args: readonly string[]): ExpandedSql {
  const { bucketMs, ...rest } = grouping(name, args);
  return { sql: `floor((${args[0]})/${bucketMs / 1000})*${bucketMs / 1000}`, ...rest };
}

function grouping(name: string, args: readonly string[]): { bucketMs: number; fill?: Fill } {
  const [, interval, fill] = args;
  if (interval === undefined)
    throw new Error(`macro ${name} needs time column and interval and optional fill value`);
  const bucketMs = parseIntervalMs(interval.replace(/^'+|'+$/g, ''));
  // Grafana looks for a fill only when there are exactly three arguments.
  if (fill === undefined || args.length !== 3) return { bucketMs };
  return { bucketMs, fill: { intervalMs: bucketMs, with: fillWith(fill) } };
}

function fillWith(text: string): Fill['with'] {
  if (text === 'NULL') return { mode: 'null' };
  if (text === 'previous') return { mode: 'previous' };
  const value = Number(text);
  if (text === '' || Number.isNaN(value)) throw new Error(`error parsing fill value ${text}`);
  return { mode: 'value', value };
}

function asTime({ sql, ...rest }: ExpandedSql): ExpandedSql {
  return { sql: `${sql} AS "time"`, ...rest };
}

/** Go's RFC3339Nano: no zeros at the end of the fraction. */
function rfc3339(instant: Date): string {
  return instant.toISOString().replace(/\.?0*Z$/, 'Z');
}

function seconds(instant: Date): string {
  return String(Math.floor(instant.getTime() / 1000));
}

function nanoseconds(instant: Date): string {
  return String(BigInt(instant.getTime()) * 1_000_000n);
}
