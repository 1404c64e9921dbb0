import { context, trace } from '@opentelemetry/api';
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks';
import {
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
  type SpanProcessor,
  TracerProvider,
} from '@opentelemetry/sdk-trace';

export interface InMemoryTracing {
  spans(): readonly ReadableSpan[];
  stop(): void;
}

/** A global tracer provider whose spans stay in memory, until `stop`. */
export function traceInMemory(...processors: readonly SpanProcessor[]): InMemoryTracing {
  const exporter = new InMemorySpanExporter();
  trace.setGlobalTracerProvider(
    new TracerProvider({ spanProcessors: [...processors, new SimpleSpanProcessor({ exporter })] }),
  );
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  return {
    spans: () => exporter.getFinishedSpans(),
    stop: () => {
      trace.disable();
      context.disable();
    },
  };
}
