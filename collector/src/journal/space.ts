import { SpanledgerError } from '../errors.ts';
import type { JournalFiles } from './files.ts';

/** statfs(2) costs a trip through the thread pool; a second at full disk speed is counted in `taken` instead. */
const CHECK_EVERY_MS = 1000;

export interface FreeSpace {
  /** Throws SL_JOURNAL_FULL when writing `bytes` would leave less free than must stay. `fresh` asks the file system now. */
  claim(bytes: number, fresh: boolean): Promise<void>;
  /** Something was removed: the next claim asks the file system. */
  released(): void;
}

/** What must stay free on the file system. */
export interface Reserve {
  readonly bytes: number;
  /** And so many for each byte that the ledger has not posted yet. */
  readonly bytesPerLagByte: number;
}

/**
 * Keeps free what the ledger needs, whose file lives on the same file system: what was acknowledged must find its
 * place, whatever is refused for that.
 */
export function freeSpace(
  files: JournalFiles,
  directory: string,
  reserve: Reserve,
  nowMillis: () => number,
  lagBytes: () => number,
): FreeSpace {
  let checkedAtMillis = Number.NEGATIVE_INFINITY;
  let freeBytes = 0;
  /** Unposted when the free space was looked at: whatever of it was posted since has taken space that was not seen. */
  let lagBefore = 0;
  let taken = 0;
  return {
    async claim(bytes, fresh) {
      const now = nowMillis();
      // A clock that was set back must not stop the checks.
      if (fresh || now - checkedAtMillis >= CHECK_EVERY_MS || now < checkedAtMillis) {
        lagBefore = lagBytes();
        freeBytes = await files.freeBytes(directory);
        checkedAtMillis = now;
        taken = 0;
      }
      const kept = reserve.bytes + reserve.bytesPerLagByte * (lagBefore + taken + bytes);
      if (freeBytes - taken - bytes < kept) {
        throw new SpanledgerError(
          'SL_JOURNAL_FULL',
          `The disk of ${directory} has ${freeBytes - taken} bytes free and ${kept} must stay free ` +
            `(${reserve.bytes}, and room for what the ledger has still to post). Free space, or lower the minimum.`,
        );
      }
      taken += bytes;
    },
    released() {
      checkedAtMillis = Number.NEGATIVE_INFINITY;
    },
  };
}
