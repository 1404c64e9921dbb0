import type { Attributes, AttributeValue, Context } from '@opentelemetry/api';
import { attributionAttributes, attributionIn } from './attribution.ts';
import { warnOnce } from './warn.ts';

/** What a span offers at its start, in SDK 2.x and 3.x alike. */
interface StartedSpan {
  setAttribute(name: string, value: AttributeValue): unknown;
  readonly attributes?: Attributes;
}

/**
 * Writes who is spending on every span when it starts, whoever made the span. Add it to an existing OpenTelemetry
 * set-up, before the exporter's processor. It fits the SDK's `SpanProcessor` by shape, so that no SDK version is
 * imported; it keeps nothing and exports nothing.
 *
 * At the start, because a span that later outgrows its attribute limit (128 by default) drops what comes last.
 */
export class SpanledgerSpanProcessor {
  onStart(span: StartedSpan, parentContext: Context): void {
    try {
      const attributes = attributionAttributes(attributionIn(parentContext));
      for (const [name, value] of Object.entries(attributes)) {
        // What the emitter said itself is closer to the truth than our scope.
        if (value !== undefined && span.attributes?.[name] === undefined) span.setAttribute(name, value);
      }
    } catch (error) {
      warnOnce('span-processor', 'could not write the attribution on a span', error);
    }
  }

  onEnd(): void {}

  async forceFlush(): Promise<void> {}

  async shutdown(): Promise<void> {}
}
