import { warnOnce } from './warn.ts';

/**
 * The moment the app first meters something. `register` waits for it before it decides whether to start an
 * OpenTelemetry SDK: by then an app that brings its own has had its whole start-up to do so.
 */
let waiting: (() => void) | undefined;

export function onFirstUse(decide: () => void): void {
  waiting = decide;
}

export function announceFirstUse(): void {
  const decide = waiting;
  if (decide === undefined) return;
  waiting = undefined;
  try {
    decide();
  } catch (error) {
    warnOnce('first-use', 'could not start; spans are not sent', error);
  }
}
