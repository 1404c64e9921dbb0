import { describe, expect, it } from 'vitest';
import { pair } from './pairing.ts';

const pairsOf = (fitting: Readonly<Record<string, readonly number[]>>) =>
  Object.fromEntries(pair(Object.keys(fitting), (one) => fitting[one] ?? []));

describe('a pairing', () => {
  it('gives each its own', () => {
    expect(pairsOf({ a: [1], b: [2] })).toEqual({ a: 1, b: 2 });
  });

  it('gives a pair up when that leaves no one without', () => {
    expect(pairsOf({ a: [1, 2], b: [1] })).toEqual({ a: 2, b: 1 });
    expect(pairsOf({ a: [1, 2], b: [1, 3], c: [1] })).toEqual({ a: 2, b: 3, c: 1 });
  });

  it('never gives one to two', () => {
    expect(pairsOf({ a: [1], b: [1], c: [] })).toEqual({ a: 1 });
  });

  it('keeps to the preference where it can', () => {
    expect(pairsOf({ a: [2, 1], b: [1, 2] })).toEqual({ a: 2, b: 1 });
  });
});
