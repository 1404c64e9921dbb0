import type { Draw } from './rearranged.ts';

/**
 * A story that nobody has thought of, as the text of a scenario: two customers on drawn plans and zones, and whatever may
 * happen to them over some months. What is refused is refused; it must only be refused again.
 */
export function drawnStory(draw: Draw): string {
  const one = <Value>(values: readonly Value[], otherwise: Value): Value =>
    values[draw(values.length)] ?? otherwise;
  const oneDeed = (...deeds: readonly object[]): object => deeds[draw(deeds.length)] ?? {};
  const customers = ['acme', 'zeta'].map((id) => ({
    id,
    plan: one(PLANS, 'starter'),
    anchor_day: 1 + draw(31),
    zone: one(['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'], 'UTC'),
    trial: draw(2) === 0,
  }));
  const holds: string[] = [];
  const step = (index: number): object => {
    const customer = one(['acme', 'zeta'], 'acme');
    const credits = String(1 + draw(80));
    const hold = one(holds, 'none');
    const kind = draw(23);
    if (kind < 9) return { usage: Array.from({ length: 1 + draw(3) }, () => usage(draw, index, customer)) };
    if (kind < 13) return { advance: one(['1h', '9h', '2d', '5d', '12d', '33d'], '1h') };
    switch (kind) {
      case 13:
        return { top_up: { customer, credits, ...(draw(2) === 0 ? { expires: '20d' } : {}) } };
      case 14:
        return { grant: { customer, credits, expires: one(['1d', '10d', '40d'], '1d'), priority: draw(3) } };
      case 15:
        return { adjust: { customer, credits: `-${credits}`, actor: 'ann', reason: 'because' } };
      case 16: {
        const name = `hold-${index}`;
        holds.push(name);
        const action = draw(2) === 0 ? { action: one(ACTIONS, 'a') } : {};
        return {
          authorise: { customer, hold: name, credits, expires: one(['30m', '6h', '23h'], '6h'), ...action },
        };
      }
      case 17:
        return oneDeed(
          { settle: { customer, hold, credits } },
          { settle: { customer, hold } },
          { release: { customer, hold } },
        );
      case 18:
        return { change_plan: { customer, plan: one(PLANS, 'starter') } };
      case 19:
      case 20:
      case 21:
        // Later than all before, so that it holds for all that was used.
        return {
          price_correction: {
            cards: [
              {
                ...CARD,
                id: `house/painter-${index}`,
                effective_from: new Date(Date.UTC(2025, 1, 1 + index)).toISOString().slice(0, 10),
                units: { image: one(['0.001', '0.005', '0.02'], '0.01') },
              },
            ],
            rerate: { policy: 'neutral' },
          },
        };
      default:
        return oneDeed(
          { cancel: { customer, when: one(['now', 'period_end'], 'now') } },
          { subscribe: { customer, plan: one(PLANS, 'pro') } },
        );
    }
  };
  return JSON.stringify({
    starts_at: '2026-01-30T10:00:00Z',
    prices: { only: true, cards: [CARD] },
    credits: {
      features: { draw: { units: { image: '0.7' } } },
      default: { cost_plus: { markup: '0.5', credit_value_usd: '0.01' } },
    },
    plans: TERMS,
    customers,
    steps: Array.from({ length: 10 + draw(30) }, (_, index) => step(index)),
  });
}

const CARD = {
  id: 'house/painter',
  match: { provider: 'house', model: 'painter-1' },
  effective_from: '2025-01-01',
  units: { image: '0.01' },
};
const PLANS = ['starter', 'pro', 'business', 'team'];
const TERMS = {
  starter: { fee_usd: 10, allowance: 60, trial: { days: 10, credits: 20 } },
  pro: {
    fee_usd: 20,
    allowance: 120,
    rollover: { up_to: 40, periods: 2 },
    overage: { policy: 'charge', price_usd: '0.3', limit: 100 },
  },
  business: { fee_usd: 90, allowance: 300, overage: { policy: 'allow', repay: true }, restored_days: 9 },
  team: { fee_usd: 20, allowance: 90, rollover: {}, multiplier: '1.1', overage: { policy: 'degrade' } },
};
const ACTIONS = ['a', 'b', 'c'];

function usage(draw: Draw, index: number, customer: string): object {
  return {
    customer,
    feature: draw(2) === 0 ? 'other' : 'draw',
    provider: 'house',
    model: 'painter-1',
    units: { image: String(1 + draw(40)) },
    ...(draw(4) === 0 ? { action: ACTIONS[draw(ACTIONS.length)] ?? 'a' } : {}),
    ...(draw(3) === 0 ? { at: `-${1 + draw(100)}h` } : {}),
    ...(draw(8) === 0 ? { status: 'error' } : {}),
    ...(draw(6) === 0 ? { trace: `trace-${draw(index + 1)}` } : {}),
  };
}
