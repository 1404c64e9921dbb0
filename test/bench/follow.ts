import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ATTRIBUTES_READ,
  creditRules,
  DEFAULT_OBSERVE_SETTINGS,
  LOG_ATTRIBUTES_READ,
  NO_ATTRIBUTION_SETTINGS,
  NO_PLANS,
} from '@spanledger/metering';
import { defaultCatalogue } from '../../collector/src/catalogue/index.ts';
import { JOURNAL_DEFAULTS, JournalReader, JournalWriter } from '../../collector/src/journal/index.ts';
import { LEDGER_LIMITS, Ledger } from '../../collector/src/ledger/ledger.ts';
import { MemoryCommandJournal } from '../../collector/src/ledger/memory-command-journal.ts';
import { SCAN_LIMITS, WantedAttributes } from '../../collector/src/otlp/index.ts';
import { encodeTraces, manySpans } from '../../collector/src/otlp/testing/bodies.ts';
import { STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';

export interface FollowFigure {
  readonly spans: number;
  readonly spansPerSecond: number;
  readonly cpuMicrosPerSpan: number;
  readonly commits: number;
  readonly longestCommitMs: number;
}

const SPANS = 512;
const BODIES = 1440;

/** The ledger process alone: a full journal is read, metered, posted and committed, as after an outage. */
export async function benchFollow(): Promise<FollowFigure> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-bench-'));
  try {
    const journal = await JournalWriter.open({
      ...JOURNAL_DEFAULTS,
      directory,
      node: 'bench',
      nowMillis: Date.now,
    });
    for (let seed = 1; seed <= BODIES; seed++) {
      const body = encodeTraces(manySpans({ count: SPANS, seed, endTimeMs: Date.now() - 60_000 + seed }));
      await journal.append({
        receivedAtMillis: Date.now(),
        tenant: 'default',
        signal: 'traces',
        bodyType: 'protobuf',
        bodyEncoding: 'identity',
        spans: SPANS,
        body,
      });
    }
    const store = await DuckDbStore.open({
      ...STORE_DEFAULTS,
      path: join(directory, 'spanledger.duckdb'),
      create: true,
    });
    const rules = creditRules({ default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.01' } } });
    if (rules.kind === 'problems') throw new Error('the rules of this bench are wrong');
    const catalogue = defaultCatalogue();
    const commitsMs: number[] = [];
    const ledger = new Ledger({
      journal: new JournalReader({ directory }),
      store,
      book: { catalogue, rules: rules.rules },
      bookVersion: catalogue.version,
      pastRules: new Map(),
      plans: NO_PLANS,
      commands: new MemoryCommandJournal(),
      newId: randomUUID,
      onRerated: () => {},
      wanted: new WantedAttributes(ATTRIBUTES_READ),
      wantedOfLogs: new WantedAttributes(LOG_ATTRIBUTES_READ),
      observing: DEFAULT_OBSERVE_SETTINGS,
      attribution: NO_ATTRIBUTION_SETTINGS,
      limits: { ...LEDGER_LIMITS, maxInflatedBytes: 2 ** 26, scan: SCAN_LIMITS },
      nowMillis: Date.now,
      onCommit: ({ durationMs }) => commitsMs.push(durationMs),
      onAlerts: () => {},
      onTrouble: ({ detail }) => {
        throw new Error(detail);
      },
    });
    ledger.advance(journal.durableEnd);
    ledger.drain();
    const startedAt = performance.now();
    const cpu = process.cpuUsage();
    await ledger.run();
    const seconds = (performance.now() - startedAt) / 1000;
    const used = process.cpuUsage(cpu);
    await store.close();
    await journal.close();
    return {
      spans: SPANS * BODIES,
      spansPerSecond: Math.round((SPANS * BODIES) / seconds),
      cpuMicrosPerSpan: Number(((used.user + used.system) / (SPANS * BODIES)).toFixed(2)),
      commits: commitsMs.length,
      longestCommitMs: Math.max(...commitsMs),
    };
  } finally {
    await rm(directory, { recursive: true });
  }
}

if (import.meta.main) console.table([await benchFollow()]);
