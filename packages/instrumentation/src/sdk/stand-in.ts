import { createRequire } from 'node:module';
import { type ContextManager, context, type TracerProvider, trace } from '@opentelemetry/api';
import { field, isCallable, isObject, replaceProperty } from '../shape.ts';
import { SpanledgerSpanProcessor } from '../span-processor.ts';
import { Outbox } from './outbox.ts';
import type { Protocol, SdkParts } from './parts.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_HTTP_ENDPOINT = 'http://127.0.0.1:4318';
const DEFAULT_GRPC_ENDPOINT = 'http://127.0.0.1:4317';
/** One attempt at a collector beside the app; what fails waits in the outbox. Bounds how long an exit can take. */
const ATTEMPT_TIMEOUT_MS = 1500;
/** The SDK's default of 128 lets a long conversation in content attributes push the token counts off a span. */
const MAX_ATTRIBUTES = 1024;

/** Whether anyone has set a tracer provider that this process's instrumentations use. */
export function hasTracerProvider(): boolean {
  const provider: unknown = trace.getTracerProvider();
  const delegateTracer = field(provider, 'getDelegateTracer');
  if (!isCallable(delegateTracer)) return true;
  return Reflect.apply(delegateTracer, provider, ['spanledger']) !== undefined;
}

/**
 * Starts a small tracing SDK for an app that has none: spans of every instrumentation, attributed, sent over OTLP.
 *
 * It stands in, it does not move in. An app that sets up OpenTelemetry later, however late, finds the global places
 * free and gets what it asked for: our provider is only the delegate of the API's proxy, which the next
 * `setGlobalTracerProvider` replaces, and our context manager steps aside for the next one.
 *
 * No propagator: without one nothing of ours can travel to a model provider in a header. Every call is recorded: a
 * call that sampling skips would be a call nobody pays for.
 */
export function startStandIn(parts: SdkParts, protocol: Protocol, env: Environment): Outbox {
  const exporter = new parts.OTLPTraceExporter(exporterOptions(protocol, env));
  const outbox = new Outbox(exporter, parts.suppressTracing);
  const provider = new parts.TracerProvider({
    resource: parts.defaultResource().merge(parts.detectResources({ detectors: [parts.envDetector] })),
    sampler: new parts.AlwaysOnSampler(),
    spanLimits: { attributeCountLimit: MAX_ATTRIBUTES },
    spanProcessors: [new SpanledgerSpanProcessor(), outbox],
  });
  const manager = new parts.AsyncLocalStorageContextManager().enable();
  for (const api of apiCopies()) delegateTo(api, provider);
  if (context.setGlobalContextManager(manager)) {
    for (const api of apiCopies()) stepAside(api);
  }
  return outbox;
}

export function protocolFrom(env: Environment): Protocol {
  const name = env.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? env.OTEL_EXPORTER_OTLP_PROTOCOL;
  return name === 'http/json' || name === 'grpc' ? name : 'http/protobuf';
}

/** `SPANLEDGER_ENDPOINT` first, because it is about us; then what OpenTelemetry's variables say; then the default. */
export function exporterOptions(
  protocol: Protocol,
  env: Environment,
): { url?: string; timeoutMillis?: number } {
  const base = env.SPANLEDGER_ENDPOINT || undefined;
  const isSetByOtel = Boolean(env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || env.OTEL_EXPORTER_OTLP_ENDPOINT);
  const fallback = protocol === 'grpc' ? DEFAULT_GRPC_ENDPOINT : DEFAULT_HTTP_ENDPOINT;
  const endpoint = base ?? (isSetByOtel ? undefined : fallback);
  const isTimed = Boolean(env.OTEL_EXPORTER_OTLP_TRACES_TIMEOUT || env.OTEL_EXPORTER_OTLP_TIMEOUT);
  return {
    ...(endpoint === undefined
      ? {}
      : { url: protocol === 'grpc' ? endpoint : `${endpoint.replace(/\/+$/, '')}/v1/traces` }),
    ...(isTimed ? {} : { timeoutMillis: ATTEMPT_TIMEOUT_MS }),
  };
}

/** The API is two modules, one for `import` and one for `require`, each with a proxy of its own. */
function apiCopies(): readonly unknown[] {
  const copies: unknown[] = [{ trace, context }];
  try {
    copies.push(createRequire(import.meta.url)('@opentelemetry/api'));
  } catch {
    // Then there is only the one we imported.
  }
  return copies;
}

function delegateTo(api: unknown, provider: TracerProvider): void {
  const traceApi = field(api, 'trace');
  const getProvider = field(traceApi, 'getTracerProvider');
  if (!isCallable(getProvider)) return;
  const proxy = Reflect.apply(getProvider, traceApi, []);
  const setDelegate = field(proxy, 'setDelegate');
  if (isCallable(setDelegate)) Reflect.apply(setDelegate, proxy, [provider]);
}

/** Frees the context manager's place when someone else wants it, from whichever copy of the API. */
function stepAside(api: unknown): void {
  const contextApi = field(api, 'context');
  const setManager = field(contextApi, 'setGlobalContextManager');
  if (!isObject(contextApi) || !isCallable(setManager)) return;
  replaceProperty(contextApi, 'setGlobalContextManager', (manager: ContextManager) => {
    Reflect.deleteProperty(contextApi, 'setGlobalContextManager');
    if (!hasStoodAside) {
      hasStoodAside = true;
      context.disable();
    }
    return Reflect.apply(setManager, contextApi, [manager]);
  });
}

let hasStoodAside = false;
