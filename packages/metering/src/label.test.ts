import { describe, expect, it } from 'vitest';
import { fingerprint } from './fingerprint.ts';
import { label } from './label.ts';

describe('a label', () => {
  it.each([undefined, '', '   ', '\n\t', Number.NaN, Number.POSITIVE_INFINITY, ['a']])(
    'is null for %j',
    (value) => {
      expect(label(value)).toBeNull();
    },
  );

  it('is text when an id was sent as a number or boolean', () => {
    expect(label(42)).toBe('42');
    expect(label(9_007_199_254_740_993n)).toBe('9007199254740993');
    expect(label(false)).toBe('false');
  });

  it('keeps what was sent, newlines and surrounding blanks included', () => {
    expect(label(' two\nlines ')).toBe(' two\nlines ');
  });

  it('loses NUL, which readers cannot carry', () => {
    expect(label('a\0b')).toBe('a\uFFFDb');
  });

  it('of 1,000 characters stays whole, and one more shortens it', () => {
    expect(label('x'.repeat(1000))).toBe('x'.repeat(1000));
    expect(label('x'.repeat(1001))).toBe(`${'x'.repeat(980)}…#${fingerprint('x'.repeat(1001))}`);
  });

  it('stays different from another long one with the same beginning', () => {
    const [one, other] = [label(`${'x'.repeat(2000)}1`), label(`${'x'.repeat(2000)}2`)];
    expect(one).toHaveLength(998);
    expect(one).not.toBe(other);
  });

  it('is not cut inside a surrogate pair', () => {
    const cut = label(`${'x'.repeat(979)}😀${'y'.repeat(100)}`);
    expect(cut?.isWellFormed()).toBe(true);
    expect(cut?.startsWith(`${'x'.repeat(979)}…#`)).toBe(true);
  });
});

describe('a fingerprint', () => {
  it('is FNV-1a 64 over UTF-16 bytes', () => {
    const offset = 0xcbf29ce484222325n;
    const reference = (text: string) => {
      let hash = offset;
      for (const byte of new Uint8Array(Uint16Array.from(text, (c) => c.charCodeAt(0)).buffer)) {
        hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
      }
      return hash.toString(16).padStart(16, '0');
    };
    for (const text of ['', 'a', 'foobar', 'Zürich 東京', 'x'.repeat(500)]) {
      expect(fingerprint(text)).toBe(reference(text));
    }
  });
});
