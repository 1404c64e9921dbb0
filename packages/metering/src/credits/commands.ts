import type { AccountFact } from './fact.ts';

/**
 * What people and programs may do to an account. Each command is decided by a pure function of the account, the command
 * and the time: into facts that are journaled and applied, or into a refusal that changes nothing.
 *
 * - `plan-commands.ts`: subscribe, change the plan, cancel.
 * - `lot-commands.ts`: top up, grant, adjust.
 * - `hold-commands.ts`: authorise a hold, keep it alive, settle and release it.
 *
 * The account has been advanced to now beforehand. Commands are decided one after the other, each on the account to
 * which the facts of the one before have been applied: that is why concurrent holds cannot exceed what there is.
 */
export interface CommandBase {
  /** The caller's name for this one command: the ids of its facts are made of it, so that none exists twice. */
  readonly id: string;
  /** Who does it, and why. */
  readonly actor: string | null;
  readonly reason: string | null;
}

export type Decided =
  /** May be empty: all is as the command wants it. */
  | { readonly kind: 'facts'; readonly facts: readonly AccountFact[] }
  /** The same was done before; this is what came of it, and nothing is done again. */
  | { readonly kind: 'repeated'; readonly fact: AccountFact }
  | Refused;

export interface Refused {
  readonly kind: 'refused';
  readonly code: RefusalCode;
  /** What was expected, what came, what to do. */
  readonly message: string;
  /**
   * The hold of which the account knows nothing, or not whether there was one: whoever has all facts can `recall` it to
   * the account, and decide again.
   */
  readonly unknownHold?: string;
}

export type RefusalCode =
  | 'INVALID_AMOUNT'
  | 'INVALID_ANCHOR'
  | 'INVALID_EXPIRY'
  | 'REASON_REQUIRED'
  | 'UNKNOWN_PLAN'
  | 'ALREADY_SUBSCRIBED'
  | 'NOT_SUBSCRIBED'
  | 'ALREADY_CANCELED'
  | 'SAME_PLAN'
  | 'START_IN_FUTURE'
  | 'START_TOO_EARLY'
  | 'PERIOD_CLOSED'
  | 'INSUFFICIENT_CREDITS'
  | 'OVERAGE_LIMIT'
  | 'HOLD_EXISTS'
  | 'HOLD_UNKNOWN'
  | 'HOLD_ENDED'
  | 'HOLD_TOO_LONG'
  | 'ACTUAL_REQUIRED'
  | 'ACTUAL_UNEXPECTED';

export function decided(...facts: readonly AccountFact[]): Decided {
  return { kind: 'facts', facts };
}

export function refused(code: RefusalCode, message: string): Refused {
  return { kind: 'refused', code, message };
}

/** What all facts of a command have in common. Facts that the ledger makes by itself never begin like this. */
export function factBase(command: CommandBase, atMicros: number, nowMicros: number) {
  return {
    id: `command:${command.id}`,
    atMicros,
    recordedMicros: nowMicros,
    actor: command.actor,
    reason: command.reason,
  };
}
