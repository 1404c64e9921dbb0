import type { MicroCredits } from '../amount.ts';
import type { BookedBalance } from './account.ts';
import type { LotKind } from './lot.ts';

export interface PeriodAllowance {
  readonly amount: MicroCredits;
  readonly used: MicroCredits;
}

/**
 * What the plan has given for the period, the extra of upgrades included, and how much of that was used. In a trial
 * that is the trial. Top-ups and gifts do not belong to it, nor what was rolled over from the period before.
 */
export function periodAllowance({ period, lots }: BookedBalance): PeriodAllowance {
  const kind: LotKind = period?.isTrial === true ? 'trial' : 'allowance';
  let [amount, used] = [0n, 0n];
  for (const { lot, consumed } of lots) {
    if (lot.kind !== kind || !beginsIn(period?.bounds, lot.effectiveMicros)) continue;
    amount += lot.amount;
    used += consumed;
  }
  return { amount, used };
}

/** What was granted in the period, by the kind of lot. */
export function grantedInPeriod({ period, lots }: BookedBalance): Readonly<Record<LotKind, MicroCredits>> {
  const granted = { allowance: 0n, promotional: 0n, trial: 0n, rollover: 0n, purchased: 0n };
  for (const { lot } of lots) {
    if (beginsIn(period?.bounds, lot.effectiveMicros)) granted[lot.kind] += lot.amount;
  }
  return granted;
}

function beginsIn(
  bounds: { readonly startMicros: number; readonly endMicros: number } | undefined,
  atMicros: number,
): boolean {
  return bounds !== undefined && bounds.startMicros <= atMicros && atMicros < bounds.endMicros;
}
