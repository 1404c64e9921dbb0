import type { MicroCredits } from '../amount.ts';
import type { AccountName, MovementKind } from './account.ts';

/**
 * All that moves on one path within one step of an account. The account is the sum of its flows, so it goes back in
 * time by taking flows back, and a correction is the difference between what a step's flows were and what they are.
 */
export interface Flow {
  readonly from: AccountName;
  readonly fromLot: string | null;
  readonly to: AccountName;
  readonly toLot: string | null;
  readonly kind: MovementKind;
  readonly hold: string | null;
  readonly period: number | null;
  readonly belongsToPeriod: number | null;
  /** Below zero: it goes the other way. Grows as usage comes in. */
  amount: MicroCredits;
}

/** Adds to the flow on the same path, or begins one: the flow given is the list's from then on. */
export function merge(flows: Flow[], flow: Flow): void {
  for (let index = flows.length - 1; index >= 0; index--) {
    const other = flows[index];
    if (other !== undefined && isSamePath(other, flow)) {
      other.amount += flow.amount;
      return;
    }
  }
  flows.push(flow);
}

/** What has to be added to the old flows to make them the new ones; nothing where they are equal. */
export function flowsBetween(before: readonly Flow[], after: readonly Flow[]): readonly Flow[] {
  if (areEqual(before, after)) return [];
  const byPath = new Map<string, Flow>();
  for (const flow of before) byPath.set(pathOf(flow), { ...flow, amount: -flow.amount });
  for (const flow of after) {
    const path = pathOf(flow);
    const known = byPath.get(path);
    if (known === undefined) byPath.set(path, { ...flow });
    else known.amount += flow.amount;
  }
  return [...byPath.values()].filter((flow) => flow.amount !== 0n);
}

function areEqual(before: readonly Flow[], after: readonly Flow[]): boolean {
  if (before.length !== after.length) return false;
  return before.every((flow, index) => {
    const other = after[index];
    return other !== undefined && other.amount === flow.amount && isSamePath(flow, other);
  });
}

function isSamePath(one: Flow, other: Flow): boolean {
  return (
    one.fromLot === other.fromLot &&
    one.hold === other.hold &&
    one.from === other.from &&
    one.to === other.to &&
    one.kind === other.kind &&
    one.toLot === other.toLot &&
    one.period === other.period &&
    one.belongsToPeriod === other.belongsToPeriod
  );
}

/** Names of holds and lots come from callers, so they are quoted. */
function pathOf(flow: Flow): string {
  return JSON.stringify([
    flow.from,
    flow.fromLot,
    flow.to,
    flow.toLot,
    flow.kind,
    flow.hold,
    flow.period,
    flow.belongsToPeriod,
  ]);
}
