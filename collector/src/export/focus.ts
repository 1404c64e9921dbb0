import type { ExportRows } from './rows.ts';
import { sqlText } from './sql-text.ts';

/** What FOCUS calls a virtual currency: customers are priced in it. */
const CREDITS = "'Credits'";
/** Usage that nobody claimed has an account all the same: FOCUS wants one in each row. */
const NOBODY = "'unattributed'";

/**
 * What customers are charged, in the columns of the FinOps Open Cost and Usage Specification (FOCUS 1.2), one row for
 * each hour, customer, feature, model, provider, usage class and environment (convention C21).
 *
 * The one who bills is who runs this ledger (`issuer`), a customer is a billing account, a feature a service, a model
 * the SKU. Usage is charged in credits, which a fee has paid for: so its BilledCost is 0, and its credits are in
 * PricingQuantity and PricingCurrencyEffectiveCost, which add up to the account `used` of the ledger. What the call
 * cost with its provider is no charge to the customer and stands in `x_ProviderCostUsd`; beside it, as beside every sum
 * of cost, `x_UnpricedCalls` that it lacks.
 *
 * Two kinds of rows are not written yet, because they need periods and plans (`billing_periods`); both join with
 * UNION ALL BY NAME:
 *
 * - the fee of a period: ChargeCategory Purchase, ChargeFrequency Recurring, the charge period that of the plan,
 *   BilledCost = ListCost = ContractedCost = fee_usd, EffectiveCost 0, no credits.
 * - overage: ChargeCategory Usage, BilledCost = EffectiveCost = overage credits x overage_price_usd. Its credits are
 *   part of the usage below, so they must be taken out there (the entries of the account `overage` have the usage_id).
 *
 * With them the EffectiveCost of usage becomes credits x credit_value_usd of its period, the billing period that of the
 * customer instead of the calendar month, and the sum of BilledCost the revenue.
 *
 * @param within which events, as a condition on `event_time`
 */
export function focusRows(within: string, issuer: string): ExportRows {
  const who = sqlText(issuer);
  return {
    select: `
WITH calls AS (
  SELECT
    date_trunc('hour', event_time) AS hour,
    customer,
    feature,
    provider,
    model,
    usage_class,
    environment,
    count(*) AS calls,
    count(*) FILTER (cost_usd IS NULL) AS unpriced_calls,
    coalesce(sum(input_tokens), 0)::DECIMAL(38, 0) AS input_tokens,
    coalesce(sum(output_tokens), 0)::DECIMAL(38, 0) AS output_tokens,
    sum(cost_usd) AS cost_usd,
    coalesce(sum(credits), 0)::DECIMAL(38, 6) AS credits
  FROM public.usage
  WHERE billing_role = 'billed' AND ${within}
  GROUP BY ALL
)
SELECT
  0::DECIMAL(38, 15) AS BilledCost,
  coalesce(customer, ${NOBODY}) AS BillingAccountId,
  coalesce(customer, ${NOBODY}) AS BillingAccountName,
  'Customer' AS BillingAccountType,
  'USD' AS BillingCurrency,
  date_trunc('month', hour) + INTERVAL 1 MONTH AS BillingPeriodEnd,
  date_trunc('month', hour) AS BillingPeriodStart,
  'Usage' AS ChargeCategory,
  NULL::VARCHAR AS ChargeClass,
  coalesce(feature, 'AI usage') || ' on ' || coalesce(model, 'an unnamed model') AS ChargeDescription,
  'Usage-Based' AS ChargeFrequency,
  hour + INTERVAL 1 HOUR AS ChargePeriodEnd,
  hour AS ChargePeriodStart,
  input_tokens + output_tokens AS ConsumedQuantity,
  'Tokens' AS ConsumedUnit,
  0::DECIMAL(38, 15) AS ContractedCost,
  0::DECIMAL(38, 15) AS EffectiveCost,
  ${who} AS InvoiceIssuerName,
  0::DECIMAL(38, 15) AS ListCost,
  'Standard' AS PricingCategory,
  ${CREDITS} AS PricingCurrency,
  credits AS PricingCurrencyEffectiveCost,
  credits AS PricingQuantity,
  ${CREDITS} AS PricingUnit,
  ${who} AS ProviderName,
  ${who} AS PublisherName,
  'AI and Machine Learning' AS ServiceCategory,
  coalesce(feature, 'AI usage') AS ServiceName,
  'Generative AI' AS ServiceSubcategory,
  coalesce(provider || '/', '') || coalesce(model, 'unknown') AS SkuId,
  'Tokens' AS SkuMeter,
  json_object('feature', feature, 'environment', environment, 'usage_class', usage_class)::VARCHAR AS Tags,
  calls AS x_Calls,
  environment AS x_Environment,
  feature AS x_Feature,
  input_tokens AS x_InputTokens,
  model AS x_Model,
  output_tokens AS x_OutputTokens,
  provider AS x_ModelProvider,
  cost_usd AS x_ProviderCostUsd,
  unpriced_calls AS x_UnpricedCalls,
  usage_class AS x_UsageClass
FROM calls`,
    orderBy: 'ChargePeriodStart, BillingAccountId, x_Feature, SkuId, x_UsageClass, x_Environment',
  };
}
