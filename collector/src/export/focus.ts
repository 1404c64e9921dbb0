import { usedCredits } from './focus-credits.ts';
import type { ExportRows } from './rows.ts';
import { sqlText } from './sql-text.ts';

/** What FOCUS calls a virtual currency: customers are priced in it. */
const CREDITS = "'Credits'";
/** Usage that nobody claimed has an account all the same: FOCUS wants one in each row. */
const NOBODY = "'unattributed'";
const NOTHING = '0::DECIMAL(38, 15)';

/**
 * What customers are charged, in the columns of the FinOps Open Cost and Usage Specification (FOCUS 1.2), as convention
 * C21 has it: the sum of BilledCost is the revenue.
 *
 * - The fee of a period, the prorated fee of an upgrade and credits that were bought are purchases: BilledCost is what
 *   is paid, EffectiveCost 0.
 * - Usage is a row for each hour, customer, feature, model, provider, usage class, environment and billing period. What
 *   lots cover has been paid for: its BilledCost is 0, its EffectiveCost credits × the credit value of the plan. What
 *   nothing covers and nobody sells (overrun, overdraft) is worth nothing.
 * - Overage is a row beside it, with BilledCost = EffectiveCost = credits × price. Calls and tokens are in the other.
 *
 * The one who bills is who runs this ledger (`issuer`), a customer is a billing account, a feature a service, a model
 * the SKU. Credits are in PricingQuantity and PricingCurrencyEffectiveCost, which over all usage add up to the account
 * `used` of the ledger. What the calls cost with their provider is no charge to the customer and stands in
 * `x_ProviderCostUsd`; beside it, as beside every sum of cost, `x_UnpricedCalls` that it lacks. An amount that is not
 * known, because no plan says a value or price, is NULL and never 0.
 *
 * @param within whether a time is asked for, as a condition on a column
 */
export function focusRows(within: (column: string) => string, issuer: string): ExportRows {
  const kinds = [
    { from: 'used', columns: USAGE },
    { from: 'used WHERE overage <> 0 OR overage_usd <> 0', columns: OVERAGE },
    { from: `fees WHERE ${within('charged_from')}`, columns: FEE },
    { from: `upgrades WHERE ${within('charged_from')}`, columns: UPGRADE },
    { from: `bought WHERE ${within('charged_from')}`, columns: TOP_UP },
  ];
  const common = commonColumns(sqlText(issuer));
  const selects = kinds.map(({ from, columns }) => {
    const expressions = Object.entries({ ...common, ...columns });
    return `SELECT ${expressions.map(([name, expression]) => `${expression} AS ${name}`).join(',\n  ')}\nFROM ${from}`;
  });
  return {
    select: `WITH ${usedCredits(within)},\n${PURCHASES}\n${selects.join('\nUNION ALL\n')}`,
    orderBy:
      'ChargePeriodStart, BillingAccountId, BillingPeriodStart, x_ChargeKind, x_Feature, SkuId, x_UsageClass, x_Environment, ChargeDescription',
  };
}

/** What was bought, each with the billing period of the customer in which that was. */
const PURCHASES = `
fees AS (
  SELECT customer, plan, period_start AS charged_from, period_end AS charged_to, fee_usd AS paid_usd, period_start, period_end
  FROM public.billing_periods
  WHERE fee_usd > 0 AND NOT is_trial
),
upgrades AS (
  SELECT h.customer, h.detail ->> '$.to' AS plan, h.effective_at AS charged_from, p.period_end AS charged_to,
    ledger.usd_of(h.detail ->> '$.extraFee') AS paid_usd, p.period_start, p.period_end
  FROM public.account_history h
  JOIN public.billing_periods p
    ON p.customer = h.customer AND h.effective_at >= p.period_start AND h.effective_at < p.period_end
  WHERE h.kind = 'plan_changed' AND (h.detail ->> '$.extraFee') <> '0n'
),
bought AS (
  SELECT l.customer, l.lot, l.granted_credits, l.effective_at AS charged_from, l.effective_at + INTERVAL 1 HOUR AS charged_to,
    l.paid_usd, p.period_start, p.period_end
  FROM public.credit_lots l
  ASOF LEFT JOIN public.billing_periods p ON p.customer = l.customer AND l.effective_at >= p.period_start
  WHERE l.kind = 'purchased' AND l.paid_usd > 0
)`;

/** Of every row, in the order of the file; each kind of row has its own for some of them. */
function commonColumns(issuer: string) {
  return {
    BilledCost: NOTHING,
    BillingAccountId: `coalesce(customer, ${NOBODY})`,
    BillingAccountName: `coalesce(customer, ${NOBODY})`,
    BillingAccountType: "'Customer'",
    BillingCurrency: "'USD'",
    BillingPeriodEnd: 'period_end',
    BillingPeriodStart: 'period_start',
    ChargeCategory: "'Usage'",
    ChargeClass: 'NULL::VARCHAR',
    ChargeDescription: 'NULL::VARCHAR',
    ChargeFrequency: "'Usage-Based'",
    ChargePeriodEnd: 'charged_to',
    ChargePeriodStart: 'charged_from',
    ConsumedQuantity: 'NULL::DECIMAL(38, 0)',
    ConsumedUnit: 'NULL::VARCHAR',
    ContractedCost: NOTHING,
    EffectiveCost: NOTHING,
    InvoiceIssuerName: issuer,
    ListCost: NOTHING,
    PricingCategory: "'Standard'",
    PricingCurrency: CREDITS,
    PricingCurrencyEffectiveCost: '0::DECIMAL(38, 6)',
    PricingQuantity: '1::DECIMAL(38, 6)',
    PricingUnit: CREDITS,
    ProviderName: issuer,
    PublisherName: issuer,
    ServiceCategory: "'AI and Machine Learning'",
    ServiceName: "'AI usage'",
    ServiceSubcategory: "'Generative AI'",
    SkuId: 'NULL::VARCHAR',
    SkuMeter: 'NULL::VARCHAR',
    Tags: "'{}'",
    x_Calls: '0::BIGINT',
    x_ChargeKind: 'NULL::VARCHAR',
    x_Environment: 'NULL::VARCHAR',
    x_Feature: 'NULL::VARCHAR',
    x_InputTokens: '0::DECIMAL(38, 0)',
    x_Model: 'NULL::VARCHAR',
    x_OutputTokens: '0::DECIMAL(38, 0)',
    x_ModelProvider: 'NULL::VARCHAR',
    x_ProviderCostUsd: 'NULL::DECIMAL(38, 15)',
    x_UnpricedCalls: '0::BIGINT',
    x_UsageClass: 'NULL::VARCHAR',
  } as const;
}

type Columns = { readonly [Name in keyof ReturnType<typeof commonColumns>]?: string };

const OF_CALLS: Columns = {
  ChargeDescription: "coalesce(feature, 'AI usage') || ' on ' || coalesce(model, 'an unnamed model')",
  ConsumedQuantity: '0::DECIMAL(38, 0)',
  ConsumedUnit: "'Tokens'",
  ServiceName: "coalesce(feature, 'AI usage')",
  SkuId: "coalesce(provider || '/', '') || coalesce(model, 'unknown')",
  SkuMeter: "'Tokens'",
  Tags: "json_object('feature', feature, 'environment', environment, 'usage_class', usage_class)::VARCHAR",
  x_Environment: 'environment',
  x_Feature: 'feature',
  x_Model: 'model',
  x_ModelProvider: 'provider',
  x_UsageClass: 'usage_class',
};

const USAGE: Columns = {
  ...OF_CALLS,
  ConsumedQuantity: 'input_tokens + output_tokens',
  EffectiveCost: 'covered_usd',
  PricingCurrencyEffectiveCost: 'used - overage',
  PricingQuantity: 'used - overage',
  x_Calls: 'calls',
  x_ChargeKind: "'usage'",
  x_InputTokens: 'input_tokens',
  x_OutputTokens: 'output_tokens',
  x_ProviderCostUsd: 'cost_usd',
  x_UnpricedCalls: 'unpriced_calls',
};

const OVERAGE: Columns = {
  ...OF_CALLS,
  BilledCost: 'overage_usd',
  ChargeDescription: `'Overage: ' || ${OF_CALLS.ChargeDescription}`,
  ContractedCost: 'overage_usd',
  EffectiveCost: 'overage_usd',
  ListCost: 'overage_usd',
  PricingCurrencyEffectiveCost: 'overage',
  PricingQuantity: 'overage',
  x_ChargeKind: "'overage'",
};

const PAID: Columns = {
  BilledCost: 'paid_usd',
  ChargeCategory: "'Purchase'",
  ChargeFrequency: "'One-Time'",
  ContractedCost: 'paid_usd',
  ListCost: 'paid_usd',
  PricingCurrency: "'USD'",
};

const FEE: Columns = {
  ...PAID,
  ChargeDescription: "'Fee of the plan ' || plan",
  ChargeFrequency: "'Recurring'",
  PricingUnit: "'Billing Period'",
  SkuId: "'plan/' || plan",
  x_ChargeKind: "'fee'",
};

const UPGRADE: Columns = {
  ...PAID,
  ChargeDescription: "'Upgrade to the plan ' || plan || ', for the rest of the period'",
  PricingUnit: "'Upgrade'",
  SkuId: "'plan/' || plan",
  x_ChargeKind: "'upgrade'",
};

const TOP_UP: Columns = {
  ...PAID,
  BillingPeriodEnd: "coalesce(period_end, date_trunc('month', charged_from) + INTERVAL 1 MONTH)",
  BillingPeriodStart: "coalesce(period_start, date_trunc('month', charged_from))",
  ChargeDescription: "'Credits bought: ' || lot",
  PricingQuantity: 'granted_credits',
  PricingUnit: CREDITS,
  SkuId: "'credits'",
  x_ChargeKind: "'top_up'",
};
