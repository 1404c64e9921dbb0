import type { Balance } from '@spanledger/metering';
import type { Static } from 'typebox';
import { creditsText } from './amounts.ts';
import type { BalanceSchema } from './schemas.ts';

export function balanceJson({
  available,
  held,
}: Pick<Balance, 'available' | 'held'>): Static<typeof BalanceSchema> {
  return {
    available: creditsText(available),
    held: creditsText(held),
    remaining: creditsText(available + held),
  };
}
