import { field, text } from '../shape.ts';

/** Where a client sends its calls, as far as metering cares. */
export interface Endpoint {
  /** Value of `gen_ai.provider.name`. */
  readonly provider: string;
  readonly host?: string;
  readonly port?: number;
  readonly path?: string;
  /** Azure's `api-version`, for instance `2024-10-21`. */
  readonly apiVersion?: string;
}

/** Hosts, or endings of hosts with a leading dot, that speak OpenAI's protocol for another provider. */
const PROVIDERS: ReadonlyArray<readonly [host: string, provider: string]> = [
  ['api.openai.com', 'openai'],
  ['.openai.azure.com', 'azure.ai.openai'],
  ['.cognitiveservices.azure.com', 'azure.ai.openai'],
  ['.services.ai.azure.com', 'azure.ai.inference'],
  ['.amazonaws.com', 'aws.bedrock'],
  ['api.groq.com', 'groq'],
  ['api.x.ai', 'x_ai'],
  ['api.deepseek.com', 'deepseek'],
  ['api.mistral.ai', 'mistral_ai'],
  ['api.perplexity.ai', 'perplexity'],
  ['api.together.xyz', 'together'],
  ['api.together.ai', 'together'],
  ['api.fireworks.ai', 'fireworks'],
  ['api.cerebras.ai', 'cerebras'],
  ['openrouter.ai', 'openrouter'],
  ['api.anthropic.com', 'anthropic'],
  ['generativelanguage.googleapis.com', 'gcp.gemini'],
  ['.aiplatform.googleapis.com', 'gcp.vertex_ai'],
];

export function endpointOf(client: unknown): Endpoint {
  const apiVersion = text(field(client, 'apiVersion'));
  const url = parse(field(client, 'baseURL'));
  const host = url?.hostname;
  const listed = PROVIDERS.find(([pattern]) =>
    pattern.startsWith('.') ? host?.endsWith(pattern) : host === pattern,
  );
  return {
    // Only Azure clients carry an API version; their host may be a gateway of the app's own.
    provider: listed?.[1] ?? (apiVersion === undefined ? 'openai' : 'azure.ai.openai'),
    ...(url === undefined ? {} : { host: url.hostname, port: portOf(url), path: url.pathname }),
    ...(apiVersion === undefined ? {} : { apiVersion }),
  };
}

function parse(baseUrl: unknown): URL | undefined {
  return typeof baseUrl === 'string' ? (URL.parse(baseUrl) ?? undefined) : undefined;
}

function portOf(url: URL): number {
  if (url.port !== '') return Number(url.port);
  return url.protocol === 'http:' ? 80 : 443;
}
