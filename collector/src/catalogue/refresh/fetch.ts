import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

/** How much a feed may take of us. */
export interface FetchBounds {
  /** After inflating. The largest known list is 3 MiB; ten times that is a mistake or an attack. */
  readonly maxBytes: number;
  /** For everything, redirects and body included. A list that takes longer is fetched another day. */
  readonly timeoutMs: number;
  /** Publishers move files once or twice; a longer chain is a loop. */
  readonly maxRedirects: number;
}

export const FETCH_BOUNDS: FetchBounds = {
  maxBytes: 32 * 1024 * 1024,
  timeoutMs: 30_000,
  maxRedirects: 5,
};

export type Fetched =
  | { readonly kind: 'fetched'; readonly text: string }
  | { readonly kind: 'too_large'; readonly detail: string }
  | { readonly kind: 'not_text'; readonly detail: string }
  | { readonly kind: 'unreachable'; readonly detail: string };

/** The text at a path or an http(s) address. Whatever can go wrong there is an outcome, not an error. */
export async function fetchSource(source: string, bounds: FetchBounds): Promise<Fetched> {
  const signal = AbortSignal.timeout(bounds.timeoutMs);
  try {
    return isAddress(source)
      ? await fetchAddress(new URL(source), bounds, signal)
      : await readPath(source, bounds, signal);
  } catch (error) {
    if (signal.aborted) return unreachable(`no complete answer within ${bounds.timeoutMs} ms`);
    return unreachable(reasonOf(error));
  }
}

export function isAddress(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** The source as it may be shown and kept: without credentials and query, which may hold a token. */
export function publicName(source: string): string {
  if (!isAddress(source) || !URL.canParse(source)) return source;
  const { origin, pathname } = new URL(source);
  return `${origin}${pathname}`;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

async function fetchAddress(first: URL, bounds: FetchBounds, signal: AbortSignal): Promise<Fetched> {
  let address = first;
  for (let redirects = 0; redirects <= bounds.maxRedirects; redirects += 1) {
    const response = await fetch(address, {
      signal,
      redirect: 'manual',
      headers: { accept: 'application/json' },
    });
    const location = response.headers.get('location');
    if (!REDIRECTS.has(response.status) || location === null) {
      if (response.ok && response.body !== null) return await collect(response.body, bounds.maxBytes);
      await response.body?.cancel();
      return unreachable(`${publicName(address.href)} answered ${response.status}`);
    }
    await response.body?.cancel();
    const next = new URL(location, address);
    if (next.protocol !== 'https:' && next.protocol !== address.protocol) {
      return unreachable(
        `${publicName(address.href)} redirects from ${address.protocol} to ${next.protocol}`,
      );
    }
    address = next;
  }
  return unreachable(`${publicName(first.href)} redirects more than ${bounds.maxRedirects} times`);
}

async function readPath(path: string, bounds: FetchBounds, signal: AbortSignal): Promise<Fetched> {
  const found = await stat(path);
  // A pipe or a device would never end, or end differently the next time.
  if (!found.isFile()) return unreachable(`${path} is no file`);
  return await collect(createReadStream(path, { signal }), bounds.maxBytes);
}

/** All bytes as text, counted as they come: a length that was announced proves nothing, and gzip hides it. */
async function collect(chunks: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Fetched> {
  const kept: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) return { kind: 'too_large', detail: `it is larger than ${maxBytes} bytes` };
    kept.push(chunk);
  }
  try {
    return { kind: 'fetched', text: new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(kept)) };
  } catch (error) {
    return { kind: 'not_text', detail: reasonOf(error) };
  }
}

function unreachable(detail: string): Fetched {
  return { kind: 'unreachable', detail };
}

/** `fetch` says only that it failed; what failed is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
