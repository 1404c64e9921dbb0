import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type RunningService, startServiceProcess } from '../service.ts';
import type { LoadResult } from './load.ts';

export interface IngestFigure {
  readonly load: string;
  readonly ackedPerSecond: number;
  readonly inLedgerPerSecond: number;
  readonly ackP50Ms: number;
  readonly ackP99Ms: number;
  readonly ackMaxMs: number;
  readonly receiverCpuPerMillion: number;
  readonly ledgerCpuPerMillion: number;
  readonly receiverPeakMiB: number;
  readonly ledgerPeakMiB: number;
  readonly refused: number;
}

interface Load {
  readonly name: string;
  readonly rate: number;
  readonly gzip: boolean;
  readonly connections: number;
}

const LOADS: readonly Load[] = [
  { name: 'as fast as it answers, raw', rate: 0, gzip: false, connections: 8 },
  { name: 'as fast as it answers, gzip', rate: 0, gzip: true, connections: 8 },
  { name: '50,000 spans/s, gzip', rate: 50_000, gzip: true, connections: 16 },
];

/** The whole way, as users have it: real HTTP, fsynced answers, rows in DuckDB; the load shares the same cores. */
export async function benchIngest(seconds: number): Promise<readonly IngestFigure[]> {
  const figures: IngestFigure[] = [];
  for (const load of LOADS) figures.push(await measure(load, seconds));
  return figures;
}

async function measure(load: Load, seconds: number): Promise<IngestFigure> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  const service = await startServiceProcess({ dataDir });
  try {
    const result = await sendLoad(service.otlpUrl, load, seconds);
    await untilPosted(service, result.spans);
    const inLedgerSeconds = (Date.now() - result.startedAtMillis) / 1000;
    const ledgerPid = await service.ledgerPid();
    const millions = result.spans / 1e6;
    return {
      load: load.name,
      ackedPerSecond: Math.round(result.spans / result.seconds),
      inLedgerPerSecond: Math.round(result.spans / inLedgerSeconds),
      ackP50Ms: result.p50Ms,
      ackP99Ms: result.p99Ms,
      ackMaxMs: result.maxMs,
      receiverCpuPerMillion: round((await cpuSeconds(service.pid)) / millions),
      ledgerCpuPerMillion: round((await cpuSeconds(ledgerPid)) / millions),
      receiverPeakMiB: await peakMiB(service.pid),
      ledgerPeakMiB: await peakMiB(ledgerPid),
      refused: result.refused,
    };
  } finally {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

export async function sendLoad(url: string, load: Load, seconds: number): Promise<LoadResult> {
  const program = fileURLToPath(new URL('./load.ts', import.meta.url));
  const args = [url, seconds, load.connections, load.rate, load.gzip].map(String);
  const child = spawn(process.execPath, ['--conditions=@spanledger/source', program, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
  });
  const [exitCode] = await once(child, 'close');
  if (exitCode !== 0) throw new Error(`the load generator ended with ${exitCode}`);
  return JSON.parse(output) as LoadResult;
}

/** Far longer than the backlog of a run takes; a ledger that takes longer has lost something. */
export async function untilPosted(service: RunningService, spans: number): Promise<void> {
  const deadline = performance.now() + 300_000;
  for (;;) {
    const [row] = await service.query(
      'SELECT coalesce(sum(usage_records), 0)::BIGINT AS posted FROM ingest_health',
    );
    const posted = Number(row?.posted);
    if (posted === spans) return;
    if (posted > spans || performance.now() > deadline) {
      throw new Error(`${spans} spans were acknowledged, ${posted} are in the ledger`);
    }
    await delay(20);
  }
}

/** User and system time of a process, in seconds (proc(5): fields 14 and 15 of stat, in ticks of 1/100 s). */
async function cpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

async function peakMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Math.round(Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024);
}

function round(value: number): number {
  return Number(value.toFixed(2));
}
