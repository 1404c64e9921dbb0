import { SPANLEDGER_USAGE_SOURCE } from '@spanledger/semconv';
import type { Span } from '../span.ts';
import { commonCounts, SEMANTICS_KEY, type SpanCounts } from './dialects/common.ts';
import { type Called as CalledBy, type Dialect, type Part, UNKNOWN_PLACEMENTS } from './dialects/dialect.ts';
import type { Called, ObservedUsage } from './observation.ts';
import { answersWithoutOutput } from './operation.ts';
import { resolveTokens } from './tokens.ts';

/** The usage of one span, resolved into classes, with how sure that is. Never a zero where there was no number. */
export function usageOf(
  span: Span,
  dialect: Dialect,
  part: Part,
  { provider, requestModel: asked, responseModel: answered }: Called,
): ObservedUsage {
  const counts = countsOf(span, dialect);
  const called: CalledBy = {
    operation: part.operation,
    provider,
    model: (answered ?? asked)?.toLowerCase() ?? null,
  };
  const details = {
    hasCounts: counts.input !== null || counts.output !== null,
    cacheWrite5m: counts.cacheWrite5m,
    cacheWrite1h: counts.cacheWrite1h,
    modalities: counts.modalities,
    detail: detailOf(counts),
  };
  const nothing = { tokens: null, cacheSemantics: null, reasoningSemantics: null, ...details };
  const declared = span.attributes.get(SPANLEDGER_USAGE_SOURCE);
  if (declared === 'missing') {
    return { ...nothing, hasCounts: false, status: 'missing', reason: 'declared missing' };
  }
  const guess = dialect.guess?.(span, called, counts) ?? null;
  if (guess?.status === 'missing') return { ...nothing, status: 'missing', reason: guess.reason };

  const resolved = resolveTokens(counts, answersWithoutOutput(part.operation), () => ({
    declaredInclusive: span.attributes.get(SEMANTICS_KEY) === 'inclusive',
    ...(dialect.placements?.(span, called) ?? UNKNOWN_PLACEMENTS),
  }));
  if (resolved.status !== 'reported') return { ...nothing, status: resolved.status, reason: resolved.reason };
  return {
    ...details,
    status: declared === 'estimated' || guess !== null ? 'estimated' : 'reported',
    reason: guess?.reason ?? resolved.reason,
    tokens: resolved.tokens,
    cacheSemantics: resolved.semantics.cache,
    reasoningSemantics: resolved.semantics.reasoning,
  };
}

function countsOf(span: Span, dialect: Dialect): SpanCounts {
  const common = commonCounts(span.attributes);
  const own = dialect.counts?.(span) ?? null;
  const counts = own === null ? common : { ...common, ...withoutNulls(own) };
  if (counts.cacheWrite !== null) return counts;
  // The two parts of the cache writes are the whole of them.
  const { cacheWrite5m, cacheWrite1h } = counts;
  if (cacheWrite5m === null && cacheWrite1h === null) return counts;
  return { ...counts, cacheWrite: (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0) };
}

function withoutNulls(counts: Partial<SpanCounts>): Partial<SpanCounts> {
  return Object.fromEntries(Object.entries(counts).filter(([, value]) => value !== null));
}

function detailOf(counts: SpanCounts): number {
  const optional = [
    counts.cacheRead,
    counts.cacheWrite,
    counts.reasoning,
    counts.cacheWrite5m ?? counts.cacheWrite1h,
    counts.modalities,
  ];
  return optional.filter((value) => value !== null).length;
}
