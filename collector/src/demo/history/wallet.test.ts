import { describe, expect, it } from 'vitest';
import { topUpsOf } from './accounts.ts';
import type { Trace, Use } from './making.ts';
import { NO_USAGE } from './prices.ts';
import { BUYERS, CREDITS_OF_AN_ANSWER, STARTER_ALLOWANCE } from './shop.ts';
import { storyOf } from './story.ts';
import { Wallet } from './wallet.ts';

const story = storyOf(30, Date.UTC(2026, 10, 23, 12) * 1000);

function buyerWho(stopsAtZero: boolean) {
  const buyer = BUYERS.find((candidate) => candidate.stopsAtZero === stopsAtZero);
  if (buyer === undefined) throw new Error('there is no such buyer');
  return buyer;
}

const CALL = { endMicros: 0, provider: 'openai', model: 'gpt-4.1', usage: NO_USAGE, hasFailed: false };
const ANSWERED: Trace = { spans: [], calls: [CALL], lateRoot: null, pages: 0 };
const FAILED: Trace = { ...ANSWERED, calls: [{ ...CALL, hasFailed: true }] };

function useAt(startMicros: number): Use {
  const told = { customer: null, user: null, usageClass: null, isNameless: false, verbosity: 1 };
  return { ...told, feature: 'support-chat', startMicros };
}

/** How many uses happen of so many that are wanted at an instant. */
function uses(
  wallet: Wallet,
  wanted: number,
  atMicros: number,
  trace = ANSWERED,
  stopsAtZero = true,
): number {
  const buyer = buyerWho(stopsAtZero);
  let happened = 0;
  for (let count = 0; count < wanted; count++) {
    if (!wallet.allows(buyer, useAt(atMicros))) continue;
    wallet.charge(buyer, useAt(atMicros), trace);
    happened++;
  }
  return happened;
}

const PAID_FOR = STARTER_ALLOWANCE / CREDITS_OF_AN_ANSWER;
const AT = story.creditsMicros;

describe('an app that asks', () => {
  it('stops when the credits have run out, but for what was under way', () => {
    expect(uses(new Wallet(story), 10 * PAID_FOR, AT)).toBe(PAID_FOR + 3);
  });

  it('goes on when credits were bought, which pay for nothing of the past', () => {
    const wallet = new Wallet(story);
    uses(wallet, 10 * PAID_FOR, AT);
    const topUp = topUpsOf(story).find(({ customer }) => customer === buyerWho(true).id);
    const later = topUp?.atMicros ?? Number.NaN;
    expect(uses(wallet, PAID_FOR, later - 1)).toBe(0);
    expect(uses(wallet, 10 * PAID_FOR, later)).toBe((topUp?.credits ?? 0) / CREDITS_OF_AN_ANSWER + 3);
  });

  it('is charged nothing for what failed, nor for what was before credits', () => {
    const wallet = new Wallet(story);
    expect(uses(wallet, 10 * PAID_FOR, AT, FAILED)).toBe(10 * PAID_FOR);
    expect(uses(wallet, 10 * PAID_FOR, AT - 1)).toBe(10 * PAID_FOR);
    expect(uses(wallet, 10 * PAID_FOR, AT)).toBe(PAID_FOR + 3);
  });
});

it('an app that does not ask never stops', () => {
  expect(uses(new Wallet(story), 10 * PAID_FOR, AT, ANSWERED, false)).toBe(10 * PAID_FOR);
});
