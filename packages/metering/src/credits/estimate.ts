import type { MicroCredits, UsdFemto } from '../amount.ts';
import type { ConsumedUnits, TokenClasses } from '../usage.ts';
import { type ActionTerms, creditsFor, incrementsPerQuantity, quantityOf } from './measure.ts';
import type { RuleTerms } from './terms.ts';

/** What somebody expects an action to use, all its calls together. */
export interface ExpectedUse {
  readonly cost?: UsdFemto | undefined;
  readonly tokens?: TokenClasses | undefined;
  /** Minutes are counted as those of one call. */
  readonly units?: ConsumedUnits | undefined;
  /** How many calls, all of which succeed; 1 when left out. */
  readonly calls?: number | undefined;
}

export type Estimate =
  | { readonly kind: 'credits'; readonly credits: MicroCredits }
  /** What would have to be said for an estimate. */
  | { readonly kind: 'unknown'; readonly reason: 'no_cost' | 'no_tokens' | 'no_credit_value' };

/**
 * What an action would burn under a rule (or under what it offers instead), if it uses what is expected. It may be more
 * than there can be (`MAX_CREDITS`), and is told all the same, so that a check denies it (convention C13): that such an
 * action is not charged (`out_of_range`) is no promise that it is free.
 */
export function estimateCredits(terms: RuleTerms, expected: ExpectedUse, plan: ActionTerms | null): Estimate {
  const { cost, tokens, units, calls = 1 } = expected;
  const scale = incrementsPerQuantity(terms, plan);
  if (scale === null) return { kind: 'unknown', reason: 'no_credit_value' };
  const isCounted = tokens !== undefined || units !== undefined || isByThePiece(terms);
  const quantity = quantityOf(terms, {
    cost: cost ?? null,
    tokens: tokens ?? null,
    units: isCounted ? pieces(units, calls) : null,
  });
  if (quantity === null) {
    return { kind: 'unknown', reason: terms.charging.kind === 'cost_plus' ? 'no_cost' : 'no_tokens' };
  }
  return { kind: 'credits', credits: creditsFor(terms, scale, quantity, calls) };
}

/** Without a word on tokens, a rule for pieces alone can still tell what so many requests burn. */
function isByThePiece({ charging }: RuleTerms): boolean {
  return charging.kind === 'usage' && charging.tokens === null;
}

const NOTHING_COUNTED: ConsumedUnits = {
  requests: null,
  webSearches: null,
  images: null,
  milliseconds: null,
  pages: null,
  custom: null,
};

function pieces(units: ConsumedUnits | undefined, calls: number): ConsumedUnits {
  return { ...(units ?? NOTHING_COUNTED), requests: units?.requests ?? calls };
}
