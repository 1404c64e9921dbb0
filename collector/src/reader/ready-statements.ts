/** A statement that is prepared somewhere, and can be prepared again. */
export interface ReadyStatement {
  /** Of its text. */
  readonly length: number;
  /** Lets go of what the engine keeps of it. */
  rest(): void;
}

/** What drivers keep for themselves, of many connections. */
const MAX_STATEMENTS = 1000;
/** The engine keeps some hundred times as much as the text has: a hundred megabytes. */
const MAX_CHARACTERS = 1_000_000;

/**
 * All statements of all readers that the engine keeps ready. Its memory limit does not count them: a connection may have
 * a thousand, and some of a few kilobytes took megabytes. Those that were not used for longest are let go of, and
 * prepared again should they be run.
 */
export class ReadyStatements {
  /** In the order of their use. */
  readonly #statements = new Set<ReadyStatement>();
  #characters = 0;

  add(statement: ReadyStatement): void {
    this.#statements.add(statement);
    this.#characters += statement.length;
    for (const oldest of this.#statements) {
      if (this.#statements.size <= MAX_STATEMENTS && this.#characters <= MAX_CHARACTERS) return;
      if (oldest === statement) return;
      this.delete(oldest);
      oldest.rest();
    }
  }

  /** It is used, or gone. */
  delete(statement: ReadyStatement): void {
    if (this.#statements.delete(statement)) this.#characters -= statement.length;
  }
}
