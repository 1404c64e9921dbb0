import { ANNOTATIONS } from './annotations.ts';
import { layOut, line, section } from './layout.ts';
import { linkTo } from './links.ts';
import { chartPanel, figuresPanel, tablePanel } from './panels.ts';
import { COST_BY, SPEND, share, UNPRICED_SHARE } from './spend.ts';
import { CHOSEN_USAGE, FROM_CHOSEN, shown, topSeries, usedModels, withoutDate } from './sql.ts';
import { UNIT } from './units.ts';

/** What each model really costs, against its list price, its cache, and the models it could be swapped for. */
export function models() {
  return layOut({
    name: 'models',
    description:
      'What a million tokens of each model really cost, what caches save, how prices changed, and what the same traffic would cost elsewhere.',
    from: 'now-30d',
    annotations: ANNOTATIONS,
    sections: [altogether(), prices(), mix(), whatIf()],
  });
}

const BY_MODEL = { from: 'usage_hourly', where: CHOSEN_USAGE, by: shown('model') } as const;
/** USD for a million tokens of any class. */
const EFFECTIVE =
  'sum(cost_usd) * 1000000 / nullif(sum(input_tokens + output_tokens) - sum(unpriced_tokens), 0)';

/**
 * The prices of everybody (no contract of one tenant or customer, no long-context surcharge, no hours of the day) at
 * the end of the range, one row for each model.
 */
const LIST_PRICES = `list AS (
  SELECT provider, model,
    any_value(usd_per_million) FILTER (token_class = 'input') AS input,
    any_value(usd_per_million) FILTER (token_class = 'cache_read') AS cache_read,
    any_value(usd_per_million) FILTER (token_class = 'cache_write_5m') AS cache_write,
    any_value(usd_per_million) FILTER (token_class = 'output') AS output
  FROM prices
  WHERE service_tier = 'standard' AND input_tokens_above = 0 AND hours IS NULL AND tenant IS NULL AND customer IS NULL
    AND token_class IN ('input', 'cache_read', 'cache_write_5m', 'output')
    AND (valid_from IS NULL OR valid_from <= $__timeTo()::timestamptz)
    AND (valid_to IS NULL OR valid_to > $__timeTo()::timestamptz)
  GROUP BY provider, model
)`;

/** What was used of each model. A dated snapshot has the price of its model where it has none of its own. */
const USED = `used AS (
  SELECT provider, model, sum(calls) AS calls, sum(cost_usd) AS cost_usd, sum(unpriced_calls) AS unpriced_calls,
    sum(unpriced_tokens) AS unpriced_tokens, sum(uncached_input_tokens) AS uncached_input_tokens,
    sum(cache_read_tokens) AS cache_read_tokens, sum(cache_write_tokens) AS cache_write_tokens,
    sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens, sum(reasoning_tokens) AS reasoning_tokens,
    sum(duration_ms) AS duration_ms, sum(ttft_ms) AS ttft_ms, sum(streamed_calls) AS streamed_calls
  ${FROM_CHOSEN}
  GROUP BY provider, model
), priced AS (
  SELECT used.*, coalesce(own.input, general.input) AS list_input, coalesce(own.cache_read, general.cache_read) AS list_cache_read,
    coalesce(own.cache_write, general.cache_write) AS list_cache_write, coalesce(own.output, general.output) AS list_output
  FROM used
  LEFT JOIN list own ON own.provider = used.provider AND own.model = used.model
  LEFT JOIN list general ON general.provider = used.provider AND general.model = ${withoutDate('used.model')}
)`;

const SAVED = 'cache_read_tokens::DECIMAL(18, 0) * (list_input - list_cache_read) / 1000000';
const WRITTEN = 'cache_write_tokens::DECIMAL(18, 0) * (list_cache_write - list_input) / 1000000';

function altogether() {
  const figures = figuresPanel({
    title: 'Of the time range',
    with: `WITH ${LIST_PRICES}, ${USED}`,
    figures: {
      Spend: SPEND,
      'A million tokens cost': {
        says: 'USD for a million tokens of any class, over all calls with a price.',
        of: EFFECTIVE,
        unit: UNIT.usd,
        noValue: 'no tokens',
      },
      'Saved by caches': {
        says: 'USD that the tokens read from caches would have cost more as ordinary input, less what writing them cost more, at list prices at the end of the time range.',
        of: `coalesce(sum(${SAVED}), 0) - coalesce(sum(${WRITTEN}), 0)`,
        unit: UNIT.usd,
        steps: [['red'], ['green', 0]],
      },
      'Input read from caches': {
        says: 'the share of input tokens that a cache of the provider had.',
        of: share('sum(cache_read_tokens)', 'sum(input_tokens)'),
        unit: UNIT.share,
        decimals: 1,
      },
      'Reasoning in output': {
        says: 'the share of output tokens that nobody reads: the model thinks with them.',
        of: share('sum(reasoning_tokens)', 'sum(output_tokens)'),
        unit: UNIT.share,
        decimals: 1,
      },
      'Unpriced tokens': {
        ...UNPRICED_SHARE,
        link: { title: 'Data quality', url: linkTo('quality') },
      },
    },
    from: 'FROM priced',
  });
  return section('Altogether', line(5, [figures, 24]));
}

function prices() {
  const table = tablePanel({
    title: 'Effective price against list price',
    description:
      'USD for a million tokens. Effective: what was paid for tokens of any class. Its input and output at list prices, nothing cached: what the same tokens would cost without a cache, at the list prices at the end of the time range. Where a call has no price there is no difference. Below zero in the last column the calls were cheaper than that: by caches, cheaper tiers or a price that was lower then.',
    sql: `WITH ${LIST_PRICES}, ${USED}
SELECT ${shown('provider')} AS "Provider", ${shown('model')} AS "Model", calls AS "Calls", cost_usd AS "Spend",
  cost_usd * 1000000 / nullif(input_tokens + output_tokens - unpriced_tokens, 0) AS "Effective",
  list_input AS "List input", list_cache_read AS "List cached", list_output AS "List output",
  cache_read_tokens / nullif(input_tokens, 0) AS "Cached",
  (input_tokens::DECIMAL(18, 0) * list_input + output_tokens::DECIMAL(18, 0) * coalesce(list_output, 0)) / 1000000
    AS "At list prices",
  CASE WHEN unpriced_calls = 0 THEN
    cost_usd / nullif((input_tokens::DECIMAL(18, 0) * list_input + output_tokens::DECIMAL(18, 0) * coalesce(list_output, 0)) / 1000000, 0) - 1
  END AS "Difference"
FROM priced
ORDER BY cost_usd DESC NULLS LAST, 1, 2
LIMIT 100`,
    unit: UNIT.usd,
    columns: {
      Provider: { unit: UNIT.text, width: 110 },
      Model: {
        unit: UNIT.text,
        width: 230,
        link: { title: 'Only this model', url: linkTo('models', { model: 'Model' }) },
      },
      Calls: { unit: UNIT.count },
      Spend: { gauge: true },
      Cached: { unit: UNIT.share, decimals: 0 },
      Difference: { unit: UNIT.share, decimals: 0, steps: [['green'], ['text', 0], ['orange', 0.01]] },
    },
  });
  const effective = chartPanel({
    title: 'Effective price of a million tokens',
    description:
      'USD for a million tokens of any class, by model; the eight with the greatest spend, all others together.',
    sql: topSeries({
      ...BY_MODEL,
      columns: ['cost_usd', 'input_tokens', 'output_tokens', 'unpriced_tokens'],
      value: EFFECTIVE,
      rank: 'sum(cost_usd)',
    }),
    unit: UNIT.usd,
    draw: 'lines',
    calcs: ['lastNotNull'],
    min: 0,
  });
  const changes = tablePanel({
    title: 'Price changes of models in use',
    description:
      'When the list price of a model that was used in the time range changed, in the range or within a year before its end. USD for a million tokens.',
    sql: `WITH ${usedModels(CHOSEN_USAGE)}
SELECT changed_at AS "When", model AS "Model", token_class AS "Class",
  previous_usd_per_million AS "Before", usd_per_million AS "After",
  usd_per_million / nullif(previous_usd_per_million, 0) - 1 AS "Change"
FROM price_changes
WHERE changed_at <= $__timeTo()::timestamptz AND changed_at > $__timeTo()::timestamptz - INTERVAL '1 year'
  AND service_tier = 'standard' AND input_tokens_above = 0 AND usd_per_million IS NOT NULL
  AND (provider, model) IN (SELECT (provider, model) FROM used)
ORDER BY 1 DESC, 2, 3
LIMIT 100`,
    unit: UNIT.usd,
    columns: {
      When: { unit: UNIT.time, width: 170 },
      Model: { unit: UNIT.text },
      Class: { unit: UNIT.text },
      Change: { unit: UNIT.share, decimals: 0, steps: [['green'], ['red', 0]] },
    },
  });
  return section('Prices', line(10, [table, 24]), line(9, [effective, 12], [changes, 12]));
}

function mix() {
  const spend = chartPanel({
    title: 'Spend by model',
    description: 'USD by model that answered; the eight greatest by name, all others together.',
    sql: topSeries({ ...BY_MODEL, ...COST_BY }),
    unit: UNIT.usd,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
  });
  const tokens = chartPanel({
    title: 'Tokens by model',
    description:
      'Input and output tokens by model that answered; the eight with the most by name, all others together.',
    sql: topSeries({
      ...BY_MODEL,
      columns: ['input_tokens', 'output_tokens'],
      value: 'sum(input_tokens + output_tokens)',
    }),
    unit: UNIT.tokens,
    draw: 'bars',
    stack: 'sum',
    calcs: ['sum'],
  });
  const speed = tablePanel({
    title: 'Speed against cost',
    description:
      'Means over the calls of the time range: how long a call takes, when the first token comes (streams that told it), and output tokens in a second of call.',
    sql: `SELECT ${shown('model')} AS "Model", sum(calls) AS "Calls", sum(cost_usd) / nullif(sum(calls - unpriced_calls), 0) AS "Cost per call",
  sum(duration_ms) / nullif(sum(calls), 0) AS "Duration", sum(ttft_ms) / nullif(sum(streamed_calls), 0) AS "First token",
  sum(output_tokens) * 1000 / nullif(sum(duration_ms), 0) AS "Speed",
  ${share('sum(reasoning_tokens)', 'sum(output_tokens)')} AS "Reasoning", ${share('sum(failed_calls)', 'sum(calls)')} AS "Failed"
${FROM_CHOSEN}
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT 100`,
    unit: UNIT.count,
    columns: {
      Model: { unit: UNIT.text, link: { title: 'Its calls', url: linkTo('calls', { model: 'Model' }) } },
      'Cost per call': { unit: UNIT.usd },
      Duration: { unit: UNIT.ms },
      'First token': { unit: UNIT.ms },
      Speed: { unit: UNIT.tokensPerSecond, decimals: 0 },
      Reasoning: { unit: UNIT.share, decimals: 0 },
      Failed: { unit: UNIT.share, decimals: 1, steps: [['text'], ['yellow', 0.02], ['red', 0.1]] },
    },
  });
  return section('Who does the work', line(9, [spend, 12], [tokens, 12]), line(9, [speed, 24]));
}

function whatIf() {
  const table = tablePanel({
    title: 'What the same tokens would cost elsewhere',
    description:
      'All tokens of the chosen calls at the list price of one model, for every model of the chosen providers that has prices for input and output. Cached input at the price of that model for it, or as ordinary input where it has none. Other models may need more or fewer tokens for the same work, and be worse at it: choose one feature or model first. For rules and plans as well: spanledger rerate --what-if.',
    sql: `WITH ${LIST_PRICES}, totals AS (
  SELECT sum(uncached_input_tokens)::DECIMAL(18, 0) AS uncached, sum(cache_read_tokens)::DECIMAL(18, 0) AS cache_read,
    sum(cache_write_tokens)::DECIMAL(18, 0) AS cache_write, sum(output_tokens)::DECIMAL(18, 0) AS output, sum(cost_usd) AS cost_usd
  ${FROM_CHOSEN}
), elsewhere AS (
  SELECT list.provider, list.model, totals.cost_usd AS paid_usd,
    (uncached * list.input + totals.cache_read * coalesce(list.cache_read, list.input)
      + totals.cache_write * coalesce(list.cache_write, list.input) + totals.output * list.output) / 1000000 AS cost_usd
  FROM list, totals
  WHERE list.input > 0 AND list.output > 0 AND list.provider IN (\${provider:sqlstring}) AND totals.uncached IS NOT NULL
)
SELECT provider AS "Provider", model AS "Model", cost_usd AS "Would cost", cost_usd - paid_usd AS "Difference",
  cost_usd / nullif(paid_usd, 0) - 1 AS "Difference %"
FROM elsewhere
ORDER BY 3, 1, 2
LIMIT 200`,
    unit: UNIT.usd,
    columns: {
      Provider: { unit: UNIT.text },
      Model: { unit: UNIT.text, width: 280 },
      Difference: { steps: [['green'], ['text', 0], ['orange', 0.000001]] },
      'Difference %': { unit: UNIT.share, decimals: 0 },
    },
  });
  return section('What if', line(12, [table, 24]));
}
