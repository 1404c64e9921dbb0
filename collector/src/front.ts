import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { CheckNews, CheckQuestion, CheckReply } from './api/check-messages.ts';
import { SpanledgerError } from './errors.ts';
import type { FromFront, FrontStart, ToFront } from './messages.ts';

export interface FrontOptions {
  readonly start: FrontStart;
  readonly ask: (id: number, question: CheckQuestion) => void;
  readonly forget: (customers: readonly string[]) => void;
  readonly log: Logger;
}

const RESTART_AFTER_MS = 100;
/** Fifty thousand customers of whom checks ask are some 50 MB. */
const MAX_HEAP_MIB = 512;

/** The thread that serves the API, as the main process sees it: should it end, another one takes its place. */
export class Front {
  readonly #options: FrontOptions;
  #thread: Worker;
  #configText: string | null;
  #ledgerPort: number | null = null;
  /** Null: it does not listen yet. */
  #port: number | null = null;
  #isClosing = false;

  /** Begins to load what it needs. */
  constructor(options: FrontOptions) {
    this.#options = options;
    this.#configText = options.start.configText;
    this.#thread = this.#start();
  }

  /**
   * Begins to listen; returns the port.
   *
   * @throws {SpanledgerError} SL_PORT_IN_USE
   */
  async listen(): Promise<number> {
    const thread = this.#thread;
    const listening = Promise.withResolvers<number>();
    thread.on('message', (message: FromFront) => {
      if (message.type === 'listening') listening.resolve(message.port);
      if (message.type === 'failed') listening.reject(new SpanledgerError(message.code, message.message));
    });
    thread.once('error', listening.reject);
    thread.once('exit', () => listening.reject(new Error('the thread of the API ended while starting')));
    this.#send({ type: 'listen', port: this.#port });
    this.#port = await listening.promise;
    return this.#port;
  }

  hearReply(id: number, reply: CheckReply): void {
    this.#send({ type: 'reply', id, reply });
  }

  hearNews(news: CheckNews): void {
    this.#send({ type: 'news', news });
  }

  /** Where the ledger process serves what the thread hands on; null: it is being started. */
  ledgerAt(port: number | null): void {
    this.#ledgerPort = port;
    this.#send({ type: 'ledger', port });
  }

  reload(configText: string | null): void {
    this.#configText = configText;
    this.#send({ type: 'reload', configText });
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    if (this.#thread.threadId < 0) return; // it has ended
    const ended = once(this.#thread, 'exit');
    this.#send({ type: 'close' });
    await ended;
  }

  #start(): Worker {
    const { start, ask, forget, log } = this.#options;
    const thread = new Worker(new URL('./front-thread.ts', import.meta.url), {
      name: 'api',
      workerData: { ...start, configText: this.#configText } satisfies FrontStart,
      resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB },
    });
    // Both ends are ours; the channel carries nothing else.
    thread.on('message', (message: FromFront) => {
      if (message.type === 'ask') ask(message.id, message.question);
      if (message.type === 'forget') forget(message.customers);
    });
    thread.once('error', (error) => log.error({ err: error }, 'the thread of the API has failed'));
    thread.once('exit', () => {
      // Whoever waits for the first one to listen is told.
      if (!this.#isClosing && this.#port !== null) void this.#restart();
    });
    return thread;
  }

  async #restart(): Promise<void> {
    const { log } = this.#options;
    log.error('the thread of the API has ended; another one is started, spans are still accepted');
    await delay(RESTART_AFTER_MS);
    if (this.#isClosing) return;
    this.#thread = this.#start();
    this.ledgerAt(this.#ledgerPort);
    // It may end again: then `exit` starts the next one.
    await this.listen().catch((error: unknown) => log.error({ err: error }, 'the API does not listen'));
  }

  #send(message: ToFront): void {
    this.#thread.postMessage(message);
  }
}
