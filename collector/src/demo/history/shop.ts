import { DAY_MICROS, type Story, shareOf } from './story.ts';

/**
 * Who is who in the month: a shop that sells an AI help desk, what it sells, and who buys it. Names are made up, prices
 * are such that some customers are worth it and some are not.
 */
export type Feature =
  | 'support-chat'
  | 'semantic-search'
  | 'ticket-summary'
  | 'reply-drafts'
  | 'document-intake'
  | 'research-agent';

export type PlanName = 'starter' | 'team' | 'business' | 'scale';

/** What the app of a customer of that plan counts down from. */
export const STARTER_ALLOWANCE = 1000;

/** Plans as `spanledger.yaml` has them. */
export const PLANS: Readonly<Record<PlanName, string>> = {
  starter: `{ fee_usd: 19, allowance: ${STARTER_ALLOWANCE}, overage: { policy: block }, trial: { days: 14, credits: 400 } }`,
  team: '{ fee_usd: 59, allowance: 3500, overage: { policy: charge, price_usd: 0.02 } }',
  business:
    '{ fee_usd: 129, allowance: 8000, overage: { policy: charge, price_usd: 0.018 }, rollover: { up_to: 2000 } }',
  scale: '{ fee_usd: 290, allowance: 20000, overage: { policy: allow } }',
};

/** Credits of an answer, and of a page: the rules that the app counts along with, to know when it must stop. */
export const CREDITS_OF_AN_ANSWER = 2;
export const CREDITS_OF_A_PAGE = 1.5;

/** Credit rules as `spanledger.yaml` has them. */
export const RULES: Readonly<Record<Feature, string>> = {
  'support-chat': `{ fixed: { credits: ${CREDITS_OF_AN_ANSWER} } }`,
  'semantic-search': '{ tokens: { per: 1000, input: 0.05 }, increment: 0.01 }',
  'ticket-summary': '{ cost_plus: { target_margin: 0.6 }, increment: 0.1 }',
  'reply-drafts': '{ tokens: { per: 1000, input: 0.12, output: 0.9 }, increment: 0.1 }',
  'document-intake': `{ units: { page: ${CREDITS_OF_A_PAGE} }, increment: 0.5 }`,
  'research-agent': '{ cost_plus: { markup: 1.2 }, minimum: 5, cap: 250 }',
};

/** What the shop wants to spend in a month, as `spanledger.yaml` has it: some are kept, some are not. */
export const BUDGETS: readonly string[] = [
  '{ name: everything, usd_per_month: 360 }',
  '{ name: research agent, usd_per_month: 120, feature: research-agent }',
  '{ name: Anthropic, usd_per_month: 190, provider: anthropic }',
  '{ name: Cyberdyne, usd_per_month: 40, customer: cus_cyberdyne }',
  '{ name: staging, usd_per_month: 20, environment: staging }',
];

export interface Buyer {
  readonly id: string;
  readonly name: string;
  readonly plan: PlanName;
  /** Uses of features, against those of the others. */
  readonly weight: number;
  /** Which share of its uses goes to each feature, against the others of the same buyer. */
  readonly uses: Readonly<Partial<Record<Feature, number>>>;
  /** Hours ahead of UTC: when its people work. */
  readonly zoneHours: number;
  readonly users: number;
  /** The share of the time with credits after which it joins; 0: it was there before. */
  readonly joinsAfter: number;
  readonly isTrial: boolean;
  /** How many times longer its inputs are than those of others. */
  readonly verbosity: number;
  /** The app asks before every use whether there are credits. */
  readonly stopsAtZero: boolean;
  /** Its billing month began anew two days ago. */
  readonly hasJustRenewed: boolean;
}

const USUAL_USES: Buyer['uses'] = {
  'support-chat': 32,
  'semantic-search': 30,
  'ticket-summary': 18,
  'reply-drafts': 12,
  'document-intake': 4,
  'research-agent': 4,
};

function buyer(id: string, name: string, plan: PlanName, rank: number, given: Partial<Buyer> = {}): Buyer {
  return {
    id,
    name,
    plan,
    weight: 1 / rank,
    uses: USUAL_USES,
    zoneHours: 0,
    users: Math.ceil(60 / rank),
    joinsAfter: 0,
    isTrial: false,
    verbosity: 1,
    stopsAtZero: false,
    hasJustRenewed: false,
    ...given,
  };
}

/** Their sizes are after Zipf: half, a third, a fourth … of the first. */
export const BUYERS: readonly Buyer[] = [
  buyer('cus_acme', 'Acme Corporation', 'scale', 1),
  buyer('cus_globex', 'Globex', 'business', 2, { zoneHours: -6 }),
  buyer('cus_hooli', 'Hooli', 'team', 3, { zoneHours: -8 }),
  buyer('cus_umbrella', 'Umbrella', 'business', 4, { hasJustRenewed: true }),
  // More than its plan has, and the rest is sold beyond it.
  buyer('cus_stark', 'Stark Industries', 'team', 5, {
    zoneHours: -5,
    uses: { ...USUAL_USES, 'research-agent': 16 },
  }),
  buyer('cus_wonka', 'Wonka', 'team', 6, { zoneHours: 1, hasJustRenewed: true }),
  // Whole log files go into every question: it costs more than its credits are worth.
  buyer('cus_cyberdyne', 'Cyberdyne', 'team', 12, {
    verbosity: 80,
    uses: { 'support-chat': 80, 'semantic-search': 20 },
  }),
  // Runs out of credits, buys more, and runs out again.
  buyer('cus_initech', 'Initech', 'starter', 8, {
    zoneHours: -5,
    uses: { 'support-chat': 85, 'document-intake': 15 },
    stopsAtZero: true,
  }),
  buyer('cus_soylent', 'Soylent', 'team', 9, { joinsAfter: 0.15 }),
  buyer('cus_tyrell', 'Tyrell', 'team', 24, { joinsAfter: 0.35, uses: { 'research-agent': 1 } }),
  buyer('cus_wayne', 'Wayne Enterprises', 'starter', 11, { joinsAfter: 0.55, zoneHours: -5 }),
  buyer('cus_vandelay', 'Vandelay', 'starter', 15, { joinsAfter: 0.7, isTrial: true }),
];

/** When the buyer's usage, and its plan, begin. */
export function joinedMicros(story: Story, { joinsAfter }: Buyer): number {
  return joinsAfter === 0 ? story.startMicros : shareOf(story, joinsAfter, DAY_MICROS);
}

/** Usage that nobody sells: who else makes calls. Their uses are counted like those of buyers. */
export interface OwnTraffic {
  readonly customer: string | null;
  readonly usageClass: 'internal' | 'test' | null;
  readonly environment: 'production' | 'staging';
  readonly feature: Feature;
  /** The feature is not told. */
  readonly isNameless: boolean;
  readonly weight: number;
}

export const OWN_TRAFFIC: readonly OwnTraffic[] = [
  own({ customer: 'cus_desk', usageClass: 'internal', feature: 'support-chat', weight: 0.1 }),
  own({ customer: 'cus_desk', usageClass: 'internal', feature: 'research-agent', weight: 0.03 }),
  own({
    customer: 'cus_e2e',
    usageClass: 'test',
    environment: 'staging',
    feature: 'support-chat',
    weight: 0.06,
  }),
  own({
    customer: 'cus_e2e',
    usageClass: 'test',
    environment: 'staging',
    feature: 'ticket-summary',
    weight: 0.04,
  }),
  own({
    customer: 'cus_e2e',
    usageClass: 'test',
    environment: 'staging',
    feature: 'research-agent',
    weight: 0.01,
  }),
  // A job of the night whose author forgot to say for whom it works.
  own({ feature: 'semantic-search', weight: 0.09 }),
  own({ feature: 'ticket-summary', weight: 0.02 }),
  // A script that says for whom, and not what for.
  own({ customer: 'cus_acme', feature: 'reply-drafts', isNameless: true, weight: 0.03 }),
];

function own(given: Partial<OwnTraffic> & Pick<OwnTraffic, 'feature' | 'weight'>): OwnTraffic {
  return { customer: null, usageClass: null, environment: 'production', isNameless: false, ...given };
}
