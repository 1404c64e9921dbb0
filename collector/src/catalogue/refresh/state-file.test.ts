import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FeedState } from './state.ts';
import { feedStateFile, nodeStateFiles } from './state-file.ts';

const STATE: FeedState = {
  version: 1,
  source: 'https://prices.example/data.json',
  format: 'litellm',
  fetched_at: '2026-11-16T06:00:00.000Z',
  content_hash: 'a'.repeat(64),
  said: [],
  cards: [
    {
      id: 'feed:openai/m@2026-11-16T06:00:00.000Z',
      match: { provider: 'openai', model: 'm' },
      effective_from: '2026-11-16T06:00:00.000Z',
      rates: { input: '0.123456789' },
    },
  ],
};

let folder = '';
let path = '';

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'spanledger-feed-'));
  path = join(folder, 'feed.json');
});

afterEach(() => rm(folder, { recursive: true }));

describe('the state of a feed', () => {
  it('is none before the first is saved', async () => {
    expect(await feedStateFile(path).load()).toEqual({ kind: 'none' });
  });

  it('comes back as it was saved, and nothing else is left in the folder', async () => {
    const file = feedStateFile(path);
    await file.save({ ...STATE, cards: [] });
    await file.save(STATE);
    expect(await file.load()).toEqual({ kind: 'state', state: STATE });
    expect(await readdir(folder)).toEqual(['feed.json']);
  });

  it('is nobody else’s to read', async () => {
    await feedStateFile(path).save(STATE);
    expect((await stat(path)).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['cut off', JSON.stringify(STATE).slice(0, -5)],
    ['of another version', JSON.stringify({ ...STATE, version: 2 })],
    ['without a card’s model', JSON.stringify({ ...STATE, cards: [{ id: 'x' }] })],
    ['without a time', JSON.stringify({ ...STATE, fetched_at: 'lately' })],
  ])('that is %s is damaged, and says where', async (_how, text) => {
    await writeFile(path, text);
    expect(await feedStateFile(path).load()).toEqual({ kind: 'damaged', detail: expect.stringMatching(/./) });
  });

  it('stays the old one when the new one cannot be written', async () => {
    const file = feedStateFile(path);
    await file.save(STATE);
    const missing = join(folder, 'gone', 'feed.json');
    await expect(feedStateFile(missing).save(STATE)).rejects.toMatchObject({ code: 'ENOENT' });
    // A folder in the place of the file: the last step, the rename, fails.
    const taken = join(folder, 'taken');
    await nodeStateFiles.replace(join(folder, 'other.json'), '{}');
    await expect(nodeStateFiles.replace(folder, '{}')).rejects.toThrow();
    expect(await file.load()).toEqual({ kind: 'state', state: STATE });
    expect((await readdir(folder)).sort()).toEqual(['feed.json', 'other.json']);
    expect(await feedStateFile(taken).load()).toEqual({ kind: 'none' });
  });
});
