import { CREDIT_SCALE, formatDecimal, type MicroCredits } from '../amount.ts';
import type { CustomerAccount, HoldState } from './account.ts';
import { type CommandBase, type Decided, decided, factBase, type Refused, refused } from './commands.ts';
import { fundsAt, preflight } from './preflight.ts';

/** Set credits aside for something that is about to happen (convention C14). */
export interface AuthoriseCommand extends CommandBase {
  /** The caller's id, never used for another hold of this customer. */
  readonly hold: string;
  readonly amount: MicroCredits;
  readonly expiresMicros: number;
  readonly feature: string | null;
  /** Usage of this action is taken from the hold; null: the settlement says what was used. */
  readonly actionId: string | null;
}

/** What is held is kept alive until then. A hold is never made shorter. */
export interface HeartbeatCommand extends CommandBase {
  readonly hold: string;
  readonly expiresMicros: number;
}

export interface SettleCommand extends CommandBase {
  readonly hold: string;
  /** What is charged. Null for a hold of an action, whose spans say it. */
  readonly actual: MicroCredits | null;
}

export interface ReleaseCommand extends CommandBase {
  readonly hold: string;
}

/**
 * An action of a day is not waited for any longer without a sign of life; what a lost caller has set aside is free again
 * by then. Heartbeats may move the end, each by as much from its own time.
 */
export const MAX_HOLD_MICROS: number = 24 * 3_600_000_000;

type Holding = Pick<CustomerAccount, 'balance' | 'termsAt' | 'hold' | 'mayHaveForgotten'>;

/** Refused where a check would deny it (C13): a hold promises that what it is for may happen. */
export function decideAuthorise(account: Holding, command: AuthoriseCommand, nowMicros: number): Decided {
  const { hold, amount, expiresMicros, feature, actionId } = command;
  if (amount <= 0n) return refused('INVALID_AMOUNT', `Expected an amount above 0, got ${credits(amount)}.`);
  const earlier = account.hold(hold);
  if (earlier !== null) return earlierAuthorisation(earlier, command);
  if (account.mayHaveForgotten(hold)) return usedBefore(hold);
  const isTooLong = wrongExpiry(expiresMicros, nowMicros);
  if (isTooLong !== null) return isTooLong;
  const check = preflight({ estimate: amount, degradedEstimate: null }, fundsAt(account, nowMicros));
  if (check.answer !== 'allow') {
    return refused(
      check.reason === 'OVERAGE_LIMIT' ? 'OVERAGE_LIMIT' : 'INSUFFICIENT_CREDITS',
      check.message,
    );
  }
  return decided({
    ...factBase(command, nowMicros, nowMicros),
    kind: 'hold',
    hold,
    amount,
    expiresMicros,
    feature,
    actionId,
  });
}

function earlierAuthorisation({ fact }: HoldState, command: AuthoriseCommand): Decided {
  const isSame =
    fact.amount === command.amount && fact.feature === command.feature && fact.actionId === command.actionId;
  if (isSame) return { kind: 'repeated', fact };
  return refused(
    'HOLD_EXISTS',
    `The hold ${command.hold} exists, of ${credits(fact.amount)}. Use an id of its own for every hold.`,
  );
}

export function decideHeartbeat(account: Holding, command: HeartbeatCommand, nowMicros: number): Decided {
  const { hold, expiresMicros } = command;
  const state = account.hold(hold);
  if (state === null) return unknown(hold);
  if (state.ended !== null) return ended(state.ended.end, hold);
  const isTooLong = wrongExpiry(expiresMicros, nowMicros);
  if (isTooLong !== null) return isTooLong;
  if (expiresMicros <= state.expiresMicros) return decided();
  return decided({ ...factBase(command, nowMicros, nowMicros), kind: 'heartbeat', hold, expiresMicros });
}

/**
 * A hold ends once: settled again, it gives the first answer, whatever is charged now. Settled after its expiry, it is
 * an ordinary debit that says that it was late. The hold never limits what is charged.
 */
export function decideSettle(account: Holding, command: SettleCommand, nowMicros: number): Decided {
  const { hold, actual } = command;
  if (actual !== null && actual < 0n) {
    return refused('INVALID_AMOUNT', `Expected an amount of 0 or more, got ${credits(actual)}.`);
  }
  const state = account.hold(hold);
  if (state === null) return unknown(hold);
  if (state.ended?.end === 'settled') return { kind: 'repeated', fact: state.ended };
  if (state.ended?.end === 'released') return ended('released', hold);
  const { actionId } = state.fact;
  if (actionId !== null && actual !== null) {
    return refused(
      'ACTUAL_UNEXPECTED',
      `The hold ${hold} is for the action ${actionId}, whose calls are charged as they are seen: expected no amount, got ${credits(actual)}.`,
    );
  }
  if (actionId === null && actual === null) {
    return refused(
      'ACTUAL_REQUIRED',
      `The hold ${hold} is for no action: expected the amount that was used.`,
    );
  }
  return decided({
    ...endBase(command, state, nowMicros),
    kind: 'hold_ended',
    hold,
    end: 'settled',
    actual: actual ?? 0n,
    isLate: state.ended !== null,
  });
}

/** Gives back what is held. That it was given back before, by a release or by time, is answered as such. */
export function decideRelease(account: Holding, command: ReleaseCommand, nowMicros: number): Decided {
  const { hold } = command;
  const state = account.hold(hold);
  if (state === null) return unknown(hold);
  if (state.ended?.end === 'settled') return ended('settled', hold);
  if (state.ended !== null) return { kind: 'repeated', fact: state.ended };
  return decided({
    ...endBase(command, state, nowMicros),
    kind: 'hold_ended',
    hold,
    end: 'released',
    actual: 0n,
    isLate: false,
  });
}

/**
 * A hold lasts a microsecond at least. At one instant an account lets holds end before it lets others begin, and clocks
 * that count milliseconds give both the same.
 */
function endBase(command: CommandBase, { fact }: HoldState, nowMicros: number) {
  const atMicros = Math.max(nowMicros, fact.atMicros + 1);
  return factBase(command, atMicros, atMicros);
}

function wrongExpiry(expiresMicros: number, nowMicros: number): Refused | null {
  if (expiresMicros <= nowMicros) {
    return refused(
      'INVALID_EXPIRY',
      'Expected an expiry in the future. The hold would end before it begins.',
    );
  }
  if (expiresMicros - nowMicros > MAX_HOLD_MICROS) {
    return refused(
      'HOLD_TOO_LONG',
      'Expected an expiry within 24 hours. Keep a longer hold alive by heartbeats.',
    );
  }
  return null;
}

function unknown(hold: string): Refused {
  const message = `Expected the id of a hold of this customer, got ${hold}. Authorise it first.`;
  return { ...refused('HOLD_UNKNOWN', message), unknownHold: hold };
}

function usedBefore(hold: string): Refused {
  const message = `There was a hold ${hold} before, which has ended. Use an id of its own for every hold.`;
  return { ...refused('HOLD_EXISTS', message), unknownHold: hold };
}

function ended(end: 'settled' | 'released' | 'expired', hold: string): Refused {
  const how = end === 'expired' ? 'has expired' : `was ${end}`;
  return refused('HOLD_ENDED', `Expected an open hold; ${hold} ${how}. Authorise another one.`);
}

function credits(amount: MicroCredits): string {
  return `${formatDecimal(amount, CREDIT_SCALE)} credits`;
}
