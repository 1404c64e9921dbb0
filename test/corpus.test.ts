import { readdirSync, readFileSync } from 'node:fs';
import {
  ATTRIBUTES_READ,
  decide,
  inputTokens,
  linkedGroups,
  type Observation,
  observe,
  outputTokens,
  type UsageRecord,
} from '@spanledger/metering/traces';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bodyEncodingOf,
  bodyTypeOf,
  inflate,
  readTraces,
  SCAN_LIMITS,
  WantedAttributes,
} from '../collector/src/otlp/index.ts';
import { encodeTraces, type TracesRequest, toJsonBody } from '../collector/src/otlp/testing/bodies.ts';
import { capturedBodies, requestOf } from '../collector/src/otlp/testing/reference.ts';

/**
 * Captures of real, unmodified instrumentations against a provider that wrote down what it served. What metering makes
 * of the spans is compared with what was served: one billed record for each billable call that has a span, with every
 * count that can be known from the spans, and the customer wherever a span bears one.
 */
const CORPUS = new URL('corpus/', import.meta.url);
const wanted = new WantedAttributes(ATTRIBUTES_READ);

/** Long after everything in the captures: containers have waited long enough. */
const SETTLED = { nowMicros: Date.UTC(2100, 0, 1) * 1000, graceMicros: 60_000_000 };

interface Classes {
  readonly input_total: number | null;
  readonly cache_read: number | null;
  readonly cache_write: number | null;
  readonly output_total: number | null;
  readonly reasoning: number | null;
  readonly output_without_reasoning_only?: number;
  readonly input_uncached_only?: number;
}

interface ServedCall {
  readonly n: number;
  readonly response_id?: string;
  readonly billable: boolean;
  readonly usage_missing: boolean | null;
  readonly span_missing: boolean | null;
  readonly attainable_from_spans: Classes | null;
  readonly expected_label: { readonly customer: string; readonly feature: string; readonly user: string };
  /** Null where no span has the usage: the labels are there all the same. */
  readonly labels_found: {
    readonly customer: string;
    readonly feature: string;
    readonly user: string;
  } | null;
}

interface Case {
  readonly name: string;
  readonly calls: readonly ServedCall[];
  readonly requests: readonly TracesRequest[];
}

const cases: readonly Case[] = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.meta.json'))
  .map((name) => {
    const meta: { calls_made: readonly ServedCall[] } = JSON.parse(
      readFileSync(new URL(name, CORPUS), 'utf8'),
    );
    const requests = capturedBodies(new URL(name, CORPUS)).map(({ bytes, contentType, contentEncoding }) => {
      const type = bodyTypeOf(contentType);
      const encoding = bodyEncodingOf(contentEncoding);
      if (type === undefined || encoding === undefined) throw new Error('an unknown content type');
      return requestOf(inflate(bytes, encoding, 1024 * 1024), type);
    });
    return { name: name.replace('.meta.json', ''), calls: meta.calls_made, requests };
  });

type Encoding = 'protobuf' | 'json';

function observationsOf(
  requests: readonly TracesRequest[],
  encoding: Encoding,
  attributes = wanted,
): readonly Observation[] {
  return requests.flatMap((request) => {
    const body = encoding === 'json' ? toJsonBody(request) : encodeTraces(request);
    return readTraces(body, encoding, attributes, SCAN_LIMITS).spans.flatMap((span) => observe(span) ?? []);
  });
}

/** As a store would do it: group what belongs together, decide each group on its own. */
function recordsOf(observations: readonly Observation[]): readonly UsageRecord[] {
  return linkedGroups(observations).flatMap((group) =>
    [...decide(group, SETTLED).values()].map(({ usage }) => usage),
  );
}

const inKeyOrder = (records: readonly UsageRecord[]) =>
  [...records].sort((a, b) => (a.traceId + a.spanId < b.traceId + b.spanId ? -1 : 1));

function onePerRequest(requests: readonly TracesRequest[]): TracesRequest[] {
  return requests.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
      scopeSpans.flatMap(({ scope, spans = [] }) =>
        spans.map((span) => ({
          resourceSpans: [
            {
              ...(resource === undefined ? {} : { resource }),
              scopeSpans: [{ ...(scope === undefined ? {} : { scope }), spans: [span] }],
            },
          ],
        })),
      ),
    ),
  );
}

/** What a billed record must show of a served call, with null where the spans cannot tell. */
function expectationOf(call: ServedCall) {
  const classes = call.attainable_from_spans;
  if (call.usage_missing === true || classes === null) return { status: 'missing' };
  return {
    input: classes.input_total,
    uncached: classes.input_uncached_only ?? null,
    cacheRead: classes.cache_read,
    cacheWrite: classes.cache_write,
    output: classes.output_total,
    visible: classes.output_without_reasoning_only ?? null,
    reasoning: classes.reasoning,
  };
}

function fits(record: UsageRecord, call: ServedCall, caseName: string): boolean {
  const { customer, feature, user } = call.expected_label;
  const isShown = (where: string | undefined, shown: string | null, label: string) =>
    where === 'nowhere' || shown === label;
  if (!isShown(call.labels_found?.customer, record.customer, customer)) return false;
  if (!WITHOUT_NAMES.has(caseName)) {
    if (!isShown(call.labels_found?.feature, record.feature, feature)) return false;
    if (!isShown(call.labels_found?.user, record.userId, user)) return false;
  }
  const expected = expectationOf(call);
  const { tokens, usageStatus } = record;
  if ('status' in expected) return usageStatus === 'missing' && tokens === null;
  if (tokens === null) return false;
  const shown = {
    input: inputTokens(tokens),
    uncached: tokens.uncachedInput,
    cacheRead: tokens.cacheRead,
    cacheWrite: tokens.cacheWrite,
    output: outputTokens(tokens),
    visible: tokens.visibleOutput,
    reasoning: tokens.reasoning,
  };
  return Object.entries(expected).every(
    ([name, value]) =>
      value === null || Object.entries(shown).some(([key, own]) => key === name && own === value),
  );
}

/** Feature and user are there only as part of other texts (a route, a conversation's id, a name spelt otherwise). */
const WITHOUT_NAMES: ReadonlySet<string> = new Set(['sentry-10-otel', 'google-adk']);

/** Pairs every served call with one billed record of its own, the pickiest calls first. */
function unmatched(records: readonly UsageRecord[], one: Case) {
  const calls = billable(one);
  const left = new Set(records);
  const lost: ServedCall[] = [];
  const pickiest = [...calls].sort((a, b) => Number(a.usage_missing) - Number(b.usage_missing));
  for (const call of pickiest) {
    const fitting = [...left].filter((record) => fits(record, call, one.name));
    const match = fitting.find(({ responseId }) => responseId === call.response_id) ?? fitting[0];
    if (match === undefined) lost.push(call);
    else left.delete(match);
  }
  return {
    lost: lost.map(({ n, expected_label, ...call }) => ({
      n,
      customer: expected_label.customer,
      expected: expectationOf({ n, expected_label, ...call }),
    })),
    extra: [...left].map(({ spanId, tokens, customer, roleReason, usageReason, dialect }) => ({
      spanId,
      tokens,
      customer,
      roleReason,
      usageReason,
      dialect,
    })),
  };
}

const billable = ({ calls }: Case) => calls.filter((call) => call.billable && call.span_missing !== true);
const billed = (records: readonly UsageRecord[]) =>
  records.filter(({ billingRole }) => billingRole === 'billed');

function billedTokens(records: readonly UsageRecord[]): number {
  return billed(records).reduce(
    (sum, { tokens }) => sum + (tokens === null ? 0 : inputTokens(tokens) + outputTokens(tokens)),
    0,
  );
}

describe('the captures', () => {
  it('are all there', () => {
    expect(cases).toHaveLength(22);
    expect(cases.reduce((sum, one) => sum + billable(one).length, 0)).toBeGreaterThan(100);
  });
});

describe.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
  const inOrder = inKeyOrder(recordsOf(observationsOf(one.requests, 'protobuf')));

  it('has one billed record for each billable call, with all that its spans can tell', () => {
    expect(unmatched(billed(inOrder), one)).toEqual({ lost: [], extra: [] });
  });

  it('reads the same when attributes are there that nobody wants', () => {
    const keys = [...JSON.stringify(one.requests).matchAll(/"key":"([^"]+)"/g)].map(([, key = '']) => key);
    const everything = new WantedAttributes([...keys, ...ATTRIBUTES_READ]);
    expect(everything.size).toBeGreaterThan(wanted.size);
    expect(observationsOf(one.requests, 'json', everything)).toEqual(observationsOf(one.requests, 'json'));
  });

  it.each(['protobuf', 'json'] as const)(
    'is the same in %s, backwards, span by span and twice',
    (encoding) => {
      const singles = onePerRequest(one.requests);
      for (const requests of [one.requests, [...singles].reverse(), singles, [...singles, ...one.requests]]) {
        expect(inKeyOrder(recordsOf(observationsOf(requests, encoding)))).toEqual(inOrder);
      }
    },
  );

  it('is the same in every order of arrival', () => {
    const observations = observationsOf(one.requests, 'protobuf');
    fc.assert(
      fc.property(fc.shuffledSubarray([...observations], { minLength: observations.length }), (shuffled) => {
        expect(inKeyOrder(recordsOf(shuffled))).toEqual(inOrder);
      }),
      { numRuns: 200 },
    );
  });

  it('never bills more than was used, whatever part of the spans is there', () => {
    const observations = observationsOf(one.requests, 'protobuf');
    const calls = billed(inOrder).length;
    // OpenLIT counts a streamed answer of Anthropic one token too high, where the SDK's own span is not there to mend it.
    const used = billedTokens(inOrder) + calls;
    fc.assert(
      fc.property(fc.subarray([...observations]), (part) => {
        const records = recordsOf(part);
        expect(billed(records).length).toBeLessThanOrEqual(calls);
        expect(billedTokens(records)).toBeLessThanOrEqual(used);
      }),
      { numRuns: 200 },
    );
  });

  it('is the same from observations that were stored', () => {
    const stored: readonly Observation[] = JSON.parse(JSON.stringify(observationsOf(one.requests, 'json')));
    expect(inKeyOrder(recordsOf(stored))).toEqual(inOrder);
  });
});
