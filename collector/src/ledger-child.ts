import { availableParallelism } from 'node:os';
import { setTimeout as delay } from 'node:timers/promises';
import type { CheckNews, CheckReply } from './api/check-messages.ts';
import { SpanledgerError } from './errors.ts';
import { comparePositions, type JournalPosition } from './journal/index.ts';
import { machineBytes, memoryBounds } from './memory-bounds.ts';
import type { FromLedger, ToLedger } from './messages.ts';
import { ReadingPause } from './reading-pause.ts';
import type { ServiceOptions } from './service.ts';
import { type ChildEnd, type EndReason, Supervisor } from './supervisor.ts';

/**
 * Running queries hold threads of the libuv pool, and commits wait behind them: with the default of 4, four dashboards
 * stopped a commit for 2.7 s. Must be set before Node starts.
 */
const THREAD_POOL = '16';

/**
 * Threads with which V8 collects the garbage of the ledger process. With its default of four on two cores, each
 * collection holds up everything else on the machine; `npm start` gives the main process, which has little, one.
 */
const GARBAGE_THREADS = Math.min(4, Math.max(1, availableParallelism() - 1));

/** What ties the ledger process to the journal: it is told how far that is, and tells how far it got. */
export interface JournalTies {
  readonly durableEnd: () => JournalPosition;
  readonly committed: (position: JournalPosition) => void;
}

/** What ties it to the front, which answers checks by what the ledger process tells, and hands all else on to it. */
export interface FrontTies {
  hearReply(id: number, reply: CheckReply): void;
  hearNews(news: CheckNews): void;
  /** Null: it has ended, and another one is started. */
  ledgerAt(port: number | null): void;
}

/** The ledger process as the main process sees it, through any number of restarts. */
export class LedgerChild {
  private readonly options: ServiceOptions;
  private readonly supervisor: Supervisor;
  private readonly firstReady = Promise.withResolvers<void>();
  private create: boolean;
  private configText: string | null;
  private position: JournalPosition | null = null;
  private port: number | null = null;
  /** Clients come back to the port where they were. */
  private sqlPortOnce: number | null = null;
  private wasReady = false;
  private journal: JournalTies | null = null;
  private front: FrontTies | null = null;
  private fatal: SpanledgerError | null = null;
  private isDraining = false;
  private isReady = false;
  private readonly pause = new ReadingPause(() => performance.now());
  readonly ends: Record<EndReason, number> = { memory: 0, overdue: 0, killed: 0, exit: 0 };
  private readonly drained = Promise.withResolvers<void>();

  constructor(options: ServiceOptions, create: boolean) {
    this.options = options;
    this.create = create;
    this.configText = options.configText;
    const { maxRssBytes, engineBytes, lowered } = memoryBounds(options.config.store, machineBytes());
    if (lowered.length > 0) {
      options.log.warn(
        { lowered, maxRssBytes, engineBytes },
        'the memory of this machine is small for the settings of the store; smaller bounds hold for the ledger process',
      );
    }
    this.supervisor = new Supervisor({
      ...options.ledgerProgram,
      execArgv: [...options.ledgerProgram.execArgv, `--v8-pool-size=${GARBAGE_THREADS}`],
      environment: { ...options.environment, UV_THREADPOOL_SIZE: THREAD_POOL },
      maxRssBytes,
      onStart: () => this.begin(),
      // Both ends are ours; the channel carries nothing else.
      onMessage: (message) => this.hear(message as FromLedger),
      onEnd: (end) => this.ended(end),
    });
  }

  get restarts(): number {
    return this.supervisor.restarts;
  }

  /** @throws {SpanledgerError} what the ledger process said when it could not start for the first time */
  ready(): Promise<void> {
    return this.firstReady.promise;
  }

  /** Where clients of PostgreSQL are listened for, once it was ready. */
  get sqlPort(): number {
    if (this.sqlPortOnce === null) throw new Error('the ledger process has not been ready yet');
    return this.sqlPortOnce;
  }

  /**
   * A ledger that is ahead of the journal has followed another one, and would wait for ever for this one to catch up.
   *
   * @throws {SpanledgerError} SL_JOURNAL_MISMATCH
   */
  assertFollows(durableEnd: JournalPosition): void {
    const { position } = this;
    if (position === null || comparePositions(position, durableEnd) <= 0) return;
    throw new SpanledgerError(
      'SL_JOURNAL_MISMATCH',
      `The ledger has posted up to ${position.segment}:${position.offset}, but the journal ends at ` +
        `${durableEnd.segment}:${durableEnd.offset}. They are not of one data directory, or the clock went back: ` +
        'restore both from one backup, or set the clock right.',
    );
  }

  followJournal(journal: JournalTies): void {
    this.journal = journal;
    this.repeatCommitted();
    this.send({ type: 'durable', end: journal.durableEnd() });
  }

  serveBehind(front: FrontTies): void {
    this.front = front;
    front.ledgerAt(this.port);
  }

  /** Tells the journal once more how far the ledger is. */
  repeatCommitted(): void {
    if (this.position !== null) this.journal?.committed(this.position);
  }

  /** Also what every later process starts with. */
  reload(configText: string | null): void {
    this.configText = configText;
    this.send({ type: 'reload', configText });
  }

  send(message: ToLedger): void {
    this.supervisor.send(message);
  }

  stop(graceMs: number): Promise<boolean> {
    return this.supervisor.stop(graceMs);
  }

  /**
   * Lets it post all that is durable, and end. A process that dies meanwhile, or that is just being started again, is
   * given what is left of the time too. Resolves with whether everything is posted.
   */
  async drain(graceMs: number): Promise<boolean> {
    this.isDraining = true;
    this.tellToDrain();
    const ended = this.drained.promise.then(() => true);
    const isDrained = await Promise.race([ended, delay(graceMs, false, { ref: false })]);
    await this.supervisor.stop(0);
    return isDrained;
  }

  private tellToDrain(): void {
    if (this.journal !== null) this.send({ type: 'durable', end: this.journal.durableEnd() });
    this.send({ type: 'drain' });
  }

  private begin(): void {
    // After the constructor: the supervisor starts its child while it is made.
    queueMicrotask(() => {
      this.send({
        type: 'start',
        configText: this.configText,
        environment: this.options.environment,
        create: this.create,
        durableEnd: this.journal?.durableEnd() ?? null,
        sqlPort: this.sqlPortOnce,
        readingPauseMs: this.pause.remainingMs,
      });
    });
  }

  private hear(message: FromLedger): void {
    switch (message.type) {
      case 'ready':
        this.create = false;
        this.position = message.position;
        this.port = message.apiPort;
        this.sqlPortOnce = message.sqlPort;
        this.fatal = null;
        // What became durable while it was starting.
        if (this.journal !== null) this.send({ type: 'durable', end: this.journal.durableEnd() });
        if (this.isDraining) this.tellToDrain();
        this.front?.ledgerAt(message.apiPort);
        this.wasReady = true;
        this.isReady = true;
        this.firstReady.resolve();
        return;
      case 'reply':
        this.front?.hearReply(message.id, message.reply);
        return;
      case 'news':
        this.front?.hearNews(message.news);
        return;
      case 'committed':
        this.position = message.position;
        this.journal?.committed(message.position);
        return;
      case 'overdue':
        this.supervisor.end('overdue');
        return;
      case 'fatal':
        this.fatal = new SpanledgerError(message.code, message.message);
        return;
    }
  }

  private ended({ pid, reason, exitCode, signal, residentBytes, restartInMs }: ChildEnd): void {
    this.port = null;
    const wasReady = this.isReady;
    this.isReady = false;
    this.front?.ledgerAt(null);
    if (!this.wasReady) {
      this.firstReady.reject(
        this.fatal ??
          new SpanledgerError(
            'SL_INTERNAL',
            `The ledger process ended while starting (${signal ?? `exit code ${exitCode}`}).`,
          ),
      );
      return;
    }
    if (this.isDraining && exitCode === 0) {
      this.drained.resolve();
      return;
    }
    if (restartInMs === null) return;
    this.ends[reason]++;
    // Before it is ready it answers nobody.
    if (wasReady) this.pause.noteEnd();
    const readingPauseMs = Math.round(this.pause.remainingMs);
    this.options.log.error(
      {
        pid,
        reason,
        exitCode,
        signal,
        residentBytes,
        restartInMs,
        readingPauseMs,
        err: this.fatal ?? undefined,
      },
      `${END_SENTENCES[reason]}; it is started again, requests are still accepted`,
    );
  }
}

const END_SENTENCES: Readonly<Record<EndReason, string>> = {
  memory:
    'the ledger process was ended because it had grown past its bound, mostly for a statement of a reader',
  overdue: 'the ledger process was ended because a statement of a reader did not end',
  killed: 'the ledger process was ended by somebody else or by a fault',
  exit: 'the ledger process ended',
};
