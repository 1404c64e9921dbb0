import { readdirSync } from 'node:fs';
import { bodyEncodingOf, bodyTypeOf, inflate } from '../collector/src/otlp/index.ts';
import type { TracesRequest } from '../collector/src/otlp/testing/bodies.ts';
import { capturedBodies, requestOf } from '../collector/src/otlp/testing/reference.ts';

const CORPUS = new URL('corpus/', import.meta.url);

/** The names of the captures of real emitters. */
export const CAPTURES: readonly string[] = readdirSync(CORPUS)
  .filter((name) => name.endsWith('.meta.json'))
  .map((name) => name.replace('.meta.json', ''));

/** The requests of one capture, in the order in which they were sent. */
export function requestsOf(capture: string): readonly TracesRequest[] {
  return capturedBodies(new URL(`${capture}.meta.json`, CORPUS)).map(
    ({ bytes, contentType, contentEncoding }) => {
      const type = bodyTypeOf(contentType);
      const encoding = bodyEncodingOf(contentEncoding);
      if (type === undefined || encoding === undefined) throw new Error(`${capture}: unknown content type`);
      return requestOf(inflate(bytes, encoding, 1024 * 1024), type);
    },
  );
}

/** The same spans, each in a request of its own. */
export function onePerRequest(requests: readonly TracesRequest[]): readonly TracesRequest[] {
  return requests.flatMap(({ resourceSpans = [] }) =>
    resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
      scopeSpans.flatMap(({ scope, spans = [] }) =>
        spans.map((span) => ({
          resourceSpans: [
            {
              ...(resource === undefined ? {} : { resource }),
              scopeSpans: [{ ...(scope === undefined ? {} : { scope }), spans: [span] }],
            },
          ],
        })),
      ),
    ),
  );
}
