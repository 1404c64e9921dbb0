import { trace } from '@opentelemetry/api';
import { currentAttribution, withAttribution } from '@spanledger/instrumentation';
import OpenAI from 'openai';

const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
const ask = (model) => ai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] });

const customers = Array.from({ length: 20 }, (_, index) => `customer-${index}`);
await Promise.all(
  customers.map((customer) =>
    withAttribution({ customer, feature: 'outer', user: 'u' }, async () => {
      await new Promise(setImmediate);
      await withAttribution({ feature: 'inner' }, () => ask(customer));
    }),
  ),
);
await ask('nobody');
// A span that is not ours, as other instrumentations make them.
withAttribution({ customer: 'stranger' }, () =>
  trace.getTracer('other').startActiveSpan('other-instrumentation', (span) => span.end()),
);
await trace.getTracer('app').startActiveSpan('parent', async (span) => {
  await ask('child');
  span.end();
});
console.log(JSON.stringify(currentAttribution()));
