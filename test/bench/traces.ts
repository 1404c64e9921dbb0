import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { creditRules, NO_ATTRIBUTION_SETTINGS, NO_PLANS, observe } from '@spanledger/metering';
import { defaultCatalogue } from '../../collector/src/catalogue/index.ts';
import { Accounts } from '../../collector/src/ledger/accounts.ts';
import { ActionWindow } from '../../collector/src/ledger/action-window.ts';
import { LEDGER_LIMITS } from '../../collector/src/ledger/ledger.ts';
import { type Settled, settle } from '../../collector/src/ledger/settle.ts';
import { TraceWindow } from '../../collector/src/ledger/trace-window.ts';
import { STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';

export interface TracesFigure {
  readonly openTraces: number;
  readonly spansATrace: number;
  readonly bytesATrace: number;
  readonly bytesASpan: number;
}

export interface LateFigure {
  readonly tracesInTheFile: number;
  readonly tracesInMemory: number;
  readonly lateParents: number;
  readonly correctedCalls: number;
  readonly settleMs: number;
  readonly commitMs: number;
  readonly fileMiB: number;
}

const TRACES = 1_000_000;
const LATE = 1000;
const BATCH = 8192;
/** Long before now, so that nothing waits. */
const END_MICROS = (Date.now() - 3_600_000) * 1000;

/** A million traces that are open at once, all in memory: what each of them takes. */
export async function benchOpenTraces(): Promise<readonly TracesFigure[]> {
  const figures: TracesFigure[] = [];
  for (const spansATrace of [1, 4]) {
    await withStore(async (store) => {
      const window = new TraceWindow({ maxSpans: Number.POSITIVE_INFINITY });
      const before = heapBytes();
      await fill(window, store, TRACES / spansATrace, spansATrace);
      const bytes = heapBytes() - before;
      figures.push({
        openTraces: window.traces,
        spansATrace,
        bytesATrace: Math.round(bytes / window.traces),
        bytesASpan: Math.round(bytes / window.spans),
      });
    });
  }
  return figures;
}

/** A million traces, most of which have left the memory; then parents that bring the customer come for some of them. */
export async function benchLateParents(): Promise<LateFigure> {
  return await withStore(async (store, path) => {
    const window = new TraceWindow({ maxSpans: LEDGER_LIMITS.openSpans });
    const traceIds = await fill(window, store, TRACES, 1);
    const tracesInMemory = window.traces;
    for (let n = 0; n < LATE; n++) {
      const traceId = traceIds[Math.floor((n * traceIds.length) / LATE)] ?? '';
      arrive(window, store, traceId, { isRoot: true, index: n });
    }
    const startedAt = performance.now();
    const { corrected } = await settleAll(window, store);
    const settledAt = performance.now();
    await commit(store, 2, { posted: 0, corrected, duplicates: 0, conflicts: 0 });
    const committedAt = performance.now();
    return {
      tracesInTheFile: TRACES,
      tracesInMemory,
      lateParents: LATE,
      correctedCalls: corrected,
      settleMs: Math.round(settledAt - startedAt),
      commitMs: Math.round(committedAt - settledAt),
      fileMiB: Math.round((await stat(path)).size / 2 ** 20),
    };
  });
}

async function fill(
  window: TraceWindow,
  store: DuckDbStore,
  traces: number,
  spansATrace: number,
): Promise<readonly string[]> {
  const traceIds: string[] = [];
  let waiting = 0;
  for (let trace = 0; trace < traces; trace++) {
    const traceId = randomBytes(16).toString('hex');
    traceIds.push(traceId);
    for (let index = 0; index < spansATrace; index++) {
      arrive(window, store, traceId, { isRoot: false, index: trace * spansATrace + index });
    }
    waiting += spansATrace;
    if (waiting >= BATCH || trace === traces - 1) {
      await commit(store, 1, await settleAll(window, store));
      waiting = 0;
    }
  }
  return traceIds;
}

const ROOT_SPAN_ID = 'f00d'.repeat(4);

function arrive(
  window: TraceWindow,
  store: DuckDbStore,
  traceId: string,
  { isRoot, index }: { readonly isRoot: boolean; readonly index: number },
): void {
  const endTimeMicros = END_MICROS + index;
  const observation = observe({
    traceId,
    spanId: isRoot ? ROOT_SPAN_ID : randomBytes(8).toString('hex'),
    parentSpanId: isRoot ? null : ROOT_SPAN_ID,
    name: isRoot ? 'POST /chat' : 'chat gpt-4o',
    kind: isRoot ? 2 : 3,
    startTimeMicros: endTimeMicros - 1_000_000,
    endTimeMicros,
    statusCode: 0,
    attributes: new Map<string, string | number>(
      isRoot
        ? [['spanledger.customer.id', `cus_${index % 200}`]]
        : [
            ['gen_ai.operation.name', 'chat'],
            ['gen_ai.provider.name', 'openai'],
            ['gen_ai.request.model', 'gpt-4o'],
            ['gen_ai.response.id', `chatcmpl-${randomBytes(12).toString('hex')}`],
            ['gen_ai.usage.input_tokens', 1000 + (index % 1000)],
            ['gen_ai.usage.output_tokens', 100 + (index % 100)],
            ['user.id', `user_${index % 5000}`],
          ],
    ),
    resource: RESOURCE,
    scopeName: 'bench',
    scopeVersion: '1',
  });
  if (observation === null) throw new Error('a span of this bench is not observed');
  const key = { tenant: 'default', traceId };
  const trace = window.find(key) ?? window.open(key, !store.mayHoldTrace(key, endTimeMicros));
  trace.arrivals.push({ observation, receivedAtMillis: Math.ceil(endTimeMicros / 1000) });
  window.touch(trace);
}

const RESOURCE = new Map([['service.name', 'support-api']]);

const rules = creditRules({ default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' } } });
if (rules.kind === 'problems') throw new Error('the rules of this bench are wrong');
const catalogue = defaultCatalogue();
const book = { catalogue, rules: rules.rules };

async function settleAll(window: TraceWindow, store: DuckDbStore): Promise<Settled> {
  return await settle({
    window,
    actions: new ActionWindow({ maxLeaves: LEDGER_LIMITS.openSpans }),
    accounts: accountsOf(store),
    store,
    book,
    bookVersion: catalogue.version,
    rulesOf: (version) => (version === book.rules.version ? book.rules : null),
    attribution: NO_ATTRIBUTION_SETTINGS,
    deadline: { nowMicros: Date.now() * 1000, graceMicros: LEDGER_LIMITS.graceMs * 1000 },
    onAssertion(_span, cause) {
      throw cause;
    },
  });
}

/** Of one store, as long as it is open. */
const accounts = new WeakMap<DuckDbStore, Accounts>();

function accountsOf(store: DuckDbStore): Accounts {
  const known = accounts.get(store) ?? new Accounts({ store, plans: NO_PLANS, onBooked: () => {} });
  accounts.set(store, known);
  return known;
}

async function commit(store: DuckDbStore, segment: number, settled: Settled): Promise<void> {
  const counts = { bodies: 1, spans: settled.posted, notModelCalls: 0, ...settled };
  await store.commit({ segment, offset: 0 }, counts, Date.now());
}

async function withStore<Result>(
  work: (store: DuckDbStore, path: string) => Promise<Result>,
): Promise<Result> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  const path = join(directory, 'spanledger.duckdb');
  const store = await DuckDbStore.open({ ...STORE_DEFAULTS, path, create: true });
  try {
    return await work(store, path);
  } finally {
    await store.close();
    await rm(directory, { recursive: true });
  }
}

/** What is reachable in V8's heap. */
function heapBytes(): number {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  collect();
  return process.memoryUsage().heapUsed;
}

if (import.meta.main) {
  console.table(await benchOpenTraces());
  console.table([await benchLateParents()]);
}
