import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { tokensOf } from './tokens.ts';

const kinds = (sql: string) =>
  tokensOf(sql)
    .filter(({ kind }) => kind !== 'space')
    .map(({ kind, value }) => [kind, value]);

describe('the tokens of SQL', () => {
  it('are the SQL again when put together, whatever it is', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '$$',
      '$a$',
      '$1',
      '--',
      '\n',
      '/*',
      '*/',
      'E',
      "e'\\''",
      '::',
      '~',
      'pg_catalog.',
      'x',
      ' ',
      '(',
      '1.5e-3',
      '\\',
      'é',
      '😀',
      "U&'",
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          fc.array(piece).map((pieces) => pieces.join('')),
        ),
        (sql) => {
          expect(
            tokensOf(sql)
              .map(({ text }) => text)
              .join(''),
          ).toBe(sql);
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it('have strings of every kind in one piece', () => {
    expect(kinds("'it''s' E'a\\'b' $$x'y$$ $q$a$$b$q$ N'n'")).toEqual([
      ['string', "it's"],
      ['string', "a'b"],
      ['string', "x'y"],
      ['string', 'a$$b'],
      ['string', 'n'],
    ]);
  });

  it('take a backslash for itself in a plain string', () => {
    expect(kinds("'\\' ~ 'x'")).toEqual([
      ['string', '\\'],
      ['operator', '~'],
      ['string', 'x'],
    ]);
  });

  it('leave nested comments out', () => {
    expect(kinds("a /* b /* ' */ c */ -- d '\n e")).toEqual([
      ['word', 'a'],
      ['word', 'e'],
    ]);
  });

  it('tell a parameter from a dollar quote, and a cast from other colons', () => {
    expect(kinds('$1::text[1:2]').map(([kind]) => kind)).toEqual([
      'parameter',
      'mark',
      'word',
      'mark',
      'number',
      'mark',
      'number',
      'mark',
    ]);
  });

  it('end an operator where a sign or a comment begins', () => {
    expect(kinds('a=-1 b!~*c d~--e').map(([, value]) => value)).toEqual([
      'a',
      '=',
      '-',
      '1',
      'b',
      '!~*',
      'c',
      'd',
      '~',
    ]);
  });
});
