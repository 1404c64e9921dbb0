import { expect, it } from 'vitest';
import { Waiting } from './waiting.ts';

const HEADER = 32;
const at = (offset: number, segment = 1) => ({ segment, offset: HEADER + offset });

it('what is committed waits no longer, and what is not is as old as its first body', () => {
  const waiting = new Waiting();
  expect(waiting.ageMs(5_000)).toBe(0);
  waiting.durable(at(100), 10_000);
  waiting.durable(at(200), 12_000);
  waiting.durable(at(300), 15_000);
  expect(waiting.ageMs(40_000)).toBe(30_000);
  waiting.committed(at(100), 200);
  expect(waiting.ageMs(40_000)).toBe(28_000);
  waiting.committed(at(250), 50);
  expect(waiting.ageMs(40_000)).toBe(25_000);
  waiting.committed(at(300), 0);
  expect(waiting.ageMs(40_000)).toBe(0);
});

it('as long as nothing is committed it grows older, however much is added', () => {
  const waiting = new Waiting();
  for (let ms = 0; ms <= 60_000; ms += 10) waiting.durable(at(ms), ms);
  expect(waiting.ageMs(60_000)).toBe(60_000);
});

it('bodies of one second are of one age, never too young', () => {
  const waiting = new Waiting();
  for (let ms = 0; ms < 2_000; ms += 100) waiting.durable(at(ms), ms);
  waiting.committed(at(500), 1);
  expect(waiting.ageMs(2_000)).toBe(2_000);
  waiting.committed(at(1_500), 1);
  expect(waiting.ageMs(2_000)).toBe(1_000);
});

it('nothing waits behind the header of a new segment', () => {
  const waiting = new Waiting();
  waiting.durable(at(0, 2), 0);
  waiting.committed(at(700, 1), 0);
  expect(waiting.ageMs(90_000)).toBe(0);
});
