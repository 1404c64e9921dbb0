import type { Attributes, AttributeValue } from './span.ts';
import type { SemanticsLevel, TokenClasses } from './usage.ts';

/** The counts as the emitter sent them, before anything is known about how they overlap. Null: absent or no number. */
export interface ReportedCounts {
  readonly input: number | null;
  readonly output: number | null;
  readonly cacheRead: number | null;
  readonly cacheWrite: number | null;
  readonly reasoning: number | null;
  /** Input without the cached parts, where the emitter states it by name. */
  readonly uncachedInput: number | null;
  readonly total: number | null;
  /** Gemini bills the prompts of its own tools, which stand beside the prompt. */
  readonly toolPrompt: number | null;
}

export const NO_COUNTS: ReportedCounts = {
  input: null,
  output: null,
  cacheRead: null,
  cacheWrite: null,
  reasoning: null,
  uncachedInput: null,
  total: null,
  toolPrompt: null,
};

/** Whether a part is counted inside its whole (as the conventions ask) or beside it (as some providers report). */
export type Placement = 'inside' | 'beside';

/** What is known about an emitter's counts besides the counts. */
export interface CountConventions {
  /** The span itself declares that input contains the cached parts and output the reasoning. */
  readonly declaredInclusive: boolean;
  /** What this emitter, in this version, is known to do; null where nothing is known. */
  readonly cached: Placement | null;
  readonly reasoning: Placement | null;
}

export const UNKNOWN_CONVENTIONS: CountConventions = {
  declaredInclusive: false,
  cached: null,
  reasoning: null,
};

/** How the overlap of the counts was decided; null where no part is reported, so that nothing had to be decided. */
export interface Semantics {
  readonly cache: SemanticsLevel | null;
  readonly reasoning: SemanticsLevel | null;
}

export type ResolvedTokens =
  | {
      readonly status: 'reported';
      readonly tokens: TokenClasses;
      readonly reason: string | null;
      readonly semantics: Semantics;
    }
  | { readonly status: 'missing' | 'invalid'; readonly tokens: null; readonly reason: string };

/** No call has a trillion tokens. The bound keeps every sum of counts a safe integer. */
const MAX_COUNT = 1_000_000_000_000;

const WHOLE_NUMBER = /^\s*\d{1,13}(?:\.0*)?\s*$/;

/** A token count, or null: NaN, infinities, negatives, fractions, `""`, `"None"` and `"null"` are no counts. */
export function count(value: AttributeValue | undefined): number | null {
  if (value === undefined) return null;
  const number =
    typeof value === 'number'
      ? value
      : typeof value === 'bigint' || (typeof value === 'string' && WHOLE_NUMBER.test(value))
        ? Number(value)
        : Number.NaN;
  return Number.isInteger(number) && number >= 0 && number <= MAX_COUNT ? number : null;
}

/** The first alias that holds a count. Aliases are never added: emitters set several names of one number at once. */
export function firstCount(attributes: Attributes, keys: readonly string[]): number | null {
  for (const key of keys) {
    const found = count(attributes.get(key));
    if (found !== null) return found;
  }
  return null;
}

/**
 * Splits reported counts into disjoint classes, each token once (convention C2).
 *
 * The OpenTelemetry conventions count cached tokens inside input and reasoning inside output, so the classes come by
 * subtraction. Many emitters pass on provider numbers where a part stands beside its whole. What decides, in this
 * order: what the span declares; arithmetic proof (a part larger than its whole, or a total that only adds up with
 * the part beside it); what is known of the emitter; the conventions, as an assumption. The level is recorded. Where
 * the counts contradict a declaration the call stays unpriced. Nothing is clamped.
 */
export function resolveTokens(
  sent: ReportedCounts,
  outputMayBeAbsent: boolean,
  conventions: () => CountConventions,
): ResolvedTokens {
  const counts = withStatedInput(sent);
  const { input, output } = counts;
  if (input === null || (output === null && !outputMayBeAbsent)) return missing(counts);
  const toolPrompt = counts.toolPrompt ?? 0;
  const generated = output ?? 0;
  const reasoning = counts.reasoning ?? 0;
  const cacheRead = counts.cacheRead ?? 0;
  const cacheWrite = counts.cacheWrite ?? 0;
  const cached = cacheRead + cacheWrite;

  if (cached === 0 && reasoning === 0) {
    const tokens = {
      uncachedInput: input + toolPrompt,
      cacheRead,
      cacheWrite,
      visibleOutput: generated,
      reasoning,
    };
    return { status: 'reported', tokens, reason: null, semantics: { cache: null, reasoning: null } };
  }

  const known = conventions();
  const isDeclared = known.declaredInclusive || counts.uncachedInput !== null;
  if (isDeclared && (cached > input || (known.declaredInclusive && reasoning > generated))) {
    return {
      status: 'invalid',
      tokens: null,
      reason: `declared inclusive, but parts exceed wholes: cached ${cached} of ${input}, reasoning ${reasoning} of ${generated}`,
    };
  }
  const proved = provedBeside(input, generated, cached, reasoning, totalOf(counts, known));
  const cache = decided(cached, isDeclared, proved.cached, known.cached);
  const thought = decided(reasoning, known.declaredInclusive, proved.reasoning, known.reasoning);
  return {
    status: 'reported',
    tokens: {
      uncachedInput: (cache.placement === 'beside' ? input : input - cached) + toolPrompt,
      cacheRead,
      cacheWrite,
      visibleOutput: thought.placement === 'beside' ? generated : generated - reasoning,
      reasoning,
    },
    reason: proof(cache, thought),
    semantics: { cache: cache.level, reasoning: thought.level },
  };
}

/** Input as the whole, where only its uncached part is stated; and what the statement leaves over is cache writes. */
function withStatedInput(counts: ReportedCounts): ReportedCounts {
  const { uncachedInput, input } = counts;
  if (uncachedInput === null) return counts;
  const cacheRead = counts.cacheRead ?? 0;
  const stated = uncachedInput + cacheRead + (counts.cacheWrite ?? 0);
  if (input === null || counts.cacheWrite !== null) return { ...counts, input: stated };
  return input > stated ? { ...counts, cacheWrite: input - stated } : { ...counts, input: stated };
}

function totalOf(counts: ReportedCounts, known: CountConventions): number | null {
  return known.declaredInclusive || counts.total === null ? null : counts.total - (counts.toolPrompt ?? 0);
}

interface Proved {
  readonly cached: boolean;
  readonly reasoning: boolean;
}

function provedBeside(
  input: number,
  generated: number,
  cached: number,
  reasoning: number,
  total: number | null,
): Proved {
  const rest = total === null ? 0 : total - input - generated;
  const areBoth = rest > 0 && rest === cached + reasoning;
  // Where only one of two equal parts is beside its whole, the total leaves open which.
  const isOne = rest > 0 && cached !== reasoning;
  return {
    cached: cached > input || (cached > 0 && (areBoth || (isOne && rest === cached))),
    reasoning: reasoning > generated || (reasoning > 0 && (areBoth || (isOne && rest === reasoning))),
  };
}

interface Decided {
  readonly placement: Placement;
  readonly level: SemanticsLevel | null;
}

function decided(part: number, isDeclared: boolean, isProved: boolean, known: Placement | null): Decided {
  if (part === 0) return { placement: 'inside', level: null };
  if (isDeclared) return { placement: 'inside', level: 'declared' };
  if (isProved) return { placement: 'beside', level: 'proved' };
  return known === null ? { placement: 'inside', level: 'assumed' } : { placement: known, level: 'table' };
}

function proof(cache: Decided, reasoning: Decided): string | null {
  if (cache.level === 'proved' && reasoning.level === 'proved') {
    return 'proved: cached beside input, reasoning beside output';
  }
  if (cache.level === 'proved') return 'proved: cached beside input';
  return reasoning.level === 'proved' ? 'proved: reasoning beside output' : null;
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
