import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { aFolder, aWriter, readAll } from './testing/journals.ts';

it('kill -9 takes nothing that was acked and doubles nothing', { timeout: 60_000 }, async () => {
  const directory = await aFolder();
  const acked: number[] = [];
  for (let kill = 0; kill < 4; kill++) {
    acked.push(...(await runUntilKilled(directory, kill * 1_000_000, 300 + 450 * kill)));
  }
  const writer = await aWriter(directory, { nowMillis: Date.now });
  const { bodies, damage } = await readAll(directory, writer.durableEnd, { maxBytes: 2 ** 20 });
  const times = new Map<number, number>();
  for (const body of bodies) {
    const n = Number.parseInt(body, 10);
    times.set(n, (times.get(n) ?? 0) + 1);
  }
  expect(damage).toEqual([]);
  expect(acked.length).toBeGreaterThanOrEqual(300 + 750 + 1200 + 1650);
  expect(acked.filter((n) => times.get(n) !== 1)).toEqual([]);
  expect([...times.values()].every((count) => count === 1)).toBe(true);
});

/** Numbers that the child had acked when it was killed, which is once it has acked `count` of them. */
async function runUntilKilled(directory: string, first: number, count: number): Promise<number[]> {
  const script = fileURLToPath(new URL('./testing/append-until-killed.ts', import.meta.url));
  const child = spawn(process.execPath, [script, directory, `${first}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    if (printed.split('\n').length > count) child.kill('SIGKILL');
  });
  const [, signal] = await closed;
  expect(signal).toBe('SIGKILL');
  // The last line may be cut short.
  return printed.split('\n').slice(0, -1).map(Number);
}
