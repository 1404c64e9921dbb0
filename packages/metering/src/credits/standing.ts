import type { MicroCredits } from '../amount.ts';
import type { Flow } from './flow.ts';
import { compareBurnOrder, isValidAt, type Lot } from './lot.ts';

/** What an account has at one point of its time line: the sum of all flows up to there. */
export interface Standing {
  readonly lots: Map<string, LotStanding>;
  /** The same lots, in the order in which they burn. */
  readonly burnOrder: LotStanding[];
  /** By hold and lot; holds that hold nothing are not in it. */
  readonly held: Map<string, Map<string, MicroCredits>>;
  /** What usage of its action has taken so far, by hold: of what is held and beyond it. */
  readonly usedByHold: Map<string, MicroCredits>;
  readonly total: Totals;
  /** By number; usage before the first period is under `null`. Of closed periods they are forgotten. */
  readonly periods: Map<number | null, PeriodTotals>;
  /** By the period that the usage belongs to. Kept for ever: the price of any period may be corrected one day. */
  readonly coverage: Map<number | null, Coverage>;
}

/** What has paid for the usage of one period, whenever that was booked: what is given back of it goes there. */
export interface Coverage {
  /** By lot; those that paid for nothing are not in it. */
  readonly lots: Map<string, MicroCredits>;
  overage: MicroCredits;
  overrun: MicroCredits;
  /** What was lent and not repaid: what was is paid for by the lot that repaid it. */
  overdraft: MicroCredits;
}

export interface LotStanding {
  readonly lot: Lot;
  /** The account made it of other credits (rollover, restored): its amount is what it has received. */
  readonly isMade: boolean;
  received: MicroCredits;
  available: MicroCredits;
  held: MicroCredits;
  consumed: MicroCredits;
  expired: MicroCredits;
  rolledOver: MicroCredits;
  withdrawn: MicroCredits;
}

export interface Totals {
  granted: MicroCredits;
  used: MicroCredits;
  overage: MicroCredits;
  overrun: MicroCredits;
  overdraft: MicroCredits;
  expired: MicroCredits;
}

export interface PeriodTotals extends Totals {
  rolledOver: MicroCredits;
  repaid: MicroCredits;
  /** The part of `overage` that belongs to closed periods, by their number. */
  readonly lateOverage: Map<number, MicroCredits>;
  /** What was granted in it, by lot. */
  readonly lots: Map<string, MicroCredits>;
}

export type Uncovered = 'overage' | 'overrun' | 'overdraft';

export function emptyStanding(): Standing {
  return {
    lots: new Map(),
    burnOrder: [],
    held: new Map(),
    usedByHold: new Map(),
    total: noTotals(),
    periods: new Map(),
    coverage: new Map(),
  };
}

/** The lot is known from now on; it has nothing until something is granted. */
export function addLot(standing: Standing, lot: Lot, isMade: boolean): LotStanding {
  const known = standing.lots.get(lot.id);
  if (known !== undefined) return known;
  const added: LotStanding = {
    lot,
    isMade,
    received: 0n,
    available: 0n,
    held: 0n,
    consumed: 0n,
    expired: 0n,
    rolledOver: 0n,
    withdrawn: 0n,
  };
  standing.lots.set(lot.id, added);
  const after = standing.burnOrder.findIndex((other) => compareBurnOrder(lot, other.lot) < 0);
  standing.burnOrder.splice(after === -1 ? standing.burnOrder.length : after, 0, added);
  return added;
}

/** The lots that may burn at that instant, in order. */
export function lotsValidAt(standing: Standing, atMicros: number): LotStanding[] {
  return standing.burnOrder.filter(({ lot, received }) => received > 0n && isValidAt(lot, atMicros));
}

/** In all lots. */
export function heldBy(standing: Standing, hold: string): MicroCredits {
  let sum = 0n;
  for (const amount of standing.held.get(hold)?.values() ?? []) sum += amount;
  return sum;
}

export function heldOf(standing: Standing, hold: string, lot: string): MicroCredits {
  return standing.held.get(hold)?.get(lot) ?? 0n;
}

export function periodTotals(standing: Standing, period: number | null): PeriodTotals {
  const known = standing.periods.get(period);
  if (known !== undefined) return known;
  const totals: PeriodTotals = {
    ...noTotals(),
    rolledOver: 0n,
    repaid: 0n,
    lateOverage: new Map(),
    lots: new Map(),
  };
  standing.periods.set(period, totals);
  return totals;
}

export function coverageOf(standing: Standing, period: number | null): Coverage {
  const known = standing.coverage.get(period);
  if (known !== undefined) return known;
  const coverage: Coverage = { lots: new Map(), overage: 0n, overrun: 0n, overdraft: 0n };
  standing.coverage.set(period, coverage);
  return coverage;
}

function noTotals(): Totals {
  return { granted: 0n, used: 0n, overage: 0n, overrun: 0n, overdraft: 0n, expired: 0n };
}

/** Lets a flow happen. */
export function move(standing: Standing, flow: Flow): void {
  moveAmount(standing, flow, flow.amount);
}

/** As if the flow had never been. */
export function moveBack(standing: Standing, flow: Flow): void {
  moveAmount(standing, flow, -flow.amount);
}

function moveAmount(standing: Standing, flow: Flow, amount: MicroCredits): void {
  leave(standing, flow, amount);
  arrive(standing, flow, amount);
  const { total } = standing;
  const period = periodTotals(standing, flow.period);
  switch (flow.kind) {
    case 'grant': {
      const lot = lotOf(standing, flow.toLot);
      lot.received += amount;
      total.granted += amount;
      period.granted += amount;
      add(period.lots, lot.lot.id, amount);
      return;
    }
    case 'withdrawal':
      lotOf(standing, flow.fromLot).withdrawn += amount;
      total.granted -= amount;
      period.granted -= amount;
      return;
    case 'usage':
    case 'capture':
    case 'settlement':
      // A settlement ends its hold, so there is nothing left to count for it.
      if (flow.hold !== null && flow.kind !== 'settlement') add(standing.usedByHold, flow.hold, amount);
      total.used += amount;
      period.used += amount;
      if (flow.fromLot !== null) {
        lotOf(standing, flow.fromLot).consumed += amount;
        add(coverageOf(standing, ownerOf(flow)).lots, flow.fromLot, amount);
      } else if (isUncovered(flow.from)) {
        total[flow.from] += amount;
        period[flow.from] += amount;
        coverageOf(standing, ownerOf(flow))[flow.from] += amount;
        if (flow.from === 'overage' && flow.belongsToPeriod !== null) {
          add(period.lateOverage, flow.belongsToPeriod, amount);
        }
      }
      return;
    case 'expiry':
      lotOf(standing, flow.fromLot).expired += amount;
      total.expired += amount;
      period.expired += amount;
      return;
    case 'rollover':
      lotOf(standing, flow.fromLot).rolledOver += amount;
      lotOf(standing, flow.toLot).received += amount;
      period.rolledOver += amount;
      return;
    case 'repayment': {
      const lot = lotOf(standing, flow.fromLot);
      lot.consumed += amount;
      total.overdraft -= amount;
      period.repaid += amount;
      const coverage = coverageOf(standing, flow.belongsToPeriod);
      coverage.overdraft -= amount;
      add(coverage.lots, lot.lot.id, amount);
      return;
    }
    case 'hold':
    case 'release':
      return;
  }
}

/** The period that usage belongs to: the one that it is booked in, unless that was closed before. */
function ownerOf({ period, belongsToPeriod }: Flow): number | null {
  return belongsToPeriod ?? period;
}

function leave(standing: Standing, flow: Flow, amount: MicroCredits): void {
  if (flow.from === 'available') lotOf(standing, flow.fromLot).available -= amount;
  else if (flow.from === 'held') hold(standing, flow, flow.fromLot, -amount);
}

function arrive(standing: Standing, flow: Flow, amount: MicroCredits): void {
  if (flow.to === 'available') lotOf(standing, flow.toLot).available += amount;
  else if (flow.to === 'held') hold(standing, flow, flow.toLot, amount);
}

function hold(standing: Standing, flow: Flow, lotId: string | null, amount: MicroCredits): void {
  const lot = lotOf(standing, lotId);
  lot.held += amount;
  if (flow.hold === null) throw new Error(`credits are held in lot ${lotId} for no hold`);
  const byLot = standing.held.get(flow.hold) ?? new Map<string, MicroCredits>();
  add(byLot, lot.lot.id, amount);
  if (byLot.size === 0) standing.held.delete(flow.hold);
  else standing.held.set(flow.hold, byLot);
}

/** What has come to nothing is forgotten, so that equal accounts look equal. */
function add<Key>(amounts: Map<Key, MicroCredits>, key: Key, amount: MicroCredits): void {
  const sum = (amounts.get(key) ?? 0n) + amount;
  if (sum === 0n) amounts.delete(key);
  else amounts.set(key, sum);
}

function lotOf(standing: Standing, id: string | null): LotStanding {
  const lot = id === null ? undefined : standing.lots.get(id);
  if (lot === undefined) throw new Error(`there is no lot ${id}`);
  return lot;
}

function isUncovered(account: string): account is Uncovered {
  return account === 'overage' || account === 'overrun' || account === 'overdraft';
}
