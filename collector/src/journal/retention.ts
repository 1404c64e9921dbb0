/** How long segments stay after the ledger has committed them, so that a ledger can be rebuilt from them. */
export interface JournalRetention {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
}

/** A segment that is wholly committed. */
export interface CommittedSegment {
  readonly id: number;
  readonly bytes: number;
  /** When the last record can have been written. */
  readonly sealedAtMillis: number;
}

/** How many of the segments, oldest first, may go: those past the age, and then as many as it takes to be within the bytes. */
export function countExpired(
  segments: readonly CommittedSegment[],
  retention: JournalRetention,
  nowMillis: number,
): number {
  let keptBytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  let expired = 0;
  for (const segment of segments) {
    const tooOld = nowMillis - segment.sealedAtMillis > retention.maxAgeMs;
    if (!tooOld && keptBytes <= retention.maxBytes) break;
    keptBytes -= segment.bytes;
    expired += 1;
  }
  return expired;
}
