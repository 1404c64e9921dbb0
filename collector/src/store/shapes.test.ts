import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Shapes } from './shapes.ts';

/** More than are remembered. */
const MANY = 20_001;

describe('shapes', () => {
  it('have a code each, from the first that is free', () => {
    const shapes = new Shapes(7);
    expect(['a', 'b', 'a', 'c', 'b'].map((content) => shapes.codeOf(content))).toEqual([7, 8, 7, 9, 8]);
  });

  it('are taken once, with their codes, for the database', () => {
    const shapes = new Shapes(1);
    expect(shapes.takeNew()).toEqual([]);
    shapes.codeOf('a');
    shapes.codeOf('b');
    expect(shapes.takeNew()).toEqual([
      { code: 1, content: 'a' },
      { code: 2, content: 'b' },
    ]);
    shapes.codeOf('a');
    expect(shapes.takeNew()).toEqual([]);
  });

  it('do not take names of objects for known shapes', () => {
    const shapes = new Shapes(1);
    expect(['constructor', '__proto__'].map((content) => shapes.codeOf(content))).toEqual([1, 2]);
  });

  it('are forgotten when they are too many, and learnt again under a code that nothing else has', () => {
    const shapes = new Shapes(1);
    for (let n = 1; n <= MANY; n++) expect(shapes.codeOf(`shape ${n}`)).toBe(n);
    // Still in use where it was written: the code of the first is not given to another.
    expect(shapes.codeOf('shape 1')).toBe(MANY + 1);
    expect(shapes.codeOf('shape 1')).toBe(MANY + 1);
    const taken = shapes.takeNew();
    expect(taken).toHaveLength(MANY + 1);
    expect(new Set(taken.map(({ code }) => code)).size).toBe(MANY + 1);
    expect(taken.filter(({ content }) => content === 'shape 1').map(({ code }) => code)).toEqual([
      1,
      MANY + 1,
    ]);
  });

  it('mean what they meant whenever they are taken', () => {
    let taken = 0;
    fc.assert(
      fc.property(fc.array(fc.array(fc.string({ maxLength: 2 }))), (batches) => {
        const shapes = new Shapes(1);
        const database = new Map<number, string>();
        for (const batch of batches) {
          const codes = batch.map((content) => ({ code: shapes.codeOf(content), content }));
          for (const { code, content } of shapes.takeNew()) {
            expect(database.has(code)).toBe(false);
            database.set(code, content);
            taken++;
          }
          for (const { code, content } of codes) expect(database.get(code)).toBe(content);
        }
      }),
    );
    expect(taken).toBeGreaterThan(100);
  });
});
