import { focusRows } from './focus.ts';
import type { ExportRequest } from './request.ts';

/** The SELECT of an export and in which order its rows come, so that the same ledger gives the same file. */
export interface ExportRows {
  readonly select: string;
  readonly orderBy: string;
}

/** Every export reads the views that all readers have, so it can say nothing else than a query does. */
export function rowsOf(request: ExportRequest): ExportRows {
  switch (request.what) {
    case 'usage':
      return {
        select: `SELECT * FROM public.usage WHERE ${within('event_time', request)}`,
        orderBy: 'event_time, usage_id',
      };
    case 'ledger':
      return {
        select: `SELECT * FROM public.credit_ledger WHERE ${within('effective_at', request)}`,
        orderBy: 'effective_at, transfer_id, account',
      };
    case 'statements':
      return {
        select: `SELECT * FROM public.statements WHERE ${within('period_start', request)}`,
        orderBy: 'period_start, customer',
      };
    case 'focus':
      return focusRows((column) => within(column, request), request.issuer);
  }
}

/** Whole microseconds are written into the statement: they are numbers, whatever was asked. */
function within(column: string, { fromMicros, toMicros }: ExportRequest): string {
  const bounds = [
    fromMicros === null ? [] : [`${column} >= make_timestamptz(${fromMicros}::BIGINT)`],
    toMicros === null ? [] : [`${column} < make_timestamptz(${toMicros}::BIGINT)`],
  ].flat();
  return bounds.length === 0 ? 'true' : bounds.join(' AND ');
}
