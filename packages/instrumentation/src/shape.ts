/**
 * Readers for values that other people's code made. An SDK's objects are unknown input to us: these few functions
 * are the border where they are looked at, and none of them throws on a strange shape.
 */

export type Callable = (this: unknown, ...args: unknown[]) => unknown;

export function isObject(value: unknown): value is object {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}

export function isCallable(value: unknown): value is Callable {
  return typeof value === 'function';
}

/** The property at the end of `path`, or undefined when any step is missing. */
export function field(value: unknown, ...path: readonly PropertyKey[]): unknown {
  let current = value;
  for (const name of path) {
    if (!isObject(current)) return undefined;
    current = Reflect.get(current, name);
  }
  return current;
}

export function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A token count: a non-negative safe integer, or undefined. */
export function count(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined;
}

/** Puts `value` where a method was, keeping how visible the original property is. */
export function replaceProperty(target: object, name: PropertyKey, value: unknown): boolean {
  const existing = Reflect.getOwnPropertyDescriptor(target, name);
  return Reflect.defineProperty(target, name, {
    value,
    configurable: true,
    writable: true,
    enumerable: existing?.enumerable ?? false,
  });
}
