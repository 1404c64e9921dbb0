import { describe, expect, it } from 'vitest';
import { ReadyStatements } from './ready-statements.ts';

function aStatement(name: string, length: number, rested: string[]) {
  return { length, rest: () => rested.push(name) };
}

describe('statements that are kept ready', () => {
  it('are at most a thousand: those that were not used for longest are let go of', () => {
    const rested: string[] = [];
    const ready = new ReadyStatements();
    const all = Array.from({ length: 1000 }, (_, index) => aStatement(`s${index}`, 10, rested));
    for (const one of all) ready.add(one);
    expect(rested).toEqual([]);
    const [first] = all;
    if (first === undefined) throw new Error('there are a thousand');
    ready.delete(first); // it runs,
    ready.add(first); // and has done so
    ready.add(aStatement('new', 10, rested));
    expect(rested).toEqual(['s1']);
  });

  it('have at most a million characters, and one of them may have more', () => {
    const rested: string[] = [];
    const ready = new ReadyStatements();
    ready.add(aStatement('small', 10, rested));
    ready.add(aStatement('large', 900_000, rested));
    ready.add(aStatement('another', 200_000, rested));
    expect(rested).toEqual(['small', 'large']);
    ready.add(aStatement('huge', 2_000_000, rested));
    expect(rested).toEqual(['small', 'large', 'another']);
    ready.add(aStatement('next', 1, rested));
    expect(rested).toEqual(['small', 'large', 'another', 'huge']);
  });
});
