import type { Catalogue } from './catalogue.ts';
import type { CreditRules } from './credits/rule.ts';

/**
 * The life of a span, from what an emitter wrote down to what a customer has left:
 *
 * 1. `observe` (and `observeLog`, for tools that tell of their calls in log events): what one span says in its
 *    emitter's words, as an observation. Nothing is billed yet, because spans around a call repeat its numbers.
 * 2. `keep` and `recall`: the observation as it is stored until its trace is quiet, and back.
 * 3. `decide`: all observations of a trace, and of traces linked to it, become usage records: who bills, which
 *    tokens, for which customer, and why. When a later span changes the answer, it is decided again.
 * 4. `price`: what each of them cost, exactly, or why that is not known.
 * 5. `rateAction`: what an action burns, all its calls at once and rounded once, and the share that each call bears. A
 *    call that comes late, a decision that has changed and a corrected price all lead here again.
 * 6. `openAccount`: what the customer of the action has left. A share is booked as usage, and where it changes, the
 *    difference: nothing that was booked is changed.
 *
 * All of it is pure: the same spans under the same book give the same result, in whatever order and however often they
 * come, which is what makes replay after a crash safe.
 */

/** Everything outside the spans and the account that decides the result: prices and credit rules, each in a named version. */
export interface Book {
  readonly catalogue: Catalogue;
  readonly rules: CreditRules;
}
