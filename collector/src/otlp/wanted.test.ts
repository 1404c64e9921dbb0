import { describe, expect, it } from 'vitest';
import { ReadAttributes, WantedAttributes } from './wanted.ts';

describe('the attributes that were read', () => {
  const wanted = new WantedAttributes(['b', 'a', 'ü.key', 'c']);

  it('name the keys that came, and only those', () => {
    const values = wanted.newValues();
    values[wanted.placeOf('c')] = 0;
    values[wanted.placeOf('a')] = '';
    values[wanted.placeOf('ü.key')] = false;
    const attributes = new ReadAttributes(wanted, values);
    expect(attributes.keys().sort()).toEqual(['a', 'c', 'ü.key']);
    expect(attributes.keys().map((key) => attributes.get(key))).not.toContain(undefined);
  });

  it('are none when nothing came', () => {
    expect(new ReadAttributes(wanted, wanted.newValues()).keys()).toEqual([]);
  });

  it('know a key by its place and a place by its key', () => {
    for (const key of ['a', 'b', 'c', 'ü.key']) expect(wanted.keyAt(wanted.placeOf(key))).toBe(key);
    expect(wanted.placeOf('d')).toBe(-1);
  });
});
