import type { UsdFemto } from '@spanledger/metering';
import { actionOf, type HeldLeaf, leafOf } from '../ledger/action.ts';
import type { RatableUsage } from '../ledger/rated-usage.ts';
import type { HeldRecord, HeldSpan, HeldTrace, TraceKey } from '../ledger/store.ts';
import { KEPT_COLUMN_COUNT, KEPT_COLUMNS, keptOf } from './kept-span.ts';
import type { ReadRecord, RecordReader } from './rated-usage.ts';

/**
 * What the ledger holds of the traces whose keys are in `temp.trace`. The ids are random, so that nothing tells where
 * to look: all of the two columns of ids is read, a second for each hundred million spans. That is why recent traces
 * stay in memory.
 */
export async function readHeldTraces(reader: RecordReader): Promise<readonly HeldTrace[]> {
  const traces = new Map<
    string,
    { tenant: string; traceId: string; spans: HeldSpan[]; records: HeldRecord[] }
  >();
  const traceOf = ({ tenant, traceId }: TraceKey) => {
    const key = `${tenant}/${traceId}`;
    let trace = traces.get(key);
    if (trace === undefined) {
      trace = { tenant, traceId, spans: [], records: [] };
      traces.set(key, trace);
    }
    return trace;
  };

  // In the order of arrival, which is that of the rows: of two copies that say equally much the first counts.
  const spans = await reader.connection.runAndReadAll(
    `SELECT ${KEPT_COLUMNS}, s.tenant, epoch_ms(s.received_at)
     FROM ledger.span s
     JOIN temp.trace t ON s.trace_id = t.trace_id AND s.tenant = t.tenant
     JOIN ledger.span_shape shape ON shape.code = s.shape
     ORDER BY s.rowid`,
  );
  for (const row of spans.getRows()) {
    const kept = keptOf(row);
    const [tenantCode, receivedAt] = row.slice(KEPT_COLUMN_COUNT);
    const tenant = reader.words.wordOf(Number(tenantCode));
    traceOf({ tenant, traceId: kept.traceId }).spans.push({ receivedAtMillis: Number(receivedAt), kept });
  }

  const records = await reader.read('JOIN temp.trace t ON u.trace_id = t.trace_id AND u.tenant = t.tenant');
  for (const record of records.toSorted((one, other) => one.revision - other.revision)) {
    traceOf(record).records.push(heldRecordOf(record));
  }
  return [...traces.values()];
}

function heldRecordOf({ usage, revision, digest, rating, tenant }: ReadRecord): HeldRecord {
  const { spanId, eventTimeMicros } = usage;
  return { spanId, revision, eventTimeMicros, digest, rating, leaf: heldLeafOf(usage, rating.cost, tenant) };
}

/** The part of a recorded usage in its action; null: it has none. */
export function heldLeafOf(usage: RatableUsage, cost: UsdFemto | null, tenant: string): HeldLeaf | null {
  const found = actionOf(usage, tenant);
  return found.kind === 'none' ? null : { action: found.action, leaf: leafOf(usage, cost) };
}
