import { internalError, SQLSTATE, SqlError } from '../errors.ts';

/**
 * What can stop a statement from outside: the client's cancel request, its absence, a timeout, the end of the server.
 * A connection does one thing at a time, so there is one thing at most to stop.
 */
export class Interrupts {
  #running: AbortController | undefined;
  #ending: SqlError | undefined;

  /** The client has asked to stop (54.2.8, "Canceling Requests in Progress"). Between statements that is nothing. */
  cancel(): void {
    this.#running?.abort(new SqlError(SQLSTATE.queryCanceled, 'canceling statement due to user request'));
  }

  /** Nothing runs on this connection any more. */
  end(reason: SqlError): void {
    this.#ending ??= reason;
    this.#running?.abort(reason);
  }

  /**
   * Does what `controller` stops, and says why it was stopped if it was, whatever the work itself made of it.
   *
   * @param timeoutMs 0 for none
   */
  async during<T>(controller: AbortController, timeoutMs: number, work: () => Promise<T>): Promise<T> {
    if (this.#ending !== undefined) controller.abort(this.#ending);
    const { signal } = controller;
    if (signal.aborted) throw reasonOf(signal);
    this.#running = controller;
    const timer =
      timeoutMs > 0
        ? setTimeout(() => {
            controller.abort(
              new SqlError(SQLSTATE.queryCanceled, 'canceling statement due to statement timeout'),
            );
          }, timeoutMs)
        : undefined;
    try {
      const result = await work();
      if (signal.aborted) throw reasonOf(signal);
      return result;
    } catch (error) {
      throw signal.aborted ? reasonOf(signal) : error;
    } finally {
      clearTimeout(timer);
      this.#running = undefined;
    }
  }
}

function reasonOf(signal: AbortSignal): SqlError {
  return signal.reason instanceof SqlError ? signal.reason : internalError(signal.reason);
}
