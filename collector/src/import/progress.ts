import { grouped, type Output } from '../terminal.ts';

const BAR_COLUMNS = 30;
/** Often enough for a bar that moves. */
const BAR_EVERY_MS = 100;
/** A log is not a terminal: a line now and then shows that it goes on. */
const LINE_EVERY_MS = 10_000;
/** Before this the rate is a guess about nothing. */
const MIN_MS_FOR_RATE = 500;

/** How far something long is: a bar that is written over and gone in the end on a terminal, lines now and then elsewhere. */
export class Progress {
  private readonly out: Output;
  private readonly verb: string;
  private readonly nowMillis: () => number;
  private readonly startedAt: number;
  private shownAt: number;

  /** @param verb what is done to rows: `checked`, `sent` */
  constructor(out: Output, verb: string, nowMillis: () => number) {
    this.out = out;
    this.verb = verb;
    this.nowMillis = nowMillis;
    this.startedAt = nowMillis();
    this.shownAt = out.isTTY === true ? 0 : this.startedAt;
  }

  /** @param share of the whole, 0 to 1 */
  show(rows: number, share: number): void {
    const now = this.nowMillis();
    if (now - this.shownAt < (this.out.isTTY === true ? BAR_EVERY_MS : LINE_EVERY_MS)) return;
    this.shownAt = now;
    const text = this.textOf(rows, Math.min(Math.max(share, 0), 1), now);
    this.out.write(this.out.isTTY === true ? `\r${text}\u001b[K` : `${text}\n`);
  }

  end(): void {
    if (this.out.isTTY === true) this.out.write('\r\u001b[K');
  }

  private textOf(rows: number, share: number, now: number): string {
    const elapsedMs = now - this.startedAt;
    const filled = Math.round(share * BAR_COLUMNS);
    const bar = this.out.isTTY === true ? `[${'#'.repeat(filled).padEnd(BAR_COLUMNS, '.')}] ` : '';
    const done = `${bar}${Math.floor(share * 100)} %  ${grouped(rows)} rows ${this.verb}`;
    if (elapsedMs < MIN_MS_FOR_RATE || share === 0) return done;
    const perSecond = Math.round((rows / elapsedMs) * 1000);
    return `${done}  ${grouped(perSecond)} rows/s  ${clock((elapsedMs / share) * (1 - share))} left`;
  }
}

/** `1:05`, `2:00:00` */
function clock(millis: number): string {
  const seconds = Math.ceil(millis / 1000);
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = String(seconds % 60).padStart(2, '0');
  return hours === 0 ? `${minutes}:${rest}` : `${hours}:${String(minutes).padStart(2, '0')}:${rest}`;
}
