import { MAX_TRACES_OF_A_LINK, type Observation, recall } from '@spanledger/metering';
import { LINK_WINDOW_MICROS } from '../ledger/store.ts';
import { KEPT_COLUMN_COUNT, KEPT_COLUMNS, keptOf } from './kept-span.ts';

/** More spans than anybody reads, and what a report of them may cost. */
const MAX_SPANS = 20_000;

interface Seen {
  readonly observation: Observation;
  readonly links: readonly string[];
}

/** Runs one SELECT within the bounds of queries: whoever looks at traces must not hold up the writer. */
export type RunQuery = (sql: string) => Promise<{ readonly rows: readonly (readonly unknown[])[] }>;

/** What the ledger keeps of the spans of a trace, and of the traces that its link keys join to it; none if unknown. */
export async function readObservations(query: RunQuery, traceId: string): Promise<readonly Observation[]> {
  const known = new Set<string>();
  const seen: Seen[] = [];
  let next: readonly string[] = [traceId];
  while (next.length > 0 && known.size < MAX_TRACES_OF_A_LINK && seen.length < MAX_SPANS) {
    for (const id of next) known.add(id);
    const spans = await readSpans(query, next);
    for (const span of spans) seen.push(span);
    const linked = await linkedTraces(query, spans);
    next = linked.filter((id) => !known.has(id));
  }
  return seen.map(({ observation }) => observation);
}

async function readSpans(query: RunQuery, traceIds: readonly string[]): Promise<Seen[]> {
  const { rows } = await query(
    `SELECT ${KEPT_COLUMNS}, s.link_1, s.link_2, s.link_3
     FROM ledger.span s JOIN ledger.span_shape shape ON shape.code = s.shape
     WHERE s.trace_id IN (${traceIds.map(decimal).join(', ')})
     ORDER BY s.rowid
     LIMIT ${MAX_SPANS}`,
  );
  return rows.map((row) => ({
    observation: recall(keptOf(row)),
    links: row
      .slice(KEPT_COLUMN_COUNT)
      .filter((link) => link !== null)
      .map(String),
  }));
}

async function linkedTraces(query: RunQuery, spans: readonly Seen[]): Promise<string[]> {
  const links = spans.flatMap(({ observation, links }) =>
    links.map((link) => `(${link}, ${observation.endTimeMicros})`),
  );
  if (links.length === 0) return [];
  const { rows } = await query(
    `WITH
       q(link, micros) AS (VALUES ${links.join(', ')}),
       s AS (
         SELECT trace_id, epoch_us(event_time) AS micros, unnest([link_1, link_2, link_3]) AS link
         FROM ledger.span
         WHERE event_time BETWEEN make_timestamptz((SELECT min(micros) FROM q) - ${LINK_WINDOW_MICROS})
           AND make_timestamptz((SELECT max(micros) FROM q) + ${LINK_WINDOW_MICROS})
       ),
       linked AS (
         SELECT q.link, list(DISTINCT s.trace_id) AS trace_ids
         FROM s JOIN q ON s.link = q.link AND abs(s.micros - q.micros) <= ${LINK_WINDOW_MICROS}
         GROUP BY q.link
       )
     SELECT DISTINCT ledger.hex_of(unnest(trace_ids)) FROM linked
     WHERE len(trace_ids) <= ${MAX_TRACES_OF_A_LINK}`,
  );
  return rows.map(([id]) => String(id));
}

/** The id as the database writes such a number. Ids are 32 hex digits: whoever asks has checked that. */
function decimal(traceId: string): string {
  return `${BigInt(`0x${traceId}`)}::UHUGEINT`;
}
