import type { DuckDBInstance } from '@duckdb/node-api';
import { pastLimit, ReaderError } from './errors.ts';
import { READER_LIMITS, type ReaderLimits } from './limits.ts';
import { MemoryFence, type MemoryFenceOptions } from './memory-fence.ts';
import { Places } from './places.ts';
import type { Reach } from './reach.ts';
import { ReadingConnection } from './reading-connection.ts';
import { ReadyStatements } from './ready-statements.ts';
import {
  type ClientCatalogue,
  type ConnectedClient,
  type OfferedViews,
  type Reader,
  ROLES,
  type Role,
  reachOf,
  readOfferedViews,
} from './roles.ts';
import { ReaderSession } from './session.ts';
import { StatementCounts } from './statement-counts.ts';

export interface ReadersOptions {
  readonly limits?: Partial<Readonly<Record<Role, ReaderLimits>>>;
  /** Statements of all roles at once. */
  readonly maxConcurrent?: number;
  /** What clients that are connected ask about what there is. */
  readonly catalogue?: ClientCatalogue;
  /** For how long from now nothing is run. */
  readonly pauseMs?: number;
  /** What statements of readers may take of the engine's memory at once; without it there is no bound but the engine's. */
  readonly memory?: MemoryFenceOptions;
  /** The engine works on a statement long after its time: nothing but the end of the process will stop it. */
  readonly onOverdue?: (overdue: OverdueStatement) => void;
}

/** Who sent it, and the beginning of its text. */
export interface OverdueStatement {
  readonly role: Role;
  readonly sql: string;
}

export interface SessionOptions {
  /** Whether statements wait for their turn, or are refused at once when as many as allowed are running. */
  readonly whenBusy?: 'wait' | 'refuse';
  /** Limits of this session alone, instead of those that it shares with others of its role. */
  readonly limits?: ReaderLimits;
  /** A client that is connected: it has the catalogue in reach, where functions such as `current_user` tell of it. */
  readonly client?: ConnectedClient;
}

/**
 * Of the sixteen threads that the ledger process has for what is slow, four are left to commits and files whatever is
 * read.
 */
const MAX_CONCURRENT = 12;

/** Enough of a statement to find out whose it was. */
const SQL_TOLD_CHARACTERS = 1000;

/** Everybody who reads the ledger by statements of their own: who may begin, how many at once, with what in reach. */
export class Readers {
  readonly #instance: DuckDBInstance;
  readonly #views: OfferedViews;
  readonly #options: ReadersOptions;
  readonly #all: Places;
  readonly #roles: ReadonlyMap<Role, RoleState>;
  readonly #pausedUntilMs: number;
  readonly #fence: MemoryFence | null;
  readonly #ready = new ReadyStatements();
  /** Of all sessions. */
  readonly counts = new StatementCounts();

  private constructor(instance: DuckDBInstance, views: OfferedViews, options: ReadersOptions) {
    this.#instance = instance;
    this.#views = views;
    this.#options = options;
    this.#fence = options.memory === undefined ? null : new MemoryFence(instance, options.memory);
    this.#pausedUntilMs = performance.now() + (options.pauseMs ?? 0);
    this.#all = new Places(options.maxConcurrent ?? MAX_CONCURRENT);
    this.#roles = new Map(
      ROLES.map((role) => {
        const limits = options.limits?.[role] ?? READER_LIMITS[role];
        return [
          role,
          {
            limits,
            reach: reachOf(role, views),
            clientReach: reachOf(role, views, options.catalogue),
            places: new Places(limits.maxConcurrent),
            sessions: 0,
          },
        ];
      }),
    );
  }

  static async open(instance: DuckDBInstance, options: ReadersOptions = {}): Promise<Readers> {
    const connection = await instance.connect();
    try {
      return new Readers(instance, await readOfferedViews(connection), options);
    } finally {
      connection.closeSync();
    }
  }

  /** Sessions may be opened, but their statements are refused. */
  get isPaused(): boolean {
    return performance.now() < this.#pausedUntilMs;
  }

  /**
   * @throws {ReaderError} SL_QUERY_BUSY: the role has as many sessions as it may have
   */
  openSession(
    reader: Reader,
    { whenBusy = 'wait', limits: ownLimits, client }: SessionOptions = {},
  ): ReaderSession {
    const role =
      ownLimits === undefined ? this.#stateOf(reader.role) : this.#ownState(reader.role, ownLimits);
    const { limits } = role;
    if (role.sessions >= limits.maxSessions) {
      throw new ReaderError(
        'SL_QUERY_BUSY',
        'tooManyConnections',
        `${role.sessions} sessions of the role ${reader.role} are open, the most at once is ${limits.maxSessions}.`,
      );
    }
    role.sessions++;
    return new ReaderSession({
      reach: client === undefined ? role.reach : role.clientReach,
      limits,
      tellsValues: reader.role !== 'customer',
      connect: () =>
        ReadingConnection.open(this.#instance, reader, {
          views: this.#views,
          client: client ?? null,
          pathBehind: client === undefined ? [] : pathOf(this.#options.catalogue),
        }),
      takePlace: (signal, goesOn) => this.#takePlace(role, goesOn ? 'wait' : whenBusy, signal),
      onClose: () => {
        role.sessions--;
      },
      fence: this.#fence,
      ready: this.#ready,
      counts: this.counts,
      onOverdue: (sql) =>
        this.#options.onOverdue?.({ role: reader.role, sql: sql.slice(0, SQL_TOLD_CHARACTERS) }),
    });
  }

  /** One of the role first: who waits for that does not keep others from theirs. */
  async #takePlace(role: RoleState, whenBusy: 'wait' | 'refuse', signal: AbortSignal): Promise<() => void> {
    this.#expectNoPause();
    const taken: Places[] = [];
    for (const places of [role.places, this.#all]) {
      const isTaken = places.takeNow() || (whenBusy === 'wait' && (await waitFor(places, role, signal)));
      if (isTaken) {
        taken.push(places);
        continue;
      }
      for (const one of taken) one.giveBack();
      if (signal.aborted) throw pastLimit('queryCanceled', 'The query was cancelled before it began.');
      throw new ReaderError(
        'SL_QUERY_BUSY',
        'tooManyConnections',
        `${places.count} queries are running already, the most at once is ${places.count}; try again shortly.`,
      );
    }
    return () => {
      for (const one of taken) one.giveBack();
    };
  }

  #expectNoPause(): void {
    if (!this.isPaused) return;
    const seconds = Math.ceil((this.#pausedUntilMs - performance.now()) / 1000);
    throw new ReaderError(
      'SL_QUERY_PAUSED',
      'cannotConnectNow',
      `Nobody may query for another ${seconds} s: the ledger process has ended several times while it was read, ` +
        'and posts what waits. If you have sent a statement that never was answered, do not send it again.',
    );
  }

  #ownState(role: Role, limits: ReaderLimits): RoleState {
    const { reach, clientReach } = this.#stateOf(role);
    return {
      limits,
      reach,
      clientReach,
      places: new Places(limits.maxConcurrent),
      sessions: 0,
    };
  }

  #stateOf(role: Role): RoleState {
    const state = this.#roles.get(role);
    if (state === undefined) throw new Error(`there is no role ${role}`);
    return state;
  }
}

/** The schemas of the catalogue in which names are looked for that no view has. */
function pathOf(catalogue: ClientCatalogue | undefined): readonly string[] {
  const schemas = catalogue?.schemas ?? [];
  return schemas.filter(({ isOnPath }) => isOnPath).map(({ catalog, schema }) => `${catalog}.${schema}`);
}

/** No longer than a statement of the role may run, which is what it waits for. */
function waitFor(places: Places, { limits }: RoleState, signal: AbortSignal): Promise<boolean> {
  return places.take(AbortSignal.any([signal, AbortSignal.timeout(limits.timeoutMs)]));
}

interface RoleState {
  readonly limits: ReaderLimits;
  readonly reach: Reach;
  readonly clientReach: Reach;
  readonly places: Places;
  sessions: number;
}
