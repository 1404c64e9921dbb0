import type { RunningService } from '../service.ts';
import { usdText } from './prices.ts';
import { type Dimension, type Sums, sumsBy, type Truth } from './truth.ts';

/** How truth and ledger are held against each other: together these look at everything that a row tells apart. */
const VIEWS: readonly (readonly Dimension[])[] = [
  ['customer', 'model'],
  ['hour', 'provider'],
  ['feature', 'usageClass', 'environment', 'service'],
];

const COLUMNS: Readonly<Record<Dimension, string>> = {
  hour: `strftime(hour AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.000Z')`,
  customer: 'customer',
  feature: 'feature',
  provider: 'provider',
  model: 'model',
  usageClass: 'usage_class',
  environment: 'environment',
  service: 'service',
};

/** Each difference in words; none: the ledger is the truth, to the last token and the last digit of cost. */
export async function differences(truth: Truth, service: RunningService): Promise<readonly string[]> {
  const found: string[] = [];
  for (const dimensions of VIEWS) {
    const sent = sumsBy(truth.rows, dimensions);
    const posted = await postedBy(dimensions, service);
    for (const name of new Set([...sent.keys(), ...posted.keys()])) {
      const wanted = textOf(sent.get(name));
      const got = posted.get(name) ?? NOTHING;
      if (wanted !== got) found.push(`${name}: sent ${wanted}; in the ledger ${got}`);
    }
  }
  return [...found, ...(await deliveryDifferences(truth, service))];
}

async function postedBy(
  dimensions: readonly Dimension[],
  service: RunningService,
): Promise<ReadonlyMap<string, string>> {
  const name = dimensions
    .map((dimension) => `coalesce(${COLUMNS[dimension]}, '(none)')`)
    .join(` || ' | ' || `);
  // Where no call of a group told its tokens, their sum is NULL; unpriced calls say how many those are.
  const rows = await service.query(
    `SELECT ${name} AS name, sum(calls) AS calls, sum(failed_calls) AS failed, sum(unpriced_calls) AS unpriced,
       coalesce(sum(input_tokens), 0) AS input, coalesce(sum(cache_read_tokens), 0) AS cache_read, coalesce(sum(cache_write_tokens), 0) AS cache_write,
       coalesce(sum(output_tokens), 0) AS output, coalesce(sum(reasoning_tokens), 0) AS reasoning,
       coalesce(sum(cost_usd), 0)::DECIMAL(38, 15) AS usd
     FROM usage_hourly GROUP BY 1 HAVING sum(calls) > 0`,
  );
  return new Map(rows.map(({ name: key, ...sums }) => [key ?? '', described(Object.entries(sums))]));
}

const NOTHING = 'nothing';

function textOf(sums: Sums | undefined): string {
  if (sums === undefined) return NOTHING;
  return described([
    ['calls', String(sums.calls)],
    ['failed', String(sums.failedCalls)],
    ['unpriced', String(sums.unpricedCalls)],
    ['input', String(sums.inputTokens)],
    ['cache_read', String(sums.cacheReadTokens)],
    ['cache_write', String(sums.cacheWriteTokens)],
    ['output', String(sums.outputTokens)],
    ['reasoning', String(sums.reasoningTokens)],
    ['usd', usdText(sums.costFemto)],
  ]);
}

function described(values: readonly (readonly [string, string | null])[]): string {
  return values.map(([name, value]) => `${name} ${value ?? 'NULL'}`).join(', ');
}

async function deliveryDifferences(
  { deliveries }: Truth,
  service: RunningService,
): Promise<readonly string[]> {
  const [posted] = await service.query(
    `SELECT sum(duplicates) AS duplicates, sum(rejected) AS rejected, sum(quarantined) AS quarantined
     FROM ingest_health`,
  );
  const { duplicates, rejected, conflicts } = deliveries;
  const wanted = described(Object.entries({ duplicates, rejected, quarantined: conflicts }).map(asText));
  const got = posted === undefined ? NOTHING : described(Object.entries(posted));
  return wanted === got ? [] : [`deliveries: sent ${wanted}; in the ledger ${got}`];
}

function asText([name, value]: [string, number]): readonly [string, string] {
  return [name, String(value)];
}
