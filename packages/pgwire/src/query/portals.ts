import type { Field } from '../backend.ts';
import { SQLSTATE, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import type { Value } from '../types/codec.ts';
import type { Format } from '../wire/requests.ts';
import { closePrepared, type Prepared } from './prepared.ts';
import type { RowSource } from './rows.ts';

/** A statement that is ready to run, or running (54.1.2, "Extended Query Overview"). A cursor is one with a name. */
export interface Portal {
  readonly name: string;
  readonly prepared: Prepared;
  readonly values: readonly (Value | null)[];
  /** `null` when it gives no rows. */
  readonly fields: readonly Field[] | null;
  /** Of each field. */
  readonly formats: readonly Format[];
  /** What its parameters take. */
  readonly bytes: number;
  /** Whether it outlives its transaction, as a cursor `WITH HOLD` does. */
  readonly isHeld: boolean;
  /** Stops it, and nothing else. */
  readonly controller: AbortController;
  /** What came of it so far; `undefined` until it is first executed. */
  running: Running | undefined;
}

export interface Running {
  /** `null` for what gives no rows, and for what has failed. */
  readonly rows: RowSource | null;
  /** What stops it: for a fetch, the cursor it fetches from. */
  readonly controller: AbortController;
  /** The tag of the answer, for this many rows. */
  readonly tag: (rowCount: number) => string;
}

/** Keeps count of what the statements and portals of a connection hold in memory, together. */
export class Holding {
  readonly #maxBytes: number;
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws {SqlError} 53200 */
  take(bytes: number): void {
    if (this.#bytes + bytes > this.#maxBytes)
      throw new SqlError(
        SQLSTATE.outOfMemory,
        `prepared statements and portals may hold ${this.#maxBytes} bytes in a session`,
        { hint: 'Close what is not used any more.' },
      );
    this.#bytes += bytes;
  }

  give(bytes: number): void {
    this.#bytes -= bytes;
  }
}

/** The portals and cursors of one connection. They share their names. */
export class Portals {
  readonly #portals = new Map<string, Portal>();
  readonly #holding: Holding;
  readonly #limits: Limits;

  constructor(holding: Holding, limits: Limits) {
    this.#holding = holding;
    this.#limits = limits;
  }

  get(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  /** @throws {SqlError} 34000 */
  find(name: string, what: 'portal' | 'cursor'): Portal {
    const portal = this.#portals.get(name);
    if (portal === undefined)
      throw new SqlError(SQLSTATE.invalidCursorName, `${what} "${name}" does not exist`);
    return portal;
  }

  /** Whether anything of a backend may be open between two requests. */
  get holdsAny(): boolean {
    for (const { running } of this.#portals.values()) if (running?.rows != null) return true;
    return false;
  }

  /** Takes the place of the unnamed one; any other name is free once. */
  async add(portal: Portal): Promise<void> {
    if (portal.name === '') await this.close('');
    else if (this.#portals.has(portal.name))
      throw new SqlError(SQLSTATE.duplicateCursor, `cursor "${portal.name}" already exists`);
    if (this.#portals.size >= this.#limits.maxPortals)
      throw new SqlError(
        SQLSTATE.configurationLimitExceeded,
        `at most ${this.#limits.maxPortals} portals and cursors may be open in a session`,
        { hint: 'Close what is not used any more.' },
      );
    this.#holding.take(portal.bytes);
    const { prepared } = portal;
    if (prepared.kind === 'query' || prepared.kind === 'declare') prepared.shared.retain();
    this.#portals.set(portal.name, portal);
  }

  async close(name: string): Promise<void> {
    const portal = this.#portals.get(name);
    if (portal === undefined) return;
    this.#portals.delete(name);
    this.#holding.give(portal.bytes);
    await closeRows(portal);
    await closePrepared(portal.prepared);
  }

  /** Those that end with a transaction, or with a session; not the one that is just being executed. */
  async closeAll(which: 'those that are not held' | 'all', executing?: Portal): Promise<void> {
    for (const portal of [...this.#portals.values()])
      if (portal !== executing && (which === 'all' || !portal.isHeld)) await this.close(portal.name);
  }
}

/** Lets the backend let go of a result. That it fails to changes nothing: nobody waits for those rows. */
export async function closeRows({ running, controller }: Portal): Promise<void> {
  try {
    await running?.rows?.close();
  } catch {
    controller.abort();
  }
}
