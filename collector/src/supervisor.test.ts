import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ChildEnd, ResidentSize, Supervisor, type SupervisorOptions } from './supervisor.ts';

const GIB = 2 ** 30;
/** Stays until it is ended. */
const STAYS = "process.send('up'); setInterval(() => {}, 1000);";

interface Watched {
  readonly supervisor: Supervisor;
  readonly messages: unknown[];
  readonly ends: ChildEnd[];
  readonly starts: () => number;
  /** Resolves with the next call of `onMessage` or `onEnd`. */
  readonly nextMessage: () => Promise<unknown>;
  readonly nextEnd: () => Promise<ChildEnd>;
}

async function supervise(script: string, options: Partial<SupervisorOptions> = {}): Promise<Watched> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-supervisor-'));
  onTestFinished(() => rm(directory, { recursive: true, force: true }));
  const module = join(directory, 'child.mjs');
  await writeFile(module, script);
  const messages: unknown[] = [];
  const ends: ChildEnd[] = [];
  let starts = 0;
  let message = Promise.withResolvers<unknown>();
  let end = Promise.withResolvers<ChildEnd>();
  const supervisor = new Supervisor({
    module,
    args: [],
    execArgv: [],
    environment: { PATH: '/usr/bin' },
    maxRssBytes: GIB,
    onStart: () => starts++,
    onMessage(value) {
      messages.push(value);
      message.resolve(value);
      message = Promise.withResolvers();
    },
    onEnd(value) {
      ends.push(value);
      end.resolve(value);
      end = Promise.withResolvers();
    },
    ...options,
  });
  onTestFinished(async () => void (await supervisor.stop(0)));
  return {
    supervisor,
    messages,
    ends,
    starts: () => starts,
    nextMessage: () => message.promise,
    nextEnd: () => end.promise,
  };
}

describe('a supervisor', () => {
  it('starts its child with arguments and environment, and hands on what it says', async () => {
    const { nextMessage, supervisor } = await supervise(
      'process.send({ args: process.argv.slice(2), word: process.env.WORD, pid: process.pid }); setInterval(() => {}, 1000);',
      { args: ['ledger', '--now'], environment: { WORD: 'hello' } },
    );
    expect(await nextMessage()).toEqual({ args: ['ledger', '--now'], word: 'hello', pid: supervisor.pid });
  });

  it('restarts a child that ends, waiting twice as long each time', async () => {
    const { supervisor, ends, nextEnd, starts } = await supervise('process.exit(7);');
    for (let end = 0; end < 3; end++) await nextEnd();
    expect(
      ends.map(({ reason, exitCode, signal, restartInMs }) => [reason, exitCode, signal, restartInMs]),
    ).toEqual([
      ['exit', 7, null, 100],
      ['exit', 7, null, 200],
      ['exit', 7, null, 400],
    ]);
    expect(starts()).toBe(3);
    expect(supervisor.restarts).toBe(2);
    expect(supervisor.pid).toBeUndefined();
  });

  it('restarts a child that was killed', async () => {
    const { supervisor, nextMessage, nextEnd } = await supervise(STAYS);
    await nextMessage();
    const { pid } = supervisor;
    expect(pid).toBeTypeOf('number');
    process.kill(pid ?? 0, 'SIGKILL');
    expect(await nextEnd()).toMatchObject({
      pid,
      reason: 'killed',
      exitCode: null,
      signal: 'SIGKILL',
      restartInMs: 100,
    });
    await nextMessage();
    expect(supervisor.pid).not.toBe(pid);
    expect(supervisor.restarts).toBe(1);
  });

  it('sends to its child, and does nothing while there is none', async () => {
    const { supervisor, nextMessage, nextEnd } = await supervise(
      "process.on('message', (message) => (message.end ? process.exit(0) : process.send({ echo: message }))); process.send('up');",
    );
    await nextMessage();
    const echo = nextMessage();
    supervisor.send({ n: 1 });
    expect(await echo).toEqual({ echo: { n: 1 } });
    const ended = nextEnd();
    supervisor.send({ end: true });
    await ended;
    expect(supervisor.pid).toBeUndefined();
    expect(() => supervisor.send({ n: 2 })).not.toThrow();
  });
});

describe('stopping', () => {
  it('lets a child end by itself', async () => {
    const { supervisor, nextMessage, ends, starts } = await supervise(
      "process.on('message', () => process.exit(0)); process.send('up');",
    );
    await nextMessage();
    supervisor.send({ type: 'drain' });
    expect(await supervisor.stop(20_000)).toBe(true);
    expect(ends).toMatchObject([{ exitCode: 0, restartInMs: null }]);
    expect(starts()).toBe(1);
  });

  it('kills a child that does not, once its grace is over', async () => {
    const { supervisor, nextMessage, ends } = await supervise(`process.on('SIGTERM', () => {}); ${STAYS}`);
    await nextMessage();
    expect(await supervisor.stop(50)).toBe(false);
    expect(ends).toMatchObject([{ signal: 'SIGKILL', restartInMs: null }]);
  });

  it('while no child runs keeps the next one from starting', async () => {
    const { supervisor, nextEnd, starts } = await supervise('process.exit(1);');
    await nextEnd();
    expect(await supervisor.stop(1000)).toBe(true);
    // That nothing happens has no event: three times as long as the restart would have taken.
    await delay(300);
    expect(starts()).toBe(1);
  });
});

describe('a child that works on what nothing stops', () => {
  it('is ended when somebody says so, although it does not listen, and starts again', async () => {
    const { supervisor, nextMessage, nextEnd } = await supervise("process.send('up'); for (;;);");
    await nextMessage();
    const ended = nextEnd();
    supervisor.end('overdue');
    expect(await ended).toMatchObject({ reason: 'overdue', signal: 'SIGKILL', restartInMs: 100 });
    await nextMessage();
    // What ended the one before says nothing of the next one.
    const endedAgain = nextEnd();
    process.kill(supervisor.pid ?? 0, 'SIGKILL');
    expect(await endedAgain).toMatchObject({ reason: 'killed' });
  });
});

const onLinux = process.platform === 'linux' ? it : it.skip;

describe('a child that grows', () => {
  const BOUND_BYTES = 200 * 2 ** 20;

  onLinux('past the bound is killed, which says how large it was, and starts again clean', async () => {
    const { nextEnd, nextMessage } = await supervise(
      `const held = []; ${STAYS} process.on('message', () => {}); held.push(Buffer.alloc(250 * 2 ** 20, 1));`,
      { maxRssBytes: BOUND_BYTES },
    );
    await nextMessage();
    const end = await nextEnd();
    expect(end).toMatchObject({ reason: 'memory', signal: 'SIGKILL', restartInMs: 100 });
    expect(end.residentBytes).toBeGreaterThan(BOUND_BYTES);
    expect(await nextMessage()).toBe('up');
  });

  onLinux('without end, as fast as it can, is killed before it is twice as large', async () => {
    const { nextEnd, nextMessage } = await supervise(
      "const held = []; process.send('up'); for (;;) held.push(Buffer.alloc(8 * 2 ** 20, 1));",
      { maxRssBytes: 2 * BOUND_BYTES },
    );
    await nextMessage();
    const { reason, residentBytes } = await nextEnd();
    expect(reason).toBe('memory');
    expect(residentBytes).toBeLessThan(4 * BOUND_BYTES);
  });

  onLinux('is what the system ends first, should the memory of the machine run out', async () => {
    const { supervisor, nextMessage } = await supervise(STAYS);
    await nextMessage();
    expect(Number(await readFile(`/proc/${supervisor.pid}/oom_score_adj`, 'utf8'))).toBeGreaterThan(
      Number(await readFile('/proc/self/oom_score_adj', 'utf8')),
    );
  });

  it('is measured where the system tells, and otherwise left alone', () => {
    const own = new ResidentSize(process.pid);
    if (process.platform === 'linux') {
      expect(own.look()).toBeGreaterThan(10 * 2 ** 20);
      expect(own.lastBytes).toBeLessThan(100 * GIB);
    } else {
      expect(own.look()).toBeNull();
    }
    own.close();
    const nobody = new ResidentSize(undefined);
    expect(nobody.look()).toBeNull();
    nobody.close();
  });
});
