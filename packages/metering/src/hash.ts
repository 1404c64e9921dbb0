/**
 * A 53-bit hash (two 32-bit lanes, the finishing steps of MurmurHash3) of a sequence of texts and numbers. It tells
 * content apart; it is no safeguard against someone who looks for collisions. 53 bits are what a number holds exactly.
 */
export class Hash53 {
  #low: number;
  #high: number;

  constructor(seed = 0) {
    this.#low = 0xdeadbeef ^ seed;
    this.#high = 0x41c6ce57 ^ seed;
  }

  /** Null differs from every text, and `('ab', 'c')` from `('a', 'bc')`. */
  text(text: string | null): this {
    if (text === null) return this.#mix(-1);
    let low = this.#low;
    let high = this.#high;
    const { length } = text;
    // Two UTF-16 units at a time: a multiplication costs more than reading them.
    for (let index = 0; index < length; index += 2) {
      const units = text.charCodeAt(index) | (index + 1 < length ? text.charCodeAt(index + 1) << 16 : 0);
      low = Math.imul(low ^ units, 2654435761);
      low ^= low >>> 15;
      high = Math.imul(high ^ units, 1597334677);
      high ^= high >>> 13;
    }
    this.#low = low;
    this.#high = high;
    return this.#mix(length);
  }

  /** A safe integer or null. */
  number(value: number | null): this {
    if (value === null) return this.#mix(-1);
    return this.#mix(value | 0).#mix(Math.floor(value / 0x1_0000_0000) ^ 0x5bd1e995);
  }

  finish(): number {
    let low = Math.imul(this.#low ^ (this.#low >>> 16), 2246822507);
    low ^= Math.imul(this.#high ^ (this.#high >>> 13), 3266489909);
    let high = Math.imul(this.#high ^ (this.#high >>> 16), 2246822507);
    high ^= Math.imul(low ^ (low >>> 13), 3266489909);
    return 0x1_0000_0000 * (high & 0x1f_ffff) + (low >>> 0);
  }

  #mix(word: number): this {
    this.#low = Math.imul(this.#low ^ word, 2654435761);
    this.#low ^= this.#low >>> 15;
    this.#high = Math.imul(this.#high ^ word, 1597334677);
    this.#high ^= this.#high >>> 13;
    return this;
  }
}
