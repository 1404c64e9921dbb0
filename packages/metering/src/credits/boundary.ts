import type { MicroCredits } from '../amount.ts';
import {
  draw,
  drawAvailable,
  expiryFlow,
  happen,
  heldLots,
  isExpiredAt,
  type Purse,
  smaller,
} from './cover.ts';
import type { HoldEndedFact, HoldFact, WithdrawnFact } from './fact.ts';
import type { Flow } from './flow.ts';
import type { Lot } from './lot.ts';
import { addLot, heldOf, lotsValidAt, type Standing } from './standing.ts';
import type { Step } from './step.ts';

/** A period opens at the beginning of the step: what that does to lots. */
export interface PeriodOpening {
  /** What is left of the allowance of the period that ends here moves into a lot of this one; null: it expires. */
  readonly rollover: Rollover | null;
  readonly repaysOverdraft: boolean;
}

export interface Rollover {
  readonly upTo: MicroCredits | null;
  readonly lotId: string;
  readonly source: string;
  readonly expiresMicros: number;
}

/**
 * What happens at the first instant of a step, in this order: holds end, lots expire or roll over, grants come, the
 * allowance repays the overdraft, settlements take what was not held, credits are withdrawn, holds begin.
 */
export function cross(standing: Standing, step: Step, opening: PeriodOpening | null): void {
  const excess: { readonly purse: Purse; readonly amount: MicroCredits }[] = [];
  for (const fact of step.facts) {
    if (fact.kind !== 'hold_ended') continue;
    const purse = { hold: fact.hold, belongsToPeriod: null, terms: step.terms };
    excess.push({ purse, amount: endHold(standing, step, fact, purse) });
  }
  expireLots(standing, step, opening);
  for (const fact of step.facts) if (fact.kind === 'granted') grant(standing, step, fact.lot);
  step.validLots = lotsValidAt(standing, step.startMicros);
  if (opening?.repaysOverdraft === true) repayOverdraft(standing, step);
  // After the grants: who settles in the instant in which an allowance comes may use it.
  for (const { purse, amount } of excess) {
    drawAvailable(standing, step, purse, amount, 'settlement', step.boundaryFlows);
  }
  for (const fact of step.facts) if (fact.kind === 'withdrawn') withdraw(standing, step, fact);
  for (const fact of step.facts) if (fact.kind === 'hold') beginHold(standing, step, fact);
}

/** Captures what was used and releases the rest; returns what was used beyond it (convention C14). */
function endHold(standing: Standing, step: Step, fact: HoldEndedFact, purse: Purse): MicroCredits {
  const actual = fact.end === 'settled' ? fact.actual : 0n;
  // Late: the hold has ended before, so nothing is held, and all of it is an ordinary debit.
  const rest = draw(standing, step, purse, actual, 'settlement', step.boundaryFlows);
  for (const { lot } of heldLots(standing, fact.hold)) {
    const released = heldOf(standing, fact.hold, lot.id);
    happen(standing, step.boundaryFlows, {
      ...between(step, 'held', lot.id, 'available', lot.id, released),
      kind: 'release',
      hold: fact.hold,
    });
  }
  return rest;
}

/** What lots that have expired still have is gone, also what a hold has just given back to one. */
function expireLots(standing: Standing, step: Step, opening: PeriodOpening | null): void {
  const rollover = opening?.rollover ?? null;
  let room = rollover?.upTo ?? null;
  // A copy: a rollover makes a lot.
  for (const { lot, available } of [...standing.burnOrder]) {
    if (available <= 0n || !isExpiredAt(lot, step.startMicros)) continue;
    let rest = available;
    if (rollover !== null && lot.kind === 'allowance' && lot.expiresMicros === step.startMicros) {
      const moved = room === null ? rest : smaller(rest, room);
      if (room !== null) room -= moved;
      rest -= moved;
      if (moved > 0n) rollOver(standing, step, lot, rollover, moved);
    }
    happen(standing, step.boundaryFlows, expiryFlow(step, lot.id, null, rest));
  }
}

function rollOver(standing: Standing, step: Step, lot: Lot, rollover: Rollover, amount: MicroCredits): void {
  addLot(
    standing,
    {
      id: rollover.lotId,
      kind: 'rollover',
      amount,
      priority: lot.priority,
      effectiveMicros: step.startMicros,
      expiresMicros: rollover.expiresMicros,
      source: rollover.source,
      paidUsd: null,
    },
    true,
  );
  happen(standing, step.boundaryFlows, {
    ...between(step, 'available', lot.id, 'available', rollover.lotId, amount),
    kind: 'rollover',
  });
}

function grant(standing: Standing, step: Step, lot: Lot): void {
  addLot(standing, lot, false);
  happen(standing, step.boundaryFlows, {
    ...between(step, 'issued', null, 'available', lot.id, lot.amount),
    kind: 'grant',
  });
  if (isExpiredAt(lot, step.startMicros)) {
    happen(standing, step.boundaryFlows, expiryFlow(step, lot.id, null, lot.amount));
  }
}

/** What was lent first is repaid first. */
function repayOverdraft(standing: Standing, step: Step): void {
  for (const fact of step.facts) {
    if (fact.kind !== 'granted' || fact.lot.kind !== 'allowance') continue;
    const available = standing.lots.get(fact.lot.id)?.available ?? 0n;
    let rest = smaller(standing.total.overdraft, available);
    for (const [period, { overdraft }] of [...standing.coverage].sort(byNumber)) {
      if (rest <= 0n) break;
      if (overdraft <= 0n) continue;
      const repaid = smaller(rest, overdraft);
      rest -= repaid;
      happen(standing, step.boundaryFlows, {
        ...between(step, 'available', fact.lot.id, 'overdraft', null, repaid),
        belongsToPeriod: period,
        kind: 'repayment',
      });
    }
  }
}

/** What was used before the first period comes first. */
function byNumber(
  [one]: readonly [number | null, unknown],
  [other]: readonly [number | null, unknown],
): number {
  return (one ?? 0) - (other ?? 0);
}

function withdraw(standing: Standing, step: Step, fact: WithdrawnFact): void {
  let rest = fact.amount;
  for (const { lot, available } of step.validLots) {
    const taken = smaller(rest, available);
    rest -= taken;
    happen(standing, step.boundaryFlows, {
      ...between(step, 'available', lot.id, 'issued', null, taken),
      kind: 'withdrawal',
    });
  }
}

function beginHold(standing: Standing, step: Step, fact: HoldFact): void {
  let rest = fact.amount;
  for (const { lot, available } of step.validLots) {
    const taken = smaller(rest, available);
    rest -= taken;
    happen(standing, step.boundaryFlows, {
      ...between(step, 'available', lot.id, 'held', lot.id, taken),
      kind: 'hold',
      hold: fact.hold,
    });
  }
}

function between(
  step: Step,
  from: Flow['from'],
  fromLot: string | null,
  to: Flow['to'],
  toLot: string | null,
  amount: MicroCredits,
): Omit<Flow, 'kind'> {
  return { from, fromLot, to, toLot, hold: null, period: step.period, belongsToPeriod: null, amount };
}
