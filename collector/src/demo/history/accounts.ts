import { BUYERS, type Buyer, joinedMicros } from './shop.ts';
import { DAY_MICROS, floorTo, HOUR_MICROS, type Story, shareOf } from './story.ts';

/** Something that is done to a customer's account, over the API. */
export interface AccountStep {
  /** When it takes effect; null: it has no time. */
  readonly atMicros: number | null;
  readonly path: string;
  readonly body: Readonly<Record<string, string | number | boolean>>;
}

/** A top-up of who has run out: the app's own count of its credits goes up by then. */
export interface TopUp {
  readonly customer: string;
  readonly atMicros: number;
  readonly credits: number;
}

export function topUpsOf(story: Story): readonly TopUp[] {
  const hour = HOUR_MICROS;
  return [
    { customer: 'cus_initech', atMicros: shareOf(story, 0.68, hour), credits: 350 },
    { customer: 'cus_globex', atMicros: shareOf(story, 0.9, hour), credits: 1500 },
  ];
}

/** The accounts of the month, in the order in which things happen to them. */
export function accountSteps(story: Story): readonly AccountStep[] {
  const steps = [
    ...BUYERS.flatMap((buyer) => [created(buyer), subscribed(story, buyer)]),
    ...topUpsOf(story).map(topUp),
    upgrade(story),
    goodwill(story),
  ];
  return steps.sort((one, other) => (one.atMicros ?? 0) - (other.atMicros ?? 0));
}

function created({ id, name }: Buyer): AccountStep {
  return { atMicros: null, path: '/api/customers', body: { id, name } };
}

function subscribed(story: Story, buyer: Buyer): AccountStep {
  const atMicros = Math.max(joinedMicros(story, buyer), story.creditsMicros);
  return {
    atMicros,
    path: `/api/customers/${buyer.id}/subscription`,
    body: {
      plan: buyer.plan,
      start: instantText(atMicros),
      trial: buyer.isTrial,
      ...(buyer.hasJustRenewed ? { anchor_day: renewalDay(story) } : {}),
    },
  };
}

/** Two days ago, or at the start of a story that is shorter. A period that ended earlier would be closed by now. */
function renewalDay({ creditsMicros, nowMicros }: Story): number {
  const twoDaysAgo = floorTo(DAY_MICROS, nowMicros) - 2 * DAY_MICROS;
  return new Date(Math.max(twoDaysAgo, creditsMicros) / 1000).getUTCDate();
}

function topUp({ customer, atMicros, credits }: TopUp): AccountStep {
  return {
    atMicros,
    path: `/api/customers/${customer}/top-ups`,
    body: {
      credits: String(credits),
      paid_usd: `${(credits * 2) / 100}`,
      effective_at: instantText(atMicros),
      actor: 'billing',
      reason: 'ordered by the customer',
    },
  };
}

/** Hooli has grown out of its plan. */
function upgrade(story: Story): AccountStep {
  const atMicros = shareOf(story, 0.45, HOUR_MICROS);
  return {
    atMicros,
    path: '/api/customers/cus_hooli/subscription/change',
    body: {
      plan: 'business',
      effective_at: instantText(atMicros),
      actor: 'sales',
      reason: 'grown out of its plan',
    },
  };
}

/** After the incident. */
function goodwill({ incident, nowMicros }: Story): AccountStep {
  const atMicros = Math.min(incident.toMicros + 20 * HOUR_MICROS, nowMicros - HOUR_MICROS);
  return {
    atMicros,
    path: '/api/customers/cus_umbrella/grants',
    body: {
      credits: '500',
      effective_at: instantText(atMicros),
      actor: 'support',
      reason: 'an apology for the incident',
    },
  };
}

export function instantText(micros: number): string {
  return new Date(micros / 1000).toISOString();
}
