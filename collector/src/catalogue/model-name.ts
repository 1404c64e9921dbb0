import { listOfProvider } from './providers.ts';

/** What a span's words for provider and model mean, as far as their form tells. */
export interface ModelName {
  /** As sent or, behind a gateway, the one that its prefix names. */
  readonly provider: string;
  /** Lower case, without paths, geo prefix and tags. */
  readonly name: string;
  /** The name with what in it decides about the price (Bedrock's geo prefix), best first. */
  readonly candidates: readonly string[];
  /** The region that the name states; null where names of this provider state none. */
  readonly region: string | null;
  /** An id that stands for something only the owner of the account knows. */
  readonly isOpaque: boolean;
}

/** Spans of these name the real provider before a slash. Elsewhere (OpenRouter, Groq, Together) that is part of the id. */
const GATEWAYS: ReadonlySet<string> = new Set([
  'litellm',
  'litellm_proxy',
  'gateway',
  'vercel',
  'cloudflare-gateway',
]);

/** LiteLLM's and others' words for providers, where they are not the conventions'. */
const PREFIX_PROVIDERS: ReadonlyMap<string, string> = new Map([
  ['azure', 'azure.ai.openai'],
  ['azure_ai', 'azure.ai.inference'],
  ['bedrock', 'aws.bedrock'],
  ['bedrock_converse', 'aws.bedrock'],
  ['gemini', 'gcp.gemini'],
  ['google', 'gcp.gemini'],
  ['mistral', 'mistral_ai'],
  ['mistralai', 'mistral_ai'],
  ['moonshot', 'moonshot_ai'],
  ['vertex_ai', 'gcp.vertex_ai'],
  ['vertex', 'gcp.vertex_ai'],
  ['xai', 'x_ai'],
  ['x-ai', 'x_ai'],
]);

const PATHS =
  /^(?:models\/|(?:projects\/[^/]+\/locations\/[^/]+\/|projects\/.+\/)?publishers\/[^/]+\/models\/|arn:aws[^:]*:bedrock:[^/]*:(?:foundation-model|inference-profile)\/)(.+)$/;
const VERTEX_LOCATION = /^projects\/[^/]+\/locations\/([^/]+)\//;
/** Their last part is an id that only the account's owner can resolve. */
const OPAQUE_ARN =
  /^arn:aws[^:]*:(?:bedrock|sagemaker):[^/]*:(?:application-inference-profile|provisioned-model|custom-model(?:-deployment)?|imported-model|prompt-router|endpoint)\//;
const BEDROCK_GEO = /^(us-gov|us|eu|apac|jp|au|ca|global)\./;

export function readModelName(provider: string, model: string): ModelName {
  const sent = model.trim().toLowerCase();
  if (GATEWAYS.has(provider)) {
    const [, prefix, rest] = /^([^/]+)\/(.+)$/.exec(sent) ?? [];
    if (prefix !== undefined && rest !== undefined) {
      return readModelName(PREFIX_PROVIDERS.get(prefix) ?? prefix, rest);
    }
  }
  const list = listOfProvider(provider);
  const location = list === 'google' ? (VERTEX_LOCATION.exec(sent)?.[1] ?? null) : null;
  const isOpaque = OPAQUE_ARN.test(sent);
  let name = (PATHS.exec(sent)?.[1] ?? sent).replace(/\[1m\]$/, '');
  const slash = name.indexOf('/');
  if (slash !== -1) {
    const vendor = name.slice(0, slash);
    // `anthropic/claude-…` of Anthropic itself says its provider twice.
    if (listOfProvider(PREFIX_PROVIDERS.get(vendor) ?? vendor) === list && !IDS_WITH_VENDOR.has(list)) {
      name = name.slice(slash + 1);
    }
  }
  // Vertex writes dates after @, and @default or @latest where there is none.
  name = name.replace(/@(\d{8})$/, '-$1').replace(/@(?:default|latest)$/, '');
  if (list !== 'aws') return { provider, name, candidates: [name], region: location, isOpaque };

  const geo = BEDROCK_GEO.exec(name)?.[1] ?? null;
  const plain = geo === null ? name : name.slice(geo.length + 1);
  const own = `${geo === 'global' ? 'global' : 'regional'}.${plain}`;
  return { provider, name: plain, candidates: [own, plain], region: geo ?? 'regional', isOpaque };
}

/** Lists whose ids contain the name of the model's maker. */
const IDS_WITH_VENDOR: ReadonlySet<string> = new Set([
  'openrouter',
  'groq',
  'together',
  'fireworks',
  'huggingface',
  'perplexity',
  'novita',
  'baseten',
  'deepinfra',
]);

const SNAPSHOT = /^(.+)-(?:20\d{2}-(\d{2})-(\d{2})|20\d{2}(\d{2})(\d{2})|(\d{2})(\d{2}))$/;

/** What stands before a date (`-2024-08-06`, `-20250929`, `-0613`), or null when there is none. */
export function stemOfSnapshot(name: string): string | null {
  const parts = SNAPSHOT.exec(name);
  if (parts === null) return null;
  const month = Number(parts[2] ?? parts[4] ?? parts[6]);
  const day = Number(parts[3] ?? parts[5] ?? parts[7]);
  const isDate = month >= 1 && month <= 12 && day >= 1 && day <= 31;
  return isDate ? (parts[1] ?? null) : null;
}
