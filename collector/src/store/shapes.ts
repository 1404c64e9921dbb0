/** Remembered shapes. Each is a text of a few hundred bytes, and a service meets a few hundred of them. */
const MAX_SHAPES = 20_000;

/**
 * The codes of what recurs among spans. Only the most recent are remembered: a shape that comes again after it was
 * forgotten, or after a restart, gets a second code, and both are read alike.
 */
export class Shapes {
  #codes = new Map<string, number>();
  #new: { code: number; content: string }[] = [];
  #next: number;

  constructor(next: number) {
    this.#next = next;
  }

  codeOf(content: string): number {
    const known = this.#codes.get(content);
    if (known !== undefined) return known;
    if (this.#codes.size >= MAX_SHAPES) this.#codes = new Map();
    const code = this.#next++;
    this.#codes.set(content, code);
    this.#new.push({ code, content });
    return code;
  }

  /** Those that are not in the database yet; they count as written from now on. */
  takeNew(): readonly { readonly code: number; readonly content: string }[] {
    const taken = this.#new;
    this.#new = [];
    return taken;
  }
}
