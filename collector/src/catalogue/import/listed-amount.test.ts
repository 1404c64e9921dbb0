import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { factor, perHour, perMillion, perPiece, tokenCount } from './listed-amount.ts';

const amount = (text: string) => ({ kind: 'amount', text });

describe('an amount of a foreign list', () => {
  it('per token becomes per million by moving the point, whatever the notation', () => {
    expect(perMillion('3e-06', 1n)).toEqual(amount('3'));
    expect(perMillion('2.5E-7', 1n)).toEqual(amount('0.25'));
    expect(perMillion('0.0000000028', 1n)).toEqual(amount('0.0028'));
    expect(perMillion('6e-5', 1n)).toEqual(amount('60'));
  });

  it('keeps every digit up to the ninth place', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 10n ** 15n }), (nanos) => {
        const digits = nanos.toString().padStart(10, '0');
        const text = `${digits.slice(0, -9)}.${digits.slice(-9)}`;
        const read = perMillion(text, 1_000_000n);
        const shifted = perMillion(`${nanos}e-15`, 1n);
        expect(read).toEqual(shifted);
        expect(read).toEqual(amount(text.replace(/\.?0+$/, '')));
      }),
    );
  });

  it('heals what went through float arithmetic', () => {
    expect(perMillion('0.18000000000000002', 1_000_000n)).toEqual(amount('0.18'));
    expect(perMillion('1.7999999999999997e-07', 1n)).toEqual(amount('0.18'));
    expect(perMillion('0.08333333333333334', 1_000_000n)).toEqual(amount('0.083333333'));
  });

  it('rounds half to even behind the ninth place', () => {
    expect(perMillion('0.0000000025', 1_000_000n)).toEqual(amount('0.000000002'));
    expect(perMillion('0.0000000035', 1_000_000n)).toEqual(amount('0.000000004'));
  });

  it('is never rounded to nothing', () => {
    expect(perMillion('1e-17', 1n)).toMatchObject({ kind: 'malformed' });
  });

  it.each(['-1', 'NaN', 'free', '1,5', '', true, null, ['1']])('is none when it is %j', (value) => {
    expect(perMillion(value, 1n)).toMatchObject({ kind: 'malformed' });
  });

  it.each(['0', '0.0', '0e-7'])('is apart when it is %s', (value) => {
    expect(perMillion(value, 1n)).toEqual({ kind: 'zero' });
  });

  it('by the thousand pieces becomes one by the piece', () => {
    expect(perPiece('10', 1000n)).toEqual(amount('0.01'));
    expect(perPiece('0.035', 1n)).toEqual(amount('0.035'));
  });

  it('by the minute becomes one by the hour', () => {
    expect(perHour('0.006')).toEqual(amount('0.36'));
  });

  it('that is a factor stays as it is', () => {
    expect(factor('1.1')).toEqual(amount('1.1'));
  });
});

describe('a count of tokens', () => {
  it('may be written as a float', () => {
    expect([tokenCount('32000.0'), tokenCount('32000'), tokenCount('2e5')]).toEqual([32000, 32000, 200000]);
  });

  it.each([undefined, 'many', '-1', '0.5', '1e40', null])('is none when it is %j', (value) => {
    expect(tokenCount(value)).toBeNull();
  });
});
