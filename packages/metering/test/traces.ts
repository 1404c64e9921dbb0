import {
  type AttributeValue,
  type AttributionSettings,
  type Deadline,
  decide,
  inputTokens,
  NO_ATTRIBUTION_SETTINGS,
  type Observation,
  observe,
  outputTokens,
  type Span,
  type UsageRecord,
} from '../src/index.ts';
import { aTree, SETTLED, spanIdOf, type TreeSpan } from './builders.ts';

export type Given = Record<string, AttributeValue>;

export const usage = (input: number, output: number): Given => ({
  'gen_ai.usage.input_tokens': input,
  'gen_ai.usage.output_tokens': output,
});
export const operation = (name: string): Given => ({
  'gen_ai.operation.name': name,
  'gen_ai.provider.name': 'openai',
});
export const chat = (input: number, output: number, more: Given = {}): Given => ({
  ...operation('chat'),
  'gen_ai.request.model': 'gpt-4o',
  ...usage(input, output),
  ...more,
});
export const agent = (input: number, output: number): Given => ({
  ...operation('invoke_agent'),
  'gen_ai.request.model': 'gpt-4o',
  ...usage(input, output),
});

export function observed(spans: readonly Span[]): Observation[] {
  return spans.flatMap((span) => observe(span) ?? []);
}

export function recordsOf(
  spans: readonly Span[],
  deadline: Deadline = SETTLED,
  settings: AttributionSettings = NO_ATTRIBUTION_SETTINGS,
): UsageRecord[] {
  return [...decide(observed(spans), deadline, settings).values()].map((decision) => decision.usage);
}

/** The billed spans of a tree by their short ids, with input and output. */
export function billed(
  ...trees: readonly (readonly Span[])[]
): Record<string, readonly [number, number] | null> {
  const records = recordsOf(trees.flat()).filter(({ billingRole }) => billingRole === 'billed');
  return Object.fromEntries(
    records.map(({ spanId, tokens }) => [
      shortId(spanId),
      tokens === null ? null : ([inputTokens(tokens), outputTokens(tokens)] as const),
    ]),
  );
}

export function shortId(spanId: string): string {
  return spanId.replace(/(00)+$/, '').replace(/../g, (hex) => String.fromCharCode(Number.parseInt(hex, 16)));
}

export function recordOf(id: string, ...trees: readonly (readonly Span[])[]): UsageRecord {
  const found = recordsOf(trees.flat()).find(({ spanId }) => spanId === spanIdOf(id));
  if (found === undefined) throw new Error(`no record of ${id}`);
  return found;
}

export const tree = (given: TreeSpan, trace = 'a') => aTree(given, trace.repeat(32));
