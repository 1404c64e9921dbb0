import { describe, expect, it } from 'vitest';
import { GatheredAttributes, WantedAttributes } from './wanted.ts';

describe('the attributes that were read', () => {
  const wanted = new WantedAttributes(['b', 'a', 'ü.key', 'c']);

  it('name the keys that came, and only those', () => {
    const gathered = new GatheredAttributes(wanted);
    gathered.set(wanted.placeOf('c'), 0);
    gathered.set(wanted.placeOf('a'), '');
    gathered.set(wanted.placeOf('ü.key'), false);
    const attributes = gathered.take();
    expect(attributes.keys()).toEqual(['c', 'a', 'ü.key']);
    expect(attributes.keys().map((key) => attributes.get(key))).toEqual([0, '', false]);
    expect(attributes.get('b')).toBeUndefined();
    expect(attributes.get('nobody asked for this')).toBeUndefined();
  });

  it('are none when nothing came', () => {
    const attributes = new GatheredAttributes(wanted).take();
    expect(attributes.keys()).toEqual([]);
    expect(attributes.get('a')).toBeUndefined();
  });

  it('are gone when their last value could not be read', () => {
    const gathered = new GatheredAttributes(wanted);
    gathered.set(wanted.placeOf('a'), 'first');
    gathered.set(wanted.placeOf('b'), 'kept');
    gathered.set(wanted.placeOf('a'), undefined);
    const attributes = gathered.take();
    expect(attributes.get('a')).toBeUndefined();
    expect(attributes.keys()).toEqual(['b']);
  });

  it('of one span stay what they are while the next is read', () => {
    const gathered = new GatheredAttributes(wanted);
    gathered.set(wanted.placeOf('a'), 1);
    gathered.set(wanted.placeOf('b'), 2);
    const first = gathered.take();
    gathered.set(wanted.placeOf('b'), 3);
    const second = gathered.take();
    expect([first.get('a'), first.get('b')]).toEqual([1, 2]);
    expect([second.get('a'), second.get('b')]).toEqual([undefined, 3]);
  });

  it('know a key by its place and a place by its key', () => {
    for (const key of ['a', 'b', 'c', 'ü.key']) expect(wanted.keyAt(wanted.placeOf(key))).toBe(key);
    expect(wanted.placeOf('d')).toBe(-1);
  });
});
