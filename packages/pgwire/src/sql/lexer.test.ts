import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { positionOf, tokensOf } from './lexer.ts';

function kindsAndTexts(sql: string): readonly string[] {
  return [...tokensOf(sql)].map(({ kind, text }) => `${kind}: ${text}`);
}

describe('the tokens of SQL', () => {
  it.each<[string, string, readonly string[]]>([
    ['words are read in lower case', 'SELECT Grüße', ['word: select', 'word: grüße']],
    ['a quoted name is as it stands', '"Semi;""colon"', ['quoted name: Semi;"colon']],
    ['a doubled quote is one', "'it''s'", ["string: it's"]],
    ['a backslash is a backslash', "'a\\' ;", ['string: a\\', 'symbol: ;']],
    ['in an escape string it takes the next character', String.raw`E'a\';\n\x41\101'`, ["string: a';\nAA"]],
    ['a character beyond the first plane', String.raw`e'\U0001F389'`, ['string: 🎉']],
    ['bits and national strings', "b'01' X'ff' n'x'", ['string: 01', 'string: ff', 'string: x']],
    ['strings and names with Unicode escapes', `U&'d' U&"e"`, ['string: d', 'quoted name: e']],
    ['a dollar quote ends at its own tag', '$a$ ; $$ ; $b$ $a$', ['string:  ; $$ ; $b$ ']],
    ['an empty tag', "$$it's$$", ["string: it's"]],
    ['a parameter', '$12', ['parameter: $12']],
    ['a dollar within a name begins no quote', 'a$b$ $1', ['word: a$b$', 'parameter: $1']],
    ['comments nest', '/* a /* ; */ b */ c', ['word: c']],
    ['a comment ends with its line', "-- it's\nb", ['word: b']],
    [
      'numbers',
      '1 1.5 .5 1e-3 1_000',
      ['number: 1', 'number: 1.5', 'number: .5', 'number: 1e-3', 'number: 1_000'],
    ],
    ['a word before a string is no prefix of it', "note 'x'", ['word: note', 'string: x']],
  ])('%s', (_, sql, tokens) => {
    expect(kindsAndTexts(sql)).toEqual(tokens);
  });

  it.each([
    ["select 'abc", 'unterminated quoted string'],
    ["select e'abc\\'", 'unterminated quoted string'],
    ['select "abc', 'unterminated quoted identifier'],
    ['select /* /* */', 'unterminated /* comment'],
    ['select $a$ $b$', 'unterminated dollar-quoted string'],
  ])('%s is refused where it begins', (sql, message) => {
    expect(() => kindsAndTexts(sql)).toThrow(
      expect.objectContaining({ code: '42601', message, details: { position: 8 } }),
    );
  });

  it('of any text, tokens follow each other and everything between them is blank or comment', () => {
    const piece = fc.constantFrom(
      "'",
      '"',
      '$',
      '$$',
      '$a$',
      '--',
      '/*',
      '*/',
      '\n',
      ';',
      'e',
      "E'",
      '\\',
      'a',
      '1',
      ' ',
    );
    let tokenCount = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        const sql = pieces.join('');
        let end = 0;
        try {
          for (const token of tokensOf(sql)) {
            expect(token.start).toBeGreaterThanOrEqual(end);
            expect(token.end).toBeGreaterThan(token.start);
            const between = sql.slice(end, token.start);
            expect(/^(\s|--|\/\*|$)/.test(between)).toBe(true);
            ({ end } = token);
            tokenCount++;
          }
        } catch (error) {
          expect(error).toMatchObject({ code: '42601' });
        }
      }),
      { numRuns: 1_000 },
    );
    expect(tokenCount).toBeGreaterThan(100);
  });

  it('positions are counted in characters, not in halves of them', () => {
    expect(positionOf('🎉🎉x', 4)).toBe(3);
  });
});
