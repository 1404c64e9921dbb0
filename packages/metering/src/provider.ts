/** The values of `gen_ai.provider.name` that the conventions define. */
const CANONICAL = [
  'anthropic',
  'aws.bedrock',
  'azure.ai.inference',
  'azure.ai.openai',
  'cohere',
  'deepseek',
  'gcp.gemini',
  'gcp.gen_ai',
  'gcp.vertex_ai',
  'groq',
  'ibm.watsonx.ai',
  'mistral_ai',
  'moonshot_ai',
  'openai',
  'perplexity',
  'x_ai',
];

/** Other spellings: of the older `gen_ai.system`, and of the emitters that name their own provider packages. */
const OTHER_SPELLINGS: readonly (readonly [string, string])[] = [
  ['vertex_ai', 'gcp.vertex_ai'],
  ['vertexai', 'gcp.vertex_ai'],
  ['google.vertex', 'gcp.vertex_ai'],
  ['google-vertex', 'gcp.vertex_ai'],
  ['google_vertex', 'gcp.vertex_ai'],
  ['google_vertexai', 'gcp.vertex_ai'],
  ['vertex', 'gcp.vertex_ai'],
  ['gemini', 'gcp.gemini'],
  ['google', 'gcp.gemini'],
  ['google.generative-ai', 'gcp.gemini'],
  ['google_genai', 'gcp.gemini'],
  ['az.ai.inference', 'azure.ai.inference'],
  ['az.ai.openai', 'azure.ai.openai'],
  ['azure', 'azure.ai.openai'],
  ['azure-openai', 'azure.ai.openai'],
  ['azure_openai', 'azure.ai.openai'],
  ['azureopenai', 'azure.ai.openai'],
  ['azure_ai', 'azure.ai.inference'],
  ['xai', 'x_ai'],
  ['x-ai', 'x_ai'],
  ['aws', 'aws.bedrock'],
  ['bedrock', 'aws.bedrock'],
  ['aws_bedrock', 'aws.bedrock'],
  ['bedrock_converse', 'aws.bedrock'],
  ['amazon-bedrock', 'aws.bedrock'],
  ['amazon_bedrock', 'aws.bedrock'],
  ['mistral', 'mistral_ai'],
  ['mistralai', 'mistral_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['moonshot', 'moonshot_ai'],
  ['together_ai', 'together'],
  ['fireworks_ai', 'fireworks'],
  ['watsonx', 'ibm.watsonx.ai'],
];

/** Frameworks and routers that name themselves where the provider belongs. */
const GATEWAYS = new Set([
  'strands-agents',
  'langchain',
  'langgraph',
  'llamaindex',
  'crewai',
  'agno',
  'haystack',
  'spring_ai',
  'gcp.vertex.agent',
  'openrouter',
  'gateway',
  'github',
  'litellm',
  'litellm_proxy',
  'mastra',
]);

const CANONICAL_BY_SPELLING: ReadonlyMap<string, string> = new Map([
  ...CANONICAL.map((name) => [name, name] as const),
  ...OTHER_SPELLINGS,
]);

/** Bedrock's model ids: an optional region, a vendor, a model (`eu.anthropic.claude-sonnet-4-5-20250929-v1:0`). */
const BEDROCK_MODEL =
  /^(?:arn:aws|(?:(?:us|eu|apac|jp|au|ca|global|us-gov)\.)?(?:amazon|anthropic|meta|mistral|cohere|ai21|deepseek|qwen|openai|stability|writer|twelvelabs)\.)/;

/** Whose model a name is, for the names that only one provider gives. */
const PROVIDER_BY_MODEL: readonly (readonly [RegExp, string])[] = [
  [BEDROCK_MODEL, 'aws.bedrock'],
  [/^(?:openai\/)?(?:ft:)?(?:gpt-|chatgpt-|o\d(?:-|$)|text-embedding-|dall-e|whisper|tts-|codex-)/, 'openai'],
  [/^(?:anthropic\/)?claude/, 'anthropic'],
  [/^(?:google\/|models\/)?(?:gemini|gemma|imagen|veo)/, 'gcp.gemini'],
  [/^(?:mistralai\/|mistral\/)?(?:mistral|magistral|codestral|ministral|pixtral|devstral)/, 'mistral_ai'],
  [/^(?:cohere\/)?(?:command|embed-|rerank-)/, 'cohere'],
  [/^(?:deepseek\/)?deepseek/, 'deepseek'],
  [/^(?:x-ai\/|xai\/)?grok/, 'x_ai'],
  [/^(?:perplexity\/)?sonar/, 'perplexity'],
  [/^(?:moonshotai\/)?kimi/, 'moonshot_ai'],
];

export interface ProviderReading {
  /** Canonical name; an unknown one as it was sent; null when nothing names or implies one. */
  readonly provider: string | null;
  /** The router or framework that was named in the provider's place. */
  readonly gateway: string | null;
}

/**
 * Who served the model. A stated provider is believed; where a framework or router stated itself, or nobody is
 * stated, the model's name tells, if it is a name that only one provider gives.
 */
export function readProvider(stated: string | null, model: string | null): ProviderReading {
  if (stated === null) return { provider: providerOfModel(model), gateway: null };
  const known = CANONICAL_BY_SPELLING.get(stated);
  if (known !== undefined) return { provider: known, gateway: null };
  if (!GATEWAYS.has(stated.trim().toLowerCase()))
    return { provider: canonicalProvider(stated), gateway: null };
  return { provider: providerOfModel(model), gateway: stated };
}

/** The canonical name of a provider; an unknown one (a new provider) stays as it was sent. */
export function canonicalProvider(name: string): string {
  const lower = name.trim().toLowerCase();
  const known = CANONICAL_BY_SPELLING.get(name) ?? CANONICAL_BY_SPELLING.get(lower);
  if (known !== undefined) return known;
  // The AI SDK appends its API to the provider: `openai.responses`, `google.vertex.chat`, `anthropic.messages`.
  for (let end = lower.lastIndexOf('.'); end > 0; end = lower.lastIndexOf('.', end - 1)) {
    const provider = CANONICAL_BY_SPELLING.get(lower.slice(0, end));
    if (provider !== undefined) return provider;
  }
  return name;
}

export function providerOfModel(model: string | null): string | null {
  if (model === null) return null;
  const name = model.trim().toLowerCase();
  return PROVIDER_BY_MODEL.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

/** Anthropic's own API, and Bedrock, report input without its cached parts, whatever an emitter calls the number. */
export function reportsCacheBeside(provider: string | null, model: string | null): boolean {
  return provider === 'anthropic' || provider === 'aws.bedrock' || /(^|[./])claude/.test(model ?? '');
}
