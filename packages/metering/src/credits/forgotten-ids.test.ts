import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ForgottenIds } from './forgotten-ids.ts';

describe('ids that are not kept', () => {
  it('are never taken for new ones', () => {
    fc.assert(
      fc.property(fc.array(fc.string(), { maxLength: 200 }), (ids) => {
        const forgotten = new ForgottenIds();
        for (const id of ids) forgotten.add(id);
        for (const id of ids) expect(forgotten.mayHave(id)).toBe(true);
      }),
    );
  });

  it('are told from nearly all others', () => {
    const forgotten = new ForgottenIds();
    expect(forgotten.mayHave('hold-0')).toBe(false);
    for (let number = 0; number < 100_000; number++) forgotten.add(`hold-${number}`);
    const mistaken = Array.from({ length: 100_000 }, (_, number) => `hold-${number + 100_000}`).filter((id) =>
      forgotten.mayHave(id),
    );
    // Two or three of 100,000 by the size of the marks; many more would be a mistake of hashing.
    expect(mistaken.length).toBeLessThan(20);
  });
});
