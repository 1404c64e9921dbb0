/** When in the month things happen. Microseconds since 1970; days and hours begin in UTC. */
export interface Story {
  readonly startMicros: number;
  /** Plans and credits begin here; what is earlier is recorded for its cost alone. */
  readonly creditsMicros: number;
  readonly nowMicros: number;
  /** The prompts of the summaries are put in an order that caches like. */
  readonly betterCacheMicros: number;
  /** Support chat goes from one model to another. */
  readonly modelSwitchMicros: number;
  readonly priceCutMicros: number;
  /** Anthropic has trouble for some hours of a working day; calls fail and are made again. */
  readonly incident: Span;
  /** A time stamp at the head of a prompt: nothing is found in the cache any more, until somebody sees it. */
  readonly cacheCollapse: Span;
  /** A model of the shop's own, for which nobody has written down a price. */
  readonly unpricedModelMicros: number;
}

export interface Span {
  readonly fromMicros: number;
  readonly toMicros: number;
}

export const HOUR_MICROS = 3_600_000_000;
export const DAY_MICROS = 24 * HOUR_MICROS;

/**
 * A period of a plan is a month and closes three days after its end, so that everything here happens in open periods:
 * usage that comes after the close of its period is booked when it comes.
 */
const DAYS_WITH_CREDITS = 30;

/** @param days whole days before the one of `now` */
export function storyOf(days: number, nowMicros: number): Story {
  const today = floorTo(DAY_MICROS, nowMicros);
  const startMicros = today - days * DAY_MICROS;
  const creditsMicros = Math.max(startMicros, today - DAYS_WITH_CREDITS * DAY_MICROS);
  const at = (share: number, grain: number) => shareOf({ creditsMicros, nowMicros }, share, grain);
  const incidentDay = workday(at(0.72, DAY_MICROS), creditsMicros);
  return {
    startMicros,
    creditsMicros,
    nowMicros,
    betterCacheMicros: at(0.33, HOUR_MICROS),
    modelSwitchMicros: at(0.47, HOUR_MICROS),
    priceCutMicros: at(0.58, DAY_MICROS),
    incident: within(incidentDay + 9 * HOUR_MICROS, 4 * HOUR_MICROS, nowMicros),
    cacheCollapse: {
      fromMicros: at(0.83, HOUR_MICROS),
      toMicros: at(0.92, HOUR_MICROS),
    },
    unpricedModelMicros: at(0.76, HOUR_MICROS),
  };
}

/** The hour or day in which a share of the time with credits has passed. */
export function shareOf(
  { creditsMicros, nowMicros }: Pick<Story, 'creditsMicros' | 'nowMicros'>,
  share: number,
  grain: number,
): number {
  return Math.max(creditsMicros, floorTo(grain, creditsMicros + share * (nowMicros - creditsMicros)));
}

export function isIn({ fromMicros, toMicros }: Span, atMicros: number): boolean {
  return fromMicros <= atMicros && atMicros < toMicros;
}

export function floorTo(grain: number, micros: number): number {
  return Math.floor(micros / grain) * grain;
}

/** The day itself or the Friday before; where the story is too short for that, the day itself. */
function workday(dayMicros: number, earliestMicros: number): number {
  const weekday = new Date(dayMicros / 1000).getUTCDay();
  const back = weekday === 6 ? 1 : weekday === 0 ? 2 : 0;
  const friday = dayMicros - back * DAY_MICROS;
  return friday < earliestMicros ? dayMicros : friday;
}

/** What would end after now is moved before it. */
function within(fromMicros: number, lengthMicros: number, nowMicros: number): Span {
  const latest = floorTo(HOUR_MICROS, nowMicros) - lengthMicros;
  const from = Math.min(fromMicros, latest);
  return { fromMicros: from, toMicros: from + lengthMicros };
}

/** How much of the usual is going on: least in the night and on weekends, and more from week to week. */
export function rhythmAt(story: Story, hourMicros: number, zoneHours: number): number {
  const local = new Date((hourMicros + zoneHours * HOUR_MICROS) / 1000);
  const weekday = WEEKDAYS[local.getUTCDay()] ?? 1;
  const fromNoon = (local.getUTCHours() + 0.5 - 13) / 3.6;
  const hourOfDay = 0.1 + 2.4 * Math.exp((-fromNoon * fromNoon) / 2);
  const month = 30 * DAY_MICROS;
  const growth = GROWTH_A_MONTH ** ((hourMicros - story.nowMicros) / month + 0.5);
  return (weekday * hourOfDay * growth) / 24;
}

/** Sunday first. */
const WEEKDAYS = [0.35, 1.15, 1.25, 1.25, 1.2, 1.05, 0.4];
const GROWTH_A_MONTH = 1.6;
