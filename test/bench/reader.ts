import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import pg from 'pg';
import postgres from 'postgres';
import { LEDGER_FILE } from '../../collector/src/data-folder.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { sendLoad, untilPosted } from './ingest.ts';

const SPANS_PER_SECOND = 10_000;
const READERS = 4;

/** What a dashboard with much too wide a time range asks for. */
const HEAVY = [
  'SELECT feature, model, count(*), sum(cost_usd), sum(input_tokens) FROM usage GROUP BY ALL ORDER BY 4 DESC',
  'SELECT customer, count(DISTINCT trace_id), quantile_cont(output_tokens, 0.95) FROM usage GROUP BY ALL',
  "SELECT date_trunc('minute', event_time) AS time, model, sum(cost_usd) FROM usage GROUP BY ALL ORDER BY 1",
  'SELECT * FROM usage ORDER BY cost_usd DESC NULLS LAST LIMIT 1000',
];

export interface AckFigure {
  readonly readers: number;
  readonly spansPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly ackMaxMs: number;
  readonly answers: number;
  readonly answerP50Ms: number;
}

export interface StatementFigure {
  readonly statement: string;
  readonly directMs: number;
  readonly simpleMs: number;
  readonly namedMs: number;
  /** What the port adds: protocol, guard, and a read-only transaction of its own. */
  readonly overheadMs: number;
}

export interface RowsFigure {
  readonly client: string;
  readonly rows: number;
  readonly rowsPerSecond: number;
}

export interface ReaderFigures {
  readonly acknowledgements: readonly AckFigure[];
  readonly statements: readonly StatementFigure[];
  readonly rows: readonly RowsFigure[];
}

/**
 * Reading the ledger with clients of PostgreSQL: what heavy readers do to acknowledgements, and what the port adds to a
 * statement. Load, service and readers share the cores.
 */
export async function benchReader(seconds: number): Promise<ReaderFigures> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  try {
    const service = await startServiceProcess({ dataDir });
    const acknowledgements: AckFigure[] = [];
    try {
      let spans = 0;
      for (const readers of [0, READERS]) {
        const { figure, sent } = await loadWith(service, readers, seconds);
        spans += sent;
        await untilPosted(service, spans);
        acknowledgements.push(figure);
      }
    } finally {
      await service.stop();
    }
    return { acknowledgements, ...(await statementsAndRows(join(dataDir, LEDGER_FILE))) };
  } finally {
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function loadWith(
  service: RunningService,
  readers: number,
  seconds: number,
): Promise<{ figure: AckFigure; sent: number }> {
  let isLoaded = true;
  const load = sendLoad(
    service.otlpUrl,
    { name: 'reader', rate: SPANS_PER_SECOND, gzip: true, connections: 8 },
    seconds,
  ).finally(() => {
    isLoaded = false;
  });
  const answers: number[] = [];
  const reading = Array.from({ length: readers }, async (_, reader) => {
    const client = new pg.Client(service.sqlUrl);
    await client.connect();
    for (let turn = reader; isLoaded; turn++) {
      const startMs = performance.now();
      await client.query(HEAVY[turn % HEAVY.length] ?? 'SELECT 1');
      answers.push(performance.now() - startMs);
    }
    await client.end();
  });
  const result = await load;
  await Promise.all(reading);
  if (result.refused > 0) throw new Error(`${result.refused} requests were refused`);
  return {
    sent: result.spans,
    figure: {
      readers,
      spansPerSecond: Math.round(result.spans / result.seconds),
      ackP50Ms: result.p50Ms,
      ackP99Ms: result.p99Ms,
      ackMaxMs: result.maxMs,
      answers: answers.length,
      answerP50Ms: median(answers),
    },
  };
}

const SMALL = [
  'SELECT 1',
  'SELECT customer, available_credits FROM credit_balances ORDER BY customer LIMIT 20',
  "SELECT feature, sum(cost_usd) FROM usage_hourly WHERE hour > now() - INTERVAL '30 days' GROUP BY ALL ORDER BY 2 DESC LIMIT 20",
  "SELECT event_time, model, cost_usd FROM usage WHERE event_time > now() - INTERVAL '1 hour' ORDER BY event_time DESC LIMIT 100",
];
const TURNS = 100;
/** Statements that are not small are not asked a hundred times. */
const LONGEST_MS = 5000;
const ROWS = 200_000;
const MANY = `SELECT event_time, feature, model, input_tokens, cost_usd, duration_ms FROM usage LIMIT ${ROWS}`;
const RUNS = 3;

async function statementsAndRows(path: string): Promise<Omit<ReaderFigures, 'acknowledgements'>> {
  const worker = new Worker(new URL('./reader-server.ts', import.meta.url), { workerData: { path } });
  try {
    const [port]: number[] = await once(worker, 'message');
    const client = new pg.Client(urlOf(port));
    await client.connect();
    const statements: StatementFigure[] = [];
    for (const [index, sql] of SMALL.entries()) {
      statements.push(await measureStatement(worker, client, sql, `statement ${index}`));
    }
    await client.end();
    return { statements, rows: await measureRows(port ?? 0) };
  } finally {
    worker.postMessage(null);
    await once(worker, 'exit');
  }
}

function urlOf(port: number | undefined): string {
  return `postgresql://reader@127.0.0.1:${port}/spanledger`;
}

/** Turn by turn, so that whatever else the machine does hits all ways alike. */
async function measureStatement(
  worker: Worker,
  client: pg.Client,
  sql: string,
  name: string,
): Promise<StatementFigure> {
  const times: Record<'direct' | 'simple' | 'named', number[]> = { direct: [], simple: [], named: [] };
  const endsMs = performance.now() + LONGEST_MS;
  for (let turn = 0; turn < TURNS && performance.now() < endsMs; turn++) {
    worker.postMessage(sql);
    const [ms]: number[] = await once(worker, 'message');
    times.direct.push(ms ?? 0);
    times.simple.push(await timed(() => client.query(sql)));
    times.named.push(await timed(() => client.query({ name, text: sql, values: [] })));
  }
  const [directMs, simpleMs, namedMs] = [times.direct, times.simple, times.named].map(median);
  return {
    statement: sql.length > 60 ? `${sql.slice(0, 57)}...` : sql,
    directMs: directMs ?? 0,
    simpleMs: simpleMs ?? 0,
    namedMs: namedMs ?? 0,
    overheadMs: Number(((simpleMs ?? 0) - (directMs ?? 0)).toFixed(2)),
  };
}

async function measureRows(port: number): Promise<RowsFigure[]> {
  const nodePostgres = async (rowMode?: 'array') => {
    const client = new pg.Client(urlOf(port));
    await client.connect();
    const seconds: number[] = [];
    let count = 0;
    for (let run = 0; run <= RUNS; run++) {
      const ms = await timed(async () => {
        const { rows } =
          rowMode === undefined ? await client.query(MANY) : await client.query({ text: MANY, rowMode });
        count = rows.length;
      });
      if (run > 0) seconds.push(ms / 1000);
    }
    await client.end();
    return { rows: count, seconds: median(seconds) };
  };
  const postgresJs = async () => {
    const sql = postgres(urlOf(port), { max: 1, fetch_types: false });
    const seconds: number[] = [];
    let count = 0;
    for (let run = 0; run <= RUNS; run++) {
      const ms = await timed(async () => {
        count = (await sql.unsafe(MANY).simple()).length;
      });
      if (run > 0) seconds.push(ms / 1000);
    }
    await sql.end();
    return { rows: count, seconds: median(seconds) };
  };
  const figures: RowsFigure[] = [];
  for (const [client, run] of [
    ['node-postgres', () => nodePostgres()],
    ['node-postgres, arrays', () => nodePostgres('array')],
    ['postgres.js', postgresJs],
  ] as const) {
    const { rows, seconds } = await run();
    figures.push({ client, rows, rowsPerSecond: Math.round(rows / seconds) });
  }
  return figures;
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startMs = performance.now();
  await work();
  return performance.now() - startMs;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Number((sorted[sorted.length >> 1] ?? 0).toFixed(2));
}
