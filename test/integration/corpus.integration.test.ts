import { isDeepStrictEqual } from 'node:util';
import { inputTokens, outputTokens } from '@spanledger/metering';
import { describe, expect, it } from 'vitest';
import type { TracesRequest } from '../../collector/src/otlp/testing/bodies.ts';
import { CAPTURES, onePerRequest, requestsOf } from '../captures.ts';
import { aDataDirectory } from '../data-directory.ts';
import { type Encoding, post } from '../otlp-client.ts';
import { expectedRecords } from '../schedule.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/**
 * The captures through the whole service: HTTP, journal, ledger process, DuckDB, SQL. What is fair to expect of them
 * stands in `test/corpus.test.ts`; here the service must say the same, however they are sent.
 */
const ROWS = `
  SELECT usage_id, billing_role, role_reason, superseded_by, customer, feature, user_id, usage_status,
    uncached_input_tokens, cache_read_tokens, cache_write_tokens, input_tokens, output_tokens, reasoning_tokens
  FROM usage ORDER BY usage_id`;

const text = (value: number | undefined | null) =>
  value === undefined || value === null ? null : String(value);

const expected = expectedRecords(CAPTURES)
  .map(({ tokens, ...usage }) => ({
    usage_id: usage.traceId + usage.spanId,
    billing_role: usage.billingRole,
    role_reason: usage.roleReason,
    superseded_by: usage.supersededBy?.replace('/', '') ?? null,
    customer: usage.customer,
    feature: usage.feature,
    user_id: usage.userId,
    usage_status: usage.usageStatus,
    uncached_input_tokens: text(tokens?.uncachedInput),
    cache_read_tokens: text(tokens?.cacheRead),
    cache_write_tokens: text(tokens?.cacheWrite),
    input_tokens: tokens === null ? null : text(inputTokens(tokens)),
    output_tokens: tokens === null ? null : text(outputTokens(tokens)),
    reasoning_tokens: text(tokens?.reasoning),
  }))
  .sort((one, other) => (one.usage_id < other.usage_id ? -1 : 1));

interface Sent {
  readonly request: TracesRequest;
  readonly encoding: Encoding;
}

const inProtobuf = (request: TracesRequest): Sent => ({ request, encoding: 'protobuf+gzip' });
const inJson = (request: TracesRequest): Sent => ({ request, encoding: 'json' });

const captured = CAPTURES.flatMap(requestsOf);
const singles = onePerRequest(captured);

/** In one piece and in many, forwards and backwards: that both say the same in any order is tested without a service (`doctor`). */
const SENT: Readonly<Record<string, readonly Sent[]>> = {
  'each body twice, in both encodings': captured.flatMap((request) => [inProtobuf(request), inJson(request)]),
  'span by span, in protobuf': singles.map(inProtobuf),
  'span by span, backwards, in JSON': singles.map(inJson).reverse(),
};
const KILLED = 'span by span, in protobuf';

/** The vendors' paths are as good as our own. */
const PATHS = ['/v1/traces', '/otel/v1/traces', '/api/public/otel/v1/traces'];

async function postAll(service: RunningService, bodies: readonly Sent[]): Promise<void> {
  for (const [index, { request, encoding }] of bodies.entries()) {
    const url = new URL(PATHS[index % PATHS.length] ?? '', service.otlpUrl).href;
    expect((await post(url, request, encoding)).status).toBe(200);
  }
}

describe('the service, given the captures of real emitters', () => {
  it.each(Object.entries(SENT))('%s, has each call once', async (name, bodies) => {
    const dataDir = await aDataDirectory('spanledger-corpus-');
    let service = await startServiceProcess({ dataDir });
    const middle = Math.floor(bodies.length / 2);
    await postAll(service, bodies.slice(0, middle));
    if (name === KILLED) {
      // Most traces are in pieces now. What was acknowledged survives, whether it was settled or not.
      await service.kill();
      service = await startServiceProcess({ dataDir });
    }
    await postAll(service, bodies.slice(middle));
    let rows: unknown;
    await until('the ledger says what is expected', 20_000, async () => {
      rows = await service.query(ROWS);
      return isDeepStrictEqual(rows, expected);
    }).catch(() => expect(rows).toEqual(expected));
    expect(await service.query('SELECT sum(quarantined) AS n FROM ingest_health')).toEqual([{ n: '0' }]);
    expect(await service.stop()).toBe(0);
  });
});
