import { type Callable, field, isCallable, isObject } from '../shape.ts';
import { warnOnce } from '../warn.ts';
import type { MeteredCall } from './metered-call.ts';
import type { Surface } from './reading.ts';
import { undoRequest } from './stream-usage.ts';

/** Streams already watched: in openai 5 and 6 a stream passes by twice on its way through a helper. */
const watched = new WeakSet<object>();

/** Gives our iterators what every asynchronous generator has, `Symbol.asyncDispose` included. */
const asyncIteratorPrototype: object = [1, 2, 3].reduce<object>(
  (prototype) => Object.getPrototypeOf(prototype),
  (async function* () {})(),
);

/**
 * Watches an SDK stream by replacing the instance's `iterator`, the one source that `for await`, `tee()` and
 * `toReadableStream()` all draw from. The stream object stays the SDK's.
 *
 * Returns false when `body` is no such stream.
 */
export function observeStream(
  body: unknown,
  call: MeteredCall,
  surface: Surface,
  hideUsage: boolean,
): boolean {
  if (!isObject(body)) return false;
  const iterator = field(body, 'iterator');
  if (!isCallable(iterator) || !isCallable(field(body, Symbol.asyncIterator))) return false;
  if (watched.has(body)) return true;
  watched.add(body);
  unread.register(body, call);
  const isAborted = (): boolean => field(body, 'controller', 'signal', 'aborted') === true;
  let isFirst = true;
  Reflect.set(body, 'iterator', function watchedIterator(this: unknown) {
    const source = Reflect.apply(iterator, body, []);
    // A second iteration is the SDK's error to raise, and must not disturb what the first one told us.
    if (!isFirst) return source;
    isFirst = false;
    reading.add(call);
    return watchIterator(source, call, surface, hideUsage, isAborted);
  });
  return true;
}

const reading = new WeakSet<MeteredCall>();
/** A stream that is collected without ever having been iterated takes its call with it. */
const unread = new FinalizationRegistry<MeteredCall>((call) => {
  if (!reading.has(call)) call.abandon();
});

function watchIterator(
  source: unknown,
  call: MeteredCall,
  surface: Surface,
  hideUsage: boolean,
  isAborted: () => boolean,
): unknown {
  const next = field(source, 'next');
  if (!isCallable(next)) return source;

  const show = (chunk: unknown): boolean => {
    try {
      call.event(surface.readEvent(chunk));
      return !hideUsage || undoRequest(chunk) === 'show';
    } catch (error) {
      warnOnce('openai.chunk', 'could not read a chunk of a stream', error);
      return true;
    }
  };

  const step = async (method: Callable, args: unknown[]): Promise<unknown> => {
    try {
      for (;;) {
        const result = await Reflect.apply(method, source, args);
        if (field(result, 'done') === true) {
          call.finish(isAborted());
          return result;
        }
        if (show(field(result, 'value'))) return result;
      }
    } catch (error) {
      call.fail(error);
      throw error;
    }
  };

  const watchedSource: object = Object.create(asyncIteratorPrototype);
  define(watchedSource, 'next', (...args) => step(next, args));
  for (const name of ['return', 'throw']) {
    const method = field(source, name);
    if (!isCallable(method)) continue;
    define(watchedSource, name, (...args) => {
      // Before, not after: giving up on a stream may wait for the connection, the span need not.
      if (name === 'throw') call.fail(args[0]);
      else call.abandon();
      return Reflect.apply(method, source, args);
    });
  }
  return watchedSource;
}

function define(target: object, name: string, method: Callable): void {
  Reflect.defineProperty(target, name, { value: method, configurable: true, writable: true });
}
