import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { DEFAULT_OBSERVE_SETTINGS, LOG_ATTRIBUTES_READ, observeLog } from '@spanledger/metering';
import { expect, it, onTestFinished } from 'vitest';
import type { JournalEntry } from '../../collector/src/journal/index.ts';
import { inflate, readLogs, SCAN_LIMITS, WantedAttributes } from '../../collector/src/otlp/index.ts';
import { buildReceiver } from '../../collector/src/receiver/receiver.ts';

const APP = fileURLToPath(new URL('apps/log-events.mjs', import.meta.url));
const MIB = 1024 * 1024;
const wanted = new WantedAttributes(LOG_ATTRIBUTES_READ);

/** A receiver on a port of its own that keeps what it would journal. */
async function aReceiver(): Promise<{ url: string; appended: JournalEntry[] }> {
  const appended: JournalEntry[] = [];
  const { server } = buildReceiver({
    append: async (entry) => appended.push(entry),
    limits: {
      maxBodyBytes: MIB,
      maxInflatedBytes: 4 * MIB,
      maxInFlightBytes: 8 * MIB,
      requestTimeoutMs: 30_000,
      scan: SCAN_LIMITS,
    },
    nowMillis: Date.now,
    onSurprise: (error) => {
      throw error;
    },
  });
  onTestFinished(() => server.close());
  return { url: await server.listen({ host: '127.0.0.1', port: 0 }), appended };
}

it.each([
  ['http/protobuf', 'none', ''],
  ['http/json', 'none', ''],
  ['http/protobuf', 'gzip', '/otel'],
  ['http/json', 'gzip', '/api/public/otel'],
] as const)(
  'the exporter of OpenTelemetry JS sends log events as %s, compressed with %s, to the prefix "%s"',
  async (protocol, compression, prefix) => {
    const { url, appended } = await aReceiver();
    const app = spawn(process.execPath, [APP], {
      env: {
        PATH: process.env.PATH,
        OTEL_TRACES_EXPORTER: 'none',
        OTEL_METRICS_EXPORTER: 'none',
        OTEL_LOGS_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: protocol,
        OTEL_EXPORTER_OTLP_COMPRESSION: compression,
        OTEL_EXPORTER_OTLP_ENDPOINT: url + prefix,
        OTEL_SERVICE_NAME: 'claude-code',
        OTEL_RESOURCE_ATTRIBUTES: 'customer.id=acme,team.id=platform',
      },
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const [exitCode] = await once(app, 'close');
    expect(exitCode).toBe(0);

    expect(appended).toMatchObject([
      {
        signal: 'logs',
        bodyType: protocol === 'http/json' ? 'json' : 'protobuf',
        bodyEncoding: compression === 'gzip' ? 'gzip' : 'identity',
        spans: 2,
      },
    ]);
    const records = appended.flatMap(
      ({ body, bodyType, bodyEncoding }) =>
        readLogs(inflate(body, bodyEncoding, 4 * MIB), bodyType, wanted, SCAN_LIMITS).records,
    );
    expect(records).toMatchObject([
      {
        traceId: 'a1'.repeat(16),
        spanId: 'b2'.repeat(8),
        eventName: 'claude_code.api_request',
        body: 'claude_code.api_request',
        scopeName: 'com.anthropic.claude_code.events',
        scopeVersion: '2.1.0',
      },
      { traceId: null, spanId: null, eventName: 'claude_code.api_request', body: null },
    ]);
    const calls = records.map((record) => observeLog(record, DEFAULT_OBSERVE_SETTINGS, 0));
    for (const call of calls) {
      expect(call).toMatchObject({
        service: 'claude-code',
        usage: {
          status: 'reported',
          tokens: { uncachedInput: 2, cacheRead: 84_562, cacheWrite: 1200, visibleOutput: 310 },
        },
        called: { reportedCostUsd: '0.03452', requestModel: 'claude-sonnet-4-5' },
        responseId: 'req_011CSHoEeqs5C35K2UUqR7Fy',
        labels: { sessionId: { value: 'session-1' } },
        resourceLabels: { customer: { value: 'acme' }, customerStandIn: { value: 'platform' } },
      });
      expect(Math.abs(Date.now() * 1000 - (call?.endTimeMicros ?? 0))).toBeLessThan(60_000_000);
    }
    expect(calls.map((call) => call?.parentSpanId)).toEqual(['b2'.repeat(8), null]);
  },
);
