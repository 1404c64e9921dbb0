/**
 * Every way an app uses the OpenAI SDK that an instrumentation is known to break, each under a model name of its own.
 * What the app sees is returned, so that a run with metering can be compared with a run without.
 */
const CANARY = 'canary-7f3a the quick brown fox';
const messages = [{ role: 'user', content: CANARY }];
const jsonMessages = [{ role: 'user', content: `${CANARY} json` }];
const schema = {
  type: 'json_schema',
  json_schema: {
    name: 'answer',
    strict: true,
    schema: {
      type: 'object',
      properties: { answer: { type: 'string' } },
      required: ['answer'],
      additionalProperties: false,
    },
  },
};

async function all(stream) {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

/** A readable stream's reader gives lines of JSON. */
async function text(readable) {
  let whole = '';
  const decoder = new TextDecoder();
  for await (const piece of readable) whole += decoder.decode(piece, { stream: true });
  return whole;
}

export const cases = {
  chat: (ai, model) => ai.chat.completions.create({ model, messages }),
  'chat-twice-awaited': async (ai, model) => {
    const promise = ai.chat.completions.create({ model, messages });
    return [await promise, await promise];
  },
  'stream-not-asked': async (ai, model) =>
    all(await ai.chat.completions.create({ model, messages, stream: true })),
  'stream-asked': async (ai, model) =>
    all(
      await ai.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: true },
      }),
    ),
  'stream-declined': async (ai, model) =>
    all(
      await ai.chat.completions.create({
        model,
        messages,
        stream: true,
        stream_options: { include_usage: false },
      }),
    ),
  'stream-early-break': async (ai, model) => {
    const seen = [];
    for await (const chunk of await ai.chat.completions.create({ model, messages, stream: true })) {
      seen.push(chunk);
      if (seen.length === 2) break;
    }
    return seen;
  },
  'stream-abort': async (ai, model) => {
    const stream = await ai.chat.completions.create({ model, messages, stream: true });
    const seen = [];
    for await (const chunk of stream) {
      seen.push(chunk);
      if (seen.length === 2) stream.controller.abort();
    }
    // Whether a chunk that was on its way still comes is a race in every version of the SDK.
    return seen.slice(0, 2);
  },
  'stream-consumed-twice': async (ai, model) => {
    const stream = await ai.chat.completions.create({ model, messages, stream: true });
    return [await all(stream), await all(stream)];
  },
  'drop-stream': async (ai, model) =>
    all(await ai.chat.completions.create({ model, messages, stream: true })),
  'stream-tee': async (ai, model) => {
    const [left, right] = (await ai.chat.completions.create({ model, messages, stream: true })).tee();
    return [await all(left), await all(right)];
  },
  'stream-readable': async (ai, model) =>
    text((await ai.chat.completions.create({ model, messages, stream: true })).toReadableStream()),
  'with-response': async (ai, model) => {
    const { data, response, request_id } = await ai.chat.completions
      .create({ model, messages })
      .withResponse();
    return { data, status: response.status, hasRequestId: typeof request_id === 'string' };
  },
  'stream-with-response': async (ai, model) => {
    const call = ai.chat.completions.create({ model, messages, stream: true });
    const { data, response } = await call.withResponse();
    return { chunks: await all(data), status: response.status };
  },
  'as-response': async (ai, model) => {
    const response = await ai.chat.completions.create({ model, messages }).asResponse();
    return { status: response.status, body: await response.json() };
  },
  'as-response-stream': async (ai, model) => {
    const response = await ai.chat.completions.create({ model, messages, stream: true }).asResponse();
    return { status: response.status, body: await text(response.body) };
  },
  'as-response-stream-asked': async (ai, model) => {
    const body = { model, messages, stream: true, stream_options: { include_usage: true } };
    return (await ai.chat.completions.create(body).asResponse()).text();
  },
  parse: (ai, model) => ai.chat.completions.parse({ model, messages: jsonMessages, response_format: schema }),
  'stream-helper': async (ai, model) => {
    const runner = ai.chat.completions.stream({ model, messages });
    const deltas = [];
    runner.on('content', (delta) => deltas.push(delta));
    const final = await runner.finalContent();
    return { deltas, final };
  },
  'run-tools': async (ai, model) =>
    ai.chat.completions
      .runTools({
        model,
        messages,
        tools: [{ type: 'function', function: { name: 'noop', parameters: {}, function: () => '' } }],
      })
      .finalContent(),
  'fail-400': (ai, model) => ai.chat.completions.create({ model, messages }),
  'fail-401': (ai, model) => ai.responses.create({ model, input: CANARY }),
  'fail-500': (ai, model) => ai.chat.completions.create({ model, messages, stream: true }),
  'fail-429-once': (ai, model) => ai.chat.completions.create({ model, messages }),
  'abort-before': async (ai, model) => {
    const controller = new AbortController();
    controller.abort();
    return ai.chat.completions.create({ model, messages }, { signal: controller.signal });
  },
  embeddings: (ai, model) => ai.embeddings.create({ model, input: [CANARY, CANARY] }),
  'embeddings-float': (ai, model) => ai.embeddings.create({ model, input: CANARY, encoding_format: 'float' }),
  responses: (ai, model) => ai.responses.create({ model, input: CANARY, instructions: CANARY }),
  'responses-stream': async (ai, model) =>
    all(await ai.responses.create({ model, input: CANARY, stream: true })),
  'responses-early-break': async (ai, model) => {
    for await (const event of await ai.responses.create({ model, input: CANARY, stream: true })) return event;
  },
  'responses-with-response': async (ai, model) => {
    const { data, response } = await ai.responses
      .create({ model, input: CANARY, stream: true })
      .withResponse();
    return { events: await all(data), status: response.status };
  },
  'responses-parse': async (ai, model) => {
    const { type, json_schema } = schema;
    const format = { type, ...json_schema };
    return ai.responses.parse({ model, input: `${CANARY} json`, text: { format } });
  },
  'responses-helper': async (ai, model) => ai.responses.stream({ model, input: CANARY }).finalResponse(),
  'never-read-stream': async (ai, model) => {
    await ai.chat.completions.create({ model, messages, stream: true });
    return 'left alone';
  },
};

/** Runs the cases one after another; what came out or was thrown, by name. Ids that count requests are blanked. */
export async function runCases(OpenAI) {
  const ai = new OpenAI({ apiKey: 'none', baseURL: process.env.PROVIDER_URL, maxRetries: 1 });
  const outcomes = {};
  for (const [name, run] of Object.entries(cases)) {
    try {
      outcomes[name] = { value: await run(ai, name) };
    } catch (error) {
      outcomes[name] = { thrown: error.constructor.name, status: error.status, message: error.message };
    }
  }
  return JSON.parse(JSON.stringify(outcomes).replaceAll(/standin-\d+/g, 'standin'));
}
