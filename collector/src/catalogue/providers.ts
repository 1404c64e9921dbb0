/** From canonical OpenTelemetry provider names to the price list they buy from. */
const LIST_BY_PROVIDER: ReadonlyMap<string, string> = new Map([
  ['anthropic', 'anthropic'],
  ['aws.bedrock', 'aws'],
  ['azure.ai.inference', 'azure'],
  // Azure's own list first: it falls back to OpenAI's for the models that cost the same there.
  ['azure.ai.openai', 'azure'],
  ['cohere', 'cohere'],
  ['deepseek', 'deepseek'],
  ['gcp.gemini', 'google'],
  ['gcp.gen_ai', 'google'],
  ['gcp.vertex_ai', 'google'],
  ['groq', 'groq'],
  ['mistral_ai', 'mistral'],
  ['moonshot_ai', 'moonshotai'],
  ['openai', 'openai'],
  ['perplexity', 'perplexity'],
  ['x_ai', 'x-ai'],
]);

/** The canonical names of those who buy from a list; of a list that the conventions do not name, its own. */
export function providersOfList(list: string): readonly string[] {
  const providers = [...LIST_BY_PROVIDER].flatMap(([provider, bought]) =>
    bought === list ? [provider] : [],
  );
  return providers.length === 0 ? [list] : providers;
}

/**
 * The list of a provider, by its OpenTelemetry name or, for those that the conventions do not name (`openrouter`,
 * `together`), by the list's own. Nothing is guessed from a model name: the same name costs differently elsewhere.
 */
export function listOfProvider(provider: string): string {
  const name = provider.trim().toLowerCase();
  return LIST_BY_PROVIDER.get(name) ?? name;
}
