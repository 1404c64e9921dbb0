import {
  CREDIT_SCALE,
  formatDecimal,
  type MicroCredits,
  USD_SCALE,
  type UsdFemto,
} from '@spanledger/metering';

export function creditsText(amount: MicroCredits): string {
  return formatDecimal(amount, CREDIT_SCALE);
}

export function usdText(amount: UsdFemto): string {
  return formatDecimal(amount, USD_SCALE);
}

/** Places beyond which a decimal is harder to read than the quotient that it is. */
const MAX_PLACES = 18;

/** `33/10` as `3.3`; what no decimal of some places is stays a quotient. */
export function exactText(ratio: string): string {
  const [numerator = '', denominator = ''] = ratio.split('/');
  const scaled = BigInt(numerator) * 10n ** BigInt(MAX_PLACES);
  const divisor = BigInt(denominator);
  return scaled % divisor === 0n ? formatDecimal(scaled / divisor, MAX_PLACES) : ratio;
}
