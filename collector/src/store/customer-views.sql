-- What one customer may see: their own usage and credits, without cost, price or margin. The variable is set by the
-- server for each connection, and no statement of a reader can change it; without it every view is empty.
-- Columns are named one by one, so that what is added to the contract is not shown to customers by itself.

CREATE SCHEMA IF NOT EXISTS customer;

CREATE OR REPLACE VIEW customer.usage AS
SELECT
  usage_id,
  event_time,
  trace_id,
  span_id,
  parent_span_id,
  action_id,
  customer,
  feature,
  user_id,
  session_id,
  usage_class,
  environment,
  service,
  provider,
  model,
  operation,
  input_tokens,
  uncached_input_tokens,
  cache_read_tokens,
  cache_write_tokens,
  output_tokens,
  reasoning_tokens,
  usage_status,
  billing_role,
  credits,
  credit_status,
  status,
  outcome,
  duration_ms,
  ttft_ms,
  requests,
  web_searches,
  images,
  milliseconds,
  pages,
  custom_unit,
  custom_quantity
FROM public.usage
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.usage_hourly AS
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
  input_tokens,
  cache_read_tokens,
  cache_write_tokens,
  output_tokens,
  reasoning_tokens,
  credits
FROM public.usage_hourly
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.actions AS
SELECT action_id, customer, feature, started_at, ended_at, calls, failed_calls, input_tokens, output_tokens, credits
FROM public.actions
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.credit_ledger AS
SELECT
  transfer_id,
  customer,
  account,
  lot,
  credits,
  kind,
  effective_at,
  recorded_at,
  usage_id,
  hold,
  period,
  belongs_to_period
FROM public.credit_ledger
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.credit_balances AS
SELECT
  customer,
  available_credits,
  held_credits,
  used_credits,
  expired_credits,
  overage_credits,
  overrun_credits,
  overdraft_credits,
  last_used_at
FROM public.credit_balances
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.credit_lots AS
SELECT
  customer,
  lot,
  kind,
  priority,
  effective_at,
  expires_at,
  granted_credits,
  consumed_credits,
  expired_credits,
  rolled_over_credits,
  withdrawn_credits,
  repaid_credits,
  held_credits,
  available_credits
FROM public.credit_lots
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.credit_holds AS
SELECT
  customer,
  hold,
  credits,
  authorised_at,
  feature,
  action_id,
  state,
  ended_at,
  actual_credits,
  late_settlement
FROM public.credit_holds
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.billing_periods AS
SELECT
  customer,
  period,
  period_start,
  period_end,
  is_trial,
  plan,
  allowance_credits,
  overage_policy,
  overage_limit_credits,
  used_credits,
  overage_credits,
  overrun_credits,
  overdraft_credits,
  expired_credits,
  closed_at
FROM public.billing_periods
WHERE customer = getvariable('spanledger_customer');

CREATE OR REPLACE VIEW customer.statements AS
SELECT
  customer,
  period_start,
  period_end,
  calls,
  used_credits,
  period,
  plan,
  allowance_credits,
  overage_credits,
  overrun_credits,
  overdraft_credits,
  expired_credits,
  closed_at
FROM public.statements
WHERE customer = getvariable('spanledger_customer');
