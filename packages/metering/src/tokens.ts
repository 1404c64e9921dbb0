import type { TokenClasses } from './usage.ts';

/** The counts as the emitter sent them, before anything is known about how they overlap. Null: absent or no number. */
export interface ReportedCounts {
  readonly input: number | null;
  readonly output: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly reasoning: number | null;
}

/** What only matters when the counts overlap, and is therefore read only then. */
export interface OverlapEvidence {
  /** The span itself declares that input contains the cached parts and output the reasoning. */
  readonly declaredInclusive: boolean;
  readonly total: number | null;
}

export type ResolvedTokens =
  | { readonly status: 'reported'; readonly tokens: TokenClasses; readonly reason: string | null }
  | { readonly status: 'missing' | 'invalid'; readonly tokens: null; readonly reason: string };

/**
 * Splits reported counts into disjoint classes, each token once (convention C2).
 *
 * The OpenTelemetry conventions count cached tokens inside input and reasoning inside output, so the classes come by
 * subtraction. Older emitters pass on provider numbers where a part stands beside its whole. Where the numbers prove
 * that (a part larger than its whole, or a total that only adds up with the part beside it), the proof decides; where
 * the span declares the opposite, the counts contradict each other and the call stays unpriced. Nothing is clamped.
 */
export function resolveTokens(
  counts: ReportedCounts,
  outputMayBeAbsent: boolean,
  evidence: () => OverlapEvidence,
): ResolvedTokens {
  const { input, output } = counts;
  if (input === null || (output === null && !outputMayBeAbsent)) return missing(counts);
  const generated = output ?? 0;
  const cacheRead = counts.cacheRead ?? 0;
  const cacheWrite = counts.cacheWrite ?? 0;
  const reasoning = counts.reasoning ?? 0;
  const cached = cacheRead + cacheWrite;

  if (cached === 0 && reasoning === 0) {
    return reported(null, input, 0, 0, generated, 0);
  }

  const { declaredInclusive, total } = evidence();
  if (declaredInclusive && (cached > input || reasoning > generated)) {
    return {
      status: 'invalid',
      tokens: null,
      reason: `declared inclusive, but parts exceed wholes: cached ${cached} of ${input}, reasoning ${reasoning} of ${generated}`,
    };
  }
  const rest = declaredInclusive || total === null ? 0 : total - input - generated;
  // Equal parts leave open which of them the rest of the total is, so then the total proves nothing.
  const totalDecides = rest > 0 && cached !== reasoning;
  const both = rest === cached + reasoning;
  const cachedBeside = cached > input || (cached > 0 && totalDecides && (rest === cached || both));
  const reasoningBeside =
    reasoning > generated || (reasoning > 0 && totalDecides && (rest === reasoning || both));
  return reported(
    proof(cachedBeside, reasoningBeside),
    cachedBeside ? input : input - cached,
    cacheRead,
    cacheWrite,
    reasoningBeside ? generated : generated - reasoning,
    reasoning,
  );
}

function proof(cachedBeside: boolean, reasoningBeside: boolean): string | null {
  if (cachedBeside && reasoningBeside) return 'proved: cached beside input, reasoning beside output';
  if (cachedBeside) return 'proved: cached beside input';
  return reasoningBeside ? 'proved: reasoning beside output' : null;
}

function reported(
  reason: string | null,
  uncachedInput: number,
  cacheRead: number,
  cacheWrite: number,
  visibleOutput: number,
  reasoning: number,
): ResolvedTokens {
  return {
    status: 'reported',
    tokens: { uncachedInput, cacheRead, cacheWrite, visibleOutput, reasoning },
    reason,
  };
}

/** A cut stream has an unknown cost. What is known is said, but half a count is not a usage. */
function missing({ input, output }: ReportedCounts): ResolvedTokens {
  const reason =
    input !== null
      ? `no output count (input ${input})`
      : output !== null
        ? `no input count (output ${output})`
        : 'no token counts';
  return { status: 'missing', tokens: null, reason };
}
