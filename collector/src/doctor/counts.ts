import { inputTokens, outputTokens, type UsageRecord } from '@spanledger/metering';
import type { ServedCounts } from './corpus.ts';

/** What was made of a capture beside what was served. */
export interface Comparison {
  readonly calls: ExpectedAndFound;
  readonly tokens: Readonly<Record<ComparedClass, ExpectedAndFound>>;
  readonly customers: ExpectedAndFound;
  /** In words, the first call first; none when all is as served. */
  readonly differences: readonly string[];
}

export interface ExpectedAndFound {
  readonly expected: number;
  readonly found: number;
}

export const COMPARED_CLASSES = ['input', 'cacheRead', 'cacheWrite', 'output', 'reasoning'] as const;
export type ComparedClass = (typeof COMPARED_CLASSES)[number];

type Tokens = NonNullable<UsageRecord['tokens']>;

/** A count that a call was served with, and where a record has it. */
export interface ComparedCount {
  readonly name: string;
  readonly of: ComparedClass;
  readonly expected: (counts: ServedCounts) => number | null | undefined;
  readonly found: (tokens: Tokens) => number;
}

export const COUNTS: readonly ComparedCount[] = [
  { name: 'input', of: 'input', expected: (counts) => counts.input_total, found: inputTokens },
  {
    name: 'uncached input',
    of: 'input',
    expected: (counts) => counts.input_uncached_only,
    found: (tokens) => tokens.uncachedInput,
  },
  {
    name: 'cache reads',
    of: 'cacheRead',
    expected: (counts) => counts.cache_read,
    found: (tokens) => tokens.cacheRead,
  },
  {
    name: 'cache writes',
    of: 'cacheWrite',
    expected: (counts) => counts.cache_write,
    found: (tokens) => tokens.cacheWrite,
  },
  { name: 'output', of: 'output', expected: (counts) => counts.output_total, found: outputTokens },
  {
    name: 'output without reasoning',
    of: 'output',
    expected: (counts) => counts.output_without_reasoning_only,
    found: (tokens) => tokens.visibleOutput,
  },
  {
    name: 'reasoning',
    of: 'reasoning',
    expected: (counts) => counts.reasoning,
    found: (tokens) => tokens.reasoning,
  },
];

/** A class is compared as a whole, and only where that is not known by the part that is. */
export function firstCount(
  of: ComparedClass,
  read: (count: ComparedCount) => number | null | undefined,
): number | null {
  for (const count of COUNTS) {
    const value = count.of === of ? (read(count) ?? null) : null;
    if (value !== null) return value;
  }
  return null;
}

export function perClass(
  compared: (of: ComparedClass) => ExpectedAndFound,
): Readonly<Record<ComparedClass, ExpectedAndFound>> {
  return {
    input: compared('input'),
    cacheRead: compared('cacheRead'),
    cacheWrite: compared('cacheWrite'),
    output: compared('output'),
    reasoning: compared('reasoning'),
  };
}

export function sum(counts: readonly (number | null)[]): number {
  return counts.reduce((total: number, count) => total + (count ?? 0), 0);
}

export function distinct(labels: readonly (string | null | undefined)[]): number {
  return new Set(labels.filter((label) => label !== null && label !== undefined)).size;
}
