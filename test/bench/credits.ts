import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import type { RequestSpan } from '../../collector/src/otlp/testing/bodies.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { sendLoad, untilPosted } from './ingest.ts';

const SPANS_PER_SECOND = 10_000;
const CHECKS_PER_SECOND = 200;
const HOLDS = 500;
/** Asked for a while before it counts: at first both ends compile their code, and connect. */
const WARM_UP_MS = 2000;

const CONFIGURATION = `
credits: { default: { fixed: { credits: 1 } } }
plans:
  pro: { fee_usd: 100, allowance: 1000000, overage: { policy: block } }
  small: { fee_usd: 1, allowance: 100, overage: { policy: block } }
`;

export interface CreditsFigure {
  readonly load: string;
  readonly spansPerSecond: number;
  readonly ackP99Ms: number;
  readonly checks: number;
  readonly checkP50Ms: number;
  readonly checkP99Ms: number;
  readonly checkMaxMs: number;
  /** What a timer of the asking process was late meanwhile: no answer can be told sooner on this machine. */
  readonly lateP99Ms: number;
  /** From the acknowledgement of a span to the check that knows of it. */
  readonly visibleP50Ms: number;
  readonly visibleMaxMs: number;
}

export interface HoldsFigure {
  readonly concurrentHolds: number;
  readonly available: number;
  readonly granted: number;
  readonly refused: number;
  readonly seconds: number;
}

/**
 * What an app feels that asks before each action while 10,000 spans a second come in: the answer of `check`, and how
 * soon it knows of what was used. Load, service and client share the cores.
 */
export async function benchCredits(seconds: number): Promise<readonly CreditsFigure[]> {
  const figures: CreditsFigure[] = [];
  for (const spansPerSecond of [0, SPANS_PER_SECOND]) {
    figures.push(await withService((service) => measure(service, spansPerSecond, seconds)));
  }
  return figures;
}

/** 500 holds of one credit at once on a balance of 100: exactly 100 may be granted. */
export async function benchHolds(): Promise<HoldsFigure> {
  return await withService(async (service) => {
    await subscribe(service, 'cus_small', 'small');
    const startMs = performance.now();
    const statuses = await Promise.all(
      Array.from({ length: HOLDS }, async (_, index) => {
        const hold = { id: `hold-${index}`, credits: '1', expires_in_s: 600 };
        return (await post(service, '/api/customers/cus_small/holds', hold)).status;
      }),
    );
    const seconds = Number(((performance.now() - startMs) / 1000).toFixed(2));
    const granted = statuses.filter((status) => status < 300).length;
    const refused = statuses.filter((status) => status === 402).length;
    if (granted !== 100 || granted + refused !== HOLDS) {
      throw new Error(
        `${granted} of ${HOLDS} holds were granted and ${refused} refused; 100 credits were there`,
      );
    }
    return { concurrentHolds: HOLDS, available: 100, granted, refused, seconds };
  });
}

async function withService<Result>(work: (service: RunningService) => Promise<Result>): Promise<Result> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, CONFIGURATION);
  const service = await startServiceProcess({ dataDir: join(dataDir, 'data'), configFile });
  try {
    return await work(service);
  } finally {
    await service.stop();
    await rm(dataDir, { recursive: true, force: true });
  }
}

async function measure(
  service: RunningService,
  spansPerSecond: number,
  seconds: number,
): Promise<CreditsFigure> {
  await subscribe(service, 'cus_probe', 'pro');
  const load =
    spansPerSecond === 0
      ? delay(seconds * 1000).then(() => null)
      : sendLoad(
          service.otlpUrl,
          { name: 'credits', rate: spansPerSecond, gzip: true, connections: 8 },
          seconds,
        );
  let isLoaded = true;
  void load.finally(() => {
    isLoaded = false;
  });
  // The load prepares its bodies before it begins.
  if (spansPerSecond > 0) await untilFirstPosted(service);

  const warmUpEndsMs = performance.now() + WARM_UP_MS;
  while (performance.now() < warmUpEndsMs) await Promise.all([check(service), check(service), delay(5)]);
  const lateness = monitorEventLoopDelay({ resolution: 1 });
  lateness.enable();
  const latencies: number[] = [];
  const visible: number[] = [];
  const checking = (async () => {
    const everyMs = 1000 / CHECKS_PER_SECOND;
    const startMs = performance.now();
    const asked: Promise<void>[] = [];
    for (let turn = 0; isLoaded; turn++) {
      const dueAt = startMs + turn * everyMs;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await delay(waitMs);
      const askedAt = performance.now();
      asked.push(check(service).then(() => void latencies.push(performance.now() - askedAt)));
    }
    await Promise.all(asked);
  })();
  const probing = (async () => {
    while (isLoaded) {
      visible.push(await probe(service));
      await delay(200);
    }
  })();
  const result = await load;
  await Promise.all([checking, probing]);
  if (result !== null) await untilPosted(service, result.spans + visible.length);
  lateness.disable();
  latencies.sort((a, b) => a - b);
  visible.sort((a, b) => a - b);
  return {
    load: spansPerSecond === 0 ? 'idle' : `${spansPerSecond} spans/s`,
    spansPerSecond: result === null ? 0 : Math.round(result.spans / result.seconds),
    ackP99Ms: result?.p99Ms ?? 0,
    checks: latencies.length,
    checkP50Ms: at(latencies, 0.5),
    checkP99Ms: at(latencies, 0.99),
    checkMaxMs: at(latencies, 1),
    // The timer's own millisecond is not lateness.
    lateP99Ms: Number(Math.max(0, lateness.percentile(99) / 1e6 - 1).toFixed(1)),
    visibleP50Ms: at(visible, 0.5),
    visibleMaxMs: at(visible, 1),
  };
}

async function untilFirstPosted(service: RunningService): Promise<void> {
  for (;;) {
    const [row] = await service.query('SELECT coalesce(sum(spans), 0)::BIGINT AS spans FROM ingest_health');
    if (Number(row?.spans) > 0) return;
    await delay(50);
  }
}

/** One call of the probe's own customer: from its acknowledgement to the check that has one credit less. */
async function probe(service: RunningService): Promise<number> {
  const before = Number((await check(service)).remaining);
  const response = await fetch(service.otlpUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans: [aChat('cus_probe')] }] }] }),
  });
  if (response.status !== 200) throw new Error(`the probe was answered ${response.status}`);
  const acknowledgedMs = performance.now();
  for (;;) {
    if (Number((await check(service)).remaining) < before) return performance.now() - acknowledgedMs;
    if (performance.now() - acknowledgedMs > 30_000) throw new Error('the probe was never seen');
    await delay(5);
  }
}

function aChat(customer: string): RequestSpan {
  const endMs = Date.now();
  const text = (key: string, stringValue: string) => ({ key, value: { stringValue } });
  return {
    traceId: randomHex(16),
    spanId: randomHex(8),
    name: 'chat',
    kind: 3,
    startTimeUnixNano: `${endMs - 500}000000`,
    endTimeUnixNano: `${endMs}000000`,
    attributes: [
      text('gen_ai.operation.name', 'chat'),
      text('gen_ai.provider.name', 'openai'),
      text('gen_ai.request.model', 'gpt-4o'),
      text('spanledger.customer.id', customer),
      { key: 'gen_ai.usage.input_tokens', value: { intValue: '100' } },
      { key: 'gen_ai.usage.output_tokens', value: { intValue: '10' } },
    ],
  };
}

function randomHex(bytes: number): string {
  return randomBytes(bytes).toString('hex');
}

async function check(service: RunningService): Promise<{ readonly remaining: string }> {
  const { status, body } = await post(service, '/api/customers/cus_probe/check', { credits: '1' });
  if (status !== 200) throw new Error(`check was answered ${status}: ${body}`);
  const { remaining } = JSON.parse(body) as { remaining: string };
  return { remaining };
}

async function subscribe(service: RunningService, customer: string, plan: string): Promise<void> {
  const created = await post(service, '/api/customers', { id: customer });
  const subscribed = await post(service, `/api/customers/${customer}/subscription`, { plan });
  if (created.status >= 300 || subscribed.status >= 300) throw new Error(created.body + subscribed.body);
}

const agent = new Agent({ keepAlive: true, maxSockets: 64 });

function post(
  service: RunningService,
  path: string,
  content: object,
): Promise<{ status: number; body: string }> {
  const text = JSON.stringify(content);
  return new Promise((resolve, reject) => {
    const outgoing = request(`${service.apiUrl}${path}`, {
      method: 'POST',
      agent,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) },
    });
    outgoing.on('response', (response) => {
      let body = '';
      response.on('data', (chunk) => {
        body += chunk;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    outgoing.on('error', reject);
    outgoing.end(text);
  });
}

function at(sorted: readonly number[], share: number): number {
  return Number((sorted[Math.floor((sorted.length - 1) * share)] ?? 0).toFixed(1));
}
