import {
  type Catalogue,
  type CostLine,
  formatDecimal,
  PRICED_UNITS,
  price,
  RATE_SCALE,
  USD_SCALE,
} from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import type { RatedUsage } from '../ledger/rated-usage.ts';
import { Decimal, DecimalOrNull, TextOrNull, usdText } from './amounts.ts';

const LineSchema = Type.Object({
  item: Type.String({ description: 'A class of tokens, or something counted by the piece.' }),
  quantity: Type.Integer({ description: 'Tokens or pieces; of `second` thousandths.' }),
  rate_usd: Type.Union([Type.String(), Type.Null()], {
    description: 'For a million tokens, for one piece, or of `second` for an hour; before the factor.',
  }),
  fallback: Type.Union([Type.String(), Type.Null()], {
    description: 'The class whose rate stands in for a missing one.',
  }),
  factor: Type.Union([Type.String(), Type.Null()], {
    description: 'Everything that multiplies the rate, as a quotient; null for 1.',
  }),
  cost_usd: DecimalOrNull,
});

export const ExplainedPriceSchema = Type.Object({
  cost_usd: Type.Union([Decimal, Type.Null()], { description: 'As it is recorded; null: not priced.' }),
  status: Type.String(),
  card: Type.Union([Type.String(), Type.Null()], {
    description: 'The price that was applied, in its version.',
  }),
  book_version: Type.String(),
  note: TextOrNull,
  lines: Type.Union([Type.Array(LineSchema), Type.Null()], {
    description: 'The cost in parts; null where the card has changed since, see `why_no_lines`.',
  }),
  why_no_lines: TextOrNull,
});

/** How a call came to its cost: priced again by the card that it was priced by, if that is still what it was. */
export function explainedPrice(
  { usage, rating: recorded, tenant }: RatedUsage,
  catalogue: Catalogue,
): Static<typeof ExplainedPriceSchema> {
  const again = price(usage, catalogue, tenant);
  const card = again.kind === 'priced' || again.kind === 'partial' ? again.card.id : null;
  const cost = again.kind === 'priced' ? again.cost : null;
  const isSame = card === recorded.priceCard && cost === recorded.cost;
  const lines = again.kind === 'not_billed' ? [] : again.lines;
  return {
    cost_usd: recorded.cost === null ? null : usdText(recorded.cost),
    status: recorded.priceStatus,
    card: recorded.priceCard,
    book_version: recorded.bookVersion,
    note: recorded.priceNote,
    lines: isSame ? lines.map(lineJson) : null,
    why_no_lines: isSame
      ? null
      : `By the prices of today it would be ${cost === null ? again.status : `${usdText(cost)} USD`} (${card ?? 'no card'}).`,
  };
}

function lineJson({ item, quantity, rate, fallback, factor, cost }: CostLine): Static<typeof LineSchema> {
  const scale = PRICED_UNITS.some((unit) => unit === item) ? USD_SCALE : RATE_SCALE;
  return {
    item,
    quantity,
    rate_usd: rate === null ? null : formatDecimal(rate, scale),
    fallback,
    factor: factor === null ? null : `${factor.numerator}/${factor.denominator}`,
    cost_usd: cost === null ? null : usdText(cost),
  };
}
