import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import type { Output } from '../terminal.ts';
import { Progress } from './progress.ts';

function shownOn(isTTY: boolean, steps: readonly [atMs: number, rows: number, share: number][]): string {
  let now = 1000;
  let text = '';
  const out: Output = Object.assign(new PassThrough(), { isTTY });
  out.on('data', (chunk) => {
    text += chunk;
  });
  const progress = new Progress(out, 'sent', () => now);
  for (const [atMs, rows, share] of steps) {
    now = 1000 + atMs;
    progress.show(rows, share);
  }
  progress.end();
  return text;
}

it('is a bar with rows, rate and time left on a terminal, written over and gone in the end', () => {
  const text = shownOn(true, [
    [0, 0, 0],
    [20, 5, 0.01],
    [10_000, 12_345, 0.1],
  ]);
  expect(text.split('\r').slice(1)).toEqual([
    '[..............................] 0 %  0 rows sent\u001b[K',
    '[###...........................] 10 %  12,345 rows sent  1,235 rows/s  1:30 left\u001b[K',
    '\u001b[K',
  ]);
});

it('is a line now and then elsewhere, and nothing for what is soon done', () => {
  expect(shownOn(false, [[100, 10, 0.5]])).toBe('');
  expect(
    shownOn(false, [
      [100, 10, 0.001],
      [10_000, 1000, 0.001],
      [10_100, 1010, 0.0011],
    ]),
  ).toBe('0 %  1,000 rows sent  100 rows/s  2:46:30 left\n');
});
