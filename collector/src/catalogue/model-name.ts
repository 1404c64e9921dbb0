import { canonicalProvider } from '@spanledger/metering';
import { listOfProvider } from './providers.ts';

/** What a span's words for provider and model mean, as far as their form tells. */
export interface ModelName {
  /** As sent or, behind a gateway, the one that its prefix names. */
  readonly provider: string;
  /** Lower case, without paths, geo prefix and tags. */
  readonly name: string;
  /** The name with what in it decides about the price (Bedrock's geo prefix), best first. */
  readonly candidates: readonly string[];
  /** Those of them of which no version was taken off: the matchers of a list look at these. */
  readonly whole: readonly string[];
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

const PATHS =
  /^(?:models\/|(?:projects\/[^/]+\/locations\/[^/]+\/|projects\/.+\/)?publishers\/[^/]+\/models\/|arn:aws[^:]*:bedrock:[^/]*:(?:foundation-model|inference-profile)\/)(.+)$/;
const VERTEX_LOCATION = /^projects\/[^/]+\/locations\/([^/]+)\//;
/** Their last part is an id that only the account's owner can resolve. */
const OPAQUE_ARN =
  /^arn:aws[^:]*:(?:bedrock|sagemaker):[^/]*:(?:application-inference-profile|provisioned-model|custom-model(?:-deployment)?|imported-model|prompt-router|endpoint)\//;
const BEDROCK_GEO = /^(us-gov|us|eu|apac|jp|au|ca|global)\./;

/** LiteLLM's routes within Bedrock, which are no part of the id. */
const BEDROCK_ROUTE = /^(?:(?:converse|invoke|converse_like)\/|[a-z]{2}(?:-gov)?-[a-z]+-\d\/)+/;

/** `isKnown`: whether there is a price list, or any price, of a provider. */
export function readModelName(
  provider: string,
  model: string,
  isKnown: (provider: string) => boolean = () => true,
): ModelName {
  const sent = model.trim().toLowerCase();
  if (GATEWAYS.has(provider.trim().toLowerCase())) {
    const [, prefix, rest] = /^([^/]+)\/(.+)$/.exec(sent) ?? [];
    if (prefix !== undefined && rest !== undefined) {
      const named = canonicalProvider(prefix);
      const route = named === 'aws.bedrock' ? rest.replace(BEDROCK_ROUTE, '') : rest;
      if (isKnown(named)) return readModelName(named, route, isKnown);
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
    if (listOfProvider(canonicalProvider(vendor)) === list && !IDS_WITH_VENDOR.has(list)) {
      name = name.slice(slash + 1);
    }
  }
  // Vertex writes dates after @, and @default or @latest where there is none.
  name = name.replace(/@(\d{8})$/, '-$1').replace(/@(?:default|latest)$/, '');
  if (list !== 'aws')
    return { provider, name, candidates: [name], whole: [name], region: location, isOpaque };

  const geo = BEDROCK_GEO.exec(name)?.[1] ?? null;
  const plain = geo === null ? name : name.slice(geo.length + 1);
  const scope = geo === 'global' ? 'global' : 'regional';
  // Some lists have the bare model, others its version too (`-v1:0`).
  const bare = plain.replace(/(?:-v\d+)?(?::\d+)?$/, '');
  const names = bare === plain ? [plain] : [plain, bare];
  const candidates = [...names.map((each) => `${scope}.${each}`), ...names];
  const whole = [`${scope}.${plain}`, plain];
  return { provider, name: plain, candidates, whole, region: geo ?? 'regional', isOpaque };
}

/** Lists whose ids contain the name of the model's maker. */
const IDS_WITH_VENDOR: ReadonlySet<string> = new Set([
  'openrouter',
  'groq',
  'together',
  'fireworks',
  'huggingface',
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
