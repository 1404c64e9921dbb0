import { ReaderError } from './errors.ts';

/**
 * Statements that readers have sent, over HTTP and by the SQL port, since this process started: each run counts, and
 * each that could not be prepared.
 */
export class StatementCounts {
  all = 0;
  /** Refused, mistaken, or not let in. */
  failed = 0;
  /** Cancelled, or ended by a limit; none of these has failed. */
  ended = 0;

  noteBegun(): void {
    this.all++;
  }

  /** That which was noted as begun came to this. */
  noteError(error: unknown): void {
    if (error instanceof ReaderError && error.code === 'SL_QUERY_LIMIT') this.ended++;
    else this.failed++;
  }
}
