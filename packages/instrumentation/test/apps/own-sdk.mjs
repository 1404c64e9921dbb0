import { context, trace } from '@opentelemetry/api';
import { NodeSDK } from '@opentelemetry/sdk-node';
import { InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace';
import OpenAI from 'openai';

const exporter = new InMemorySpanExporter();
const startOwn = () =>
  new NodeSDK({
    spanProcessors: [new SimpleSpanProcessor({ exporter })],
    metricReaders: [],
    logRecordProcessors: [],
    autoDetectResources: false,
  }).start();
const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL });
const ask = (model) => ai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }] });
// Libraries take their tracer when they are loaded, long before the SDK starts.
const early = trace.getTracer('early');

if (process.argv[2] === 'late') await ask('before');
startOwn();
await early.startActiveSpan('own', async (span) => {
  await ask('after');
  span.end();
});
await trace.getTracer('fresh').startActiveSpan('fresh', async (span) => {
  await null;
  if (trace.getSpan(context.active()) === span) span.end();
});
console.log(JSON.stringify(exporter.getFinishedSpans().map((span) => span.name)));
