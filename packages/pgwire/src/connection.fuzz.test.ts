import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bind,
  close,
  describe as describeStep,
  execute,
  flush,
  parse,
  query,
  RawClient,
  raw,
  sasl,
  startup,
  sync,
} from './testing/raw-client.ts';
import { serve } from './testing/serve.ts';
import { TRANSCRIPTS } from './testing/transcripts.ts';

/** Each run is a connection, and the machine is shared. */
const RUNS = 150;

/** Things that clients say, in any order, with names and values that may or may not fit. */
const aName = fc.constantFrom('', 'a', 'b');
const aStatement = fc.constantFrom(
  'select 1 as a',
  'select $1::int4 as a',
  'select i from rows(5)',
  "select fail('22012', 'x')",
  'begin',
  'commit',
  'rollback',
  'declare a cursor for select i from rows(5)',
  'declare b cursor with hold for select i from rows(5)',
  'fetch 2 from a',
  'fetch all b',
  'close all',
  "set application_name = 'x'",
  'savepoint a',
  'rollback to a',
  'discard all',
  'deallocate all',
  'insert 3',
  'nonsense',
  '',
);
const aMessage = fc.oneof(
  fc.array(aStatement, { maxLength: 3 }).map((sql) => query(sql.join(';'))),
  fc.tuple(aStatement, aName).map(([sql, name]) => parse(sql, name)),
  fc
    .tuple(
      aName,
      aName,
      fc.constantFrom([], ['7'], ['x'], [null]),
      fc.constantFrom<('text' | 'binary')[]>([], ['binary']),
    )
    .map(([portal, statement, values, results]) => bind({ portal, statement, values, results })),
  fc.tuple(fc.constantFrom<'S' | 'P'>('S', 'P'), aName).map(([target, name]) => describeStep(target, name)),
  fc.tuple(aName, fc.integer({ min: 0, max: 3 })).map(([portal, rows]) => execute(portal, rows)),
  fc.tuple(fc.constantFrom<'S' | 'P'>('S', 'P'), aName).map(([target, name]) => close(target, name)),
  fc.constant(sync),
  fc.constant(flush),
  fc.constant(sasl(Buffer.from('x'))),
  fc
    .tuple(fc.constantFrom(...'QPBDECSHFdcfp'), fc.string({ unit: 'binary', maxLength: 12 }))
    .map(([type, body]) => raw(type, body)),
);

describe('whatever a client says', () => {
  it('before it has logged in, it is told what is wrong and the connection ends', async () => {
    const { port, unexpected, server } = await serve();
    const start = startup({ user: 'bob' });
    const garbage = fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 64 }),
      // Something close to a startup message.
      fc.tuple(fc.nat(start.length - 1), fc.nat(255)).map(([at, byte]) => {
        const bent = Uint8Array.from(start);
        bent[at] = byte;
        return bent;
      }),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (bytes) => {
        const client = await RawClient.connect(port);
        client.send(bytes);
        client.end();
        const lines = await client.untilEnd();
        expect(lines.at(-1)).toBe('(end)');
      }),
      { numRuns: RUNS },
    );
    expect(unexpected).toEqual([]);
    await server.close();
    expect(server.sessionCount).toBe(0);
  });

  it('afterwards, garbage ends the connection with an error', async () => {
    const { port, unexpected, backend } = await serve();
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 64 }), async (bytes) => {
        const client = await RawClient.session(port);
        // No message begins with any of these bytes.
        client.send(Uint8Array.of(0x80 | (bytes[0] ?? 0)), bytes);
        const lines = await client.untilEnd();
        expect(lines[0]).toMatch(/^E FATAL 08P01 invalid frontend message type/);
        expect(lines.at(-1)).toBe('(end)');
      }),
      { numRuns: RUNS },
    );
    expect(unexpected).toEqual([]);
    expect(backend.open.sessions).toBe(0);
  });

  it('in messages, every Sync and every query is answered once, until something ends the connection', async () => {
    const { port, unexpected, backend } = await serve();
    let readyCount = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(aMessage, { maxLength: 15 }), async (messages) => {
        const client = await RawClient.session(port);
        client.send(...messages, sync, query('rollback'), query('select 42 as answer'));
        client.end();
        const lines = await client.untilEnd();
        expect(lines.at(-1)).toBe('(end)');
        const isFatal = lines.some((line) => line.startsWith('E FATAL 08P01'));
        if (!isFatal) expect(lines.slice(-5, -1)).toEqual(['T answer:23', 'D 42', 'C SELECT 1', 'Z I']);
        readyCount += lines.filter((line) => line.startsWith('Z')).length;
      }),
      { numRuns: RUNS },
    );
    expect(readyCount).toBeGreaterThan(RUNS);
    expect(unexpected).toEqual([]);
    expect(backend.open).toEqual({ sessions: 0, statements: 0, executions: 0 });
  });

  it('in whatever pieces it arrives, the answers are the same', async () => {
    const { port } = await serve();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...TRANSCRIPTS),
        fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 5 }),
        async ({ says, hears }, sizes) => {
          const client = await RawClient.session(port);
          const bytes = Buffer.concat(says);
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            client.send(bytes.subarray(at, at + size));
            at += size;
            await new Promise(setImmediate);
          }
          client.end();
          expect(await client.untilEnd()).toEqual([...hears, '(end)']);
        },
      ),
      { numRuns: 60 },
    );
  });
});
