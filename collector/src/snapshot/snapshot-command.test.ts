import { PassThrough } from 'node:stream';
import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { SpanledgerError } from '../errors.ts';
import { type PublishedAnswer, type SnapshotAnswer, SnapshotListSchema } from './route.ts';
import { addSnapshotCommand } from './snapshot-command.ts';

const NAME = '2026-11-23T08-15-00-000Z';
const PUBLISHED: PublishedAnswer = {
  name: NAME,
  state: 'published',
  path: `/data/snapshots/${NAME}`,
  taken_at: '2026-11-23T08:15:00.123456Z',
  journal: { segment: '1', offset: '4096' },
  database: { file: 'spanledger.duckdb', bytes: '3158016' },
  parquet: { files: 21, carried_over: '1', rows: { usage: '12345', credit_ledger: '7' } },
};
const MAKING: SnapshotAnswer = {
  name: NAME,
  state: 'making',
  phase: 'copying',
  done_rows: 30,
  total_rows: 120,
};
const UNAVAILABLE = new SpanledgerError('SL_LEDGER_UNAVAILABLE', 'being started again');

/** Runs the command against a service that answers what it is asked about the snapshot in turn. */
async function run(
  args: readonly string[],
  answers: readonly (SnapshotAnswer | SpanledgerError)[],
  {
    isTTY = false,
    list = { folder: '/data/snapshots', making: null, snapshots: [PUBLISHED] } as object,
  } = {},
) {
  const said = { stdout: '', stderr: '' };
  const out = (name: 'stdout' | 'stderr') => {
    const stream = Object.assign(new PassThrough(), { isTTY });
    stream.on('data', (chunk) => {
      said[name] += chunk;
    });
    return stream;
  };
  const left = [...answers];
  const asked: string[] = [];
  const program = new Command().exitOverride();
  addSnapshotCommand(program, {
    stdout: out('stdout'),
    stderr: out('stderr'),
    async ask(_url, path, body) {
      asked.push(`${body === null ? 'GET' : 'POST'} ${path}`);
      const answer = path !== '/api/snapshots' ? left.shift() : body === null ? list : { name: NAME };
      if (answer instanceof Error) throw answer;
      return answer as never;
    },
  });
  const failure = await program.parseAsync(['snapshot', ...args], { from: 'user' }).then(
    () => null,
    (error: unknown) => error,
  );
  return { ...said, failure, asked };
}

describe('spanledger snapshot', () => {
  it('asks for one, waits until it is there, and prints where', async () => {
    const { stdout, stderr, failure, asked } = await run([], [MAKING, PUBLISHED]);
    expect(failure).toBeNull();
    expect(asked).toEqual(['POST /api/snapshots', ...Array(2).fill(`GET /api/snapshots/${NAME}`)]);
    expect(stdout).toBe(`${PUBLISHED.path}\n`);
    expect(stderr).toBe(
      'as of 2026-11-23T08:15:00.123456Z: 3,158,016 bytes of spanledger.duckdb, 12,345 calls in 21 Parquet files, 1 of them unchanged since the one before\n',
    );
  });

  it('shows people how far it is, and prints JSON for programs', async () => {
    const { stdout, stderr } = await run(['--json'], [MAKING, PUBLISHED], { isTTY: true });
    expect(stderr).toContain('\rcopying tables  25 % of 120 rows');
    expect(JSON.parse(stdout)).toEqual(PUBLISHED);
  });

  it('fails with the reason for which it could not be made', async () => {
    const error = { code: 'SL_SNAPSHOT_SPACE', message: 'The disk is short.' };
    const { failure, stdout } = await run([], [MAKING, { name: NAME, state: 'failed', error }]);
    expect(failure).toMatchObject(error);
    expect(stdout).toBe('');
  });

  it('waits for a ledger process that is started again, and then says that the snapshot is lost', async () => {
    const unknown = new SpanledgerError('SL_SNAPSHOT_UNKNOWN', 'There is none.');
    const { failure, asked } = await run([], [MAKING, UNAVAILABLE, UNAVAILABLE, unknown]);
    expect(failure).toBe(unknown);
    expect(asked).toHaveLength(5);
  });

  it('lists what there is, and says when there is nothing', async () => {
    const { stdout, asked } = await run(['--list'], []);
    expect(asked).toEqual(['GET /api/snapshots']);
    expect(stdout).toMatch(/^\/data\/snapshots\/2026-11-23T08-15-00-000Z {2}as of 2026/);
    const nothing = { folder: '/data/snapshots', making: null, snapshots: [] };
    expect((await run(['--list'], [], { list: nothing })).stdout).toBe('There is none in /data/snapshots.\n');
    const { stdout: json } = await run(['--list', '--json'], [], { list: nothing });
    expect(JSON.parse(json)).toEqual(nothing);
    expect(Object.keys(SnapshotListSchema.properties)).toEqual(Object.keys(nothing));
  });
});
