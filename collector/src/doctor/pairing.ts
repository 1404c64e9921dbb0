/**
 * Pairs each of some things with one of others of its own, as many as can be (augmenting paths): where several fit, a
 * pair is given up when that leaves no one without. The order of `candidates` is the order of preference.
 */
export function pair<One, Other>(
  ones: readonly One[],
  candidates: (one: One) => readonly Other[],
): ReadonlyMap<One, Other> {
  const holders = new Map<Other, One>();
  const seat = (one: One, tried: Set<Other>): boolean => {
    for (const other of candidates(one)) {
      if (tried.has(other)) continue;
      tried.add(other);
      const holder = holders.get(other);
      if (holder === undefined || seat(holder, tried)) {
        holders.set(other, one);
        return true;
      }
    }
    return false;
  };
  for (const one of ones) seat(one, new Set());
  return new Map([...holders].map(([other, one]) => [one, other]));
}
