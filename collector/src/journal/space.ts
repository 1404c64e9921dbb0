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

/** Keeps `minFreeBytes` of the directory's file system free, for the ledger's own file lives there too. */
export function freeSpace(
  files: JournalFiles,
  directory: string,
  minFreeBytes: number,
  nowMillis: () => number,
): FreeSpace {
  let checkedAtMillis = Number.NEGATIVE_INFINITY;
  let freeBytes = 0;
  let taken = 0;
  return {
    async claim(bytes, fresh) {
      const now = nowMillis();
      // A clock that was set back must not stop the checks.
      if (fresh || now - checkedAtMillis >= CHECK_EVERY_MS || now < checkedAtMillis) {
        freeBytes = await files.freeBytes(directory);
        checkedAtMillis = now;
        taken = 0;
      }
      if (freeBytes - taken - bytes < minFreeBytes) {
        throw new SpanledgerError(
          'SL_JOURNAL_FULL',
          `The disk of ${directory} has ${freeBytes - taken} bytes free and ${minFreeBytes} must stay free. ` +
            'Free space, or lower the minimum.',
        );
      }
      taken += bytes;
    },
    released() {
      checkedAtMillis = Number.NEGATIVE_INFINITY;
    },
  };
}
