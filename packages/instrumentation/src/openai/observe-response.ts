import { TextDecoder } from 'node:util';
import { type Callable, field, isCallable, isObject, replaceProperty } from '../shape.ts';
import { warnOnce } from '../warn.ts';
import type { Observation } from './observe-promise.ts';
import { eventReader } from './sse.ts';

/**
 * Watches a raw `Response` that the app asked for with `asResponse()`. The body is never read or copied by us, which
 * would hold it in memory and keep the provider generating after the app has gone: what the app reads, we see.
 *
 * Bodies that leave through `pipeTo`, `pipeThrough`, `tee` or `clone` leave unseen, and the usage counts as missing.
 */
export function observeResponse(response: unknown, observation: Observation): void {
  if (!isObject(response)) return;
  const { call } = observation;
  const isEventStream = text(response).includes('text/event-stream');
  const decoders: Readonly<Record<string, (value: unknown) => unknown>> = {
    json: (value) => value,
    text: (value) => (isEventStream ? value : parsed(value)),
    arrayBuffer: (value) => decoded(value, isEventStream),
    bytes: (value) => decoded(value, isEventStream),
  };
  for (const [name, decode] of Object.entries(decoders)) {
    const method = field(response, name);
    if (!isCallable(method)) continue;
    replaceProperty(response, name, async (...args: unknown[]) => {
      try {
        const value = await Reflect.apply(method, response, args);
        guarded(observation, () => {
          const body = decode(value);
          if (isEventStream && typeof body === 'string') readEvents(body, observation);
          else call.answer(observation.surface.readResult(body));
        });
        return value;
      } catch (error) {
        call.fail(error);
        throw error;
      }
    });
  }
  endUnseen(response, 'clone', observation);
  endUnseen(response, 'blob', observation);
  const body = field(response, 'body');
  if (isObject(body)) observeBodyStream(body, observation, isEventStream);
}

function observeBodyStream(body: object, observation: Observation, isEventStream: boolean): void {
  for (const name of ['pipeTo', 'pipeThrough', 'tee']) endUnseen(body, name, observation);
  const getReader = field(body, 'getReader');
  if (isCallable(getReader)) {
    replaceProperty(body, 'getReader', (...args: unknown[]) => {
      const reader = Reflect.apply(getReader, body, args);
      if (args.length > 0) observation.call.abandon();
      else observeSteps(reader, 'read', 'cancel', observation, isEventStream);
      return reader;
    });
  }
  for (const name of ['values', Symbol.asyncIterator]) {
    const iterate = field(body, name);
    if (!isCallable(iterate)) continue;
    replaceProperty(body, name, (...args: unknown[]) => {
      const iterator = Reflect.apply(iterate, body, args);
      observeSteps(iterator, 'next', 'return', observation, isEventStream);
      return iterator;
    });
  }
}

function observeSteps(
  source: unknown,
  step: string,
  stop: string,
  observation: Observation,
  isEventStream: boolean,
): void {
  const advance = field(source, step);
  const giveUp = field(source, stop);
  if (!isObject(source) || !isCallable(advance)) return;
  const { call, surface } = observation;
  const events = eventReader((event) => call.event(surface.readEvent(event)));
  const decoder = new TextDecoder();
  let whole = '';
  replaceProperty(source, step, async (...args: unknown[]) => {
    try {
      const result = await Reflect.apply(advance, source, args);
      guarded(observation, () => {
        const isDone = field(result, 'done') === true;
        const piece = chunkText(field(result, 'value'), decoder);
        if (isEventStream) events(piece);
        else whole += piece;
        if (!isDone) return;
        if (isEventStream) call.finish(false);
        else call.answer(surface.readResult(parsed(whole)));
      });
      return result;
    } catch (error) {
      call.fail(error);
      throw error;
    }
  });
  if (isCallable(giveUp)) {
    replaceProperty(source, stop, (...args: unknown[]) => {
      call.abandon();
      return Reflect.apply(giveUp, source, args);
    });
  }
}

function endUnseen(target: object, name: string, { call }: Observation): void {
  const method = field(target, name);
  if (!isCallable(method)) return;
  const watched: Callable = (...args) => {
    call.answer({});
    return Reflect.apply(method, target, args);
  };
  replaceProperty(target, name, watched);
}

function readEvents(body: string, { call, surface }: Observation): void {
  const read = eventReader((event) => call.event(surface.readEvent(event)));
  read(`${body}\n`);
  call.finish(false);
}

function guarded({ call }: Observation, work: () => void): void {
  try {
    work();
  } catch (error) {
    warnOnce('openai.response', 'could not read the usage of a raw response', error);
    call.abandon();
  }
}

function text(response: object): string {
  const get = field(response, 'headers', 'get');
  if (!isCallable(get)) return '';
  return String(Reflect.apply(get, field(response, 'headers'), ['content-type']) ?? '');
}

function parsed(value: unknown): unknown {
  try {
    return typeof value === 'string' ? JSON.parse(value) : undefined;
  } catch {
    // The app got a body that is no JSON; that is the app's matter, and it has no usage to read.
    return undefined;
  }
}

function decoded(value: unknown, isEventStream: boolean): unknown {
  const bytes = value instanceof ArrayBuffer ? new Uint8Array(value) : value;
  if (!(bytes instanceof Uint8Array)) return undefined;
  const content = new TextDecoder().decode(bytes);
  return isEventStream ? content : parsed(content);
}

function chunkText(value: unknown, decoder: TextDecoder): string {
  return value instanceof Uint8Array ? decoder.decode(value, { stream: true }) : '';
}
