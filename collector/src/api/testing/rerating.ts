import type { Rerating } from '../rerate.ts';

/** For tests that ask about something else. */
export const NO_RERATING: Rerating = {
  start: () => Promise.reject(new Error('not asked here')),
  report: () => Promise.reject(new Error('not asked here')),
  whatIf: () => Promise.reject(new Error('not asked here')),
};
