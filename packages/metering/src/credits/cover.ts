import type { MicroCredits } from '../amount.ts';
import { type Flow, merge } from './flow.ts';
import type { Lot } from './lot.ts';
import type { PlanTerms } from './plan.ts';
import {
  addLot,
  coverageOf,
  heldOf,
  type LotStanding,
  move,
  type Standing,
  type Uncovered,
} from './standing.ts';
import type { Step, UsageOfStep } from './step.ts';

const DAY_MICROS = 86_400_000_000;

/** Who uses: what a flow of usage is marked with, and the terms that say who bears what no lot covers. */
export interface Purse extends Pick<UsageOfStep, 'hold' | 'belongsToPeriod'> {
  /** Those it was used under: of a closed period the last ones of that. Null: no plan. */
  readonly terms: PlanTerms | null;
}

/**
 * Usage is covered by what its hold has set aside, then by the lots of the step in burn order; what is left is
 * uncovered, as the terms say (convention C13). Below zero it is given back. The flows happen and are added to `flows`.
 */
export function cover(
  standing: Standing,
  step: Step,
  purse: Purse,
  amount: MicroCredits,
  flows: Flow[],
): void {
  if (amount < 0n) {
    giveBack(standing, step, purse, -amount, flows);
    return;
  }
  const rest = purse.hold === null ? amount : draw(standing, step, purse, amount, 'capture', flows);
  drawAvailable(standing, step, purse, rest, 'usage', flows);
}

/** Takes from what the hold has set aside, in burn order; returns what that did not suffice for. */
export function draw(
  standing: Standing,
  step: Step,
  purse: Purse,
  amount: MicroCredits,
  kind: 'capture' | 'settlement',
  flows: Flow[],
): MicroCredits {
  const { hold } = purse;
  if (hold === null || amount === 0n) return amount;
  let rest = amount;
  for (const lot of heldLots(standing, hold)) {
    if (rest === 0n) break;
    const taken = smaller(rest, heldOf(standing, hold, lot.lot.id));
    rest -= taken;
    happen(standing, flows, usageFlow(step, purse, 'held', lot.lot.id, kind, taken));
  }
  return rest;
}

/** Takes from the valid lots in burn order, and beyond them from the account of what is uncovered. */
export function drawAvailable(
  standing: Standing,
  step: Step,
  purse: Purse,
  amount: MicroCredits,
  kind: 'usage' | 'settlement',
  flows: Flow[],
): void {
  let rest = amount;
  if (rest === 0n) return;
  for (const { lot, available } of step.validLots) {
    if (available === 0n) continue;
    const taken = smaller(rest, available);
    rest -= taken;
    happen(standing, flows, usageFlow(step, purse, 'available', lot.id, kind, taken));
    if (rest === 0n) return;
  }
  happen(standing, flows, usageFlow(step, purse, uncoveredBy(purse.terms), null, kind, rest));
}

/** The lots in which a hold holds something, in burn order. */
export function heldLots(standing: Standing, hold: string): LotStanding[] {
  const byLot = standing.held.get(hold);
  if (byLot === undefined) return [];
  if (byLot.size > 1) return standing.burnOrder.filter(({ lot }) => byLot.has(lot.id));
  const lots: LotStanding[] = [];
  for (const id of byLot.keys()) {
    const lot = standing.lots.get(id);
    if (lot !== undefined) lots.push(lot);
  }
  return lots;
}

/**
 * Gives back what was used too much to whatever has paid for the usage of its period, also when that is closed (C17):
 * first what no lot covered, then to the lots in reverse burn order. A period knows of less than is given back only
 * where the usage was booked in another one, because clocks differ: then any lot that paid for something gets it back,
 * and beyond that the uncovered account of the policy rises above zero.
 */
function giveBack(standing: Standing, step: Step, purse: Purse, amount: MicroCredits, flows: Flow[]): void {
  let rest = amount;
  const policyAccount = uncoveredBy(purse.terms);
  const coverage = coverageOf(standing, purse.belongsToPeriod ?? step.period);
  for (const account of [policyAccount, ...UNCOVERED.filter((other) => other !== policyAccount)]) {
    const given = smaller(rest, positive(coverage[account]));
    rest -= given;
    happen(standing, flows, usageFlow(step, purse, account, null, 'usage', -given));
  }
  rest = giveBackToLots(standing, step, purse, rest, (lot) => coverage.lots.get(lot.lot.id) ?? 0n, flows);
  rest = giveBackToLots(standing, step, purse, rest, (lot) => lot.consumed, flows);
  happen(standing, flows, usageFlow(step, purse, policyAccount, null, 'usage', -rest));
}

/** To each lot at most what it has paid; returns what is left. */
function giveBackToLots(
  standing: Standing,
  step: Step,
  purse: Purse,
  amount: MicroCredits,
  paidBy: (lot: LotStanding) => MicroCredits,
  flows: Flow[],
): MicroCredits {
  let rest = amount;
  if (rest === 0n) return rest;
  // A copy: giving back may make a lot, which has its place in the burn order.
  for (const lot of standing.burnOrder.toReversed()) {
    const given = smaller(rest, positive(smaller(paidBy(lot), lot.consumed)));
    if (given === 0n) continue;
    rest -= given;
    happen(standing, flows, usageFlow(step, purse, 'available', lot.lot.id, 'usage', -given));
    if (isExpiredAt(lot.lot, step.startMicros)) restore(standing, step, lot.lot, given, flows);
    if (rest === 0n) break;
  }
  return rest;
}

const UNCOVERED: readonly Uncovered[] = ['overage', 'overrun', 'overdraft'];

/** What comes back to a lot that has expired is gone, or lives on for some days where the plan says so. */
function restore(standing: Standing, step: Step, lot: Lot, amount: MicroCredits, flows: Flow[]): void {
  const days = step.terms?.restoredDays ?? null;
  if (days === null) {
    happen(standing, flows, expiryFlow(step, lot.id, null, amount));
    return;
  }
  if (amount === 0n) return;
  const restored = restoredLot(lot, step.startMicros, days, amount);
  addLot(standing, restored, true);
  happen(standing, flows, {
    ...expiryFlow(step, lot.id, null, amount),
    to: 'available',
    toLot: restored.id,
    kind: 'rollover',
  });
}

/** One for each lot and step, so that the same history makes the same lots. */
function restoredLot(lot: Lot, startMicros: number, days: number, amount: MicroCredits): Lot {
  return {
    id: `restored:${startMicros}:${lot.id}`,
    kind: 'promotional',
    amount,
    priority: lot.priority,
    effectiveMicros: startMicros,
    expiresMicros: startMicros + days * DAY_MICROS,
    source: lot.id,
    paidUsd: null,
  };
}

export function isExpiredAt(lot: Lot, atMicros: number): boolean {
  return lot.expiresMicros !== null && lot.expiresMicros <= atMicros;
}

export function expiryFlow(step: Step, lot: string, hold: string | null, amount: MicroCredits): Flow {
  return {
    from: 'available',
    fromLot: lot,
    to: 'expired',
    toLot: null,
    kind: 'expiry',
    hold,
    period: step.period,
    belongsToPeriod: null,
    amount,
  };
}

/** Who bears usage that no lot covers (convention C13); without a plan it is lent. */
function uncoveredBy(terms: PlanTerms | null): Uncovered {
  switch (terms?.overage.policy) {
    case 'charge':
      return 'overage';
    case 'block':
    case 'degrade':
      return 'overrun';
    case 'allow':
    case undefined:
      return 'overdraft';
  }
}

function usageFlow(
  step: Step,
  purse: Purse,
  from: Flow['from'],
  fromLot: string | null,
  kind: Flow['kind'],
  amount: MicroCredits,
): Flow {
  return {
    from,
    fromLot,
    to: 'used',
    toLot: null,
    kind,
    hold: purse.hold,
    period: step.period,
    belongsToPeriod: purse.belongsToPeriod,
    amount,
  };
}

export function happen(standing: Standing, flows: Flow[], flow: Flow): void {
  if (flow.amount === 0n) return;
  move(standing, flow);
  merge(flows, flow);
}

function positive(amount: MicroCredits): MicroCredits {
  return amount > 0n ? amount : 0n;
}

export function smaller(one: MicroCredits, other: MicroCredits): MicroCredits {
  return one < other ? one : other;
}
