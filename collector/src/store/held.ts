import type { DuckDBConnection } from '@duckdb/node-api';
import type { Booked } from '@spanledger/metering';
import type { HeldRecord, HeldSpan, HeldTrace } from '../ledger/store.ts';
import { KEPT_COLUMN_COUNT, KEPT_COLUMNS, keptOf } from './kept-span.ts';

/**
 * What the ledger holds of the traces whose keys are in `temp.trace`. The ids are random, so that nothing tells where
 * to look: all of the two columns of ids is read, a second for each hundred million spans. That is why recent traces
 * stay in memory.
 *
 * @param tenantOf the tenant of a code
 */
export async function readHeldTraces(
  connection: DuckDBConnection,
  tenantOf: (code: number) => string,
): Promise<readonly HeldTrace[]> {
  const traces = new Map<
    string,
    { tenant: string; traceId: string; spans: HeldSpan[]; records: HeldRecord[] }
  >();
  const traceOf = (tenantCode: unknown, traceId: string) => {
    const key = `${tenantCode}/${traceId}`;
    let trace = traces.get(key);
    if (trace === undefined) {
      trace = { tenant: tenantOf(Number(tenantCode)), traceId, spans: [], records: [] };
      traces.set(key, trace);
    }
    return trace;
  };

  // In the order of arrival, which is that of the rows: of two copies that say equally much the first counts.
  const spans = await connection.runAndReadAll(
    `SELECT ${KEPT_COLUMNS}, s.tenant, epoch_ms(s.received_at)
     FROM ledger.span s
     JOIN temp.trace t ON s.trace_id = t.trace_id AND s.tenant = t.tenant
     JOIN ledger.span_shape shape ON shape.code = s.shape
     ORDER BY s.rowid`,
  );
  for (const row of spans.getRows()) {
    const kept = keptOf(row);
    const [tenant, receivedAt] = row.slice(KEPT_COLUMN_COUNT);
    traceOf(tenant, kept.traceId).spans.push({ receivedAtMillis: Number(receivedAt), kept });
  }

  const records = await connection.runAndReadAll(
    `SELECT u.tenant, format('{:032x}', u.trace_id), format('{:016x}', u.span_id), u.revision,
       epoch_us(u.event_time), u.digest, u.customer, (u.credits::DECIMAL(38, 6) * 1000000)::BIGINT
     FROM ledger.usage_record u
     JOIN temp.trace t ON u.trace_id = t.trace_id AND u.tenant = t.tenant
     ORDER BY u.revision`,
  );
  for (const [tenant, traceId, spanId, revision, eventTime, digest, customer, credits] of records.getRows()) {
    traceOf(tenant, String(traceId)).records.push({
      spanId: String(spanId),
      revision: Number(revision),
      eventTimeMicros: Number(eventTime),
      digest: Number(digest),
      booked: bookedOf(customer, credits),
    });
  }
  return [...traces.values()];
}

function bookedOf(customer: unknown, credits: unknown): Booked | null {
  if (typeof customer !== 'string' || typeof credits !== 'bigint' || credits === 0n) return null;
  return { customer, amount: credits };
}
