import OpenAI from 'openai';

const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL ?? null });
await ai.chat.completions.create({ model: 'typed', messages: [{ role: 'user', content: 'hello' }] });
