import OpenAI from 'openai';

const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
if (process.argv[2] === 'handles') process.on('SIGTERM', () => setTimeout(() => process.exit(7), 300));
await ai.chat.completions.create({ model: 'signalled', messages: [{ role: 'user', content: 'hello' }] });
setInterval(() => {}, 1000);
process.send('ready');
