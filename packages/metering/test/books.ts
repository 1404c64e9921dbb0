import type { MicroCredits } from '../src/amount.ts';
import type {
  AccountName,
  CustomerAccount,
  Movement,
  UsageChange,
  UsageSum,
} from '../src/credits/account.ts';
import type { AccountFact, HoldEndedFact } from '../src/credits/fact.ts';
import type { Lot } from '../src/credits/lot.ts';
import { openAccount } from '../src/credits/open-account.ts';
import { DEFAULT_ANCHOR } from '../src/credits/period.ts';
import type { OveragePolicy, Plans, PlanTerms } from '../src/credits/plan.ts';

export const HOUR = 3_600_000_000;
export const DAY = 24 * HOUR;
export const START = Date.UTC(2026, 0, 1) * 1000;

export interface TermsOptions {
  readonly allowance?: MicroCredits;
  readonly policy?: OveragePolicy;
  readonly rollover?: { readonly upTo: MicroCredits | null; readonly periods: number } | null;
  readonly repays?: boolean;
  readonly restoredDays?: number | null;
  readonly plan?: string;
  readonly trialCredits?: MicroCredits;
}

export function terms(options: TermsOptions = {}): PlanTerms {
  return {
    plan: options.plan ?? 'pro',
    version: 'v1',
    fee: 0n,
    allowance: options.allowance ?? 100n,
    creditValue: null,
    multiplier: { numerator: 1n, denominator: 1n },
    overage: {
      policy: options.policy ?? 'block',
      price: null,
      limit: null,
      repaysOverdraft: options.repays ?? false,
    },
    rollover: options.rollover ?? null,
    trial: options.trialCredits === undefined ? null : { days: 14, credits: options.trialCredits },
    restoredDays: options.restoredDays ?? null,
    thresholds: [],
  };
}

export function plansOf(...all: readonly PlanTerms[]): Plans {
  return {
    version: 'p1',
    termsAt: (plan) => all.find((candidate) => candidate.plan === plan) ?? null,
    names: all.map(({ plan }) => plan),
  };
}

export function base(id: string, atMicros: number, recordedMicros = atMicros) {
  return { id, atMicros, recordedMicros, actor: null, reason: null };
}

export function subscribed(atMicros: number, recordedMicros = atMicros): AccountFact {
  return {
    ...base(`subscribed:${atMicros}`, atMicros, recordedMicros),
    kind: 'subscribed',
    plan: 'pro',
    anchor: DEFAULT_ANCHOR,
    trialEndsMicros: null,
  };
}

export function lot(id: string, amount: MicroCredits, options: Partial<Lot> = {}): Lot {
  return {
    id,
    kind: 'purchased',
    amount,
    priority: 0,
    effectiveMicros: START,
    expiresMicros: null,
    source: id,
    paidUsd: null,
    ...options,
  };
}

export function granted(given: Lot, atMicros = START): AccountFact {
  return { ...base(`granted:${given.id}`, atMicros), kind: 'granted', lot: given };
}

export function held(
  hold: string,
  amount: MicroCredits,
  atMicros: number,
  options: { expiresMicros?: number; actionId?: string } = {},
): AccountFact {
  return {
    ...base(`hold:${hold}`, atMicros),
    kind: 'hold',
    hold,
    amount,
    expiresMicros: options.expiresMicros ?? atMicros + 365 * DAY,
    feature: null,
    actionId: options.actionId ?? null,
  };
}

export function ended(
  hold: string,
  end: HoldEndedFact['end'],
  actual: MicroCredits,
  atMicros: number,
  isLate = false,
): AccountFact {
  return { ...base(`end:${hold}:${atMicros}`, atMicros), kind: 'hold_ended', hold, end, actual, isLate };
}

export function usage(
  amount: MicroCredits,
  eventMicros: number,
  options: Partial<UsageChange> = {},
): UsageChange {
  return { amount, eventMicros, recordedMicros: eventMicros, actionId: null, ...options };
}

/** What a ledger does with an account: it books all that the account returns, and can open it again from that. */
export class Books {
  account: CustomerAccount;
  readonly facts: AccountFact[] = [];
  readonly movements: Movement[] = [];
  readonly plans: Plans;

  constructor(plans: Plans) {
    this.plans = plans;
    this.account = openAccount('acme', [], []);
  }

  advance(nowMicros: number): void {
    const { facts, movements } = this.account.advance(nowMicros, this.plans);
    this.facts.push(...facts);
    this.book(movements);
  }

  apply(fact: AccountFact): void {
    this.advance(fact.recordedMicros);
    this.facts.push(fact);
    const applied = this.account.apply(fact);
    this.book(applied.needsUsage ? this.account.rebuild(this.facts, this.fineUsage()) : applied.movements);
    this.advance(fact.recordedMicros);
  }

  use(change: UsageChange): void {
    this.advance(change.recordedMicros);
    this.book(this.account.use(change));
  }

  /** Up to where movements were booked. */
  get asOfMicros(): number {
    return Math.max(...this.movements.map(({ stepMicros }) => stepMicros));
  }

  reopened(): CustomerAccount {
    return openAccount('acme', this.facts, this.usageSums(), this.asOfMicros);
  }

  usageSums(): UsageSum[] {
    return this.#usageBy(true);
  }

  fineUsage(): UsageSum[] {
    return this.#usageBy(false);
  }

  #usageBy(byStep: boolean): UsageSum[] {
    const sums = new Map<string, UsageSum>();
    for (const movement of this.movements) {
      if (movement.kind !== 'usage' && movement.kind !== 'capture') continue;
      const { hold, belongsToPeriod } = movement;
      const stepMicros = byStep ? movement.stepMicros : null;
      const key = JSON.stringify([stepMicros ?? movement.effectiveMicros, hold, belongsToPeriod]);
      const known = sums.get(key);
      const amount = movement.to === 'used' ? movement.amount : -movement.amount;
      sums.set(key, {
        stepMicros,
        hold,
        belongsToPeriod,
        amount: (known?.amount ?? 0n) + amount,
        effectiveMicros: Math.max(known?.effectiveMicros ?? 0, movement.effectiveMicros),
      });
    }
    return [...sums.values()];
  }

  private book(movements: readonly Movement[]): void {
    this.movements.push(...movements);
  }

  /** By account, and lot where it has one, at the end. */
  sums(): Map<string, bigint> {
    const sums = new Map<string, bigint>();
    for (const movement of this.movements) post(sums, movement);
    return sums;
  }
}

export function nameOf(account: AccountName, of: string | null): string {
  return of === null ? account : `${account} ${of}`;
}

export function post(sums: Map<string, bigint>, movement: Movement): void {
  const from = nameOf(movement.from, movement.fromLot);
  const to = nameOf(movement.to, movement.toLot);
  sums.set(from, (sums.get(from) ?? 0n) - movement.amount);
  sums.set(to, (sums.get(to) ?? 0n) + movement.amount);
}
