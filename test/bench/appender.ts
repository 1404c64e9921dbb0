import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';
import { aPosting } from '../../collector/src/store/testing/postings.ts';

export interface AppenderFigure {
  readonly rowsPerCommit: number;
  readonly rowsPerSecond: number;
  readonly cpuMicrosPerRow: number;
  readonly longestCommitMs: number;
}

const ROWS = 737_280;

/** Postings that are ready into a real ledger file, identity check and transfers included. */
export async function benchAppender(): Promise<readonly AppenderFigure[]> {
  const figures: AppenderFigure[] = [];
  for (const rowsPerCommit of [245_760, 10_240]) figures.push(await measure(rowsPerCommit));
  return figures;
}

async function measure(rowsPerCommit: number): Promise<AppenderFigure> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  const store = await DuckDbStore.open({
    ...STORE_DEFAULTS,
    path: join(directory, 'spanledger.duckdb'),
    create: true,
  });
  try {
    let longestCommitMs = 0;
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    for (let row = 1; row <= ROWS; row++) {
      const id = row.toString(16);
      store.post(
        aPosting({
          traceId: (row >> 2).toString(16).padStart(32, 'a'),
          spanId: id.padStart(16, '0'),
          customer: `cus_${row % 200}`,
          userId: `user_${row % 5000}`,
          responseId: `chatcmpl-${id}`,
        }),
      );
      if (row % rowsPerCommit === 0) {
        const commitAt = performance.now();
        await store.commit(
          { segment: 1, offset: row },
          {
            bodies: 1,
            spans: rowsPerCommit,
            notModelCalls: 0,
            posted: rowsPerCommit,
            corrected: 0,
            duplicates: 0,
            conflicts: 0,
          },
          Date.now(),
        );
        longestCommitMs = Math.max(longestCommitMs, performance.now() - commitAt);
      }
    }
    const seconds = (performance.now() - startedAt) / 1000;
    const used = process.cpuUsage(cpu);
    return {
      rowsPerCommit,
      rowsPerSecond: Math.round(ROWS / seconds),
      cpuMicrosPerRow: Number(((used.user + used.system) / ROWS).toFixed(2)),
      longestCommitMs: Math.round(longestCommitMs),
    };
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}
