import { creditRules, meter, normalise, price, type Span, type UsageRecord } from '@spanledger/metering';
import { defaultCatalogue } from '../../collector/src/catalogue/catalogue.ts';

/** What one core does, in calls per second. */
export interface PriceBench {
  readonly spans: number;
  readonly normalisePerSecond: number;
  readonly pricePerSecond: number;
  readonly meterPerSecond: number;
}

const SPANS = 200_000;
/** As many as an exporter sends at once. The ledger meters spans right after reading them, while they are in cache. */
const BATCH = 512;
/** The fastest of several rounds: other work on the machine can only slow a round down. */
const ROUNDS = 5;

const MODELS = [
  ['openai', 'gpt-4o', 'gpt-4o-2024-08-06'],
  ['openai', 'gpt-4o-mini', 'gpt-4o-mini-2024-07-18'],
  ['anthropic', 'claude-sonnet-4-5', 'claude-sonnet-4-5-20250929'],
  ['gcp.gemini', 'gemini-2.5-pro', 'gemini-2.5-pro'],
] as const;

/** Meters spans like those that instrumentations send, half of them with cached input, under cost-plus rules. */
export async function benchPrice(): Promise<PriceBench> {
  const parsed = creditRules({
    default: { cost_plus: { target_margin: '0.5', credit_value_usd: '0.001', increment: '0.01' } },
  });
  if (parsed.kind === 'problems') throw new Error('the rules of this bench are wrong');
  const book = { catalogue: defaultCatalogue(), rules: parsed.rules };

  const result = {
    spans: SPANS,
    normalisePerSecond: callsPerSecond(chatSpan, (span) => normalise(span) !== null),
    pricePerSecond: callsPerSecond(chatUsage, (usage) => price(usage, book.catalogue).kind === 'priced'),
    meterPerSecond: callsPerSecond(chatSpan, (span) => meter(span, book)?.transfer != null),
  };
  console.table([result]);
  return result;
}

/** Only the calls are timed, not the making of their inputs. Every call must succeed: failing fast is no speed. */
function callsPerSecond<Input>(make: (index: number) => Input, call: (input: Input) => boolean): number {
  let fastestMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    let roundMs = 0;
    let succeeded = 0;
    for (let first = 0; first < SPANS; first += BATCH) {
      const inputs = Array.from({ length: Math.min(BATCH, SPANS - first) }, (_, index) =>
        make(first + index),
      );
      const startMs = performance.now();
      for (const input of inputs) if (call(input)) succeeded++;
      roundMs += performance.now() - startMs;
    }
    if (succeeded !== SPANS) throw new Error(`${SPANS - succeeded} calls did not succeed`);
    fastestMs = Math.min(fastestMs, roundMs);
  }
  return Math.round(SPANS / (fastestMs / 1000));
}

function chatUsage(index: number): UsageRecord {
  const usage = normalise(chatSpan(index));
  if (usage === null) throw new Error('the spans of this bench are wrong');
  return usage;
}

const RESOURCE = new Map([
  ['service.name', 'shop'],
  ['deployment.environment.name', 'production'],
]);

function chatSpan(index: number): Span {
  const [provider, requested, answered] = MODELS[index % MODELS.length] ?? MODELS[0];
  const input = 200 + (index % 4000);
  const endTimeMicros = Date.UTC(2026, 0, 15) * 1000 + index;
  const attributes = new Map<string, string | number>([
    ['gen_ai.operation.name', 'chat'],
    ['gen_ai.provider.name', provider],
    ['gen_ai.request.model', requested],
    ['gen_ai.response.model', answered],
    ['gen_ai.response.id', `chatcmpl-${index}`],
    ['gen_ai.usage.input_tokens', input],
    ['gen_ai.usage.output_tokens', 50 + (index % 700)],
    ['spanledger.customer.id', `customer-${index % 500}`],
    ['spanledger.feature.name', 'support-chat'],
    ['user.id', `user-${index % 9000}`],
  ]);
  if (index % 2 === 0) attributes.set('gen_ai.usage.cache_read.input_tokens', Math.floor(input / 2));
  return {
    traceId: index.toString(16).padStart(32, '0'),
    spanId: index.toString(16).padStart(16, '0'),
    parentSpanId: null,
    name: `chat ${requested}`,
    kind: 3,
    startTimeMicros: endTimeMicros - 800_000,
    endTimeMicros,
    statusCode: 0,
    attributes,
    resource: RESOURCE,
    scopeName: 'bench',
    scopeVersion: '1',
  };
}
