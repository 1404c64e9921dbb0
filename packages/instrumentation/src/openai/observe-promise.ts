import { type Callable, field, isCallable, isObject, replaceProperty } from '../shape.ts';
import { warnOnce } from '../warn.ts';
import type { MeteredCall } from './metered-call.ts';
import { observeResponse } from './observe-response.ts';
import { observeStream } from './observe-stream.ts';
import type { Surface } from './reading.ts';
import type { UsageRequest } from './stream-usage.ts';

/** One call, seen from the promise that `create()` returned. */
export interface Observation {
  readonly call: MeteredCall;
  readonly surface: Surface;
  readonly usageRequest: UsageRequest | undefined;
}

/**
 * The promise of a call and those derived from it share one keeper. When the last of them is collected nobody can read
 * the answer any more, and the call ends.
 */
const keepers = new WeakMap<object, object>();
const abandoned = new FinalizationRegistry<MeteredCall>((call) => {
  if (!call.isBodyTaken) call.abandon();
});

/**
 * Watches the SDK's own `APIPromise` and leaves it the SDK's own: the body is parsed lazily, once, by whichever of
 * `await`, `withResponse()`, `asResponse()` or a helper's `_thenUnwrap` asks first, and any `.then()` of ours would
 * be that first. So the instance's methods are wrapped, and nothing is asked.
 *
 * Returns false when the value is not shaped like such a promise, and then has not touched it.
 */
export function observePromise(promise: unknown, observation: Observation): boolean {
  const keeper = {};
  if (!watch(promise, observation, keeper)) return false;
  abandoned.register(keeper, observation.call);
  return true;
}

function watch(promise: unknown, observation: Observation, keeper: object): boolean {
  if (!isObject(promise)) return false;
  const parse = field(promise, 'parse');
  const parseResponse = field(promise, 'parseResponse');
  const thenUnwrap = field(promise, '_thenUnwrap');
  const asResponse = field(promise, 'asResponse');
  if (!isCallable(parse) || !isCallable(parseResponse)) return false;
  const { call } = observation;
  keepers.set(promise, keeper);

  // Only when someone waits for the result do we look at its rejection: looking marks it as handled, and an error
  // that nobody handles must surface exactly as it does without us.
  let isWatched = false;
  replaceProperty(promise, 'parse', () => {
    call.takeBody();
    const parsed = Reflect.apply(parse, promise, []);
    if (!isWatched) {
      isWatched = true;
      onRejection(parsed, (error) => call.fail(error));
    }
    return parsed;
  });

  replaceProperty(promise, 'parseResponse', async (...args: unknown[]) => {
    const body = await Reflect.apply(parseResponse, promise, args);
    observeBody(body, observation);
    return body;
  });

  if (isCallable(thenUnwrap)) {
    // openai 7 gives each promise its own `_thenUnwrap`, which goes around `parseResponse`; 5 and 6 go through it.
    replaceProperty(promise, '_thenUnwrap', (transform: Callable) => {
      const seen = (body: unknown, ...rest: unknown[]) => {
        observeBody(body, observation);
        return transform(body, ...rest);
      };
      const derived = Reflect.apply(thenUnwrap, promise, [seen]);
      watch(derived, observation, keeper);
      return derived;
    });
  }

  if (isCallable(asResponse)) {
    replaceProperty(promise, 'asResponse', () => {
      const response = Reflect.apply(asResponse, promise, []);
      // Beside a parse in progress (`withResponse()` of openai 5 and 6) the body belongs to the SDK.
      if (call.isBodyTaken || !(response instanceof Promise)) return response;
      observation.usageRequest?.withdraw();
      call.takeBody();
      return response.then(
        (raw: unknown) => {
          observeResponse(raw, observation);
          return raw;
        },
        (error: unknown) => {
          call.fail(error);
          throw error;
        },
      );
    });
  }
  return true;
}

function observeBody(body: unknown, { call, surface, usageRequest }: Observation): void {
  try {
    if (observeStream(body, call, surface, usageRequest !== undefined)) return;
    call.answer(surface.readResult(body));
  } catch (error) {
    warnOnce('openai.body', 'could not read the usage of an answer', error);
    call.abandon();
  }
}

function onRejection(promise: unknown, react: (error: unknown) => void): void {
  const then = field(promise, 'then');
  if (isCallable(then)) Reflect.apply(then, promise, [undefined, react]);
}
