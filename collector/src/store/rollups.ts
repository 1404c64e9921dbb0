import {
  count,
  earliest,
  hourOf,
  key,
  latest,
  type Rollup,
  type RollupSource,
  readBy,
  sum,
  total,
} from './rollup.ts';

/** Of a record, what rollups ask for: as in the view `usage`. */
const USAGE_COLUMNS: Readonly<Record<string, string>> = {
  event_time: 'event_time',
  received_at: 'received_at',
  customer: 'customer',
  feature: 'feature',
  provider: 'provider',
  model: 'coalesce(response_model, request_model)',
  environment: 'environment',
  service: 'service',
  is_degraded: 'action_form IS NOT NULL AND action_form <> 0',
};

const USAGE_WORDS: Readonly<Record<string, string>> = {
  tenant: 'tenant',
  usage_class: 'usage_class',
  usage_status: 'usage_status',
  billing_role: 'billing_role',
  price_status: 'price_status',
  dialect: 'dialect',
  status: 'status',
  outcome: 'coalesce(outcome, status)',
};

const USAGE_AMOUNTS: Readonly<Record<string, string>> = {
  input_tokens: 'uncached_input_tokens + cache_read_tokens + cache_write_tokens',
  uncached_input_tokens: 'uncached_input_tokens',
  cache_read_tokens: 'cache_read_tokens',
  cache_write_tokens: 'cache_write_tokens',
  output_tokens: 'visible_output_tokens + reasoning_tokens',
  reasoning_tokens: 'reasoning_tokens',
  cost_usd: 'cost_usd',
  credits: 'credits',
  reported_cost_usd: 'TRY_CAST(reported_cost_usd AS DECIMAL(38, 15))',
  duration_us: 'duration_us',
  ttft_us: 'ttft_us',
};

/** Records as they were written, and once more, with the other sign, those that others have taken the place of. */
const USAGE: RollupSource = {
  select(isWithin, reads) {
    const read = (columns: Readonly<Record<string, string>>) =>
      Object.entries(columns).filter(([name]) => reads(name));
    const words = read(USAGE_WORDS);
    const branch = (table: string, number: string, sign: '' | '-') =>
      `SELECT ${[
        `${number} AS number`,
        `${sign}1 AS sign`,
        ...read(USAGE_COLUMNS).map(([name, of]) => `${of} AS ${name}`),
        ...words.map(([name, of]) => `${of} AS ${name}_code`),
        ...read(USAGE_AMOUNTS).map(([name, of]) => `${sign}(${of}) AS ${name}`),
      ].join(', ')} FROM ledger.${table} WHERE ${isWithin(number)}`;
    return `SELECT ${['log.*', ...words.map(([name]) => `word[${name}_code] AS ${name}`)].join(', ')}
FROM (
  ${branch('usage_record', 'written_in', '')}
  UNION ALL ${branch('superseded_usage', 'written_in', '')}
  UNION ALL ${branch('superseded_usage', 'superseded_in', '-')}
) log, (SELECT list(word ORDER BY code) AS word FROM ledger.word)`;
  },
};

/**
 * What happened at one instant, in one commit, to usage with the same keys: a record whose place another took with the
 * same keys cancels out, because both are in one commit. What is left with a sign below 0 has gone elsewhere for good, and
 * as long as there is nothing of it, the first and last instants that ever were are those that there are.
 */
function momentsOf(
  keys: readonly string[],
  sums: Readonly<Record<string, string>>,
  where = 'true',
): RollupSource {
  return {
    of: USAGE,
    select(isWithin, reads) {
      const asked = Object.entries(sums).filter(([name]) => reads(name));
      const columns = [
        ...['number', ...keys, 'event_time', 'sum(sign) AS sign'],
        ...asked.map(([name, of]) => `${of} AS ${name}`),
      ];
      const log = USAGE.select(isWithin, readBy([...columns, where]));
      return `SELECT ${columns.join(', ')}
FROM (${log}) WHERE ${where} GROUP BY number, ${keys.join(', ')}, event_time`;
    },
  };
}

/** The legs of all transfers: nothing is ever taken out of them. Every transfer has a number of its own. */
const CREDIT_LEGS: RollupSource = {
  select(isWithin, reads) {
    const more = ['period', 'belongs_to_period'].filter(reads).map((column) => `, ${column}`);
    const leg = (account: string, lot: string, credits: string) => `
  SELECT entry AS number, 1 AS sign, customer, ${account} AS account_code, ${lot} AS lot, ${credits} AS credits,
    kind AS kind_code, tenant AS tenant_code, effective_at${more.join('')}
  FROM ledger.credit_transfer WHERE ${isWithin('entry')}`;
    const words = ['account', 'kind', 'tenant'].map((name) => `word[${name}_code] AS ${name}`);
    return `SELECT log.*, ${words.join(', ')}
FROM (${leg('from_account', 'from_lot', '-amount')}
  UNION ALL ${leg('to_account', 'to_lot', 'amount')}
) log, (SELECT list(word ORDER BY code) AS word FROM ledger.word)`;
  },
};

const IS_UNPRICED = 'cost_usd IS NULL';
const ANY_TOKENS = 'coalesce(input_tokens, 0) + coalesce(output_tokens, 0)';
/** All classes of a call are known, or none. */
const HAS_TOKENS = 'calls_with_tokens > 0';
const USD = 'DECIMAL(38, 15)';
const CREDITS = 'DECIMAL(38, 6)';

/** Whoever pays for it looks at it by these: what is billed, and nothing that only repeats it. */
const USAGE_HOURLY: Rollup = {
  name: 'usage_hourly',
  source: USAGE,
  where: "billing_role = 'billed'",
  time: hourOf('event_time'),
  keys: [
    key('tenant'),
    key('customer'),
    key('feature'),
    key('provider'),
    key('model'),
    key('usage_class'),
    key('environment'),
    key('service'),
  ],
  rows: 'calls',
  measures: [
    count('failed_calls', "status = 'error'"),
    count('calls_without_usage', "usage_status = 'missing'"),
    count('unpriced_calls', IS_UNPRICED),
    total('unpriced_tokens', `CASE WHEN ${IS_UNPRICED} THEN ${ANY_TOKENS} END`),
    count('calls_with_tokens', 'input_tokens IS NOT NULL'),
    sum('input_tokens', HAS_TOKENS),
    sum('cache_read_tokens', HAS_TOKENS),
    sum('cache_write_tokens', HAS_TOKENS),
    sum('output_tokens', HAS_TOKENS),
    sum('reasoning_tokens', HAS_TOKENS),
    sum('uncached_input_tokens', HAS_TOKENS),
    sum('cost_usd', 'calls > unpriced_calls', USD),
    count('uncharged_calls', 'credits IS NULL'),
    sum('credits', 'calls > uncharged_calls', CREDITS),
    // What a call costs that came to nothing, or that another attempt made good.
    count('retried_calls', "status = 'error' AND outcome = 'ok'"),
    count('successful_calls', "outcome = 'ok' AND status = 'ok'"),
    total('failed_cost_usd', "CASE WHEN status = 'error' THEN cost_usd END", USD),
    count('estimated_calls', "usage_status = 'estimated'"),
    count('degraded_calls', 'is_degraded'),
    // The mean of what takes long; how it is spread is in `usage`.
    total('duration_us', 'duration_us'),
    count('streamed_calls', 'ttft_us IS NOT NULL'),
    total('ttft_us', 'ttft_us'),
  ],
};

/** What became of every gen-ai span, billed or not, and how well it is known. */
const USAGE_QUALITY_HOURLY: Rollup = {
  name: 'usage_quality_hourly',
  source: USAGE,
  time: hourOf('event_time'),
  keys: [
    key('tenant'),
    key('service'),
    key('environment'),
    key('dialect'),
    key('provider'),
    key('model'),
    key('billing_role'),
    key('usage_status'),
    key('price_status'),
  ],
  rows: 'spans',
  measures: [
    count('spans_without_customer', 'customer IS NULL'),
    count('spans_without_feature', 'feature IS NULL'),
    count('late_spans', `received_at > event_time + INTERVAL 1 HOUR`),
    total('input_tokens', 'input_tokens'),
    total('output_tokens', 'output_tokens'),
    total('cost_usd', 'cost_usd', USD),
    // Of the same calls: what the provider says, and what the price list says.
    count('reported_spans', 'reported_cost_usd IS NOT NULL AND cost_usd IS NOT NULL'),
    total('reported_cost_usd', 'CASE WHEN cost_usd IS NOT NULL THEN reported_cost_usd END', USD),
    total('cost_of_reported_usd', 'CASE WHEN reported_cost_usd IS NOT NULL THEN cost_usd END', USD),
  ],
};

/** When which credits moved. */
const CREDIT_HOURLY: Rollup = {
  name: 'credit_hourly',
  source: CREDIT_LEGS,
  time: hourOf('effective_at'),
  keys: [key('tenant'), key('customer'), key('account'), key('kind')],
  rows: 'legs',
  measures: [
    total('credits', 'credits', CREDITS),
    latest('last_effective_at', 'effective_at', 'TIMESTAMPTZ'),
  ],
};

/** What is on each account of a customer: the same for ever, so that a balance is not the sum of all their hours. */
const CREDIT_ACCOUNT: Rollup = {
  name: 'credit_account',
  source: CREDIT_LEGS,
  time: { name: 'since', of: "TIMESTAMPTZ '1970-01-01 00:00:00+00'", type: 'TIMESTAMPTZ' },
  keys: [key('tenant'), key('customer'), key('account')],
  rows: 'legs',
  measures: [
    total('credits', 'credits', CREDITS),
    latest('last_effective_at', 'effective_at', 'TIMESTAMPTZ'),
  ],
};

/** What was booked in which period and lot: what statements, periods and lots are made of. */
const CREDIT_BOOKING: Rollup = {
  name: 'credit_booking',
  source: CREDIT_LEGS,
  time: {
    name: 'month',
    of: "date_trunc('month', effective_at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'",
    type: 'TIMESTAMPTZ',
  },
  keys: [
    key('tenant'),
    key('customer'),
    key('account'),
    key('kind'),
    key('lot'),
    key('period', 'period', 'BIGINT'),
    key('belongs_to_period', 'belongs_to_period', 'BIGINT'),
    // Into the account; a correction counts with what it corrects.
    key('is_inflow', "(credits > 0) <> ends_with(kind, '_correction')", 'BOOLEAN'),
  ],
  rows: 'legs',
  measures: [
    total('credits', 'credits', CREDITS),
    earliest('first_effective_at', 'effective_at', 'TIMESTAMPTZ'),
  ],
};

/** The instants of a key, of those that have not gone elsewhere. */
const MOMENTS = [
  earliest('first_at', 'CASE WHEN sign > 0 THEN event_time END', 'TIMESTAMPTZ'),
  latest('last_at', 'CASE WHEN sign > 0 THEN event_time END', 'TIMESTAMPTZ'),
  total('gone', 'CASE WHEN sign < 0 THEN 1 END', 'BIGINT'),
];

const IS_BILLED = "billing_role = 'billed'";

/** All that a customer used, whatever for. */
const CUSTOMER_HOURLY: Rollup = {
  name: 'customer_hourly',
  source: momentsOf(['tenant', 'customer'], {
    calls: `sum(sign) FILTER (${IS_BILLED})`,
    unpriced_calls: `sum(sign) FILTER (${IS_BILLED} AND ${IS_UNPRICED})`,
    unpriced_tokens: `sum(${ANY_TOKENS}) FILTER (${IS_BILLED} AND ${IS_UNPRICED})`,
    cost_usd: `sum(cost_usd) FILTER (${IS_BILLED})`,
    priced_spans: 'sum(sign) FILTER (cost_usd IS NOT NULL)',
    span_cost_usd: 'sum(cost_usd)',
    rated_spans: 'sum(sign) FILTER (credits IS NOT NULL)',
    credits: 'sum(credits)',
    charged_calls: `sum(sign) FILTER (${IS_BILLED} AND credits IS NOT NULL)`,
    charged_credits: `sum(credits) FILTER (${IS_BILLED})`,
  }),
  time: hourOf('event_time'),
  keys: [key('tenant'), key('customer')],
  rows: 'spans',
  measures: [
    total('calls', 'calls', 'BIGINT'),
    total('unpriced_calls', 'unpriced_calls', 'BIGINT'),
    total('unpriced_tokens', 'unpriced_tokens'),
    sum('cost_usd', 'calls > unpriced_calls', USD),
    // Of all roles: no other than the billed has a cost, but that is for the ledger to say.
    total('priced_spans', 'priced_spans', 'BIGINT'),
    sum('span_cost_usd', 'priced_spans > 0', USD),
    total('rated_spans', 'rated_spans', 'BIGINT'),
    sum('credits', 'rated_spans > 0', CREDITS),
    total('charged_calls', 'charged_calls', 'BIGINT'),
    sum('charged_credits', 'charged_calls > 0', CREDITS),
    ...MOMENTS,
  ],
};

/** What of the bill is not known. */
const UNPRICED_HOURLY: Rollup = {
  name: 'unpriced_hourly',
  source: momentsOf(
    ['tenant', 'provider', 'model', 'price_status'],
    {
      calls_with_input: 'sum(sign) FILTER (input_tokens IS NOT NULL)',
      input_tokens: 'sum(input_tokens)',
      calls_with_output: 'sum(sign) FILTER (output_tokens IS NOT NULL)',
      output_tokens: 'sum(output_tokens)',
    },
    `${IS_BILLED} AND ${IS_UNPRICED}`,
  ),
  time: hourOf('event_time'),
  keys: [key('tenant'), key('provider'), key('model'), key('price_status')],
  rows: 'calls',
  measures: [
    total('calls_with_input', 'calls_with_input', 'BIGINT'),
    sum('input_tokens', 'calls_with_input > 0'),
    total('calls_with_output', 'calls_with_output', 'BIGINT'),
    sum('output_tokens', 'calls_with_output > 0'),
    ...MOMENTS,
  ],
};

export const ROLLUPS: readonly Rollup[] = [
  USAGE_HOURLY,
  USAGE_QUALITY_HOURLY,
  CREDIT_HOURLY,
  CREDIT_ACCOUNT,
  CREDIT_BOOKING,
  CUSTOMER_HOURLY,
  UNPRICED_HOURLY,
];
