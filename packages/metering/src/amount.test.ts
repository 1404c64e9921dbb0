import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ceilToMultiple,
  divideCeil,
  divideHalfAwayFromZero,
  divideHalfEven,
  formatDecimal,
  parseDecimal,
} from './amount.ts';

function parsed(text: string, scale: number): bigint {
  const result = parseDecimal(text, scale);
  if (result.kind === 'rejected') throw new Error(`${text} was rejected: ${result.reason}`);
  return result.value;
}

const amounts = fc.bigInt({ min: -(10n ** 37n), max: 10n ** 37n });
const divisors = fc.bigInt({ min: 1n, max: 10n ** 20n });
const scales = fc.integer({ min: 0, max: 18 });

describe('parseDecimal', () => {
  it('reads amounts that a binary float cannot hold', () => {
    expect(parsed('0.07', 15)).toBe(70_000_000_000_000n);
    expect(parsed('0.5', 6)).toBe(500_000n);
    expect(parsed('0.02', 9)).toBe(20_000_000n);
    expect(parsed('12345678901.000001', 6)).toBe(12_345_678_901_000_001n);
  });

  it.each([
    ['5e-7', 9, 500n],
    ['1.5E2', 0, 150n],
    ['1e+3', 2, 100_000n],
    ['.5', 1, 5n],
    ['5.', 1, 50n],
    ['-0.25', 2, -25n],
    ['+3', 0, 3n],
    ['1.500', 1, 15n],
    ['0e-60', 0, 0n],
  ])('reads %s at scale %i', (text, scale, value) => {
    expect(parsed(text, scale)).toBe(value);
  });

  it.each(['', '.', '-', 'NaN', 'Infinity', 'e5', '1e', '1_000', '1,5', ' 1', '0x10', '1.2.3', '١'])(
    'rejects %j as no decimal',
    (text) => {
      expect(parseDecimal(text, 6)).toEqual({ kind: 'rejected', reason: 'not_decimal' });
    },
  );

  it('rejects digits that the scale cannot hold instead of rounding them', () => {
    expect(parseDecimal('0.001', 2)).toEqual({ kind: 'rejected', reason: 'too_precise' });
    expect(parseDecimal('1e-7', 6)).toEqual({ kind: 'rejected', reason: 'too_precise' });
  });

  it('bounds the work that a text can ask for', () => {
    expect(parseDecimal('1e999', 6)).toEqual({ kind: 'rejected', reason: 'too_long' });
    expect(parseDecimal('1'.repeat(65), 6)).toEqual({ kind: 'rejected', reason: 'too_long' });
  });
});

describe('formatDecimal', () => {
  it('writes canonical text', () => {
    expect(formatDecimal(70_000_000_000_000n, 15)).toBe('0.07');
    expect(formatDecimal(-25n, 2)).toBe('-0.25');
    expect(formatDecimal(0n, 15)).toBe('0');
    expect(formatDecimal(500n, 2)).toBe('5');
    expect(formatDecimal(500n, 2, 2)).toBe('5.00');
    expect(formatDecimal(7n, 0)).toBe('7');
    expect(formatDecimal(12_345_678_901_000_001n, 6)).toBe('12345678901.000001');
  });

  it('survives the round trip at every scale', () => {
    fc.assert(
      fc.property(amounts, scales, scales, (value, scale, minFraction) => {
        expect(parsed(formatDecimal(value, scale, Math.min(minFraction, scale)), scale)).toBe(value);
      }),
    );
  });

  it('gives different amounts different texts in the same order', () => {
    fc.assert(
      fc.property(amounts, amounts, scales, (left, right, scale) => {
        const texts = [formatDecimal(left, scale), formatDecimal(right, scale)] as const;
        expect(texts[0] === texts[1]).toBe(left === right);
        expect(parsed(texts[0], scale) < parsed(texts[1], scale)).toBe(left < right);
      }),
    );
  });
});

describe('division', () => {
  it.each([
    [5n, 2n, 2n],
    [7n, 2n, 4n],
    [-5n, 2n, -2n],
    [-7n, 2n, -4n],
    [-1n, 2n, 0n],
    [-3n, 2n, -2n],
    [8n, 3n, 3n],
    [-8n, 3n, -3n],
  ])('%s / %s is %s rounded half to even', (numerator, denominator, quotient) => {
    expect(divideHalfEven(numerator, denominator)).toBe(quotient);
  });

  it('half-even is symmetric around zero and never further away than half', () => {
    fc.assert(
      fc.property(amounts, divisors, (numerator, denominator) => {
        const quotient = divideHalfEven(numerator, denominator);
        expect(divideHalfEven(-numerator, denominator)).toBe(-quotient);
        const rest = numerator - quotient * denominator;
        expect((rest < 0n ? -rest : rest) * 2n <= denominator).toBe(true);
      }),
    );
  });

  it('ceil is the smallest integer that is not below the quotient', () => {
    fc.assert(
      fc.property(amounts, divisors, (numerator, denominator) => {
        const quotient = divideCeil(numerator, denominator);
        expect(quotient * denominator >= numerator).toBe(true);
        expect((quotient - 1n) * denominator < numerator).toBe(true);
      }),
    );
  });

  it('ceilToMultiple gives a multiple that exceeds the exact value by less than one multiple', () => {
    fc.assert(
      fc.property(amounts, divisors, divisors, (numerator, denominator, multiple) => {
        const rounded = ceilToMultiple({ numerator, denominator }, multiple);
        expect(rounded % multiple).toBe(0n);
        expect(rounded * denominator >= numerator).toBe(true);
        expect((rounded - multiple) * denominator < numerator).toBe(true);
      }),
    );
  });

  it('refuses a divisor that is not positive', () => {
    expect(() => divideHalfEven(1n, 0n)).toThrow(RangeError);
    expect(() => divideCeil(1n, -1n)).toThrow(RangeError);
    expect(() => ceilToMultiple({ numerator: 1n, denominator: 1n }, 0n)).toThrow(RangeError);
  });
});

describe('divideHalfAwayFromZero', () => {
  it.each([
    [5n, 10n, 1n],
    [-5n, 10n, -1n],
    [15n, 10n, 2n],
    [25n, 10n, 3n],
    [-25n, 10n, -3n],
    [24n, 10n, 2n],
    [0n, 3n, 0n],
  ])('rounds %d / %d to %d', (numerator, denominator, quotient) => {
    expect(divideHalfAwayFromZero(numerator, denominator)).toBe(quotient);
  });

  it('is never more than half a unit away', () => {
    fc.assert(
      fc.property(amounts, divisors, (numerator, denominator) => {
        const twiceError = (divideHalfAwayFromZero(numerator, denominator) * denominator - numerator) * 2n;
        expect(twiceError <= denominator && -twiceError <= denominator).toBe(true);
      }),
    );
  });
});
