import { type TopUp, topUpsOf } from './accounts.ts';
import type { Trace, Use } from './making.ts';
import { type Buyer, CREDITS_OF_A_PAGE, CREDITS_OF_AN_ANSWER, STARTER_ALLOWANCE } from './shop.ts';
import type { Story } from './story.ts';

/**
 * What the app of a customer knows of its credits, where it stops at zero: it asks before each use, and what began before
 * it was told no still happens.
 */
export class Wallet {
  readonly #story: Story;
  /** Thousandths of a credit that are left, of customers whose app asks. */
  readonly #left = new Map<string, number>();
  readonly #underWay = new Map<string, number>();
  readonly #topUps: TopUp[];

  constructor(story: Story) {
    this.#story = story;
    this.#topUps = [...topUpsOf(story)];
  }

  allows({ id, stopsAtZero }: Buyer, { startMicros }: Use): boolean {
    if (!stopsAtZero) return true;
    this.#topUp(startMicros);
    if (this.#leftOf(id) > 0) {
      this.#underWay.set(id, USES_UNDER_WAY);
      return true;
    }
    const underWay = this.#underWay.get(id) ?? 0;
    this.#underWay.set(id, underWay - 1);
    return underWay > 0;
  }

  /** What is used beyond what is left is an overrun, which nothing pays back. */
  charge({ id }: Buyer, { feature, startMicros }: Use, { calls, pages }: Trace): void {
    if (startMicros < this.#story.creditsMicros || calls.every(({ hasFailed }) => hasFailed)) return;
    const credits = feature === 'document-intake' ? pages * CREDITS_OF_A_PAGE : CREDITS_OF_AN_ANSWER;
    this.#left.set(id, Math.max(0, this.#leftOf(id) - credits * 1000));
  }

  #leftOf(id: string): number {
    return this.#left.get(id) ?? STARTER_ALLOWANCE * 1000;
  }

  #topUp(nowMicros: number): void {
    for (const topUp of this.#topUps.filter(({ atMicros }) => atMicros <= nowMicros)) {
      this.#left.set(topUp.customer, this.#leftOf(topUp.customer) + topUp.credits * 1000);
      this.#topUps.splice(this.#topUps.indexOf(topUp), 1);
    }
  }
}

const USES_UNDER_WAY = 3;
