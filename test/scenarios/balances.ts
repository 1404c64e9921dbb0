import { CREDIT_SCALE, parseDecimal } from '@spanledger/metering';
import type { ScenarioReport } from '../../collector/src/simulate/report.ts';

/** Micro-credits. */
export function credits(text: string): bigint {
  const parsed = parseDecimal(text, CREDIT_SCALE);
  if (parsed.kind === 'rejected') throw new Error(`no amount of credits: ${text}`);
  return parsed.value;
}

/** All balances of a report that contradict the movements up to them (I2), or themselves (I4). */
export function unbalanced({ steps }: ScenarioReport): readonly string[] {
  const sums = new Map<string, bigint>();
  const sumOf = (customer: string, account: string) => sums.get(`${account} of ${customer}`) ?? 0n;
  const wrong: string[] = [];
  for (const { name, movements, balances } of steps) {
    for (const { customer, from, to, credits: amount } of movements) {
      sums.set(`${from} of ${customer}`, sumOf(customer, from) - credits(amount));
      sums.set(`${to} of ${customer}`, sumOf(customer, to) + credits(amount));
    }
    for (const [customer, balance] of Object.entries(balances)) {
      const [available, held] = [credits(balance.available), credits(balance.held)];
      if (available !== sumOf(customer, 'available') || held !== sumOf(customer, 'held')) {
        wrong.push(`${name}: ${customer} has other credits than have moved`);
      }
      const uncovered = credits(balance.overage) + credits(balance.overrun) + credits(balance.overdraft);
      const left = credits(balance.granted) - (credits(balance.used) - uncovered) - credits(balance.expired);
      if (left !== available + held)
        wrong.push(`${name}: ${customer} has ${balance.remaining} of ${left} millionths`);
      if (available < 0n || held < 0n) wrong.push(`${name}: ${customer} has less than nothing`);
    }
  }
  return wrong;
}
