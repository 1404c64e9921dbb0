// CommonJS that reaches the ES module tree, through its subpath.
void import('openai/client').then(async ({ OpenAI }) => {
  const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
  await ai.embeddings.create({ model: 'dynamic', input: 'hello' });
});
