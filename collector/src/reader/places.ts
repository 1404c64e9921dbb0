/** A number of places, each taken by one statement at a time. Whoever waits is let in in the order of coming. */
export class Places {
  readonly count: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.count = count;
  }

  /** Whether there was one free. */
  takeNow(): boolean {
    if (this.#taken >= this.count) return false;
    this.#taken++;
    return true;
  }

  /** Waits until one is free. Resolves with false when the signal was first. */
  async take(signal: AbortSignal): Promise<boolean> {
    if (signal.aborted) return false;
    if (this.takeNow()) return true;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const enter = () => resolve(true);
    const leave = () => {
      const at = this.#waiting.indexOf(enter);
      if (at < 0) return;
      this.#waiting.splice(at, 1);
      resolve(false);
    };
    this.#waiting.push(enter);
    signal.addEventListener('abort', leave, { once: true });
    const isIn = await promise;
    signal.removeEventListener('abort', leave);
    return isIn;
  }

  /** The place goes straight to who has waited longest. */
  giveBack(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#taken--;
    else next();
  }
}
