import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { assertRoom, watchRoom } from './space.ts';

const MORE_THAN_ANY_DISK = Number.MAX_SAFE_INTEGER;

it('there is room when what is needed leaves what must stay free', async () => {
  await assertRoom(tmpdir(), 1, 1);
  await expect(assertRoom(tmpdir(), MORE_THAN_ANY_DISK, 0)).rejects.toMatchObject({
    code: 'SL_SNAPSHOT_SPACE',
  });
  await expect(assertRoom(tmpdir(), 0, MORE_THAN_ANY_DISK)).rejects.toMatchObject({
    code: 'SL_SNAPSHOT_SPACE',
  });
});

it('whoever watches a disk that gets short is told why', async () => {
  const short = Promise.withResolvers<Error>();
  const stop = watchRoom(tmpdir(), MORE_THAN_ANY_DISK, short.resolve);
  await expect(short.promise).resolves.toMatchObject({
    code: 'SL_SNAPSHOT_SPACE',
    message: expect.stringMatching(/broken off.*must stay free for the ledger/),
  });
  stop();
});
