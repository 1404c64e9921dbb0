import type { CustomerAccount } from './account.ts';
import { type Decided, refused } from './commands.ts';

/**
 * A command that is told now and holds from an instant in the past on: what was sold, given or changed elsewhere and
 * arrives late, as usage does. It is decided on the account as it was then, and its facts say both times. What is closed
 * does not change (I20); actions that were charged keep their credits.
 *
 * @param sinceMicros null: it holds from now on
 * @param decide what would have been decided at that instant
 */
export function decideSince(
  account: Pick<CustomerAccount, 'closedUntilMicros'>,
  sinceMicros: number | null,
  nowMicros: number,
  decide: (atMicros: number) => Decided,
): Decided {
  if (sinceMicros === null) return decide(nowMicros);
  if (sinceMicros > nowMicros) {
    return refused(
      'START_IN_FUTURE',
      `Expected an instant now or in the past, got ${instant(sinceMicros)}. Say it when the time has come.`,
    );
  }
  const closedUntil = account.closedUntilMicros;
  if (closedUntil !== null && sinceMicros < closedUntil) {
    return refused(
      'PERIOD_CLOSED',
      `Expected an instant at or after ${instant(closedUntil)}: what was before is closed and does not change.`,
    );
  }
  const decided = decide(sinceMicros);
  if (decided.kind !== 'facts') return decided;
  return { ...decided, facts: decided.facts.map((fact) => ({ ...fact, recordedMicros: nowMicros })) };
}

function instant(atMicros: number): string {
  return new Date(atMicros / 1000).toISOString();
}
