import { catalogueWith, defaultCatalogue } from './catalogue/catalogue.ts';
import { type PriceDifference, priceDifferences } from './catalogue/differences.ts';
import { overlay } from './catalogue/overlay.ts';
import { PRICE_LIST_PACKAGE } from './catalogue/price-list.ts';
import { endingPromotions } from './catalogue/promotions.ts';
import type { LayerCard } from './catalogue/read-price-file.ts';
import { hoursText } from './catalogue/timeline.ts';

/**
 * `npm run check:prices`: where our book says otherwise than the pinned price list, with our reason for each, and which
 * promotional prices end. Fails when a difference has no reason, or a promotion is over and its price still holds.
 */
const entries = new Map(overlay().cards.map((entry) => [entry.id, entry]));
const differences = priceDifferences(catalogueWith([]).cards(), defaultCatalogue().cards());
const unreasoned = differences.filter(({ card }) => !entriesOf(card).some(hasReason));

for (const [reason, lines] of Map.groupBy(differences, ({ card }) => reasonText(card))) {
  console.log(`\n${reason}`);
  for (const line of lines) console.log(`  ${differenceText(line)}`);
}

const promotions = endingPromotions([...entries.values()], Date.now() * 1000);
for (const { card, state } of promotions) {
  const end = dayText(card.promotionalUntilMicros);
  const what =
    state === 'expired' ? 'EXPIRED: promotional price still in force after' : 'promotional price ends';
  console.log(`\n${card.id}: ${what} ${end}`);
}

const expired = promotions.filter(({ state }) => state === 'expired');
console.log(
  `\n${differences.length} differences from ${PRICE_LIST_PACKAGE} ` +
    `(${differences.filter(({ theirs }) => theirs === null).length} of them prices that it lacks), ` +
    `${unreasoned.length} without a reason; ` +
    `${expired.length} expired promotions, ${promotions.length - expired.length} ending soon`,
);
if (unreasoned.length > 0 || expired.length > 0) process.exitCode = 1;

/** A card's id joins the ids of all that made it. */
function entriesOf(card: string | null): readonly LayerCard[] {
  return (card ?? '').split('+').flatMap((id) => entries.get(id) ?? []);
}

function hasReason({ note, source }: LayerCard): boolean {
  return note !== null || source !== null;
}

function reasonText(card: string | null): string {
  const reasons = entriesOf(card).map(({ id, note, source }) => {
    const read = source === null ? [] : [`${source.url}, read ${source.read}`];
    const said = [...(note === null ? [] : [note.trim()]), ...read];
    return `${id}: ${said.length === 0 ? 'NO REASON' : said.join(' — ')}`;
  });
  return reasons.length === 0 ? `${card ?? 'no card of ours'}: NO REASON` : reasons.join('\n');
}

function differenceText(difference: PriceDifference): string {
  const { provider, model, item, theirs, ours, hours, fromMicros, toMicros } = difference;
  const during = [
    toMicros === null ? `since ${dayText(fromMicros)}` : `${dayText(fromMicros)} to ${dayText(toMicros)}`,
    ...(hours.length === 0 ? [] : [hoursText(hours)]),
  ];
  return `${provider}/${model}, ${during.join(', ')}: ${item}: ${theirs ?? 'none'} → ${ours ?? 'none'}`;
}

/** A date, or an instant where it is not midnight UTC. */
function dayText(micros: number | null): string {
  return micros === null ? '' : new Date(micros / 1000).toISOString().replace(/T00:00:00\.000Z$/, '');
}
