import type { StreamUsagePolicy } from '../options.ts';
import { field, isObject } from '../shape.ts';
import type { Endpoint } from './endpoint.ts';

/**
 * OpenAI sends no usage with a chat stream unless the request asks for it. So we ask where the provider is known to
 * understand the question, and take the answer, one extra chunk, out again before the app sees it.
 */
export interface UsageRequest {
  /** The body to send instead of the caller's, which is never changed. */
  readonly body: object;
  /** Takes the question back. Works until the SDK serialises the body, which it does asynchronously. */
  readonly withdraw: () => void;
}

/** Asks for usage, or returns undefined when the caller did, declined, or the provider may not understand. */
export function requestUsage(
  body: unknown,
  policy: StreamUsagePolicy,
  endpoint: Endpoint,
): UsageRequest | undefined {
  if (!isObject(body) || field(body, 'stream') !== true) return undefined;
  // A caller who wrote `include_usage`, either way, has decided.
  if (field(body, 'stream_options', 'include_usage') !== undefined) return undefined;
  if (policy === 'never' || (policy === 'auto' && !understands(endpoint))) return undefined;
  const options = field(body, 'stream_options');
  if (options !== undefined && options !== null && !isObject(options)) return undefined;
  // Copied with its descriptors: the SDK's helpers hang parsers on bodies as hidden members.
  const copy: object = Object.create(Object.getPrototypeOf(body), Object.getOwnPropertyDescriptors(body));
  const asked = { ...(isObject(options) ? options : {}), include_usage: true };
  const isSet = Reflect.defineProperty(copy, 'stream_options', {
    value: asked,
    configurable: true,
    enumerable: true,
    writable: true,
  });
  if (!isSet) return undefined;
  return {
    body: copy,
    withdraw: () => {
      if (options === undefined) Reflect.deleteProperty(copy, 'stream_options');
      else Reflect.set(copy, 'stream_options', options);
    },
  };
}

/** Groq and Together document the option; Azure since API version 2024-09-01 and in its version-less `/openai/v1`. */
function understands({ host, path, apiVersion, provider }: Endpoint): boolean {
  if (host === 'api.openai.com' || host === 'api.groq.com' || host === 'api.together.xyz') return true;
  if (provider !== 'azure.ai.openai') return false;
  if (path?.startsWith('/openai/v1') === true) return true;
  return apiVersion !== undefined && apiVersion >= '2024-09-01';
}

export type Disclosure = 'show' | 'hide';

/**
 * What the app may see of a chunk that came because we asked. The extra chunk has no choices and carries the usage;
 * every other chunk gained `usage: null`, which is removed in place.
 */
export function undoRequest(chunk: unknown): Disclosure {
  if (!isObject(chunk)) return 'show';
  const usage = field(chunk, 'usage');
  if (usage === null) Reflect.deleteProperty(chunk, 'usage');
  const choices = field(chunk, 'choices');
  const isExtra = isObject(usage) && Array.isArray(choices) && choices.length === 0;
  return isExtra ? 'hide' : 'show';
}
