/** Whether a version is older than another, by its numbers; an unreadable or absent version is taken as the newest. */
export function isBefore(version: string, other: string): boolean {
  const mine = numbers(version);
  const theirs = numbers(other);
  if (mine.length === 0) return false;
  for (let place = 0; place < Math.max(mine.length, theirs.length); place++) {
    const difference = (mine[place] ?? 0) - (theirs[place] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

function numbers(version: string): number[] {
  const found = /^\D{0,10}(\d+(?:\.\d+)*)/.exec(version)?.[1];
  return found === undefined ? [] : found.split('.').map(Number);
}
