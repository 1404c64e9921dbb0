/**
 * From the names that each list has for providers to `gen_ai.provider.name`. A name that is not here stays as it is:
 * the conventions do not know the provider, and spans will carry its own name.
 */
const GENAI_PRICES: ReadonlyMap<string, string> = new Map([
  ['aws', 'aws.bedrock'],
  ['mistral', 'mistral_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['x-ai', 'x_ai'],
  // `google` and `azure` stay: each is the list that several providers buy from.
]);

const LITELLM: ReadonlyMap<string, string> = new Map([
  ['azure', 'azure.ai.openai'],
  ['azure_text', 'azure.ai.openai'],
  ['azure_ai', 'azure.ai.inference'],
  ['bedrock', 'aws.bedrock'],
  ['bedrock_converse', 'aws.bedrock'],
  ['bedrock_mantle', 'aws.bedrock'],
  ['cohere_chat', 'cohere'],
  ['fireworks_ai', 'fireworks'],
  ['gemini', 'gcp.gemini'],
  ['mistral', 'mistral_ai'],
  ['moonshot', 'moonshot_ai'],
  ['text-completion-openai', 'openai'],
  ['together_ai', 'together'],
  ['vertex_ai', 'gcp.vertex_ai'],
  ['watsonx', 'ibm.watsonx.ai'],
  ['xai', 'x_ai'],
]);

const MODELS_DEV: ReadonlyMap<string, string> = new Map([
  ['amazon-bedrock', 'aws.bedrock'],
  ['azure', 'azure.ai.openai'],
  ['azure-cognitive-services', 'azure.ai.inference'],
  ['fireworks-ai', 'fireworks'],
  ['google', 'gcp.gemini'],
  ['google-vertex', 'gcp.vertex_ai'],
  ['google-vertex-anthropic', 'gcp.vertex_ai'],
  ['mistral', 'mistral_ai'],
  ['moonshotai', 'moonshot_ai'],
  ['togetherai', 'together'],
  ['xai', 'x_ai'],
]);

export function providerOfGenaiPrices(id: string): string {
  return GENAI_PRICES.get(id) ?? id;
}

/** Vertex comes in families: `vertex_ai-language-models`, `vertex_ai-anthropic_models`. */
export function providerOfLitellm(name: string): string {
  const family = name.startsWith('vertex_ai-') ? 'vertex_ai' : name;
  return LITELLM.get(family) ?? family;
}

export function providerOfModelsDev(id: string): string {
  return MODELS_DEV.get(id) ?? id;
}

/** xAI bills its long-context price from the threshold on, the others only above it. */
export function tierAt(provider: string, tokens: number): { above: number } | { from: number } {
  return provider === 'x_ai' ? { from: tokens } : { above: tokens };
}

/** OpenAI renamed priority to fast on 2026-07-30; spans carry either word for the one table. */
export function namesOfServiceTier(provider: string, tier: string): readonly string[] {
  return provider === 'openai' && (tier === 'priority' || tier === 'fast') ? ['priority', 'fast'] : [tier];
}
