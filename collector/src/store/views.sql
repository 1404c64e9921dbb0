-- The storage contract: what readers may use. Names and columns are API; see README, "The views".
-- Replaced at every start, so a change needs no migration.

CREATE OR REPLACE VIEW public.usage AS
-- A word is looked up by its code in one list, which costs less than comparing texts and nothing when not selected.
WITH words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word)
SELECT
  format('{:032x}', trace_id) || format('{:016x}', span_id) AS usage_id,
  event_time,
  format('{:032x}', trace_id) AS trace_id,
  format('{:016x}', span_id) AS span_id,
  CASE WHEN parent_span_id IS NOT NULL THEN format('{:016x}', parent_span_id) END AS parent_span_id,
  coalesce(action_id, format('{:032x}', trace_id)) AS action_id,
  customer,
  feature,
  user_id,
  session_id,
  word[usage_class] AS usage_class,
  environment,
  service,
  provider,
  coalesce(response_model, request_model) AS model,
  request_model,
  response_model,
  word[operation] AS operation,
  uncached_input_tokens + cache_read_tokens + cache_write_tokens AS input_tokens,
  uncached_input_tokens,
  cache_read_tokens,
  cache_write_tokens,
  visible_output_tokens + reasoning_tokens AS output_tokens,
  reasoning_tokens,
  word[usage_status] AS usage_status,
  usage_reason,
  word[billing_role] AS billing_role,
  role_reason,
  cost_usd,
  word[price_status] AS price_status,
  word[price_card] AS price_card,
  word[price_match] AS price_match,
  word[book_version] AS book_version,
  credits,
  word[credit_status] AS credit_status,
  word[credit_rules_version] AS credit_rules_version,
  word[dialect] AS dialect,
  word[status] AS status,
  duration_us / 1000 AS duration_ms,
  ttft_us / 1000 AS ttft_ms,
  response_id,
  received_at,
  word[tenant] AS tenant,
  CASE
    WHEN superseded_by_span_id IS NOT NULL
    THEN format('{:032x}', superseded_by_trace_id) || format('{:016x}', superseded_by_span_id)
  END AS superseded_by,
  request_id,
  gateway,
  TRY_CAST(reported_cost_usd AS DECIMAL(38, 15)) AS reported_cost_usd,
  cache_write_5m_tokens,
  cache_write_1h_tokens,
  audio_input_tokens,
  audio_output_tokens,
  image_input_tokens,
  image_output_tokens,
  word[cache_semantics] AS cache_semantics,
  word[reasoning_semantics] AS reasoning_semantics,
  word[dialect_evidence] AS dialect_evidence,
  word[customer_source] AS customer_source,
  word[feature_source] AS feature_source,
  word[user_source] AS user_source,
  word[session_source] AS session_source,
  word[usage_class_source] AS usage_class_source,
  revision,
  word[service_tier] AS service_tier,
  word[region] AS region,
  word[inference_geo] AS inference_geo,
  cache_write_12h_tokens,
  cache_read_audio_tokens,
  requests,
  web_searches,
  images,
  milliseconds,
  pages,
  word[price_note] AS price_note,
  cost_known_part
FROM ledger.usage_record, words;

-- What was said of a span before more was known of its trace; `usage` has what holds now.
CREATE OR REPLACE VIEW public.corrections AS
WITH words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word)
SELECT
  format('{:032x}', trace_id) || format('{:016x}', span_id) AS usage_id,
  revision,
  superseded_at,
  event_time,
  customer,
  feature,
  word[billing_role] AS billing_role,
  role_reason,
  uncached_input_tokens + cache_read_tokens + cache_write_tokens AS input_tokens,
  visible_output_tokens + reasoning_tokens AS output_tokens,
  cost_usd,
  word[price_status] AS price_status,
  credits,
  word[credit_status] AS credit_status,
  word[service_tier] AS service_tier,
  word[price_note] AS price_note,
  cost_known_part
FROM ledger.superseded_usage, words;

CREATE OR REPLACE VIEW public.usage_hourly AS
SELECT
  customer,
  date_trunc('hour', event_time) AS hour,
  feature,
  provider,
  model,
  usage_class,
  environment,
  service,
  count(*) AS calls,
  count(*) FILTER (status = 'error') AS failed_calls,
  count(*) FILTER (usage_status = 'missing') AS calls_without_usage,
  count(*) FILTER (cost_usd IS NULL) AS unpriced_calls,
  coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER (cost_usd IS NULL), 0) AS unpriced_tokens,
  sum(input_tokens) AS input_tokens,
  sum(cache_read_tokens) AS cache_read_tokens,
  sum(cache_write_tokens) AS cache_write_tokens,
  sum(output_tokens) AS output_tokens,
  sum(reasoning_tokens) AS reasoning_tokens,
  sum(cost_usd) AS cost_usd,
  sum(credits) AS credits
FROM public.usage
WHERE billing_role = 'billed'
GROUP BY ALL;

CREATE OR REPLACE VIEW public.actions AS
SELECT
  action_id,
  customer,
  feature,
  min(event_time - to_microseconds((duration_ms * 1000)::BIGINT)) AS started_at,
  max(event_time) AS ended_at,
  count(*) AS calls,
  count(*) FILTER (status = 'error') AS failed_calls,
  count(*) FILTER (cost_usd IS NULL) AS unpriced_calls,
  coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER (cost_usd IS NULL), 0) AS unpriced_tokens,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  sum(cost_usd) AS cost_usd,
  sum(credits) AS credits
FROM public.usage
WHERE billing_role = 'billed'
GROUP BY ALL;

-- Both legs of every transfer; each transfer sums to zero.
CREATE OR REPLACE VIEW public.credit_ledger AS
WITH
  words AS MATERIALIZED (SELECT list(word ORDER BY code) AS word FROM ledger.word),
  legs AS (
    SELECT *, from_account AS account, -amount AS credits FROM ledger.credit_transfer
    UNION ALL
    SELECT *, to_account AS account, amount AS credits FROM ledger.credit_transfer
  )
SELECT
  format('{:032x}', trace_id) || format('{:016x}', span_id) || ':' || word[kind]
    || CASE WHEN revision > 1 THEN ':' || revision ELSE '' END AS transfer_id,
  customer,
  word[account] AS account,
  credits,
  word[kind] AS kind,
  effective_at,
  recorded_at,
  format('{:032x}', trace_id) || format('{:016x}', span_id) AS usage_id,
  word[credit_rules_version] AS credit_rules_version
FROM legs, words;

CREATE OR REPLACE VIEW public.credit_balances AS
SELECT
  customer,
  sum(credits) FILTER (account = 'used') AS used_credits,
  -sum(credits) FILTER (account = 'overdraft') AS overdraft_credits,
  max(effective_at) AS last_used_at
FROM public.credit_ledger
GROUP BY customer;

-- Calendar months in UTC until customers have billing periods of their own.
CREATE OR REPLACE VIEW public.statements AS
SELECT
  customer,
  date_trunc('month', event_time) AS period_start,
  date_trunc('month', event_time) + INTERVAL 1 MONTH AS period_end,
  count(*) AS calls,
  count(*) FILTER (cost_usd IS NULL) AS unpriced_calls,
  coalesce(sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) FILTER (cost_usd IS NULL), 0) AS unpriced_tokens,
  sum(cost_usd) AS cost_usd,
  sum(credits) AS used_credits
FROM public.usage
WHERE billing_role = 'billed'
GROUP BY ALL;

-- NULL is the line of usage that nobody claimed.
CREATE OR REPLACE VIEW public.customers AS
SELECT
  customer,
  min(event_time) AS first_seen_at,
  max(event_time) AS last_seen_at,
  count(*) FILTER (billing_role = 'billed') AS calls,
  count(*) FILTER (billing_role = 'billed' AND cost_usd IS NULL) AS unpriced_calls,
  sum(cost_usd) AS cost_usd,
  sum(credits) AS credits
FROM public.usage
GROUP BY customer;

CREATE OR REPLACE VIEW ledger.rate_card_history AS
SELECT
  *,
  (
    SELECT min(known_to) FROM ledger.rate_card_retraction r
    WHERE r.entry_key = c.entry_key AND r.known_to >= c.known_from
  ) AS known_to
FROM ledger.rate_card c;

-- Every price that was ever known: valid in [valid_from, valid_to), known in [known_from, known_to).
CREATE OR REPLACE VIEW public.price_history AS
SELECT
  provider,
  model,
  token_class,
  service_tier,
  input_tokens_above,
  usd_per_million,
  usd_each,
  valid_from,
  valid_to,
  hours,
  tenant,
  customer,
  card,
  known_from,
  known_to,
  book_version
FROM ledger.rate_card_history JOIN ledger.rate_line USING (card_key);

CREATE OR REPLACE VIEW public.prices AS
SELECT
  provider,
  model,
  token_class,
  service_tier,
  input_tokens_above,
  usd_per_million,
  usd_each,
  valid_from,
  valid_to,
  hours,
  tenant,
  customer,
  card,
  (SELECT book_version FROM ledger.price_book ORDER BY rowid DESC LIMIT 1) AS book_version,
  known_from AS loaded_at
FROM public.price_history
WHERE known_to IS NULL;

-- Cost is kept in USD; cost_usd * per_usd is what it is in the currency of a report, at the fixed rate of the period.
CREATE OR REPLACE VIEW public.currency_rates AS
SELECT currency, valid_from, valid_to, per_usd FROM ledger.currency_rate;

-- When what a call costs changes, whatever the reason; a new or ended price has NULL on its other side.
CREATE OR REPLACE VIEW public.price_changes AS
SELECT
  provider,
  model,
  token_class,
  service_tier,
  input_tokens_above,
  valid_from AS changed_at,
  previous_usd_per_million,
  usd_per_million,
  previous_usd_each,
  usd_each,
  hours,
  tenant,
  customer,
  card,
  loaded_at AS known_from
FROM (
  SELECT
    *,
    lag(usd_per_million) OVER line AS previous_usd_per_million,
    lag(usd_each) OVER line AS previous_usd_each,
    lag(valid_to) OVER line AS previous_valid_to
  FROM public.prices
  WINDOW line AS (
    PARTITION BY provider, model, token_class, service_tier, input_tokens_above, hours, tenant, customer
    ORDER BY valid_from
  )
)
WHERE previous_valid_to = valid_from
  AND (previous_usd_per_million IS DISTINCT FROM usd_per_million OR previous_usd_each IS DISTINCT FROM usd_each);

CREATE OR REPLACE VIEW public.unpriced AS
SELECT
  provider,
  model,
  price_status AS reason,
  count(*) AS calls,
  sum(input_tokens) AS input_tokens,
  sum(output_tokens) AS output_tokens,
  min(event_time) AS first_seen_at,
  max(event_time) AS last_seen_at
FROM public.usage
WHERE billing_role = 'billed' AND cost_usd IS NULL
GROUP BY ALL
ORDER BY coalesce(sum(input_tokens), 0) + coalesce(sum(output_tokens), 0) DESC, calls DESC;

CREATE OR REPLACE VIEW public.ingest_health AS
SELECT * FROM ledger.ingest_hour;
