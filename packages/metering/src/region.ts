/**
 * Where a provider served a call, by the name of the host that was asked. Only names that stand for a place with
 * prices of its own: Google's locations of Vertex AI and OpenAI's data residency. Of Bedrock the model's id tells the
 * price (its geo prefix), and the host only where the request went in; Azure's hosts bear names that customers chose.
 */
export function regionOfHost(address: string): string | null {
  // Most addresses are neither, which one look shows.
  if (!address.includes('aiplatform') && !address.includes('.api.openai.')) return null;
  const host = HOST.exec(address)?.[1]?.toLowerCase() ?? '';
  if (host === 'aiplatform.googleapis.com') return 'global';
  return (
    /^([a-z0-9-]+)-aiplatform\.googleapis\.com$/.exec(host)?.[1] ??
    /^aiplatform\.([a-z0-9-]+)\.rep\.googleapis\.com$/.exec(host)?.[1] ??
    /^([a-z]{2})\.api\.openai\.com$/.exec(host)?.[1] ??
    null
  );
}

/** A bare name, or an address with scheme, port and path around it. */
const HOST = /^\s*(?:[a-z][a-z0-9+.-]*:\/\/)?([^/:\s?#]+)/i;

/** Vertex AI's full name of a model has its location: `projects/p/locations/us-east5/publishers/…`. */
export function regionOfModelPath(model: string): string | null {
  return /(?:^|\/)locations\/([a-z0-9-]+)\//i.exec(model)?.[1]?.toLowerCase() ?? null;
}
