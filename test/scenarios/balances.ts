import { CREDIT_SCALE, parseDecimal } from '@spanledger/metering';
import type { ScenarioReport } from '../../collector/src/simulate/report.ts';

/** Micro-credits. */
export function credits(text: string): bigint {
  const parsed = parseDecimal(text, CREDIT_SCALE);
  if (parsed.kind === 'rejected') throw new Error(`no amount of credits: ${text}`);
  return parsed.value;
}

/**
 * All balances of a report that contradict the movements up to them (I2), or themselves (I4); and all that was given
 * back to what had not paid so much for the usage of that period (C17).
 */
export function unbalanced({ steps }: ScenarioReport): readonly string[] {
  const sums = new Map<string, bigint>();
  const sumOf = (customer: string, account: string) => sums.get(`${account} of ${customer}`) ?? 0n;
  const wrong: string[] = [];
  const paid = new Map<string, bigint>();
  const pay = (name: string, amount: bigint) => paid.set(name, (paid.get(name) ?? 0n) + amount);
  for (const { name, movements, balances } of steps) {
    for (const movement of movements) {
      const { customer, kind, from, to, credits: amount } = movement;
      const owner = `period ${movement.belongs_to_period ?? movement.period} of ${customer}`;
      const [source, target] = [movement.from_lot ?? from, movement.to_lot ?? to];
      if (to === 'used') pay(`${source} for ${owner}`, credits(amount));
      if (from === 'used') pay(`${target} for ${owner}`, -credits(amount));
      if (kind === 'repayment') {
        pay(`${source} for ${owner}`, credits(amount) * (from === 'overdraft' ? -1n : 1n));
        pay(`${target} for ${owner}`, credits(amount) * (to === 'overdraft' ? -1n : 1n));
      }
      sums.set(`${from} of ${customer}`, sumOf(customer, from) - credits(amount));
      sums.set(`${to} of ${customer}`, sumOf(customer, to) + credits(amount));
    }
    for (const [payment, amount] of paid) {
      if (amount < 0n) wrong.push(`${name}: ${payment} has given back ${-amount} millionths too much`);
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
