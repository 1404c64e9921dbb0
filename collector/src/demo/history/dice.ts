/** Chance that is the same on every machine: the same seed, the same throws in the same order. */
export interface Dice {
  /** At least 0, below 1. */
  share(): number;
  isBelow(probability: number): boolean;
  /** Whole, both ends included. */
  whole(from: number, to: number): number;
  pick<Item>(items: readonly Item[]): Item;
  /** Positive numbers around a middle, some much larger, as sizes and durations are. */
  around(middle: number, spread: number): number;
  /** How often something happens that is expected so often (Poisson). */
  times(expected: number): number;
  /** Lower case, for ids. */
  hex(bytes: number): string;
}

export function diceOf(seed: number): Dice {
  // mulberry32: 32 bits of state are plenty for a hundred thousand spans, and it is four lines.
  let state = seed >>> 0;
  const bits = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const share = (): number => bits() / 2 ** 32;
  return {
    share,
    isBelow: (probability) => share() < probability,
    whole: (from, to) => from + Math.floor(share() * (to - from + 1)),
    pick(items) {
      const item = items[Math.floor(share() * items.length)];
      if (item === undefined) throw new RangeError('there is nothing to pick from');
      return item;
    },
    around(middle, spread) {
      const normal = Math.sqrt(-2 * Math.log(1 - share())) * Math.cos(2 * Math.PI * share());
      return middle * Math.exp(spread * normal);
    },
    times(expected) {
      // Knuth's way; an hour of one customer has a few dozen at most.
      const limit = Math.exp(-expected);
      let count = 0;
      for (let product = share(); product > limit; product *= share()) count++;
      return count;
    },
    hex(bytes) {
      let text = '';
      while (text.length < bytes * 2) text += bits().toString(16).padStart(8, '0');
      return text.slice(0, bytes * 2);
    },
  };
}
