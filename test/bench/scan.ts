import { checkTraces, readTraces, SCAN_LIMITS, WantedAttributes } from '../../collector/src/otlp/index.ts';
import {
  encodeTraces,
  manySpans,
  toJsonBody,
  USUAL_WANTED_KEYS,
} from '../../collector/src/otlp/testing/bodies.ts';
import { TracesRequestType } from '../../collector/src/otlp/testing/schema.ts';

export interface ScanFigure {
  readonly way: string;
  /** Spans per second of CPU time of this process, the median of the runs. */
  readonly spansPerCpuSecond: number;
  readonly microsPerSpan: number;
}

const SPANS = 512;
/** Different ids in every body, so that nothing is fast only because it came before. */
const BODIES = 16;
const RUNS = 7;
const WARM_UP_MS = 600;
const RUN_MS = 400;

/** How fast bodies of 512 spans with 25 attributes are read; CPU time, because the machine is shared. */
export async function benchScan(): Promise<readonly ScanFigure[]> {
  const requests = Array.from({ length: BODIES }, (_, seed) => manySpans({ count: SPANS, seed: seed + 1 }));
  const protobuf = requests.map(encodeTraces);
  const json = requests.map(toJsonBody);
  const wanted = new WantedAttributes(USUAL_WANTED_KEYS);
  const limits = SCAN_LIMITS;

  return [
    measure('protobufjs, decode only', protobuf, (body) => TracesRequestType.decode(body)),
    measure('readTraces, protobuf', protobuf, (body) => readTraces(body, 'protobuf', wanted, limits)),
    measure('checkTraces, protobuf', protobuf, (body) => checkTraces(body, 'protobuf', limits)),
    measure('JSON.parse only', json, (body) => JSON.parse(Buffer.from(body).toString('utf8'))),
    measure('readTraces, JSON', json, (body) => readTraces(body, 'json', wanted, limits)),
    measure('checkTraces, JSON', json, (body) => checkTraces(body, 'json', limits)),
  ];
}

function measure(
  way: string,
  bodies: readonly Uint8Array[],
  read: (body: Uint8Array) => unknown,
): ScanFigure {
  repeat(bodies, read, WARM_UP_MS);
  const rates = Array.from({ length: RUNS }, () => repeat(bodies, read, RUN_MS)).sort((a, b) => a - b);
  const spansPerCpuSecond = Math.round(rates[RUNS >> 1] ?? 0);
  return { way, spansPerCpuSecond, microsPerSpan: Number((1e6 / spansPerCpuSecond).toFixed(2)) };
}

/** Spans per CPU second over at least `durationMs` of wall time. */
function repeat(
  bodies: readonly Uint8Array[],
  read: (body: Uint8Array) => unknown,
  durationMs: number,
): number {
  let spans = 0;
  const started = performance.now();
  const before = process.cpuUsage();
  while (performance.now() - started < durationMs) {
    for (const body of bodies) read(body);
    spans += SPANS * bodies.length;
  }
  const { user, system } = process.cpuUsage(before);
  return (spans * 1e6) / (user + system);
}

if (import.meta.main) console.table(await benchScan());
