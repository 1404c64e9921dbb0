import { CREDIT_SCALE, divideHalfAwayFromZero, type MicroCredits, type UsdFemto } from '../amount.ts';
import type { CustomerAccount } from './account.ts';
import { dateOfDay } from './calendar.ts';
import { type CommandBase, type Decided, decided, factBase, type Refused, refused } from './commands.ts';
import type { AccountFact, PeriodOpenedFact } from './fact.ts';
import { DEFAULT_PRIORITY } from './lot.ts';
import { addLocalDays, isZone, localDays } from './period.ts';
import type { Plans, PlanTerms } from './plan.ts';
import { courseOf, hadTrial, subscriptionAt } from './subscription.ts';
import { localDayAt } from './zone.ts';

export interface SubscribeCommand extends CommandBase {
  readonly plan: string;
  /** Now or in the past; null: now. */
  readonly startMicros: number | null;
  readonly zone: string;
  /** 1 to 31; null: the local day of the start. */
  readonly anchorDay: number | null;
  /** With the trial of the plan, if it has one and the customer has never had any. */
  readonly withTrial: boolean;
}

export interface ChangePlanCommand extends CommandBase {
  readonly plan: string;
}

export interface CancelCommand extends CommandBase {
  readonly when: 'now' | 'period_end';
}

/** Every period since then is opened and closed. What lies further back is a mistake in the year. */
const EARLIEST_START_MICROS = 10 * 366 * 24 * 3_600_000_000;

type Subscribing = Pick<CustomerAccount, 'planFacts' | 'closedUntilMicros'>;

/** A trial lasts until the midnight that is so many local calendar days after the day of its start. */
export function decideSubscribe(
  account: Subscribing,
  command: SubscribeCommand,
  plans: Plans,
  nowMicros: number,
): Decided {
  const { plan, zone } = command;
  const startMicros = command.startMicros ?? nowMicros;
  if (startMicros > nowMicros) {
    return refused(
      'START_IN_FUTURE',
      'Expected a start now or in the past. Subscribe when the time has come.',
    );
  }
  if (startMicros < nowMicros - EARLIEST_START_MICROS) {
    return refused(
      'START_TOO_EARLY',
      `Expected a start within the last ten years, got ${instant(startMicros)}.`,
    );
  }
  if (account.closedUntilMicros !== null && startMicros < account.closedUntilMicros) {
    return refused(
      'PERIOD_CLOSED',
      `Expected a start at or after ${instant(account.closedUntilMicros)}: what was before is closed and does not change.`,
    );
  }
  if (!isZone(zone)) {
    return refused('INVALID_ANCHOR', `Expected the IANA name of a time zone (Europe/Berlin), got ${zone}.`);
  }
  const anchor = { day: command.anchorDay ?? dateOfDay(localDayAt(zone, startMicros)).day, zone };
  if (!Number.isInteger(anchor.day) || anchor.day < 1 || anchor.day > 31) {
    return refused('INVALID_ANCHOR', `Expected a day of the month from 1 to 31, got ${anchor.day}.`);
  }
  if (isTaken(account, startMicros)) {
    return refused('ALREADY_SUBSCRIBED', 'Expected a customer without a plan. Change the plan instead.');
  }
  const terms = plans.termsAt(plan, startMicros);
  if (terms === null) return unknownPlan(plan, plans);
  const hasTrial = command.withTrial && terms.trial !== null && !hadTrial(account.planFacts);
  return decided({
    ...factBase(command, startMicros, nowMicros),
    kind: 'subscribed',
    plan,
    anchor,
    trialEndsMicros: hasTrial ? addLocalDays(zone, startMicros, terms.trial.days) : null,
  });
}

/** Whether a plan holds at that time, or was decided for a later one. */
function isTaken(account: Subscribing, startMicros: number): boolean {
  return (
    subscriptionAt(account.planFacts, startMicros) !== null ||
    courseOf(account.planFacts).some((fact) => fact.atMicros > startMicros)
  );
}

type Changing = Pick<CustomerAccount, 'planFacts' | 'periodAt' | 'termsAt'>;

/**
 * An upgrade (higher fee, or the same and a higher allowance) holds at once, all others from the end of the period
 * (convention C12). Whatever was decided before for later times is undone by it; a change to the plan that the customer
 * has does nothing but that.
 */
export function decideChangePlan(
  account: Changing,
  command: ChangePlanCommand,
  plans: Plans,
  nowMicros: number,
): Decided {
  const subscription = subscriptionAt(account.planFacts, nowMicros);
  const period = account.periodAt(nowMicros);
  const current = account.termsAt(nowMicros);
  if (subscription === null || period === null || current === null) return notSubscribed();
  const { plan: from, next } = subscription;
  const to = command.plan;
  if (to === from) {
    if (next === null || (next.kind === 'plan_changed' && next.to === from)) {
      return refused('SAME_PLAN', `Expected another plan than ${from}, which the customer has already.`);
    }
    return decided(changeLater(command, from, to, next.atMicros, nowMicros));
  }
  const terms = plans.termsAt(to, nowMicros);
  if (terms !== null && isUpgrade(terms, current)) {
    return decided(...upgrade(command, from, current, terms, period, nowMicros));
  }
  const { endMicros } = period.bounds;
  if (plans.termsAt(to, endMicros) === null) return unknownPlan(to, plans);
  return decided(changeLater(command, from, to, endMicros, nowMicros));
}

function isUpgrade(terms: PlanTerms, current: PlanTerms): boolean {
  return terms.fee > current.fee || (terms.fee === current.fee && terms.allowance > current.allowance);
}

function changeLater(
  command: CommandBase,
  from: string,
  to: string,
  atMicros: number,
  nowMicros: number,
): AccountFact {
  const base = factBase(command, atMicros, nowMicros);
  return { ...base, kind: 'plan_changed', from, to, terms: null, extraFee: 0n };
}

/** During a trial nothing has been paid and no allowance given, so there is nothing to prorate. */
function upgrade(
  command: CommandBase,
  from: string,
  current: PlanTerms,
  terms: PlanTerms,
  period: PeriodOpenedFact,
  nowMicros: number,
): readonly AccountFact[] {
  const share = period.isTrial ? NOTHING : remainingShare(period, nowMicros);
  const base = factBase(command, nowMicros, nowMicros);
  const extraFee = proratedFee(terms.fee - current.fee, share);
  const change: AccountFact = { ...base, kind: 'plan_changed', from, to: terms.plan, terms, extraFee };
  const extra = proratedAllowance(terms.allowance - current.allowance, share);
  if (extra <= 0n) return [change];
  const lot = {
    id: `upgrade:${command.id}`,
    kind: 'allowance',
    amount: extra,
    priority: DEFAULT_PRIORITY,
    effectiveMicros: nowMicros,
    expiresMicros: period.bounds.endMicros,
    source: base.id,
    paidUsd: null,
  } as const;
  return [change, { ...base, id: `${base.id}:allowance`, kind: 'granted', lot }];
}

/** Local calendar days; the day of the change counts for the new plan. */
interface DayShare {
  readonly remaining: bigint;
  readonly days: bigint;
}

const NOTHING: DayShare = { remaining: 0n, days: 1n };

function remainingShare({ anchor, bounds }: PeriodOpenedFact, nowMicros: number): DayShare {
  const days = localDays(anchor.zone, bounds.startMicros, bounds.endMicros);
  const remaining = localDays(anchor.zone, nowMicros, bounds.endMicros);
  // A period that was cut to less than a day still is one day that somebody pays for.
  return days > 0 ? { remaining: BigInt(remaining), days: BigInt(days) } : { remaining: 1n, days: 1n };
}

function proratedFee(difference: UsdFemto, { remaining, days }: DayShare): UsdFemto {
  return divideHalfAwayFromZero(difference * remaining, days);
}

const MICRO_CREDITS_PER_CREDIT = 10n ** BigInt(CREDIT_SCALE);

/** To a whole credit, halves away from zero. */
function proratedAllowance(difference: MicroCredits, { remaining, days }: DayShare): MicroCredits {
  return (
    divideHalfAwayFromZero(difference * remaining, days * MICRO_CREDITS_PER_CREDIT) * MICRO_CREDITS_PER_CREDIT
  );
}

/**
 * No further period of the plan opens, and a change of plan that was to come is undone. What the running period has
 * given stays until its end, under its terms: it has been paid for. Cancelled `now`, the customer may subscribe anew at
 * once; else when the period has ended.
 */
export function decideCancel(account: Changing, command: CancelCommand, nowMicros: number): Decided {
  const subscription = subscriptionAt(account.planFacts, nowMicros);
  const period = account.periodAt(nowMicros);
  if (subscription === null || period === null) return notSubscribed();
  if (command.when === 'now')
    return decided({ ...factBase(command, nowMicros, nowMicros), kind: 'canceled' });
  if (subscription.next?.kind === 'canceled') {
    return refused(
      'ALREADY_CANCELED',
      `The subscription ends at ${instant(subscription.next.atMicros)} already. To end it at once, cancel it now.`,
    );
  }
  return decided({ ...factBase(command, period.bounds.endMicros, nowMicros), kind: 'canceled' });
}

function notSubscribed(): Refused {
  return refused('NOT_SUBSCRIBED', 'Expected a customer with a plan. Subscribe first.');
}

function unknownPlan(plan: string, { names }: Plans): Refused {
  const expected =
    names.length === 0 ? 'a plan of the configuration, which has none' : `one of ${names.join(', ')}`;
  return refused('UNKNOWN_PLAN', `Expected ${expected}, in force by then; got ${plan}.`);
}

function instant(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}
