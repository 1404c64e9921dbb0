import {
  CREDIT_SCALE,
  ceilToMultiple,
  type MicroCredits,
  parseDecimal,
  type Ratio,
  USD_SCALE,
} from '../amount.ts';
import { TOKEN_CLASSES } from '../usage.ts';
import type { ExplainedCharging, ExplainedLeaf, ExplainedUse, Explanation } from './explanation.ts';
import { isAbove, parseRatio, product, quotient, sum, ZERO } from './ratio.ts';
import { PIECES } from './terms.ts';

/** The credits that the explanation leads to, by nothing but what stands in it; 0 while nothing is known. */
export function evaluate({ status, calculation, leaves }: Explanation): MicroCredits {
  if (calculation === null || status === 'not_charged:out_of_range') return 0n;
  const { charging, complexity, featureValue, planMultiplier, minimum, increment, cap } = calculation;
  if (charging.kind !== 'fixed' && leaves.every(({ used }) => used === null)) return 0n;
  const multiplied = product(
    rawOf(charging, leaves),
    parseRatio(complexity.factor),
    parseRatio(featureValue),
    parseRatio(planMultiplier),
  );
  const least = decimal(minimum.credits);
  const due = isAbove(least, multiplied) ? least : multiplied;
  const credits = ceilToMultiple(microCreditsOf(due), parseCredits(increment));
  const most = cap === null ? null : parseCredits(cap.credits);
  return most !== null && credits > most ? most : credits;
}

/** Raw credits: fixed ones once, all others over what the calls used. */
export function rawOf(charging: ExplainedCharging, leaves: readonly ExplainedLeaf[]): Ratio {
  if (charging.kind === 'fixed') return decimal(charging.credits);
  return leaves
    .map(({ used }) => (used === null ? ZERO : rawOfUse(charging, used)))
    .reduce((one, other) => sum(one, other), ZERO);
}

/** Raw credits of what one call used. */
export function rawOfUse(charging: ExplainedCharging, used: ExplainedUse): Ratio {
  if (charging.kind === 'cost_plus' && used.kind === 'cost') {
    return quotient(
      product(decimal(used.usd), parseRatio(charging.factor)),
      parseRatio(charging.creditValueUsd),
    );
  }
  if (charging.kind !== 'usage' || used.kind !== 'usage') return ZERO;
  const { tokens, units } = charging;
  const parts: Ratio[] = [];
  if (tokens !== null && used.tokens !== null) {
    for (const name of TOKEN_CLASSES) {
      const perToken = quotient(decimal(tokens.credits[name]), decimal(tokens.per));
      parts.push(product({ numerator: BigInt(used.tokens[name]), denominator: 1n }, perToken));
    }
  }
  if (units !== null && used.units !== null) {
    for (const name of PIECES) parts.push(product(parseRatio(used.units[name]), decimal(units[name])));
    const { custom } = used.units;
    const rate = units.custom.find(({ unit }) => unit === custom?.unit);
    if (custom !== null && rate !== undefined) {
      parts.push(product(parseRatio(custom.count), decimal(rate.credits)));
    }
  }
  return parts.reduce((one, other) => sum(one, other), ZERO);
}

const MICRO: Ratio = { numerator: 10n ** BigInt(CREDIT_SCALE), denominator: 1n };

export function microCreditsOf(credits: Ratio): Ratio {
  return product(credits, MICRO);
}

export function creditsOf(amount: MicroCredits): Ratio {
  return quotient({ numerator: amount, denominator: 1n }, MICRO);
}

/** Of texts that `explain` wrote, which are never rejected. */
function parseCredits(text: string): MicroCredits {
  return parsed(text, CREDIT_SCALE);
}

function decimal(text: string): Ratio {
  return product({ numerator: parsed(text, USD_SCALE), denominator: 10n ** BigInt(USD_SCALE) });
}

function parsed(text: string, scale: number): bigint {
  const amount = parseDecimal(text, scale);
  if (amount.kind === 'rejected') throw new RangeError(`no amount: ${text}`);
  return amount.value;
}
