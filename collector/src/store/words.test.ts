import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Words } from './words.ts';

describe('words', () => {
  it('have codes from 1 on in the order in which they first came', () => {
    const words = new Words([]);
    expect(['chat', 'ok', 'chat', 'error'].map((word) => words.codeOf(word))).toEqual([1, 2, 1, 3]);
  });

  it('go on after the known ones', () => {
    const words = new Words(['chat', 'ok']);
    expect([words.codeOf('ok'), words.codeOf('error')]).toEqual([2, 3]);
    expect([1, 2, 3].map((code) => words.wordOf(code))).toEqual(['chat', 'ok', 'error']);
  });

  it('are taken once, with their codes, for the database', () => {
    const words = new Words(['chat']);
    expect(words.takeNew()).toEqual([]);
    words.codeOf('ok');
    words.codeOf('error');
    expect(words.takeNew()).toEqual([
      { code: 2, word: 'ok' },
      { code: 3, word: 'error' },
    ]);
    words.codeOf('ok');
    expect(words.takeNew()).toEqual([]);
  });

  it('do not take names of objects for known words', () => {
    expect(new Words([]).codeOf('constructor')).toBe(1);
    expect(new Words([]).codeOf('__proto__')).toBe(1);
  });

  it.each([0, -1, 2])('refuse the code %d that nothing has', (code) => {
    expect(() => new Words(['chat']).wordOf(code)).toThrow(RangeError);
  });

  it('are the same again when they are loaded from what was taken', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), fc.array(fc.string()), (before, after) => {
        const first = new Words([]);
        for (const word of before) first.codeOf(word);
        const second = new Words(first.takeNew().map(({ word }) => word));
        for (const word of [...after, ...before]) expect(second.codeOf(word)).toBe(first.codeOf(word));
        expect(second.takeNew()).toEqual(first.takeNew());
      }),
    );
  });
});
