import { setTimeout as delay } from 'node:timers/promises';
import type { Command } from 'commander';
import type { Static, TSchema } from 'typebox';
import { isErrorCode, SpanledgerError } from '../errors.ts';
import { counted, grouped, type Output, visible } from '../terminal.ts';
import {
  type PublishedAnswer,
  SnapshotAcceptedSchema,
  type SnapshotAnswer,
  SnapshotListSchema,
  SnapshotStateSchema,
} from './route.ts';

export interface SnapshotCommandParts {
  readonly stdout: Output;
  readonly stderr: Output;
  /** Asks the service at a URL, or at that of the configuration; throws what it refuses. */
  readonly ask: <Schema extends TSchema>(
    url: string | undefined,
    path: string,
    body: object | null,
    answer: Schema,
  ) => Promise<Static<Schema>>;
}

interface SnapshotOptions {
  readonly list?: boolean;
  readonly json?: boolean;
  readonly url?: string;
}

/** Often enough for a line that moves. */
const POLL_MS = 200;
/** The ledger process is started again within a second; what has become of a snapshot is known then. */
const PATIENCE_MS = 30_000;

export function addSnapshotCommand(program: Command, parts: SnapshotCommandParts): void {
  program
    .command('snapshot')
    .description('have the running service make a copy of the ledger for DuckDB and Parquet readers')
    .option('--list', 'show the snapshots that there are instead, the newest first')
    .option('--json', 'print one JSON object, for programs')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .addHelpText(
      'after',
      `
A snapshot is a folder with the ledger's views as of one commit, in a database file (spanledger.duckdb) and in Parquet
files, usage and credit_ledger one a day; manifest.json says what is in it. It is there whole or not at all; the service
goes on meanwhile. The section snapshots of the configuration says where, how many are kept, and whether by a schedule.
Exit code 0 when it is there, 1 when it is not (then nothing of it is left), 2 if the command line is wrong.

Examples:
  spanledger snapshot
  duckdb -readonly spanledger-data/snapshots/latest/spanledger.duckdb -c "FROM usage LIMIT 5"
  duckdb -c "FROM 'spanledger-data/snapshots/latest/parquet/usage/*/*.parquet' LIMIT 5"`,
    )
    .action(async (options: SnapshotOptions) => {
      if (options.list === true) await printList(parts, options);
      else await makeOne(parts, options);
    });
}

async function makeOne(
  { stdout, stderr, ask }: SnapshotCommandParts,
  options: SnapshotOptions,
): Promise<void> {
  const { name } = await ask(options.url, '/api/snapshots', {}, SnapshotAcceptedSchema);
  const published = await untilPublished(
    () => ask(options.url, `/api/snapshots/${encodeURIComponent(name)}`, null, SnapshotStateSchema),
    stderr,
  );
  if (options.json === true) stdout.write(`${JSON.stringify(published, null, 2)}\n`);
  else {
    stdout.write(`${visible(published.path)}\n`);
    stderr.write(`${summaryOf(published)}\n`);
  }
}

async function untilPublished(look: () => Promise<SnapshotAnswer>, out: Output): Promise<PublishedAnswer> {
  let patienceEnds = performance.now() + PATIENCE_MS;
  try {
    for (;;) {
      const answer = await look().catch((error: unknown) => {
        if (!isPassing(error) || performance.now() > patienceEnds) throw error;
        return null;
      });
      if (answer !== null) {
        patienceEnds = performance.now() + PATIENCE_MS;
        if (answer.state === 'published') return answer;
        if (answer.state === 'failed') {
          const { code, message } = answer.error;
          throw new SpanledgerError(isErrorCode(code) ? code : 'SL_SNAPSHOT_FAILED', message);
        }
        showProgress(out, answer);
      }
      await delay(POLL_MS);
    }
  } finally {
    if (out.isTTY === true) out.write('\r\u001b[K');
  }
}

/** The ledger process is being started again: what has become of the snapshot it can tell then. */
function isPassing(error: unknown): boolean {
  return error instanceof SpanledgerError && error.code === 'SL_LEDGER_UNAVAILABLE';
}

const PHASES = {
  copying: 'copying tables',
  writing_parquet: 'writing Parquet',
  publishing: 'publishing',
} as const;

/** A line that is written over, and gone in the end; only for people who watch. */
function showProgress(
  out: Output,
  { phase, done_rows: done, total_rows: total }: Extract<SnapshotAnswer, { state: 'making' }>,
): void {
  if (out.isTTY !== true) return;
  const share = total === 0 ? '' : `  ${Math.floor((done / total) * 100)} % of ${counted(total, 'row')}`;
  out.write(`\r${PHASES[phase]}${share}\u001b[K`);
}

async function printList({ stdout, ask }: SnapshotCommandParts, options: SnapshotOptions): Promise<void> {
  const list = await ask(options.url, '/api/snapshots', null, SnapshotListSchema);
  if (options.json === true) {
    stdout.write(`${JSON.stringify(list, null, 2)}\n`);
    return;
  }
  for (const one of list.snapshots) stdout.write(`${visible(one.path)}  ${summaryOf(one)}\n`);
  if (list.making !== null)
    stdout.write(`${list.making.name} is being made (${PHASES[list.making.phase]})\n`);
  else if (list.snapshots.length === 0) stdout.write(`There is none in ${visible(list.folder)}.\n`);
}

function summaryOf({ taken_at, database, parquet }: PublishedAnswer): string {
  const size = `${grouped(Number(database.bytes))} bytes of ${database.file}`;
  if (parquet === null) return `as of ${taken_at}: ${size}`;
  return (
    `as of ${taken_at}: ${size}, ${counted(Number(parquet.rows.usage ?? 0), 'call')} in ` +
    `${counted(parquet.files, 'Parquet file')}, ${parquet.carried_over} of them unchanged since the one before`
  );
}
