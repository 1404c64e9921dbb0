import { instantText } from './accounts.ts';
import { type PriceCard, priceCards } from './prices.ts';
import { BUDGETS, PLANS, RULES } from './shop.ts';
import type { Story } from './story.ts';

/** The `spanledger.yaml` of the month: prices with the days from which they hold, rules, plans and budgets. */
export function configurationOf(story: Story): string {
  const rules = Object.entries(RULES).map(([feature, rule]) => `    ${feature}: ${rule}`);
  const plans = Object.entries(PLANS).map(([plan, terms]) => `  ${plan}: ${terms}`);
  return `# The demo's month, written by npm run demo -- --history. What the shop pays, sells, and for how many credits.
prices:
  cards:
${priceCards(story).map(cardText).join('\n')}

credits:
  features:
${rules.join('\n')}

plans:
${plans.join('\n')}

budgets:
${BUDGETS.map((budget) => `  - ${budget}`).join('\n')}
`;
}

const EVER = '2026-01-01T00:00:00.000Z';

function cardText({ id, provider, model, fromMicros, rates, pageUsd }: PriceCard): string {
  const from = fromMicros === null ? EVER : instantText(fromMicros);
  const lines = Object.entries(rates).map(([name, rate]) => `${name}: ${rate}`);
  return [
    `    - id: ${id}`,
    `      match: { provider: ${provider}, model: ${model} }`,
    `      effective_from: ${from}`,
    ...(lines.length === 0 ? [] : [`      rates: { ${lines.join(', ')} }`]),
    ...(pageUsd === null ? [] : [`      units: { page: ${pageUsd} }`]),
  ].join('\n');
}
