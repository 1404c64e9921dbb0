import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';

/** What a reader's statement is to the fence. */
export interface WorkingStatement {
  readonly startedAtMs: number;
  /** Ends it, and says why. */
  endForMemory(): void;
}

export interface MemoryFenceOptions {
  /** What all statements of readers may have at once, in bytes as the engine counts them. */
  readonly maxBytes: number;
  readonly onSurprise: (error: unknown) => void;
}

/** A sort takes some 50 MB in this time. A look takes less than a millisecond, and nobody looks while nobody reads. */
const LOOK_EVERY_MS = 20;

/**
 * What queries take, by the engine's names. The rest is of tables: what waits to be committed, and what is kept of the
 * file and makes room by itself.
 */
const TAKEN = `SELECT coalesce(sum(memory_usage_bytes), 0)::DOUBLE FROM duckdb_memory()
  WHERE tag IN ('ALLOCATOR', 'COLUMN_DATA', 'HASH_TABLE', 'ORDER_BY', 'WINDOW')`;

/**
 * Keeps readers from taking the memory that commits need. The engine has one limit for all: a reader who sorts fills it,
 * and then it is the commit that finds none, though the sort could make room and goes on. So readers are stopped before
 * that, one every time the fence looks: the one that has worked for longest, which mostly is the one that has most.
 */
export class MemoryFence {
  readonly #instance: DuckDBInstance;
  readonly #options: MemoryFenceOptions;
  readonly #working = new Set<WorkingStatement>();
  #timer: NodeJS.Timeout | undefined;
  /** Only while somebody reads: an open connection would keep the file open. */
  #connection: DuckDBConnection | null = null;
  #isLooking = false;

  constructor(instance: DuckDBInstance, options: MemoryFenceOptions) {
    this.#instance = instance;
    this.#options = options;
  }

  /** The engine begins to work on the statement. */
  add(statement: WorkingStatement): void {
    this.#working.add(statement);
    this.#timer ??= setInterval(() => void this.#look(), LOOK_EVERY_MS);
  }

  /** It has done so. */
  delete(statement: WorkingStatement): void {
    this.#working.delete(statement);
    if (this.#working.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    if (!this.#isLooking) this.#close();
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      this.#connection ??= await this.#instance.connect();
      const [[bytes] = []] = (await this.#connection.runAndReadAll(TAKEN)).getRows();
      if (Number(bytes) > this.#options.maxBytes) this.#longest()?.endForMemory();
    } catch (error) {
      // There may be no memory for the look either.
      this.#longest()?.endForMemory();
      this.#options.onSurprise(error);
    } finally {
      this.#isLooking = false;
      if (this.#working.size === 0) this.#close();
    }
  }

  #longest(): WorkingStatement | null {
    let longest: WorkingStatement | null = null;
    for (const one of this.#working) {
      if (longest === null || one.startedAtMs < longest.startedAtMs) longest = one;
    }
    // It is asked once; next time it is another one's turn.
    if (longest !== null) this.#working.delete(longest);
    return longest;
  }

  #close(): void {
    this.#connection?.closeSync();
    this.#connection = null;
  }
}
