import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SqlError } from '../errors.ts';
import { DEFAULT_LIMITS } from '../limits.ts';
import { parseRequest, requestRule } from './requests.ts';

const TYPES = 'QPBDECSHXFdcf';

describe('requests of a client', () => {
  it('whatever the body is, it is read or refused with a code, and never anything else', () => {
    let readCount = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(...TYPES),
        fc.oneof(
          fc.uint8Array({ maxLength: 64 }),
          fc.constant(Uint8Array.of(0)),
          fc.constant(new Uint8Array()),
        ),
        (type, body) => {
          try {
            parseRequest({ type, body: Buffer.from(body) });
            readCount++;
          } catch (error) {
            expect(error).toBeInstanceOf(SqlError);
            expect(error).toMatchObject({
              severity: 'ERROR',
              code: expect.stringMatching(/^(08P01|22021)$/),
            });
          }
        },
      ),
    );
    expect(readCount).toBeGreaterThan(0);
  });

  it('a count is not believed before the bytes are there', () => {
    const body = Buffer.concat([Buffer.from('\0\0'), Buffer.from('ffff', 'hex')]);
    expect(() => parseRequest({ type: 'P', body })).toThrow('insufficient data');
  });

  it('bytes behind the end of a message are a mistake', () => {
    expect(() => parseRequest({ type: 'Q', body: Buffer.from('select 1\0more') })).toThrow(
      'invalid message format',
    );
  });

  it('text that is no UTF-8 is refused', () => {
    expect(() => parseRequest({ type: 'Q', body: Buffer.from([0xff, 0]) })).toThrow(
      expect.objectContaining({ code: '22021' }),
    );
  });

  it('only messages that carry SQL or parameters may be large', () => {
    const { maxBytes } = requestRule(DEFAULT_LIMITS);
    expect(['Q', 'P', 'B'].map(maxBytes)).toEqual(Array(3).fill(DEFAULT_LIMITS.messageBytes));
    expect(['S', 'H', 'E', 'X'].map(maxBytes)).toEqual(Array(4).fill(10_000));
    expect(['p', 'G', '\0'].map(maxBytes)).toEqual([undefined, undefined, undefined]);
  });
});
