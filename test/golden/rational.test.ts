import { describe, expect, it } from 'vitest';
import { evaluate, isEqual } from './rational.ts';

function same(expression: string, other: string): boolean {
  return isEqual(evaluate(expression), evaluate(other));
}

describe('arithmetic written beside a price', () => {
  it('multiplies before it adds, and parentheses come first', () => {
    expect(same('1 + 2*3', '7')).toBe(true);
    expect(same('(1 + 2)*3', '9')).toBe(true);
    expect(same('10 - 2 - 3', '5')).toBe(true);
    expect(same('12/2/3', '2')).toBe(true);
    expect(same('(1000*2.50 + 500*10)/1000000 * 0.5 + 3*10/1000', '0.03375')).toBe(true);
  });

  it('is exact where binary floats are not', () => {
    expect(same('0.1 + 0.2', '0.3')).toBe(true);
    expect(same('12345678901*0.15', '1851851835.15')).toBe(true);
    expect(same('1/3 + 1/3 + 1/3', '1')).toBe(true);
    expect(same('0.0125', '0.012500000000001')).toBe(false);
  });

  it.each(['', '1 +', '(1', '1)', '1 2', '1e6', '.5', '-1', '2 ** 3', '1/0', 'tokens*2'])(
    'refuses %j rather than guess',
    (expression) => {
      expect(() => evaluate(expression)).toThrow(SyntaxError);
    },
  );
});
