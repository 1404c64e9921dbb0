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

/** Spellings of the older `gen_ai.system` attribute. */
const OLDER_SPELLINGS: readonly (readonly [string, string])[] = [
  ['vertex_ai', 'gcp.vertex_ai'],
  ['gemini', 'gcp.gemini'],
  ['az.ai.inference', 'azure.ai.inference'],
  ['az.ai.openai', 'azure.ai.openai'],
  ['xai', 'x_ai'],
];

const CANONICAL_BY_SPELLING: ReadonlyMap<string, string> = new Map([
  ...CANONICAL.map((name) => [name, name] as const),
  ...OLDER_SPELLINGS,
]);

/** The canonical name of a provider; an unknown one (a gateway, a framework, a new provider) stays as it was sent. */
export function canonicalProvider(name: string): string {
  return CANONICAL_BY_SPELLING.get(name) ?? CANONICAL_BY_SPELLING.get(name.trim().toLowerCase()) ?? name;
}
