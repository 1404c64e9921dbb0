import type { LayerCard } from './read-price-file.ts';

const MICROS_PER_DAY = 86_400_000_000;
/** Long enough to look up the next price and release it before this one is wrong. */
const NOTICE_DAYS = 14;

/** A promotional price that needs a look, because its published end is near or past. */
export interface EndingPromotion {
  readonly card: LayerCard;
  readonly state: 'ending' | 'expired';
}

/** Entries whose own end comes no later than the promotion's need none: what follows is written down already. */
export function endingPromotions(cards: readonly LayerCard[], nowMicros: number): readonly EndingPromotion[] {
  return cards.flatMap((card): readonly EndingPromotion[] => {
    const { promotionalUntilMicros: until, toMicros } = card;
    if (until === null || (toMicros !== null && toMicros <= until)) return [];
    if (until < nowMicros) return [{ card, state: 'expired' }];
    return until - nowMicros <= NOTICE_DAYS * MICROS_PER_DAY ? [{ card, state: 'ending' }] : [];
  });
}
