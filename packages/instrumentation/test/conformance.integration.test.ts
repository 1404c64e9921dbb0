import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type ServedCall,
  type StandInProvider,
  startStandInProvider,
} from '../../../collector/src/demo/provider.ts';
import { METERED, NOT_METERED, runApp, startApp } from './run-app.ts';
import { type Sink, type SunkSpan, startSink } from './sink.ts';

interface Run {
  readonly app: Readonly<Record<string, unknown>>;
  readonly stderr: string;
  readonly spans: readonly SunkSpan[];
  readonly raw: string;
  readonly served: readonly ServedCall[];
}

const repository = new URL('../../..', import.meta.url);
const folders: string[] = [];

/** The fixtures beside another major of the SDK, installed under its own name as an app would have it. */
async function appsWith(sdk: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-apps-'));
  folders.push(folder);
  const modules = join(folder, 'node_modules');
  await cp(new URL('./apps/', import.meta.url), folder, { recursive: true });
  await mkdir(join(modules, '@spanledger'), { recursive: true });
  await cp(new URL(`node_modules/${sdk}`, repository), join(modules, 'openai'), { recursive: true });
  for (const workspace of ['instrumentation', 'semconv']) {
    await symlink(
      fileURLToPath(new URL(`packages/${workspace}`, repository)),
      join(modules, '@spanledger', workspace),
    );
  }
  return folder;
}

async function runCases(folder: string, app: string, isMetered: boolean): Promise<Run> {
  const provider: StandInProvider = await startStandInProvider();
  const sink: Sink = await startSink();
  try {
    const run = await runApp(
      join(folder, app),
      {
        PROVIDER_URL: provider.url,
        SPANLEDGER_ENDPOINT: sink.url,
        SPANLEDGER_REQUEST_STREAM_USAGE: 'true',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      },
      { flags: isMetered ? METERED : NOT_METERED, directory: folder },
    );
    expect(run.code, run.stderr).toBe(0);
    return {
      app: JSON.parse(run.stdout),
      stderr: run.stderr,
      spans: sink.spans(),
      raw: sink.raw(),
      served: provider.served(),
    };
  } finally {
    await provider.close();
    await sink.close();
  }
}

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

/** Cases that cannot know their usage: the app went away, the provider failed, or the caller declined. */
const WITHOUT_USAGE: Readonly<Record<string, string>> = {
  'stream-declined': 'complete',
  'stream-early-break': 'aborted',
  'stream-abort': 'aborted',
  'drop-stream': 'error',
  'as-response-stream': 'complete',
  'fail-400': 'error',
  'fail-401': 'error',
  'fail-500': 'error',
  'abort-before': 'aborted',
  'responses-early-break': 'aborted',
  'never-read-stream': 'aborted',
};

describe.each([
  ['openai', 'esm.mjs'],
  ['openai', 'cjs.cjs'],
  ['openai-6', 'esm.mjs'],
  ['openai-6', 'cjs.cjs'],
  ['openai-5', 'esm.mjs'],
  ['openai-5', 'cjs.cjs'],
])('the %s SDK in %s', (sdk, app) => {
  let metered: Run;
  let plain: Run;
  let names: readonly string[];

  beforeAll(async () => {
    const folder = await appsWith(sdk);
    plain = await runCases(folder, app, false);
    metered = await runCases(folder, app, true);
    names = Object.keys(plain.app);
  }, 60_000);

  const spanOf = (name: string): SunkSpan => {
    const [span] = metered.spans.filter((candidate) => candidate.attributes['gen_ai.request.model'] === name);
    if (span === undefined) throw new Error(`no span for ${name}`);
    return span;
  };

  it('shows the app exactly what it shows without metering, errors included', () => {
    expect(names.length).toBeGreaterThan(30);
    expect(metered.app).toEqual(plain.app);
    expect(plain.spans).toEqual([]);
  });

  it('prints nothing', () => {
    expect(metered.stderr).toBe(plain.stderr);
  });

  it('makes one span for every call, whatever became of it', () => {
    const models = metered.spans.map((span) => span.attributes['gen_ai.request.model']);
    expect(models.toSorted()).toEqual(names.toSorted());
  });

  it('counts what the provider billed', () => {
    for (const name of names.filter((candidate) => WITHOUT_USAGE[candidate] === undefined)) {
      const billed = metered.served.find((call) => call.model === name && call.usage !== undefined)?.usage;
      expect(spanOf(name).attributes, name).toMatchObject({
        'spanledger.usage.source': 'provider',
        'spanledger.usage.state': 'complete',
        'gen_ai.usage.input_tokens': billed?.inputTokens,
        ...(name.startsWith('embeddings')
          ? {}
          : {
              'gen_ai.usage.output_tokens': billed?.outputTokens,
              'gen_ai.usage.cache_read.input_tokens': billed?.cachedTokens,
              'gen_ai.usage.reasoning.output_tokens': billed?.reasoningTokens,
            }),
      });
    }
  });

  it('says so when it does not know the usage', () => {
    for (const [name, state] of Object.entries(WITHOUT_USAGE)) {
      const { attributes } = spanOf(name);
      expect(attributes, name).toMatchObject({
        'spanledger.usage.source': 'missing',
        'spanledger.usage.state': state,
      });
      expect(attributes, name).not.toHaveProperty('gen_ai.usage.input_tokens');
    }
  });

  it('marks failures by the code the provider gave', () => {
    const failed = metered.spans.filter((span) => span.isError);
    expect(
      Object.fromEntries(
        failed.map((span) => [span.attributes['gen_ai.request.model'], span.attributes['error.type']]),
      ),
    ).toEqual({
      'drop-stream': expect.any(String),
      'fail-400': 'invalid_value',
      'fail-401': 'invalid_api_key',
      'fail-500': 'InternalServerError',
      'abort-before': 'APIUserAbortError',
    });
  });

  it('describes the call in the words of the conventions', () => {
    const span = spanOf('stream-not-asked');
    expect(span).toMatchObject({ name: 'chat stream-not-asked', kind: 3 });
    expect(span.attributes).toMatchObject({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.stream': true,
      'gen_ai.response.model': 'stream-not-asked',
      'gen_ai.response.id': expect.stringMatching(/^chatcmpl-standin-\d+$/),
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.response.time_to_first_chunk': expect.any(Number),
      'openai.response.service_tier': 'default',
      'server.address': '127.0.0.1',
      'server.port': expect.any(Number),
    });
    expect(spanOf('embeddings').name).toBe('embeddings embeddings');
    expect(spanOf('responses').attributes['gen_ai.response.id']).toMatch(/^resp-/);
  });

  it('asks for usage only where it hides the answer', () => {
    const told = (name: string) => metered.served.find((call) => call.model === name)?.isUsageSent;
    expect(told('stream-not-asked')).toBe(true);
    expect(told('stream-declined')).toBe(false);
    expect(told('as-response-stream')).toBe(false);
  });

  it('makes one span for a call that was retried', () => {
    expect(
      metered.served.filter((call) => call.model === 'fail-429-once').map((call) => call.status),
    ).toEqual([429, 200]);
    expect(
      metered.spans.filter((span) => span.attributes['gen_ai.request.model'] === 'fail-429-once'),
    ).toHaveLength(1);
  });

  it('exports no word of any prompt or answer', () => {
    expect(metered.raw).toContain('gen_ai.usage.input_tokens');
    expect(metered.raw).not.toContain('canary');
    expect(metered.raw).not.toContain('quick brown');
    expect(metered.raw).not.toContain('every span');
  });
});

describe('an app started with --import', () => {
  let provider: StandInProvider;
  beforeAll(async () => {
    provider = await startStandInProvider();
  });
  afterAll(() => provider.close());

  async function spansOf(
    app: string,
    args: readonly string[] = [],
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ spans: readonly SunkSpan[]; stdout: string; stderr: string }> {
    const sink = await startSink();
    try {
      const run = await runApp(
        app,
        {
          PROVIDER_URL: provider.url,
          SPANLEDGER_ENDPOINT: sink.url,
          OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
          ...env,
        },
        { args },
      );
      expect(run.code, run.stderr).toBe(0);
      return { spans: sink.spans(), stdout: run.stdout, stderr: run.stderr };
    } finally {
      await sink.close();
    }
  }

  it('may be TypeScript', async () => {
    expect((await spansOf('typed.mts')).spans.map((span) => span.name)).toEqual(['chat typed']);
  });

  it('may be CommonJS that imports dynamically', async () => {
    expect((await spansOf('dynamic.cjs')).spans.map((span) => span.name)).toEqual(['embeddings dynamic']);
  });

  it('keeps concurrent customers apart, and lets inner attributions win', async () => {
    const { spans } = await spansOf('customers.mjs');
    const attributed = spans.filter((span) =>
      String(span.attributes['gen_ai.request.model']).startsWith('customer-'),
    );
    expect(attributed).toHaveLength(20);
    for (const { attributes } of attributed) {
      expect(attributes).toMatchObject({
        'spanledger.customer.id': attributes['gen_ai.request.model'],
        'spanledger.feature.name': 'inner',
        'user.id': 'u',
      });
    }
    const nobody = spans.find((span) => span.attributes['gen_ai.request.model'] === 'nobody');
    expect(nobody?.attributes).not.toHaveProperty('spanledger.customer.id');
  });

  it('attributes the spans of other instrumentations, and hangs its own below the active one', async () => {
    const { spans } = await spansOf('customers.mjs');
    const other = spans.find((span) => span.name === 'other-instrumentation');
    expect(other?.attributes['spanledger.customer.id']).toBe('stranger');
    const parent = spans.find((span) => span.name === 'parent');
    const child = spans.find((span) => span.name === 'chat child');
    expect(child?.parentSpanId).toBe(parent?.spanId);
    expect(child?.traceId).toBe(parent?.traceId);
  });

  it('keeps its own OpenTelemetry SDK when it has one', async () => {
    const { spans, stdout } = await spansOf('own-sdk.mjs');
    expect(JSON.parse(stdout)).toEqual(['chat after', 'own', 'fresh']);
    expect(spans).toEqual([]);
  });

  it('gets its own OpenTelemetry SDK even when it comes after the first call', async () => {
    const { spans, stdout, stderr } = await spansOf('own-sdk.mjs', ['late'], { OTEL_LOG_LEVEL: 'warn' });
    expect(JSON.parse(stdout)).toEqual(['chat after', 'own', 'fresh']);
    expect(spans.map((span) => span.name)).toEqual(['chat before']);
    expect(stderr).not.toContain('duplicate registration');
  });

  it('may record units of its own, and nothing else', async () => {
    const { spans } = await spansOf('record-usage.mjs');
    expect(spans.map(({ name, attributes }) => [name, attributes['spanledger.usage.quantity']])).toEqual([
      ['usage document', '2.5'],
      ['usage document', 0.5],
      ['usage page', 12],
    ]);
    for (const { attributes } of spans) expect(attributes['spanledger.customer.id']).toBe('cus_1');
  });

  it('may record units where nothing is registered, and runs as ever', async () => {
    const { code, stdout, stderr } = await runApp('record-usage.mjs', {}, { flags: NOT_METERED });
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: 'done\n', stderr: '' });
  });

  it('is not metered when OTEL_SDK_DISABLED says so', async () => {
    expect((await spansOf('typed.mts', [], { OTEL_SDK_DISABLED: 'true' })).spans).toEqual([]);
  });

  it('names its service as OpenTelemetry is told', async () => {
    const sink = await startSink();
    await runApp('typed.mts', {
      PROVIDER_URL: provider.url,
      OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
      OTEL_SERVICE_NAME: 'shop',
    });
    // The default protocol is protobuf, in which text stands as it is.
    expect(sink.raw()).toContain('shop');
    expect(sink.raw()).toContain('chat typed');
    await sink.close();
  });

  it('ends in good time when nobody listens for its spans', async () => {
    const startedAtMs = performance.now();
    const { code } = await runApp('typed.mts', {
      PROVIDER_URL: provider.url,
      SPANLEDGER_ENDPOINT: 'http://127.0.0.1:9',
    });
    expect(code).toBe(0);
    expect(performance.now() - startedAtMs).toBeLessThan(5000);
  });

  it.each(['SIGTERM', 'SIGINT'] as const)('still dies of %s, after its spans are sent', async (signal) => {
    const sink = await startSink();
    const app = startApp('signal.mjs', { PROVIDER_URL: provider.url, SPANLEDGER_ENDPOINT: sink.url });
    await once(app.process, 'message');
    app.process.kill(signal);
    const ended = await app.ended;
    expect(ended).toMatchObject({ code: null, signal });
    expect(sink.raw()).toContain('chat signalled');
    await sink.close();
  });

  it('handles signals by itself when it has a listener', async () => {
    const sink = await startSink();
    const env = { PROVIDER_URL: provider.url, SPANLEDGER_ENDPOINT: sink.url };
    const app = startApp('signal.mjs', env, { args: ['handles'] });
    await once(app.process, 'message');
    app.process.kill('SIGTERM');
    expect(await app.ended).toMatchObject({ code: 7, signal: null });
    expect(sink.raw()).toContain('chat signalled');
    await sink.close();
  });

  it('dies of an error it did not handle, as it does without metering', async () => {
    const env = { PROVIDER_URL: provider.url, SPANLEDGER_ENDPOINT: 'http://127.0.0.1:9' };
    const [metered, plain] = await Promise.all([
      runApp('unhandled.mjs', env),
      runApp('unhandled.mjs', env, { flags: NOT_METERED }),
    ]);
    expect(plain).toMatchObject({ code: 1, stdout: '' });
    expect(metered).toMatchObject({ code: 1, stdout: '' });
    expect(metered.stderr).toContain('BadRequestError');
  });
});
