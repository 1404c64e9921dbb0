import type { BodyType } from '../otlp/index.ts';
import type { Body } from './corpus.ts';
import type { Order } from './orders.ts';
import { bodyOf, type JsonObject, listOf, requestOf } from './transcode.ts';

/** `captured`: as the bodies are. */
export type Encoding = BodyType | 'captured';

export interface Arrangement {
  readonly encoding: Encoding;
  readonly order: Order;
}

/** The bodies of a capture, sent in another way. Forwards and as captured they are the very bytes. */
export function arranged(bodies: readonly Body[], { encoding, order }: Arrangement): readonly Body[] {
  const encoded = bodies.map((body) => {
    const type = encoding === 'captured' ? body.type : encoding;
    return type === body.type ? body : bodyOf(requestOf(body), type);
  });
  switch (order) {
    case 'forwards':
      return encoded;
    case 'backwards':
      return encoded.flatMap(onePerRequest).reverse();
    case 'one-per-request':
      return encoded.flatMap(onePerRequest);
    case 'twice':
      return [...encoded, ...encoded];
  }
}

function onePerRequest(body: Body): readonly Body[] {
  return listOf(requestOf(body).resourceSpans).flatMap((ofResource) =>
    listOf(ofResource.scopeSpans).flatMap((ofScope) =>
      listOf(ofScope.spans).map((span) => bodyOf(requestWith(ofResource, ofScope, span), body.type)),
    ),
  );
}

function requestWith(ofResource: JsonObject, ofScope: JsonObject, span: JsonObject): JsonObject {
  return { resourceSpans: [{ ...ofResource, scopeSpans: [{ ...ofScope, spans: [span] }] }] };
}
