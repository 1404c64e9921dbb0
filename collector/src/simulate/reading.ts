import { CREDIT_SCALE, parseDecimal, USD_SCALE } from '@spanledger/metering';
import { type SettingProblem, shown } from '../settings-file.ts';
import type { StepEntry } from './format.ts';
import { type Moment, momentOf } from './moment.ts';

/** Notes what is wrong and goes on, so that all of it is seen at once. */
export class Reading {
  readonly #problems: SettingProblem[];

  constructor(problems: SettingProblem[]) {
    this.#problems = problems;
  }

  report(path: string, expected: string, value: unknown): void {
    this.#problems.push({ path, expected, value: shown(value) });
  }

  /** Those of a section, at their places in it. */
  reportAll(path: string, problems: readonly SettingProblem[], verb = ''): void {
    for (const each of problems) {
      this.#problems.push({ ...each, path: `${path}.${each.path}`, expected: `${verb}${each.expected}` });
    }
  }

  credits(path: string, text: string): bigint {
    return this.#amount(path, text, CREDIT_SCALE, 'an amount of credits with at most 6 places');
  }

  usd(path: string, text: string): bigint {
    return this.#amount(path, text, USD_SCALE, 'an amount of USD with at most 15 places');
  }

  #amount(path: string, text: string, scale: number, expected: string): bigint {
    const parsed = parseDecimal(String(text), scale);
    if (parsed.kind === 'decimal') return parsed.value;
    this.report(path, `must be ${expected}`, text);
    return 0n;
  }

  moment(path: string, text: string): Moment {
    const moment = momentOf(text);
    if (moment !== null) return moment;
    this.report(path, 'must be an instant (2026-11-03T12:00:00Z) or a time from now (3d, 1d12h, -45m)', text);
    return { kind: 'from_now', micros: 0 };
  }

  optionalMoment(path: string, text: string | undefined): Moment | null {
    return text === undefined ? null : this.moment(path, text);
  }
}

export function nameOf(step: StepEntry, index: number): string {
  return step.name ?? `step-${index + 1}`;
}
