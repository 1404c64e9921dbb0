import { CREDIT_SCALE, formatDecimal, type MicroCredits, USD_SCALE } from '../amount.ts';
import { TOKEN_CLASSES } from '../usage.ts';
import { defaultIncrement } from './parse-terms.ts';
import { formatRatio } from './ratio.ts';
import { type Charging, PIECES, PLAIN_TERMS, type RuleTerms, type UnitRates } from './terms.ts';

/** Terms as plain lists of texts, the same for equal terms: what versions are made of. Defaults are not in it. */
export function canonicalTerms(terms: RuleTerms): readonly unknown[] {
  const { charging, increment, minimum, cap, featureValue, complexity, chargesFailed } = terms;
  const canonical: unknown[] = [...canonicalCharging(charging)];
  // Under cost-plus it has always been there.
  if (charging.kind === 'cost_plus') canonical.push(formatCredits(increment));
  else if (increment !== defaultIncrement(charging)) canonical.push(['increment', formatCredits(increment)]);
  if (minimum !== PLAIN_TERMS.minimum) canonical.push(['minimum', formatCredits(minimum)]);
  if (cap !== null) canonical.push(['cap', formatCredits(cap)]);
  if (featureValue.numerator !== featureValue.denominator) {
    canonical.push(['feature_value', formatRatio(featureValue)]);
  }
  if (complexity.length > 0) {
    canonical.push(['complexity', complexity.map(({ calls, factor }) => [calls, formatRatio(factor)])]);
  }
  if (chargesFailed) canonical.push(['charge', 'always']);
  return canonical;
}

function canonicalCharging(charging: Charging): readonly unknown[] {
  switch (charging.kind) {
    case 'fixed':
      return ['fixed', formatCredits(charging.credits)];
    case 'cost_plus': {
      const { factor, creditValue } = charging;
      return [
        'cost_plus',
        formatRatio(factor),
        creditValue === null ? null : formatDecimal(creditValue, USD_SCALE),
      ];
    }
    case 'usage': {
      const { tokens, units } = charging;
      return [
        'usage',
        tokens && [String(tokens.per), ...TOKEN_CLASSES.map((name) => formatCredits(tokens.credits[name]))],
        units && canonicalUnits(units),
      ];
    }
  }
}

/** Units of the app's own stand behind the others, so that rules without any kept their names. */
function canonicalUnits(units: UnitRates): readonly unknown[] {
  const pieces = PIECES.map((name) => formatCredits(units[name]));
  if (units.custom.size === 0) return pieces;
  const custom = [...units.custom].sort(([one], [other]) => (one < other ? -1 : 1));
  return [...pieces, custom.map(([unit, rate]) => [unit, formatCredits(rate)])];
}

function formatCredits(credits: MicroCredits): string {
  return formatDecimal(credits, CREDIT_SCALE);
}
