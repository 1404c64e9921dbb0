import type { Span } from '../span.ts';
import type { Placement } from '../tokens.ts';
import type { Operation } from '../usage.ts';
import type { SpanCounts } from './common.ts';
import type { Served } from './served.ts';

/**
 * How one family of emitters writes model calls down. A dialect says how its spans are recognised and in what it
 * differs from the names and meanings that all share (`common.ts`, `operation.ts`); everything it leaves out is the
 * common way.
 */
export interface Dialect {
  /** Stored with every record. */
  readonly name: string;
  /** The attributes that only this dialect looks at. */
  readonly attributes: readonly string[];
  /**
   * The attributes that give the dialect away: a span with none of them is not in it, so it need not be asked. `any`
   * when something else shows it, which then must be cheap to look at.
   */
  readonly clues: readonly string[] | 'any';
  /** The same for the spans of some scopes only, on top of `clues`. */
  readonly cluesInScope?: { readonly scope: RegExp; readonly clues: readonly string[] | 'any' };
  /** What on the span shows that it is in this dialect, in words for the record; null when it is not. */
  recognise(span: Span): string | null;
  /** What the span is, by the dialect's own kind; null where the dialect leaves it to the operation name. */
  part?(span: Span): Part | null;
  /** Counts that stand elsewhere or are more precise than the common names. They win over those. */
  counts?(span: Span): Partial<SpanCounts> | null;
  /** What this emitter is known to do with the parts of input and output. */
  placements?(span: Span, called: CalledModel): Placements;
  /** Non-null when the counts are known to be a guess of the emitter. */
  guess?(span: Span, called: CalledModel, counts: SpanCounts): Guess | null;
  responseId?(span: Span): string | null;
  requestModel?(span: Span): string | null;
  provider?(span: Span): string | null;
  /** What a second span of the same call would show too, where it may have no response id. */
  answer?(span: Span): string | null;
  hasFailed?(span: Span): boolean;
  /** The provider began to answer, as far as only this dialect can tell. */
  hasAnswered?(span: Span): boolean;
  reportedCostUsd?(span: Span): string | null;
  /** Tier, region and geo where they stand elsewhere than under the common names. They win over those. */
  served?(span: Span): Partial<Served> | null;
}

/** Which model of which provider, as far as the span tells; the model in lower case. */
export interface CalledModel {
  readonly operation: Operation;
  readonly provider: string | null;
  readonly model: string | null;
}

/** Null: not known of this emitter. */
export interface Placements {
  readonly cached: Placement | null;
  readonly reasoning: Placement | null;
}

export const UNKNOWN_PLACEMENTS: Placements = { cached: null, reasoning: null };

/** `estimated`: good enough to be shown as an estimate. `missing`: no count of the provider can be that. */
export interface Guess {
  readonly status: 'estimated' | 'missing';
  readonly reason: string;
}

/**
 * What one span is, before anything is known of its trace.
 *
 * - `call`: one request to a model.
 * - `container`: work around calls; counts on it repeat theirs. `cumulative`: over the life of an agent object.
 * - `partial`: reports pieces of a call whose whole another span has.
 * - `candidate`: counts without a word for what they belong to; its trace decides.
 * - `unit`: what the app counts and reports itself. It bills by itself, and tells nothing of calls around it.
 * - `tool`: runs between calls, so a call below it is a call of its own.
 * - `zero_rated`: a request that bills no tokens although it may carry some.
 * - `other`: gen-ai work without tokens.
 * - `pending_twin`: sent when a span started; the span itself follows.
 * - `plain`: no gen-ai span, of interest for its labels and its place in the tree.
 */
export type Part =
  | {
      readonly kind: 'container';
      readonly operation: Operation;
      readonly cumulative: boolean;
      readonly why: string;
    }
  | { readonly kind: Exclude<PartKind, 'container'>; readonly operation: Operation; readonly why: string };

export type PartKind =
  | 'call'
  | 'container'
  | 'partial'
  | 'candidate'
  | 'unit'
  | 'tool'
  | 'zero_rated'
  | 'other'
  | 'pending_twin'
  | 'plain';

export const call = (operation: Operation, why: string): Part => ({ kind: 'call', operation, why });
export const container = (operation: Operation, why: string, cumulative = false): Part => ({
  kind: 'container',
  operation,
  cumulative,
  why,
});
export const tool = (why: string): Part => ({ kind: 'tool', operation: 'tool', why });
export const other = (operation: Operation, why: string): Part => ({ kind: 'other', operation, why });
