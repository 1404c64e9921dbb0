import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { counted, cutPieces, type Output, padEnd, painter, visible, widthOf } from './terminal.ts';

const anOutput = (parts: { isTTY?: boolean } = {}): Output => Object.assign(new PassThrough(), parts);

describe('colours', () => {
  it('are for terminals only', () => {
    expect(painter(anOutput({ isTTY: true }), {})('red', 'x')).toBe('\u001b[31mx\u001b[39m');
    expect(painter(anOutput(), {})('red', 'x')).toBe('x');
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('are left out with %o', (environment) => {
    expect(painter(anOutput({ isTTY: true }), environment)('red', 'x')).toBe('x');
  });

  it('are there with an empty NO_COLOR, which says nothing', () => {
    expect(painter(anOutput({ isTTY: true }), { NO_COLOR: '' })('red', 'x')).not.toBe('x');
  });
});

describe('the width of a text', () => {
  it.each([
    ['abc', 3],
    ['', 0],
    ['日本', 4],
    ['한글', 4],
    ['👩‍👩‍👧 ok', 5],
    ['e\u0301', 1],
    ['…─│', 3],
  ])('of %s is %d', (text, width) => {
    expect(widthOf(text)).toBe(width);
  });

  it.each([
    ['abcdef', 6, 'abcdef'],
    ['abcdef', 5, 'abcd…'],
    ['日本語', 5, '日本…'],
    ['日本語', 4, '日…'],
    ['abc', 1, '…'],
    ['abc', 0, ''],
  ])('of %s is cut to %d columns as %s', (text, columns, cut) => {
    expect(
      cutPieces([{ text }], columns)
        .map((piece) => piece.text)
        .join(''),
    ).toBe(cut);
    expect(widthOf(cut)).toBeLessThanOrEqual(columns);
  });

  it('is filled up with spaces', () => {
    expect(padEnd('日', 4)).toBe('日  ');
    expect(padEnd('long', 2)).toBe('long');
  });
});

describe('a line of pieces', () => {
  it('keeps the formats of what fits', () => {
    const pieces = [{ text: 'abc', format: 'red' }, { text: 'defg' }, { text: 'h' }] as const;
    expect(cutPieces(pieces, 8)).toEqual(pieces);
    expect(cutPieces(pieces, 5)).toEqual([{ text: 'abc', format: 'red' }, { text: 'd…' }]);
    expect(cutPieces(pieces, 4)).toEqual([{ text: 'abc', format: 'red' }, { text: '…' }]);
    expect(cutPieces(pieces, 3)).toEqual([{ text: 'ab…', format: 'red' }]);
    expect(cutPieces(pieces, 0)).toEqual([]);
  });
});

describe('words', () => {
  it('show control characters', () => {
    expect(visible('a\u001b[2J\n\u009b')).toBe('a\\u001b[2J\\n\\u009b');
  });

  it('count', () => {
    expect([counted(1, 'call'), counted(0, 'call'), counted(1200, 'call')]).toEqual([
      '1 call',
      '0 calls',
      '1,200 calls',
    ]);
  });
});
