import {
  commonCounts,
  isDeclaredInclusive,
  type Readable,
  type SpanCounts,
  usageSource,
} from './dialects/common.ts';
import { type Called as CalledBy, type Dialect, type Part, UNKNOWN_PLACEMENTS } from './dialects/dialect.ts';
import type { Called, ObservedUsage } from './observation.ts';
import { answersWithoutOutput } from './operation.ts';
import type { Span } from './span.ts';
import { resolveTokens, type Semantics } from './tokens.ts';
import type { TokenClasses, UsageStatus } from './usage.ts';

/** The usage of one span, resolved into classes, with how sure that is. Never a zero where there was no number. */
export function usageOf(
  span: Span,
  readable: Readable,
  dialect: Dialect,
  part: Part,
  { provider, requestModel: asked, responseModel: answered }: Called,
): ObservedUsage {
  const counts = countsOf(span, readable, dialect);
  const declared = usageSource(readable);
  if (declared === 'missing') return unresolved('missing', 'declared missing', counts, false);

  const called: CalledBy = {
    operation: part.operation,
    provider,
    model: (answered ?? asked)?.toLowerCase() ?? null,
  };
  const guess = dialect.guess?.(span, called, counts) ?? null;
  const known = hasCounts(counts);
  if (guess?.status === 'missing') return unresolved('missing', guess.reason, counts, known);

  const resolved = resolveTokens(counts, answersWithoutOutput(part.operation), () => {
    const { cached, reasoning } = dialect.placements?.(span, called) ?? UNKNOWN_PLACEMENTS;
    return { declaredInclusive: isDeclaredInclusive(readable), cached, reasoning };
  });
  if (resolved.status !== 'reported') return unresolved(resolved.status, resolved.reason, counts, known);
  const status = declared === 'estimated' || guess !== null ? 'estimated' : 'reported';
  return usage(status, guess?.reason ?? resolved.reason, resolved, counts, known);
}

interface Resolved {
  readonly tokens: TokenClasses | null;
  readonly semantics: Semantics;
}

const NOTHING: Resolved = { tokens: null, semantics: { cache: null, reasoning: null } };

function unresolved(
  status: UsageStatus,
  reason: string,
  counts: SpanCounts,
  hasCounts: boolean,
): ObservedUsage {
  return usage(status, reason, NOTHING, counts, hasCounts);
}

function usage(
  status: UsageStatus,
  reason: string | null,
  { tokens, semantics }: Resolved,
  counts: SpanCounts,
  hasCounts: boolean,
): ObservedUsage {
  return {
    status,
    reason,
    tokens,
    hasCounts,
    cacheSemantics: semantics.cache,
    reasoningSemantics: semantics.reasoning,
    cacheWrite5m: counts.cacheWrite5m,
    cacheWrite1h: counts.cacheWrite1h,
    modalities: counts.modalities,
    detail: detailOf(counts),
  };
}

function hasCounts({ input, output }: SpanCounts): boolean {
  return input !== null || output !== null;
}

/** What the dialect knows better, over what all share. */
function countsOf(span: Span, readable: Readable, dialect: Dialect): SpanCounts {
  const common = commonCounts(readable);
  const own = dialect.counts?.(span) ?? null;
  return withWholeCacheWrite(own === null ? common : preferring(own, common));
}

function preferring(own: Partial<SpanCounts>, common: SpanCounts): SpanCounts {
  return {
    input: own.input ?? common.input,
    output: own.output ?? common.output,
    cacheRead: own.cacheRead ?? common.cacheRead,
    cacheWrite: own.cacheWrite ?? common.cacheWrite,
    reasoning: own.reasoning ?? common.reasoning,
    uncachedInput: own.uncachedInput ?? common.uncachedInput,
    total: own.total ?? common.total,
    toolPrompt: own.toolPrompt ?? common.toolPrompt,
    cacheWrite5m: own.cacheWrite5m ?? common.cacheWrite5m,
    cacheWrite1h: own.cacheWrite1h ?? common.cacheWrite1h,
    modalities: own.modalities ?? common.modalities,
  };
}

/** The two parts of the cache writes are the whole of them. */
function withWholeCacheWrite(counts: SpanCounts): SpanCounts {
  const { cacheWrite, cacheWrite5m, cacheWrite1h } = counts;
  if (cacheWrite !== null || (cacheWrite5m === null && cacheWrite1h === null)) return counts;
  return { ...counts, cacheWrite: (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0) };
}

function detailOf({
  cacheRead,
  cacheWrite,
  reasoning,
  cacheWrite5m,
  cacheWrite1h,
  modalities,
}: SpanCounts): number {
  return (
    (cacheRead === null ? 0 : 1) +
    (cacheWrite === null ? 0 : 1) +
    (reasoning === null ? 0 : 1) +
    (cacheWrite5m === null && cacheWrite1h === null ? 0 : 1) +
    (modalities === null ? 0 : 1)
  );
}
