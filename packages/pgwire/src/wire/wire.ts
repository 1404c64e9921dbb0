import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { type SecureContext, TLSSocket } from 'node:tls';
import { brokenProtocol, SQLSTATE, SqlError } from '../errors.ts';
import type { Limits } from '../limits.ts';
import { type Frame, FrameReader, type FrameRule } from './frames.ts';
import { Outgoing } from './outgoing.ts';

/** Rows leave in pieces of this size: large enough to be few, small enough for the first ones to be early. */
const PIECE_BYTES = 65_536;
/** What the platform reads in one go; it may come on top of what was asked for. */
const READ_BYTES = 65_536;
/** A backend that is never out of rows, and a client as fast, would otherwise keep all others waiting. */
const BYTES_PER_TURN = 1_048_576;

/** How long to wait for the next message, and what it means when none comes. */
export interface Patience {
  readonly timeoutMs: number;
  readonly error: () => SqlError;
}

/**
 * One connection to a client, from its first byte to its last: messages in, bytes out, encryption in between. It keeps
 * reading while a statement runs, as far as its bound allows, because the end of the stream is all that tells that
 * the client has gone.
 */
export class Wire {
  readonly out = new Outgoing();
  readonly #limits: Limits;
  #socket: Socket;
  #frames = new FrameReader();
  #aheadBytes: number;
  #isEnded = false;
  #isHandshaking = false;
  #failure: SqlError | undefined;
  #needsDrain = false;
  #turnBytes = 0;
  #wake: () => void = () => {};
  #onGone: () => void = () => {};

  constructor(socket: Socket, limits: Limits) {
    this.#limits = limits;
    this.#socket = socket;
    this.#aheadBytes = limits.startupBytes;
    this.#attach(socket);
  }

  get remoteAddress(): string | undefined {
    return this.#socket.remoteAddress;
  }

  /** The encrypted stream, once there is one. */
  get tls(): TLSSocket | undefined {
    return this.#socket instanceof TLSSocket ? this.#socket : undefined;
  }

  /** Whether bytes have come that no message has been made of yet. */
  get hasUnread(): boolean {
    return this.#frames.bufferedBytes > 0 || this.#socket.readableLength > 0;
  }

  /** Called once, when nothing can be said to the client any more, or it has said its last word. */
  onGone(listener: () => void): void {
    this.#onGone = listener;
  }

  /** From now on messages may be as large as those of a session. */
  allowLargeMessages(): void {
    this.#aheadBytes = this.#limits.messageBytes;
  }

  /** No message is waited for any more: whoever does, or will, gets this error. */
  fail(error: SqlError): void {
    this.#failure ??= error;
    this.#wake();
  }

  /**
   * The next message, or `undefined` when the client has said its last.
   *
   * @throws {SqlError} FATAL, for what may not come, when patience ends, or as `fail` was told
   */
  async next(rule: FrameRule, patience?: Patience): Promise<Frame | undefined> {
    let timer: NodeJS.Timeout | undefined;
    try {
      while (true) {
        if (this.#failure !== undefined) throw this.#failure;
        const frame = this.#socket.destroyed ? undefined : this.#frames.next(rule);
        if (frame !== undefined) {
          this.#read();
          return frame;
        }
        if (this.#isEnded) return undefined;
        this.#read();
        if (patience !== undefined && patience.timeoutMs > 0)
          timer ??= setTimeout(() => this.fail(patience.error()), patience.timeoutMs);
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  /** Hands what has been written over to the network. */
  flush(): void {
    if (this.out.length === 0) return;
    const bytes = this.out.take();
    this.#turnBytes += bytes.length;
    if (this.#socket.writable && !this.#socket.write(bytes)) this.#needsDrain = true;
  }

  /** Whether so much has been written that `relieve` should be called before more is. */
  get isFull(): boolean {
    return this.out.length >= PIECE_BYTES;
  }

  /**
   * Sends what is there and waits until the client has taken enough of it, so that a slow reader slows its query down
   * instead of filling the memory.
   */
  async relieve(signal: AbortSignal): Promise<void> {
    this.flush();
    if (this.#needsDrain && this.#socket.writableLength > this.#limits.outboundBytes)
      await this.#drained(signal);
    if (this.#turnBytes >= BYTES_PER_TURN) {
      this.#turnBytes = 0;
      await nextTurn();
    }
  }

  /**
   * Goes on encrypted (54.2.10, "SSL Session Encryption"). Whatever was sent in the clear after the request could have
   * been put there by anybody, and would be taken for something said under encryption.
   */
  async encrypt(context: SecureContext): Promise<void> {
    if (this.hasUnread) throw brokenProtocol('received unencrypted data after SSL request');
    const plain = this.#socket;
    this.#detach(plain);
    this.#isHandshaking = true;
    const secured = new TLSSocket(plain, {
      isServer: true,
      secureContext: context,
      // Nobody can be led here who meant to speak another protocol.
      ALPNProtocols: ['postgresql'],
    });
    secured.on('error', this.#onError);
    plain.on('error', this.#onError);
    this.#socket = secured;
    this.#frames = new FrameReader();
    await new Promise<void>((resolve, reject) => {
      const lost = (cause?: unknown): void => {
        reject(
          new SqlError(SQLSTATE.connectionFailure, 'TLS handshake failed', { severity: 'FATAL', cause }),
        );
      };
      secured.once('secure', resolve);
      secured.once('error', lost);
      secured.once('close', () => lost());
      this.#wake = () => lost(this.#failure);
      if (this.#failure !== undefined) lost(this.#failure);
    });
    this.#isHandshaking = false;
    this.#attach(secured);
  }

  /** Says the last things and ends the connection; resolves when nothing of it is left. */
  async close(): Promise<void> {
    const socket = this.#socket;
    if (this.#isHandshaking) socket.destroy();
    else {
      this.flush();
      this.#detach(socket);
      // What still comes is read and dropped: unread bytes would make the system discard our last message.
      socket.on('error', () => {}).resume();
      if (!socket.destroyed) socket.end();
    }
    if (socket.closed) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => socket.destroy(), this.#limits.lingerMs);
      // The other side has no more to say, either.
      socket.once('end', () => socket.destroySoon());
      if (this.#isEnded) socket.destroySoon();
      socket.once('close', () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  #attach(socket: Socket): void {
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('close', this.#onEnd)
      .on('error', this.#onError);
    socket.on('drain', this.#onDrain);
  }

  #detach(socket: Socket): void {
    socket.pause();
    socket
      .off('data', this.#onData)
      .off('end', this.#onEnd)
      .off('close', this.#onEnd)
      .off('error', this.#onError);
    socket.off('drain', this.#onDrain);
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#frames.push(chunk);
    if (this.#frames.bufferedBytes > this.#aheadBytes + READ_BYTES) this.#socket.pause();
    this.#wake();
  };

  readonly #onEnd = (): void => {
    if (!this.#isEnded) {
      this.#isEnded = true;
      this.#onGone();
    }
    this.#wake();
  };

  /** A connection that breaks is closed next, which says all there is to say. */
  readonly #onError = (): void => {};

  readonly #onDrain = (): void => {
    this.#needsDrain = false;
    this.#wake();
  };

  #read(): void {
    if (this.#socket.isPaused() && this.#frames.bufferedBytes <= this.#aheadBytes + READ_BYTES)
      this.#socket.resume();
  }

  async #drained(signal: AbortSignal): Promise<void> {
    const stalled = setTimeout(() => this.#socket.destroy(), this.#limits.stalledClientTimeoutMs);
    const wake = (): void => this.#wake();
    signal.addEventListener('abort', wake);
    try {
      while (this.#needsDrain && !this.#socket.destroyed) {
        if (signal.aborted) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(stalled);
      signal.removeEventListener('abort', wake);
    }
  }
}
