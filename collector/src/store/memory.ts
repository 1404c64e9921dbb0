import { deepStrictEqual } from 'node:assert';
import type { JournalPosition } from '../journal/index.ts';
import type {
  BatchCounts,
  CommitOutcome,
  Damage,
  LedgerStore,
  Posting,
  Quarantined,
  Rejection,
} from '../ledger/store.ts';

/** The in-memory twin of the DuckDB store: the same contract, for tests of what lies above it. */
export class MemoryStore implements LedgerStore {
  position: JournalPosition | null = null;
  readonly postings: Posting[] = [];
  readonly rejections: Rejection[] = [];
  readonly quarantined: Quarantined[] = [];
  readonly damages: Damage[] = [];
  readonly counts: BatchCounts[] = [];
  private readonly known = new Map<string, Posting>();
  private batch: Posting[] = [];
  private openRejections: Rejection[] = [];
  private openQuarantined: Quarantined[] = [];
  private openDamages: Damage[] = [];

  get pending(): number {
    return this.batch.length;
  }

  post(posting: Posting): void {
    this.batch.push(posting);
  }

  reject(rejection: Rejection): void {
    this.openRejections.push(rejection);
  }

  quarantine(span: Quarantined): void {
    this.openQuarantined.push(span);
  }

  damage(range: Damage): void {
    this.openDamages.push(range);
  }

  async commit(position: JournalPosition, counts: BatchCounts): Promise<CommitOutcome> {
    const outcome = { posted: 0, duplicates: 0, conflicts: 0 };
    for (const posting of this.batch) {
      const { usage } = posting.metered;
      const identity = JSON.stringify([posting.tenant, usage.traceId, usage.spanId]);
      const first = this.known.get(identity);
      if (first === undefined) {
        this.known.set(identity, posting);
        this.postings.push(posting);
        outcome.posted++;
      } else if (isEqual(first.metered.usage, usage)) {
        outcome.duplicates++;
      } else {
        outcome.conflicts++;
        const { tenant, receivedAtMillis } = posting;
        const { traceId, spanId } = usage;
        this.openQuarantined.push({
          tenant,
          receivedAtMillis,
          traceId,
          spanId,
          reason: 'conflicting_copy',
          content: JSON.stringify(usage),
        });
      }
    }
    this.rejections.push(...this.openRejections);
    this.quarantined.push(...this.openQuarantined);
    this.damages.push(...this.openDamages);
    this.counts.push(counts);
    this.batch = [];
    this.openRejections = [];
    this.openQuarantined = [];
    this.openDamages = [];
    this.position = position;
    return outcome;
  }
}

function isEqual(a: unknown, b: unknown): boolean {
  try {
    deepStrictEqual(a, b);
    return true;
  } catch {
    return false;
  }
}
