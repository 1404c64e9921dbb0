/**
 * The words that recur on every row and their codes, from 1 on without gaps. New words are written in the transaction
 * that first uses them.
 */
export class Words {
  private readonly codes = new Map<string, number>();
  private readonly words: string[];
  /** Words up to this code are in the database. */
  private written: number;

  /** @param known the words of codes 1, 2, … */
  constructor(known: readonly string[]) {
    this.words = [...known];
    this.written = known.length;
    for (const [index, word] of known.entries()) this.codes.set(word, index + 1);
  }

  codeOf(word: string): number {
    const known = this.codes.get(word);
    if (known !== undefined) return known;
    const code = this.words.push(word);
    this.codes.set(word, code);
    return code;
  }

  wordOf(code: number): string {
    const word = this.words[code - 1];
    if (word === undefined) throw new RangeError(`no word has the code ${code}`);
    return word;
  }

  /** Words that are not in the database yet; they count as written from now on. */
  takeNew(): { code: number; word: string }[] {
    const taken = this.words
      .slice(this.written)
      .map((word, index) => ({ code: this.written + index + 1, word }));
    this.written = this.words.length;
    return taken;
  }
}
