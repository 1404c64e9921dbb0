-- The storage contract: what readers may use. Names and columns are API; see README, "The views".
-- Made anew when this text has changed, so a change needs no migration (views.ts).

-- Hours since the epoch. By the calendar of a time zone it would cost a hundred times as much for each row.
CREATE OR REPLACE MACRO ledger.hour_number(instant) AS (epoch_us(instant) // 3600000000);
-- The beginning of its calendar month, UTC, for the same reason.
CREATE OR REPLACE MACRO ledger.month_of(instant) AS
  make_timestamptz(epoch_us(date_trunc('month', make_timestamp(epoch_us(instant)))));
CREATE OR REPLACE MACRO ledger.month_after(instant) AS
  make_timestamptz(epoch_us(date_trunc('month', make_timestamp(epoch_us(instant))) + INTERVAL 1 MONTH));

-- An id of 64 or 128 bits as OpenTelemetry writes it, in as many digits as it has: a quarter of the time of `format`.
CREATE OR REPLACE MACRO ledger.hex_of(id) AS lower(hex(id::BIT::BLOB));

-- A word is looked up by its code in one list, which costs less than comparing texts. A view and no CTE: across the border
-- of a CTE the engine would compute every column, selected or not, and that it is NOT MATERIALIZED it forgets with the
-- next start (DuckDB 1.5).
CREATE OR REPLACE VIEW ledger.words AS SELECT list(word ORDER BY code) AS word FROM ledger.word;

CREATE OR REPLACE VIEW public.usage AS
SELECT
  ledger.hex_of(trace_id) || ledger.hex_of(span_id) AS usage_id,
  event_time,
  ledger.hex_of(trace_id) AS trace_id,
  ledger.hex_of(span_id) AS span_id,
  CASE WHEN parent_span_id IS NOT NULL THEN ledger.hex_of(parent_span_id) END AS parent_span_id,
  coalesce(action_id, ledger.hex_of(trace_id)) AS action_id,
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
    THEN ledger.hex_of(superseded_by_trace_id) || ledger.hex_of(superseded_by_span_id)
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
  cost_known_part,
  word[coalesce(outcome, status)] AS outcome,
  import_batch,
  coalesce(word[import_mode], CASE WHEN import_batch IS NOT NULL THEN 'charge' END) AS import_mode,
  word[credit_rule] AS credit_rule,
  word[plan_terms] AS plan_terms,
  word[custom_unit] AS custom_unit,
  CAST(custom_thousandths::DECIMAL(18, 0) * 0.001 AS DECIMAL(18, 3)) AS custom_quantity,
  word[action_form] IS NOT NULL AS is_degraded
FROM ledger.usage_record, ledger.words;

-- What was said of a span before more was known of its trace; `usage` has what holds now.
CREATE OR REPLACE VIEW public.corrections AS
SELECT
  ledger.hex_of(trace_id) || ledger.hex_of(span_id) AS usage_id,
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
FROM ledger.superseded_usage, ledger.words;

-- Sums that are kept (rollups.ts): exact at any moment, corrections included.
CREATE OR REPLACE VIEW public.usage_hourly AS
SELECT
  customer,
  hour,
  feature,
  provider,
  model,
  usage_class,
  environment,
  service,
  calls,
  failed_calls,
  calls_without_usage,
  unpriced_calls,
  unpriced_tokens,
  input_tokens,
  cache_read_tokens,
  cache_write_tokens,
  output_tokens,
  reasoning_tokens,
  cost_usd,
  credits,
  tenant,
  uncached_input_tokens,
  successful_calls,
  retried_calls,
  failed_cost_usd,
  estimated_calls,
  uncharged_calls,
  degraded_calls,
  (duration_us * 0.001)::DECIMAL(38, 3) AS duration_ms,
  streamed_calls,
  (ttft_us * 0.001)::DECIMAL(38, 3) AS ttft_ms
FROM ledger.usage_hourly;

CREATE OR REPLACE VIEW public.budgets AS
SELECT budget, amount_usd, customer, feature, environment, usage_class, provider, model, tenant FROM ledger.budget;

-- What a budget leaves open, any usage has.
CREATE OR REPLACE MACRO ledger.is_within(scope, key) AS (scope IS NULL OR scope = key);

-- Budgets are compared with the combinations of keys there are, some thousand, and not with the sums, of which there may
-- be a million; only what came in just now can have keys without a code.
CREATE OR REPLACE VIEW public.budget_hourly AS
WITH
  counted AS (
    SELECT b.budget, k.code
    FROM ledger.budget b
    JOIN ledger.usage_hourly_key k
      ON ledger.is_within(b.customer, k.customer)
      AND ledger.is_within(b.feature, k.feature)
      AND ledger.is_within(b.environment, k.environment)
      AND ledger.is_within(b.usage_class, k.usage_class)
      AND ledger.is_within(b.provider, k.provider)
      AND ledger.is_within(b.model, k.model)
      AND ledger.is_within(b.tenant, k.tenant)
  ),
  parts AS (
    SELECT c.budget, u.hour, u.cost_usd, u.unpriced_calls
    FROM ledger.usage_hourly u JOIN counted c ON c.code = u.code
    UNION ALL
    SELECT b.budget, u.hour, u.cost_usd, u.unpriced_calls
    FROM ledger.usage_hourly u
    JOIN ledger.budget b
      ON u.code IS NULL
      AND ledger.is_within(b.customer, u.customer)
      AND ledger.is_within(b.feature, u.feature)
      AND ledger.is_within(b.environment, u.environment)
      AND ledger.is_within(b.usage_class, u.usage_class)
      AND ledger.is_within(b.provider, u.provider)
      AND ledger.is_within(b.model, u.model)
      AND ledger.is_within(b.tenant, u.tenant)
  )
SELECT budget, hour, sum(cost_usd) AS cost_usd, sum(unpriced_calls)::BIGINT AS unpriced_calls
FROM parts
GROUP BY budget, hour;

CREATE OR REPLACE VIEW public.usage_quality_hourly AS
SELECT
  hour,
  service,
  environment,
  dialect,
  provider,
  model,
  billing_role,
  usage_status,
  price_status,
  spans,
  spans_without_customer,
  spans_without_feature,
  late_spans,
  input_tokens,
  output_tokens,
  CASE WHEN price_status NOT IN ('partial', 'not_billed') AND NOT starts_with(price_status, 'unpriced') THEN cost_usd END AS cost_usd,
  reported_spans,
  reported_cost_usd,
  cost_of_reported_usd,
  tenant
FROM ledger.usage_quality_hourly;

-- What a dashboard offers to choose from, without a look at any sums.
CREATE OR REPLACE VIEW public.dimension_values AS
WITH
  billed AS MATERIALIZED (FROM ledger.usage_hourly_keys),
  seen AS MATERIALIZED (FROM ledger.usage_quality_hourly_keys)
SELECT DISTINCT dimension, value FROM (
  SELECT 'customer' AS dimension, customer AS value FROM billed
  UNION ALL SELECT 'customer', customer FROM ledger.credit_account_keys
  UNION ALL SELECT 'feature', feature FROM billed
  UNION ALL SELECT 'usage_class', usage_class FROM billed
  UNION ALL SELECT 'service', service FROM seen
  UNION ALL SELECT 'environment', environment FROM seen
  UNION ALL SELECT 'provider', provider FROM seen
  UNION ALL SELECT 'model', model FROM seen
);

CREATE OR REPLACE VIEW public.credit_hourly AS
SELECT hour, customer, account, kind, legs, credits, last_effective_at, tenant
FROM ledger.credit_hourly;

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
  legs AS (
    SELECT *, from_account AS account, from_lot AS lot, -amount AS credits FROM ledger.credit_transfer
    UNION ALL
    SELECT *, to_account AS account, to_lot AS lot, amount AS credits FROM ledger.credit_transfer
  )
SELECT
  'n1-' || entry AS transfer_id,
  customer,
  word[account] AS account,
  lot,
  credits,
  word[kind] AS kind,
  effective_at,
  recorded_at,
  CASE
    WHEN trace_id IS NOT NULL THEN ledger.hex_of(trace_id) || ledger.hex_of(span_id)
  END AS usage_id,
  word[credit_rules_version] AS credit_rules_version,
  hold,
  period,
  belongs_to_period,
  fact AS fact_id,
  word[tenant] AS tenant
FROM legs, ledger.words;

-- `available` is that of all lots; `issued`, the tenant's side of every grant, is nobody's balance.
CREATE OR REPLACE VIEW public.credit_balances AS
SELECT
  customer,
  coalesce(sum(credits) FILTER (account = 'available'), 0) AS available_credits,
  coalesce(sum(credits) FILTER (account = 'held'), 0) AS held_credits,
  coalesce(sum(credits) FILTER (account = 'used'), 0) AS used_credits,
  coalesce(sum(credits) FILTER (account = 'expired'), 0) AS expired_credits,
  coalesce(-sum(credits) FILTER (account = 'overage'), 0) AS overage_credits,
  coalesce(-sum(credits) FILTER (account = 'overrun'), 0) AS overrun_credits,
  coalesce(-sum(credits) FILTER (account = 'overdraft'), 0) AS overdraft_credits,
  max(last_effective_at) FILTER (account = 'used') AS last_used_at
FROM ledger.credit_account
GROUP BY customer;

-- Facts hold amounts as integers of millionths or of 10⁻¹⁵ USD, written `123n`. By way of HUGEINT, because from text
-- straight to so many digits the engine (DuckDB 1.5) takes 30 µs for each.
CREATE OR REPLACE MACRO ledger.credits_of(text) AS
  (rtrim(text, 'n')::DECIMAL(18, 0) * 0.000001::DECIMAL(6, 6))::DECIMAL(18, 6);
CREATE OR REPLACE MACRO ledger.usd_of(text) AS
  (rtrim(text, 'n')::HUGEINT::DECIMAL(23, 0) * 0.000000000000001::DECIMAL(15, 15))::DECIMAL(38, 15);

-- What the terms in a fact say a credit is worth, which may be a quotient without an end.
CREATE OR REPLACE MACRO ledger.credit_value_of(content) AS
  ((
    rtrim(content ->> '$.terms.creditValue.numerator', 'n')::HUGEINT
    // rtrim(content ->> '$.terms.creditValue.denominator', 'n')::HUGEINT
  )::DECIMAL(23, 0) * 0.000000000000001::DECIMAL(15, 15))::DECIMAL(38, 15);

-- Every parcel of credits and what has become of it:
-- granted = consumed + expired + rolled over + withdrawn + repaid + held + available.
CREATE OR REPLACE VIEW public.credit_lots AS
WITH
  granted AS (
    SELECT
      customer,
      content ->> '$.lot.id' AS lot,
      content ->> '$.lot.kind' AS kind,
      (content ->> '$.lot.priority')::INTEGER AS priority,
      make_timestamptz((content ->> '$.lot.effectiveMicros')::BIGINT) AS effective_at,
      make_timestamptz((content ->> '$.lot.expiresMicros')::BIGINT) AS expires_at,
      content ->> '$.lot.source' AS source,
      ledger.usd_of(content ->> '$.lot.paidUsd') AS paid_usd
    FROM ledger.account_fact
    WHERE kind = 'granted'
  ),
  moved AS (
    SELECT
      customer,
      lot,
      coalesce(sum(credits) FILTER (starts_with(kind, 'grant') OR (starts_with(kind, 'rollover') AND is_inflow)), 0) AS granted_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'usage') OR starts_with(kind, 'capture') OR starts_with(kind, 'settlement')), 0) AS consumed_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'expiry')), 0) AS expired_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'rollover') AND NOT is_inflow), 0) AS rolled_over_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'withdrawal')), 0) AS withdrawn_credits,
      coalesce(-sum(credits) FILTER (starts_with(kind, 'repayment')), 0) AS repaid_credits,
      coalesce(sum(credits) FILTER (account = 'held'), 0) AS held_credits,
      coalesce(sum(credits) FILTER (account = 'available'), 0) AS available_credits,
      min(first_effective_at) AS first_moved_at
    FROM ledger.credit_booking
    WHERE lot IS NOT NULL
    GROUP BY customer, lot
  )
SELECT
  customer,
  lot,
  coalesce(granted.kind, 'rollover') AS kind,
  granted.priority,
  coalesce(granted.effective_at, moved.first_moved_at) AS effective_at,
  granted.expires_at,
  granted.source,
  granted.paid_usd,
  moved.granted_credits,
  moved.consumed_credits,
  moved.expired_credits,
  moved.rolled_over_credits,
  moved.withdrawn_credits,
  moved.repaid_credits,
  moved.held_credits,
  moved.available_credits
FROM moved LEFT JOIN granted USING (customer, lot);

-- The periods of customers and their terms. Apart from what was booked in them, which would be added up for whoever only
-- asks for the terms.
CREATE OR REPLACE VIEW ledger.billing_period AS
WITH
  opened AS (
    SELECT
      tenant,
      customer,
      (content ->> '$.period')::BIGINT AS period,
      make_timestamptz((content ->> '$.bounds.startMicros')::BIGINT) AS period_start,
      make_timestamptz((content ->> '$.bounds.endMicros')::BIGINT) AS period_end,
      (content ->> '$.isTrial')::BOOLEAN AS is_trial,
      content ->> '$.terms.plan' AS plan,
      content ->> '$.terms.version' AS plan_terms,
      ledger.usd_of(content ->> '$.terms.fee') AS fee_usd,
      ledger.credits_of(content ->> '$.terms.allowance') AS allowance_credits,
      ledger.credit_value_of(content) AS credit_value_usd,
      content ->> '$.terms.overage.policy' AS overage_policy,
      ledger.usd_of(content ->> '$.terms.overage.price') AS overage_price_usd,
      ledger.credits_of(content ->> '$.terms.overage.limit') AS overage_limit_credits
    FROM ledger.account_fact
    WHERE kind = 'period_opened'
    -- A subscription that began within a period cut it short: the last word holds.
    QUALIFY row_number() OVER (PARTITION BY tenant, customer, period_start ORDER BY account_fact.rowid DESC) = 1
  ),
  -- All overage of a period has the price, and all credits have the value, of the last terms in it: those of an upgrade.
  upgraded AS (
    SELECT
      opened.tenant,
      opened.customer,
      opened.period,
      max_by(ledger.usd_of(content ->> '$.terms.overage.price'), fact.effective_at)
        FILTER ((content ->> '$.terms.overage.price') IS NOT NULL) AS overage_price_usd,
      max_by(content, fact.effective_at) AS content
    FROM opened
    JOIN ledger.account_fact fact
      ON fact.customer = opened.customer AND fact.tenant = opened.tenant
      AND fact.effective_at >= opened.period_start AND fact.effective_at < opened.period_end
    WHERE fact.kind = 'plan_changed' AND (content ->> '$.terms.plan') IS NOT NULL
    GROUP BY ALL
  )
SELECT
  opened.tenant,
  opened.customer,
  opened.period,
  opened.period_start,
  opened.period_end,
  opened.is_trial,
  opened.plan,
  opened.plan_terms,
  opened.fee_usd,
  opened.allowance_credits,
  CASE WHEN upgraded.content IS NULL THEN opened.credit_value_usd ELSE ledger.credit_value_of(upgraded.content) END AS credit_value_usd,
  opened.overage_policy,
  coalesce(upgraded.overage_price_usd, opened.overage_price_usd) AS overage_price_usd,
  opened.overage_limit_credits
FROM opened
LEFT JOIN upgraded
  ON upgraded.customer = opened.customer AND upgraded.period = opened.period AND upgraded.tenant = opened.tenant;

-- The periods of customers, and what was booked in each.
CREATE OR REPLACE VIEW public.billing_periods AS
WITH
  booked AS (
    SELECT
      tenant,
      customer,
      period,
      coalesce(sum(credits) FILTER (account = 'used'), 0) AS used_credits,
      coalesce(-sum(credits) FILTER (account = 'overage'), 0) AS overage_credits,
      coalesce(-sum(credits) FILTER (account = 'overrun'), 0) AS overrun_credits,
      coalesce(-sum(credits) FILTER (account = 'overdraft'), 0) AS overdraft_credits,
      coalesce(sum(credits) FILTER (account = 'expired'), 0) AS expired_credits
    FROM ledger.credit_booking
    WHERE period IS NOT NULL
    GROUP BY ALL
  ),
  closed AS (
    SELECT tenant, customer, (content ->> '$.period')::BIGINT AS period, recorded_at AS closed_at, content ->> '$.hash' AS hash
    FROM ledger.account_fact
    WHERE kind = 'period_closed'
  )
SELECT
  p.customer,
  p.period,
  p.period_start,
  p.period_end,
  p.is_trial,
  p.plan,
  p.plan_terms,
  p.fee_usd,
  p.allowance_credits,
  p.credit_value_usd,
  p.overage_policy,
  p.overage_price_usd,
  p.overage_limit_credits,
  coalesce(booked.used_credits, 0) AS used_credits,
  coalesce(booked.overage_credits, 0) AS overage_credits,
  coalesce(booked.overrun_credits, 0) AS overrun_credits,
  coalesce(booked.overdraft_credits, 0) AS overdraft_credits,
  coalesce(booked.expired_credits, 0) AS expired_credits,
  closed.closed_at,
  closed.hash,
  word[p.tenant] AS tenant
FROM ledger.billing_period p
CROSS JOIN ledger.words
LEFT JOIN booked ON booked.customer = p.customer AND booked.period = p.period AND booked.tenant = word[p.tenant]
LEFT JOIN closed ON closed.customer = p.customer AND closed.period = p.period AND closed.tenant = p.tenant;

-- Credits have 12 digits before the point and 6 after it, values 8 and 15; each part of the product fits 38 digits.
CREATE OR REPLACE MACRO ledger.worth_of(credits, credit_value) AS
  trunc(credits)::DECIMAL(15, 0) * credit_value::DECIMAL(23, 15)
  + ((credits - trunc(credits))::DECIMAL(6, 6) * credit_value::DECIMAL(23, 15))::DECIMAL(38, 15);

-- What the credits that customers burned are worth, beside what their calls cost.
CREATE OR REPLACE VIEW public.margin_hourly AS
WITH
  -- The first hour of a period is the one that it begins in, unless the beginning of that is in the period before.
  periods AS (
    SELECT
      *,
      CASE
        WHEN lag(period_end) OVER (PARTITION BY tenant, customer ORDER BY period_start) > date_trunc('hour', period_start)
          AND period_start > date_trunc('hour', period_start)
        THEN date_trunc('hour', period_start) + INTERVAL 1 HOUR
        ELSE date_trunc('hour', period_start)
      END AS first_hour
    FROM ledger.billing_period
  ),
  terms AS (
    SELECT
      word[tenant] AS tenant,
      customer,
      first_hour,
      least(period_end, lead(first_hour) OVER (PARTITION BY tenant, customer ORDER BY first_hour)) AS end_hour,
      plan,
      credit_value_usd,
      -- Most values have few digits: their products have 15 of themselves, and need not be divided, which takes long.
      CASE WHEN credit_value_usd < 100000 AND credit_value_usd = credit_value_usd::DECIMAL(23, 9)
        THEN credit_value_usd::DECIMAL(14, 9)
      END AS short_value_usd
    FROM periods, ledger.words
    WHERE first_hour < period_end
  ),
  used AS (
    SELECT hour, tenant, customer, charged_credits AS credits, calls - charged_calls AS uncharged_calls, cost_usd, unpriced_calls
    FROM ledger.customer_hourly
    WHERE calls > 0
  )
SELECT
  used.hour,
  used.customer,
  terms.plan,
  used.credits,
  terms.credit_value_usd,
  CASE
    WHEN terms.short_value_usd IS NOT NULL AND abs(used.credits) < 1000000000000
    THEN (used.credits::DECIMAL(18, 6) * terms.short_value_usd)::DECIMAL(38, 15)
    ELSE ledger.worth_of(used.credits, terms.credit_value_usd)
  END AS value_usd,
  used.cost_usd,
  used.unpriced_calls,
  used.uncharged_calls,
  used.tenant
FROM used
-- A customer has a few periods: comparing all of them takes half as long as an ASOF join, which sorts.
LEFT JOIN terms
  ON terms.tenant = used.tenant AND terms.customer = used.customer
  AND terms.first_hour <= used.hour AND used.hour < terms.end_hour;

-- What was set aside for something about to happen.
CREATE OR REPLACE VIEW public.credit_holds AS
SELECT
  opened.customer,
  opened.content ->> '$.hold' AS hold,
  ledger.credits_of(opened.content ->> '$.amount') AS credits,
  opened.effective_at AS authorised_at,
  opened.content ->> '$.feature' AS feature,
  opened.content ->> '$.actionId' AS action_id,
  coalesce(ended.content ->> '$.end', 'open') AS state,
  ended.effective_at AS ended_at,
  ledger.credits_of(ended.content ->> '$.actual') AS actual_credits,
  (ended.content ->> '$.isLate')::BOOLEAN AS late_settlement
FROM ledger.account_fact opened
LEFT JOIN (
  SELECT * FROM ledger.account_fact WHERE kind = 'hold_ended'
  QUALIFY row_number() OVER (PARTITION BY tenant, customer, content ->> '$.hold' ORDER BY account_fact.rowid DESC) = 1
) ended
  ON ended.customer = opened.customer AND ended.tenant = opened.tenant
  AND ended.content ->> '$.hold' = opened.content ->> '$.hold'
WHERE opened.kind = 'hold';

CREATE OR REPLACE VIEW public.alerts AS
SELECT
  customer,
  (content ->> '$.period')::BIGINT AS period,
  content ->> '$.alert' AS alert,
  effective_at AS fired_at,
  recorded_at,
  content -> '$.detail' AS detail,
  id AS alert_id
FROM ledger.account_fact
WHERE kind = 'alert';

-- Whatever happened to accounts besides usage, with who did it and why.
CREATE OR REPLACE VIEW public.account_history AS
SELECT customer, kind, effective_at, recorded_at, actor, reason, content AS detail, id AS fact_id
FROM ledger.account_fact;

-- One row for each customer and period. Calls and cost are those of the period's events; credits are what was booked in
-- it. Whoever has no account yet has calendar months in UTC.
CREATE OR REPLACE VIEW public.statements AS
WITH
  -- Hours in which a period begins or ends are in no period as a whole: of those, each call is looked at.
  split AS (
    SELECT DISTINCT customer, ledger.hour_number(edge) AS hour_number
    FROM (SELECT customer, unnest([period_start, period_end]) AS edge FROM ledger.billing_period)
    WHERE epoch_us(edge) % 3600000000 <> 0
  ),
  billed AS (
    SELECT h.customer, h.hour AS moment, h.calls, h.unpriced_calls, h.unpriced_tokens, h.cost_usd
    FROM ledger.customer_hourly h
    ANTI JOIN split ON split.customer = h.customer AND split.hour_number = ledger.hour_number(h.hour)
    WHERE h.calls > 0
    UNION ALL
    SELECT
      u.customer,
      u.event_time,
      1,
      (u.cost_usd IS NULL)::BIGINT,
      CASE WHEN u.cost_usd IS NULL THEN coalesce(u.input_tokens, 0) + coalesce(u.output_tokens, 0) ELSE 0 END,
      u.cost_usd
    FROM public.usage u
    SEMI JOIN split ON split.customer = u.customer AND split.hour_number = ledger.hour_number(u.event_time)
    WHERE u.billing_role = 'billed'
  ),
  calls AS (
    SELECT
      u.customer,
      coalesce(
        CASE WHEN u.moment < p.period_end THEN p.period_start END,
        ledger.month_of(u.moment)
      ) AS period_start,
      coalesce(
        CASE WHEN u.moment < p.period_end THEN p.period_end END,
        ledger.month_after(u.moment)
      ) AS period_end,
      sum(u.calls)::BIGINT AS calls,
      sum(u.unpriced_calls)::BIGINT AS unpriced_calls,
      sum(u.unpriced_tokens) AS unpriced_tokens,
      sum(u.cost_usd) AS cost_usd
    FROM billed u
    ASOF LEFT JOIN ledger.billing_period p ON p.customer = u.customer AND u.moment >= p.period_start
    GROUP BY ALL
  ),
  -- Overage of a closed period has the price of that one: late usage, and below zero what was given back of it.
  sold AS (
    SELECT
      l.customer,
      l.period,
      CASE
        WHEN count(*) = count(p.overage_price_usd)
          THEN sum((-l.credits::DECIMAL(19, 6) * p.overage_price_usd::DECIMAL(19, 9))::DECIMAL(38, 15))
      END::DECIMAL(38, 15) AS overage_usd
    FROM ledger.credit_booking l
    LEFT JOIN ledger.billing_period p ON p.customer = l.customer AND p.period = coalesce(l.belongs_to_period, l.period)
    WHERE l.account = 'overage'
    GROUP BY ALL
  ),
  -- What was booked when accounts had no periods yet.
  months AS (
    SELECT customer, month AS period_start, sum(credits) AS used_credits
    FROM ledger.credit_booking
    WHERE account = 'used' AND period IS NULL
    GROUP BY ALL
  )
SELECT
  coalesce(p.customer, c.customer) AS customer,
  coalesce(p.period_start, c.period_start) AS period_start,
  coalesce(p.period_end, c.period_end) AS period_end,
  coalesce(c.calls, 0) AS calls,
  coalesce(c.unpriced_calls, 0) AS unpriced_calls,
  coalesce(c.unpriced_tokens, 0) AS unpriced_tokens,
  c.cost_usd,
  coalesce(p.used_credits, 0) + coalesce(m.used_credits, 0) AS used_credits,
  p.period,
  p.plan,
  p.fee_usd,
  p.allowance_credits,
  p.overage_credits,
  p.overrun_credits,
  p.overdraft_credits,
  p.expired_credits,
  CASE
    WHEN s.period IS NOT NULL THEN s.overage_usd
    ELSE (p.overage_credits::DECIMAL(19, 6) * p.overage_price_usd::DECIMAL(19, 9))::DECIMAL(38, 15)
  END AS overage_usd,
  p.closed_at
FROM calls c
FULL JOIN public.billing_periods p ON p.customer = c.customer AND p.period_start = c.period_start
LEFT JOIN sold s ON s.customer = p.customer AND s.period = p.period
LEFT JOIN months m
  ON m.customer = coalesce(p.customer, c.customer) AND m.period_start = coalesce(p.period_start, c.period_start);

-- NULL is the line of usage that nobody claimed. The first and last instants of an hour are known with its sums, unless
-- usage of it has gone to another customer: then the calls of that hour are looked for. Where nothing is in doubt, as
-- mostly, the engine sees that the side of the join that it reads first is empty, and reads no calls at all.
CREATE OR REPLACE VIEW public.customers AS
WITH
  known AS MATERIALIZED (
    SELECT
      customer,
      min(first_at) AS first_at,
      max(last_at) AS last_at,
      -- The hour, and in its last bit whether something has gone from it: what is least, or greatest, tells of all rows of it.
      min(2 * ledger.hour_number(hour) + (gone = 0)::BIGINT) AS first_mark,
      max(2 * ledger.hour_number(hour) + (gone > 0)::BIGINT) AS last_mark,
      sum(calls)::BIGINT AS calls,
      sum(unpriced_calls)::BIGINT AS unpriced_calls,
      sum(span_cost_usd) AS cost_usd,
      sum(credits) AS credits
    FROM ledger.customer_hourly
    GROUP BY customer
  ),
  doubted_first AS MATERIALIZED (
    SELECT customer, first_mark // 2 AS hour_number FROM known WHERE first_mark % 2 = 0
  ),
  doubted_last AS MATERIALIZED (
    SELECT customer, last_mark // 2 AS hour_number FROM known WHERE last_mark % 2 = 1
  ),
  firsts AS (
    SELECT d.customer, min(u.event_time) AS event_time
    FROM ledger.usage_record u
    JOIN doubted_first d
      ON u.customer IS NOT DISTINCT FROM d.customer AND ledger.hour_number(u.event_time) = d.hour_number
    GROUP BY ALL
  ),
  lasts AS (
    SELECT d.customer, max(u.event_time) AS event_time
    FROM ledger.usage_record u
    JOIN doubted_last d
      ON u.customer IS NOT DISTINCT FROM d.customer AND ledger.hour_number(u.event_time) = d.hour_number
    GROUP BY ALL
  )
SELECT
  known.customer,
  coalesce(firsts.event_time, known.first_at) AS first_seen_at,
  coalesce(lasts.event_time, known.last_at) AS last_seen_at,
  known.calls,
  known.unpriced_calls,
  known.cost_usd,
  known.credits
FROM known
LEFT JOIN firsts ON firsts.customer IS NOT DISTINCT FROM known.customer
LEFT JOIN lasts ON lasts.customer IS NOT DISTINCT FROM known.customer;

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

-- Of billed calls that have no price, what `unpriced` may have to look for.
CREATE OR REPLACE VIEW ledger.unpriced_call AS
SELECT event_time, provider, coalesce(response_model, request_model) AS model, price_status AS price_status_code
FROM ledger.usage_record
WHERE billing_role = (SELECT code FROM ledger.word WHERE word = 'billed') AND cost_usd IS NULL;

-- First and last instants as in `customers`: usage goes from here when it gets a price.
CREATE OR REPLACE VIEW public.unpriced AS
WITH
  known AS MATERIALIZED (
    SELECT
      provider, model, price_status,
      min(first_at) AS first_at,
      max(last_at) AS last_at,
      -- The hour, and in its last bit whether something has gone from it: what is least, or greatest, tells of all rows of it.
      min(2 * ledger.hour_number(hour) + (gone = 0)::BIGINT) AS first_mark,
      max(2 * ledger.hour_number(hour) + (gone > 0)::BIGINT) AS last_mark,
      sum(calls)::BIGINT AS calls,
      sum(input_tokens) AS input_tokens,
      sum(output_tokens) AS output_tokens
    FROM ledger.unpriced_hourly
    GROUP BY provider, model, price_status
  ),
  doubted_first AS MATERIALIZED (
    SELECT known.*, first_mark // 2 AS hour_number, word.code AS price_status_code
    FROM known JOIN ledger.word ON word.word = known.price_status
    WHERE first_mark % 2 = 0
  ),
  doubted_last AS MATERIALIZED (
    SELECT known.*, last_mark // 2 AS hour_number, word.code AS price_status_code
    FROM known JOIN ledger.word ON word.word = known.price_status
    WHERE last_mark % 2 = 1
  ),
  firsts AS (
    SELECT d.provider, d.model, d.price_status, min(u.event_time) AS event_time
    FROM ledger.unpriced_call u
    JOIN doubted_first d
      ON u.provider IS NOT DISTINCT FROM d.provider AND u.model IS NOT DISTINCT FROM d.model
      AND u.price_status_code = d.price_status_code AND ledger.hour_number(u.event_time) = d.hour_number
    GROUP BY ALL
  ),
  lasts AS (
    SELECT d.provider, d.model, d.price_status, max(u.event_time) AS event_time
    FROM ledger.unpriced_call u
    JOIN doubted_last d
      ON u.provider IS NOT DISTINCT FROM d.provider AND u.model IS NOT DISTINCT FROM d.model
      AND u.price_status_code = d.price_status_code AND ledger.hour_number(u.event_time) = d.hour_number
    GROUP BY ALL
  )
SELECT
  known.provider,
  known.model,
  known.price_status AS reason,
  known.calls,
  known.input_tokens,
  known.output_tokens,
  coalesce(firsts.event_time, known.first_at) AS first_seen_at,
  coalesce(lasts.event_time, known.last_at) AS last_seen_at
FROM known
LEFT JOIN firsts
  ON firsts.provider IS NOT DISTINCT FROM known.provider AND firsts.model IS NOT DISTINCT FROM known.model
    AND firsts.price_status IS NOT DISTINCT FROM known.price_status
LEFT JOIN lasts
  ON lasts.provider IS NOT DISTINCT FROM known.provider AND lasts.model IS NOT DISTINCT FROM known.model
    AND lasts.price_status IS NOT DISTINCT FROM known.price_status
ORDER BY coalesce(known.input_tokens, 0) + coalesce(known.output_tokens, 0) DESC, known.calls DESC;

CREATE OR REPLACE VIEW public.ingest_health AS
SELECT * FROM ledger.ingest_hour;

CREATE OR REPLACE VIEW public.pipeline_health AS
SELECT
  sampled_at,
  journal_lag_bytes,
  journal_waiting_seconds,
  journal_kept_bytes,
  requests,
  requests_refused,
  requests_deferred,
  rejected_spans,
  ledger_restarts,
  reader_kills,
  statements,
  statements_failed,
  statements_ended,
  database_bytes,
  ledger_memory_bytes,
  receiver_memory_bytes,
  reading_paused
FROM ledger.pipeline_sample;

-- Every alert on its way to every webhook that wants it.
CREATE OR REPLACE VIEW public.webhook_deliveries AS
SELECT
  message_id,
  alert_id,
  tenant,
  customer,
  event,
  url_host,
  state,
  attempts,
  last_status,
  problem,
  created_at,
  last_attempt_at,
  next_attempt_at
FROM ledger.webhook_delivery;

CREATE OR REPLACE VIEW public.alert_dead_letters AS
SELECT
  message_id,
  alert_id,
  tenant,
  customer,
  event,
  url_host,
  attempts,
  last_status,
  problem,
  created_at,
  last_attempt_at,
  payload
FROM ledger.webhook_delivery
WHERE state = 'dead';
