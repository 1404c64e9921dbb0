import type { MicroCredits, UsdFemto } from '../amount.ts';

/** Where the credits of a lot come from. */
export type LotKind = 'allowance' | 'promotional' | 'trial' | 'rollover' | 'purchased';

/** A dated parcel of credits (convention C10). What is left of it is the account's to know. */
export interface Lot {
  readonly id: string;
  readonly kind: LotKind;
  /** Always positive. */
  readonly amount: MicroCredits;
  /** Lots of a smaller number burn first. */
  readonly priority: number;
  /** Valid in `[effectiveMicros, expiresMicros)`; null: for ever. */
  readonly effectiveMicros: number;
  readonly expiresMicros: number | null;
  /** What it was made for: the id of a period, top-up, promotion or adjustment. */
  readonly source: string;
  /** What was paid for all of it; null where nothing was. */
  readonly paidUsd: UsdFemto | null;
}

/** That of every lot for which nobody says otherwise: then expiry and kind decide. */
export const DEFAULT_PRIORITY = 0;

const KIND_ORDER: { readonly [Kind in LotKind]: number } = {
  rollover: 0,
  promotional: 1,
  trial: 1,
  allowance: 2,
  purchased: 3,
};

/**
 * Burn order, total: priority ascending, expiry ascending (none last), kind (rollover, promotional and trial,
 * allowance, purchased), effective time, id (convention C10, invariant I19).
 */
export function compareBurnOrder(one: Lot, other: Lot): number {
  return (
    one.priority - other.priority ||
    compareExpiry(one.expiresMicros, other.expiresMicros) ||
    KIND_ORDER[one.kind] - KIND_ORDER[other.kind] ||
    one.effectiveMicros - other.effectiveMicros ||
    (one.id < other.id ? -1 : one.id > other.id ? 1 : 0)
  );
}

function compareExpiry(one: number | null, other: number | null): number {
  if (one === other) return 0;
  if (one === null) return 1;
  return other === null ? -1 : one - other;
}

export function isValidAt(lot: Lot, atMicros: number): boolean {
  return lot.effectiveMicros <= atMicros && (lot.expiresMicros === null || atMicros < lot.expiresMicros);
}
