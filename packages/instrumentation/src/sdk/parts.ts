import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Context, ContextManager, TracerProvider } from '@opentelemetry/api';

/** A finished span, opaque to us: we only carry it from the SDK to its exporter. */
export interface FinishedSpan {
  spanContext(): { readonly traceFlags: number };
}

export interface ExportResult {
  /** 0 is success. */
  readonly code: number;
  readonly error?: Error;
}

export interface SpanExporter {
  export(spans: readonly FinishedSpan[], done: (result: ExportResult) => void): void;
  shutdown(): Promise<void>;
}

/** The few constructors we use of the OpenTelemetry SDK 3.x, as far as we use them. */
export interface SdkParts {
  readonly TracerProvider: new (options: object) => TracerProvider;
  readonly AlwaysOnSampler: new () => object;
  readonly AsyncLocalStorageContextManager: new () => ContextManager;
  readonly OTLPTraceExporter: new (options: object) => SpanExporter;
  readonly defaultResource: () => { merge(other: object): object };
  readonly detectResources: (options: object) => object;
  readonly envDetector: object;
  readonly suppressTracing: (context: Context) => Context;
}

export type Protocol = 'http/protobuf' | 'http/json' | 'grpc';
export const EXPORTER_OF: Readonly<Record<Protocol, string>> = {
  'http/protobuf': '@opentelemetry/exporter-trace-otlp-proto',
  'http/json': '@opentelemetry/exporter-trace-otlp-http',
  grpc: '@opentelemetry/exporter-trace-otlp-grpc',
};

/**
 * Loads the parts through `@opentelemetry/sdk-node`, the one package an app installs, which pins a set of them that
 * fits together. The parts instead of the whole: it also loads every metric, log, gRPC and Zipkin exporter, which
 * takes twice as long (about 250 ms against 130 ms) at the start of every app.
 *
 * Returns undefined when it is not installed, or is not of the 3.x line.
 */
export function loadSdkParts(protocol: Protocol): SdkParts | undefined {
  const from = sdkNodeDirectory();
  if (from === undefined) return undefined;
  const load = createRequire(from);
  const names = [
    '@opentelemetry/sdk-trace',
    '@opentelemetry/resources',
    '@opentelemetry/context-async-hooks',
    '@opentelemetry/core',
    EXPORTER_OF[protocol],
  ];
  try {
    return Object.assign({}, ...names.map((name) => load(name)));
  } catch {
    // An sdk-node of another line, with other dependencies: the same to the reader as none at all.
    return undefined;
  }
}

function sdkNodeDirectory(): string | undefined {
  // Beside us first; then where the app runs, for checkouts that are linked into it.
  for (const base of [import.meta.url, join(process.cwd(), 'package.json')]) {
    try {
      return createRequire(base).resolve('@opentelemetry/sdk-node');
    } catch {
      // Not here; the next place may have it.
    }
  }
  return undefined;
}
