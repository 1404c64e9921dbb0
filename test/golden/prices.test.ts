import { Readable, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { defaultCatalogue } from '../../collector/src/catalogue/index.ts';
import { priceLines } from '../../collector/src/pricing/price-command.ts';
import { type PriceCase, readPriceCases } from './price-cases.ts';
import { evaluate, isEqual } from './rational.ts';

const files = readPriceCases();
const all = [...files.values()].flat();

const catalogue = defaultCatalogue();

/** One line in, one line out, through the same code as the command. */
async function priced(input: object): Promise<{ readonly status: string }> {
  let text = '';
  const out = new Writable({
    write(chunk, _encoding, done) {
      text += chunk;
      done();
    },
  });
  await priceLines(Readable.from([`${JSON.stringify(input)}\n`]), out, catalogue);
  return JSON.parse(text);
}

describe('golden prices', () => {
  it('are many, and no two have the same name or ask the same', () => {
    expect(all.length).toBeGreaterThanOrEqual(90);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
    expect(new Set(all.map(({ input }) => JSON.stringify(input))).size).toBe(all.length);
  });

  it('come from published pages, at most a fifth from the pinned list alone', () => {
    const pinned = all.filter(({ source }) => source.startsWith('pinned list'));
    expect(pinned.length * 5).toBeLessThanOrEqual(all.length);
  });

  it('tell of every way a rating can end', () => {
    const ends = new Set(all.map(({ expect: end }) => ('reason' in end ? end.reason : end.status)));
    expect([...ends]).toEqual(
      expect.arrayContaining([
        'priced',
        'free',
        'partial',
        'unknown_provider',
        'unknown_model',
        'fuzzy_match',
        'deployment_unmapped',
        'no_card_at_time',
        'missing_class_rate',
        'unknown_service_tier',
        'missing_usage',
        'invalid_usage',
      ]),
    );
  });

  for (const [file, cases] of files) {
    describe(`of ${file}`, () => {
      it.each(cases)('$name: is what spanledger price answers', async ({ input, expect: expected }) => {
        const answer = await priced(input);
        const { cost_usd, status, ...reason } = expected;
        expect(answer).toMatchObject({ ...input, cost_usd, ...reason });
        const said = 'reason' in reason ? `unpriced:${reason.reason}` : status;
        expect(answer.status).toMatch(new RegExp(`^${said}`));
      });

      it.each(cases)(
        '$name: the cost is what its arithmetic says',
        ({ arithmetic, expect: { cost_usd } }) => {
          if (cost_usd === null) {
            expect(arithmetic).toBeUndefined();
            return;
          }
          expect(isEqual(evaluate(arithmetic ?? ''), evaluate(cost_usd)), `${arithmetic} = ${cost_usd}`).toBe(
            true,
          );
        },
      );

      it.each(cases.filter(hasLines))('$name: the arithmetic prices every token once', (priced) => {
        const { input_tokens = 0, output_tokens = 0 } = priced.input.usage;
        expect(pricedTokens(priced)).toBe(input_tokens + output_tokens);
      });
    });
  }
});

function hasLines({ expect: end }: PriceCase): boolean {
  return end.status === 'priced';
}

/** The counts in `(tokens*rate + tokens*rate)/1000000 …`; fees follow behind and are no tokens. */
function pricedTokens({ arithmetic = '' }: PriceCase): number {
  const lines = /^\(([^)]*)\)\/1000000/.exec(arithmetic)?.[1] ?? '';
  return lines.split(' + ').reduce((sum, line) => sum + Number(line.split('*')[0]), 0);
}
