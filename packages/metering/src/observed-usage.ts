import {
  commonCounts,
  isDeclaredInclusive,
  type Readable,
  type SpanCounts,
  usageSource,
} from './dialects/common.ts';
import { type CalledModel, type Dialect, type Part, UNKNOWN_PLACEMENTS } from './dialects/dialect.ts';
import { chargedUnits, declaredUnits, isUsageByPiece, joinedUnits } from './dialects/units.ts';
import type { Called, ObservedUsage } from './observation.ts';
import { answersWithoutOutput } from './operation.ts';
import type { Span } from './span.ts';
import { type ResolvedTokens, resolveTokens, type Semantics } from './tokens.ts';
import type { ConsumedUnits } from './usage.ts';

/** The usage of one span, resolved into classes, with how sure that is. Never a zero where there was no number. */
export function usageOf(
  span: Span,
  readable: Readable,
  dialect: Dialect,
  part: Part,
  { provider, requestModel: asked, responseModel: answered }: Called,
): ObservedUsage {
  const sent = countsOf(span, readable, dialect);
  const countsTokens = (sent.input ?? 0) + (sent.output ?? 0) > 0;
  const stated = chargedUnits(sent.units, countsTokens);
  const own = declaredUnits(readable);
  const units = own.kind === 'counted' ? joinedUnits(countedAlone(own.units, part), stated) : stated;
  const counts = units === sent.units ? sent : { ...sent, units };
  if (own.kind === 'unreadable') return observedUsage(invalid(own.reason), counts);

  const declared = usageSource(readable);
  // Zeros that stand beside this word are no counts.
  if (declared === 'missing')
    return { ...observedUsage(missing('declared missing'), counts), hasCounts: false };

  const called: CalledModel = {
    operation: part.operation,
    provider,
    model: (answered ?? asked)?.toLowerCase() ?? null,
  };
  const guess = dialect.guess?.(span, called, counts) ?? null;
  if (guess?.status === 'missing') return observedUsage(missing(guess.reason), counts);

  if (!countsTokens && (part.kind === 'unit' || isUsageByPiece(units, part.operation))) {
    const usage = { ...observedUsage(NO_TOKENS_CHARGED, counts), hasCounts: true };
    return declared === 'estimated' ? { ...usage, status: 'estimated' } : usage;
  }

  const resolved = resolveTokens(counts, answersWithoutOutput(part.operation), () => {
    const { cached, reasoning } = dialect.placements?.(span, called) ?? UNKNOWN_PLACEMENTS;
    return { declaredInclusive: isDeclaredInclusive(readable), cached, reasoning };
  });
  const usage = observedUsage(resolved, counts);
  const isEstimated = usage.status === 'reported' && (declared === 'estimated' || guess !== null);
  return isEstimated ? { ...usage, status: 'estimated', reason: guess?.reason ?? usage.reason } : usage;
}

/** A call is a request unless it says otherwise; what the app counts on a span of its own is none unless it says so. */
function countedAlone(units: ConsumedUnits, { kind }: Part): ConsumedUnits {
  return kind === 'unit' ? { ...units, requests: units.requests ?? 0 } : units;
}

/** Of a call that is charged by the piece alone. */
const NO_TOKENS_CHARGED: ResolvedTokens = {
  status: 'reported',
  tokens: { uncachedInput: 0, cacheRead: 0, cacheWrite: 0, visibleOutput: 0, reasoning: 0 },
  reason: null,
  semantics: { cache: null, reasoning: null },
};

function invalid(reason: string): ResolvedTokens {
  return { status: 'invalid', tokens: null, reason };
}

function missing(reason: string): ResolvedTokens {
  return { status: 'missing', tokens: null, reason };
}

/** What counts were resolved into, and what else they tell. */
export function observedUsage(resolved: ResolvedTokens, counts: SpanCounts): ObservedUsage {
  const semantics = resolved.status === 'reported' ? resolved.semantics : NO_SEMANTICS;
  return {
    status: resolved.status,
    reason: resolved.reason,
    tokens: resolved.tokens,
    hasCounts: counts.input !== null || counts.output !== null,
    cacheSemantics: semantics.cache,
    reasoningSemantics: semantics.reasoning,
    cacheWrite5m: counts.cacheWrite5m,
    cacheWrite1h: counts.cacheWrite1h,
    cacheWrite12h: counts.cacheWrite12h,
    modalities: counts.modalities,
    units: counts.units,
    detail: detailOf(counts),
  };
}

const NO_SEMANTICS: Semantics = { cache: null, reasoning: null };

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
    cacheWrite12h: own.cacheWrite12h ?? common.cacheWrite12h,
    modalities: own.modalities ?? common.modalities,
    units: joinedUnits(own.units ?? null, common.units),
  };
}

/** The parts of the cache writes are the whole of them, also where an emitter left the whole at none to not count twice. */
function withWholeCacheWrite(counts: SpanCounts): SpanCounts {
  const { cacheWrite, cacheWrite5m, cacheWrite1h, cacheWrite12h } = counts;
  if ((cacheWrite ?? 0) > 0 || !tellsLifetimes(counts)) return counts;
  return { ...counts, cacheWrite: (cacheWrite5m ?? 0) + (cacheWrite1h ?? 0) + (cacheWrite12h ?? 0) };
}

function tellsLifetimes({ cacheWrite5m, cacheWrite1h, cacheWrite12h }: SpanCounts): boolean {
  return cacheWrite5m !== null || cacheWrite1h !== null || cacheWrite12h !== null;
}

function detailOf(counts: SpanCounts): number {
  const { cacheRead, cacheWrite, reasoning, modalities } = counts;
  return (
    (cacheRead === null ? 0 : 1) +
    (cacheWrite === null ? 0 : 1) +
    (reasoning === null ? 0 : 1) +
    (tellsLifetimes(counts) ? 1 : 0) +
    (modalities === null ? 0 : 1)
  );
}
