import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { trace } from '@opentelemetry/api';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type InMemoryTracing, traceInMemory } from '../../test/in-memory.ts';
import { withAttribution } from '../attribution.ts';
import { INSTRUMENTATION_NAME, INSTRUMENTATION_VERSION } from '../version.ts';
import { meter } from './instrumentation.ts';

const messages = [{ role: 'user' as const, content: 'hello' }];
const COMPLETION = {
  id: 'chatcmpl-1',
  model: 'm-2026',
  choices: [{ finish_reason: 'stop' }],
  usage: { prompt_tokens: 3, completion_tokens: 2 },
};
const STREAM = `data: ${JSON.stringify({ ...COMPLETION, usage: undefined })}\n\ndata: [DONE]\n\n`;

/** A client whose provider is a function. */
function clientOf(body: object | string): OpenAI {
  const isStream = typeof body === 'string';
  return new OpenAI({
    apiKey: 'none',
    maxRetries: 0,
    fetch: async () =>
      new Response(isStream ? body : JSON.stringify(body), {
        headers: { 'content-type': isStream ? 'text/event-stream' : 'application/json' },
      }),
  });
}

describe('a metered client', () => {
  let tracing: InMemoryTracing;
  beforeEach(() => {
    tracing = traceInMemory();
  });
  afterEach(() => {
    vi.useRealTimers();
    tracing.stop();
  });

  it('is the same client, metered once however often it is metered', async () => {
    const client = clientOf(COMPLETION);
    expect(meter(meter(client))).toBe(client);
    await client.chat.completions.create({ model: 'm', messages });
    expect(tracing.spans().map((span) => span.name)).toEqual(['chat m']);
  });

  it('leaves other clients alone', async () => {
    meter(clientOf(COMPLETION));
    await clientOf(COMPLETION).chat.completions.create({ model: 'm', messages });
    expect(tracing.spans()).toEqual([]);
  });

  it('writes the attribution itself, with no span processor in sight', async () => {
    const client = meter(clientOf(COMPLETION));
    await withAttribution({ customer: 'acme' }, () =>
      client.chat.completions.create({ model: 'm', messages }),
    );
    expect(tracing.spans()[0]?.attributes['spanledger.customer.id']).toBe('acme');
  });

  it('makes the SDK work inside the span', async () => {
    const seen: (string | undefined)[] = [];
    const client = meter(
      new OpenAI({
        apiKey: 'none',
        fetch: async () => {
          seen.push(trace.getActiveSpan()?.spanContext().spanId);
          return Response.json(COMPLETION);
        },
      }),
    );
    await client.chat.completions.create({ model: 'm', messages });
    expect(seen).toEqual([tracing.spans()[0]?.spanContext().spanId]);
    expect(trace.getActiveSpan()).toBeUndefined();
  });

  it('sends what the app sent when nobody records', async () => {
    tracing.stop();
    const sent: unknown[] = [];
    const client = meter(
      new OpenAI({
        apiKey: 'none',
        fetch: async (_url, init) => {
          sent.push(JSON.parse(String(init?.body)));
          return new Response(STREAM, { headers: { 'content-type': 'text/event-stream' } });
        },
      }),
      { requestStreamUsage: 'always' },
    );
    await client.chat.completions.create({ model: 'm', messages, stream: true });
    expect(sent).toEqual([{ model: 'm', messages, stream: true }]);
  });

  it('ends a stream that is kept and never read after its idle time', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const kept = await meter(clientOf(STREAM)).chat.completions.create({
      model: 'm',
      messages,
      stream: true,
    });
    expect(tracing.spans()).toEqual([]);
    vi.advanceTimersByTime(15 * 60_000);
    expect(tracing.spans()[0]?.attributes['spanledger.usage.state']).toBe('aborted');
    expect(kept.controller.signal.aborted).toBe(false);
  });

  it('ends a stream that nobody holds any more', async () => {
    setFlagsFromString('--expose-gc');
    const collect: () => void = runInNewContext('gc');
    await meter(clientOf(STREAM)).chat.completions.create({ model: 'm', messages, stream: true });
    await expect
      .poll(() => {
        collect();
        return tracing.spans().map((span) => span.attributes['spanledger.usage.state']);
      })
      .toEqual(['aborted']);
  });

  it('is anything else than a client unharmed', () => {
    const stranger = { chat: 'no' };
    expect(meter(stranger)).toBe(stranger);
    expect(stranger).toEqual({ chat: 'no' });
  });
});

it('the scope tells the version of the package', () => {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  expect(JSON.parse(manifest)).toMatchObject({
    name: INSTRUMENTATION_NAME,
    version: INSTRUMENTATION_VERSION,
  });
});
