import OpenAI from 'openai';

const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
void ai.chat.completions.create({ model: 'fail-400', messages: [{ role: 'user', content: 'hello' }] });
setTimeout(() => console.log('survived'), 2000);
