import type { Message } from './alert.ts';

/** One message on its way to one endpoint. */
export interface DeliveryKey {
  readonly messageId: string;
  /** `WebhookEndpoint.id`. */
  readonly endpoint: string;
}

export interface NewDelivery extends Message, DeliveryKey {
  /** For people: the rest of an address is often a secret. */
  readonly urlHost: string;
  readonly createdMillis: number;
}

export interface PendingDelivery extends DeliveryKey {
  readonly payload: string;
  /** Attempts that failed since it was last put into the queue. */
  readonly failures: number;
  readonly nextAttemptMillis: number;
}

/** How an attempt ended. Words for `problem` never hold any of the address. */
export type Answer =
  | { readonly kind: 'answered'; readonly status: number }
  | { readonly kind: 'unanswered'; readonly problem: string };

/** What holds after an attempt. */
export interface Progress {
  readonly state: 'pending' | 'delivered' | 'dead';
  readonly atMillis: number;
  /** HTTP status; null where there was no answer. */
  readonly status: number | null;
  /** Why it is not delivered; null where it is. */
  readonly problem: string | null;
  /** Null unless pending. */
  readonly nextAttemptMillis: number | null;
}

const FIRST_DELAY_MS = 10_000;
/** With the delays doubling, the last attempt is made 23 to 27 hours after the first: a receiver may be down for a day. */
export const MAX_ATTEMPTS = 14;
/** Delays are lengthened by up to this share, so that those who failed together do not come back together. */
const JITTER = 0.2;

/** What an answer means. `random` is from [0, 1). */
export function afterAttempt(
  { failures }: Pick<PendingDelivery, 'failures'>,
  answer: Answer,
  nowMillis: number,
  random: number,
): Progress {
  const status = answer.kind === 'answered' ? answer.status : null;
  if (status !== null && status >= 200 && status < 300) {
    return { state: 'delivered', atMillis: nowMillis, status, problem: null, nextAttemptMillis: null };
  }
  const problem = problemOf(answer);
  if (status === 410 || failures + 1 >= MAX_ATTEMPTS) {
    return { state: 'dead', atMillis: nowMillis, status, problem, nextAttemptMillis: null };
  }
  const delayMs = FIRST_DELAY_MS * 2 ** failures * (1 + JITTER * random);
  return {
    state: 'pending',
    atMillis: nowMillis,
    status,
    problem,
    nextAttemptMillis: nowMillis + Math.round(delayMs),
  };
}

function problemOf(answer: Answer): string {
  if (answer.kind === 'unanswered') return answer.problem;
  const { status } = answer;
  if (status === 410) return 'gone: the receiver wants no more';
  return status >= 300 && status < 400 ? 'redirects are not followed' : `answered with ${status}`;
}
