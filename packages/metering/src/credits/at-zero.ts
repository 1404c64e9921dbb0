import { CREDIT_SCALE, formatDecimal, USD_SCALE } from '../amount.ts';
import type { OveragePolicy, PlanTerms } from './plan.ts';

/** What happens when the credits have run out (convention C13): a code for programs, a sentence for customers. */
export interface AtZero {
  readonly code: OveragePolicy | 'no_plan';
  readonly sentence: string;
}

export function atZero(terms: PlanTerms | null): AtZero {
  if (terms === null) {
    return {
      code: 'no_plan',
      sentence: 'There is no plan: nothing is refused, and what is used is counted.',
    };
  }
  const { policy } = terms.overage;
  switch (policy) {
    case 'charge':
      return { code: policy, sentence: chargeSentence(terms) };
    case 'block':
      return {
        code: policy,
        sentence: 'Further actions are refused until credits are added or the next period begins.',
      };
    case 'degrade':
      return {
        code: policy,
        sentence:
          'Actions are offered in a smaller form while the credits are enough for it; then they are refused until credits are added or the next period begins.',
      };
    case 'allow':
      return {
        code: policy,
        sentence: terms.overage.repaysOverdraft
          ? 'Further usage is lent and is repaid first from the next allowance.'
          : 'Further usage is allowed and costs nothing more.',
      };
  }
}

function chargeSentence({ overage: { price, limit } }: PlanTerms): string {
  const cost = price === null ? '' : ` at ${formatDecimal(price, USD_SCALE)} USD per credit`;
  const bound = limit === null ? '' : `, up to ${formatDecimal(limit, CREDIT_SCALE)} credits in each period`;
  return `Further usage is charged${cost}${bound}.`;
}
