import type { HoldState } from './account.ts';
import type { AccountFact, HeartbeatFact, HoldEndedFact, HoldFact } from './fact.ts';
import { ForgottenIds } from './forgotten-ids.ts';

/** What is known of a hold; what it holds is in the standing of the account. */
interface HoldRecord extends HoldState {
  /** The instant from which it holds nothing; null: it is open. */
  readonly endedMicros: number | null;
}

/** The holds of a customer, open and lately ended. */
export class Holds {
  readonly #byId = new Map<string, HoldRecord>();
  readonly #openIds = new Set<string>();
  readonly #idsByAction = new Map<string, string[]>();
  /** In the order of their end. */
  readonly #endedIds: string[] = [];
  #lastEndMicros = Number.NEGATIVE_INFINITY;
  readonly #forgotten = new ForgottenIds();
  /** Taken for forgotten ones by mistake, as somebody found who has all facts. They are few. */
  readonly #newIds = new Set<string>();

  get(hold: string): HoldState | null {
    const record = this.#byId.get(hold);
    if (record === undefined) return null;
    const { fact, expiresMicros, ended } = record;
    return { fact, expiresMicros, ended };
  }

  /** There may have been a hold of this id that is forgotten by now. False: certainly not. */
  mayHaveForgotten(hold: string): boolean {
    return !this.#byId.has(hold) && this.#forgotten.mayHave(hold) && !this.#newIds.has(hold);
  }

  /** All that was ever told of a hold; nothing: there never was one of this id. */
  recall(hold: string, facts: readonly AccountFact[]): void {
    if (facts.length === 0 && this.mayHaveForgotten(hold)) this.#newIds.add(hold);
    for (const fact of facts) this.learn(fact);
  }

  learn(fact: AccountFact): void {
    switch (fact.kind) {
      case 'hold':
        this.#begin(fact);
        break;
      case 'heartbeat':
        this.#moveEnd(fact);
        break;
      case 'hold_ended':
        this.#end(fact);
        break;
      default:
        break;
    }
  }

  #begin(fact: HoldFact): void {
    this.#byId.set(fact.hold, { fact, expiresMicros: fact.expiresMicros, ended: null, endedMicros: null });
    this.#openIds.add(fact.hold);
    this.#newIds.delete(fact.hold);
    if (fact.actionId === null) return;
    const ids = this.#idsByAction.get(fact.actionId);
    if (ids === undefined) this.#idsByAction.set(fact.actionId, [fact.hold]);
    else ids.push(fact.hold);
  }

  #moveEnd(fact: HeartbeatFact): void {
    const record = this.#byId.get(fact.hold);
    if (record !== undefined) this.#byId.set(fact.hold, { ...record, expiresMicros: fact.expiresMicros });
  }

  /** A late settlement takes the place of the expiry as the answer, but the hold has ended when it expired. */
  #end(fact: HoldEndedFact): void {
    const record = this.#byId.get(fact.hold);
    if (record === undefined) return;
    if (record.endedMicros === null) this.#endedIds.push(fact.hold);
    this.#byId.set(fact.hold, {
      ...record,
      ended: fact,
      endedMicros: record.endedMicros ?? fact.atMicros,
    });
    this.#openIds.delete(fact.hold);
    this.#lastEndMicros = Math.max(this.#lastEndMicros, fact.atMicros);
  }

  /** The hold that is there for an action at that instant; null: none. */
  forAction(actionId: string, atMicros: number): string | null {
    for (const id of this.#idsByAction.get(actionId) ?? []) {
      const record = this.#byId.get(id);
      if (record === undefined || atMicros < record.fact.atMicros) continue;
      if (record.endedMicros === null || atMicros < record.endedMicros) return id;
    }
    return null;
  }

  /** What was open at an instant, as far as it is known. */
  openAt(atMicros: number): readonly HoldFact[] {
    const open: HoldFact[] = [];
    for (const id of this.#openIds) {
      const fact = this.#byId.get(id)?.fact;
      if (fact !== undefined && fact.atMicros <= atMicros) open.push(fact);
    }
    if (atMicros >= this.#lastEndMicros) return open;
    for (const id of this.#endedIds) {
      const record = this.#byId.get(id);
      if (record === undefined || (record.endedMicros ?? atMicros) <= atMicros) continue;
      if (record.fact.atMicros <= atMicros) open.push(record.fact);
    }
    return open;
  }

  /** Open holds whose time is over. */
  expiredAt(atMicros: number): readonly HoldState[] {
    const expired: HoldState[] = [];
    for (const id of this.#openIds) {
      const record = this.#byId.get(id);
      if (record !== undefined && record.expiresMicros <= atMicros) expired.push(record);
    }
    return expired;
  }

  /**
   * Of what ended before, nothing can be corrected any more: a busy customer has 100,000 holds a day. One that was
   * settled late is kept from then on, so that it answers for that. Returns what was forgotten.
   */
  forgetEndedBefore(atMicros: number): readonly string[] {
    const isOver = (id: string) =>
      (this.#byId.get(id)?.ended?.atMicros ?? Number.NEGATIVE_INFINITY) < atMicros;
    // Ends come in order but for late ones, which wait for those before them.
    const kept = this.#endedIds.findIndex((id) => !isOver(id));
    const over = this.#endedIds.splice(0, kept === -1 ? this.#endedIds.length : kept);
    for (const id of over) {
      const action = this.#byId.get(id)?.fact.actionId ?? null;
      this.#byId.delete(id);
      this.#forgotten.add(id);
      if (action === null) continue;
      const others = (this.#idsByAction.get(action) ?? []).filter((other) => other !== id);
      if (others.length === 0) this.#idsByAction.delete(action);
      else this.#idsByAction.set(action, others);
    }
    return over;
  }
}
