import { describe, expect, it } from 'vitest';
import { saslprep } from './saslprep.ts';
import { mockVerifier, parseVerifier, scramVerifier } from './verifier.ts';

describe('a verifier', () => {
  it('is what PostgreSQL makes of the same password and salt', async () => {
    // `set password_encryption = 'scram-sha-256'; create role pia password 'pencil'` with PostgreSQL 15.

    const salt = parseVerifier(STORED_BY_POSTGRESQL)?.salt;
    expect(salt).toHaveLength(16);
    expect(await scramVerifier('pencil', salt === undefined ? {} : { salt })).toBe(STORED_BY_POSTGRESQL);
  });

  it('has another salt every time', async () => {
    expect(await scramVerifier('pencil')).not.toBe(await scramVerifier('pencil'));
  });

  it.each(['SCRAM-SHA-256$4096:c2FsdA==$too:short', 'md5abcdef', 'SCRAM-SHA-256$0:c2FsdA==$AAAA:AAAA', ''])(
    '%j is none',
    (text) => {
      expect(parseVerifier(text)).toBeUndefined();
    },
  );

  it('of a user there is none of, has the same salt every time, and another for each user', () => {
    const secret = Buffer.from('secret');
    const salt = (user: string) => mockVerifier(user, secret, 4_096).salt.toString('hex');
    expect(salt('eve')).toBe(salt('eve'));
    expect(salt('eve')).not.toBe(salt('mallory'));
    expect(salt('eve')).toHaveLength(32);
  });

  it('is not made of an empty password, or with too few iterations', async () => {
    await expect(scramVerifier('')).rejects.toThrow(RangeError);
    await expect(scramVerifier('x', { iterations: 1 })).rejects.toThrow(RangeError);
  });
});

const STORED_BY_POSTGRESQL =
  'SCRAM-SHA-256$4096:aHIPDbdbZEBImFqCYSVSKw==$jn5T8mlMSvUwYlnVWhjEcW1t+cMb322Wd1Ti7CmM6no=:9NIMhw7RXUjKt0HhIVYq0Omuu4AcHWiOkVegleqwD0g=';

describe('SASLprep', () => {
  it.each([
    ['I\u00adX', 'IX', 'what is mapped to nothing'],
    ['user', 'user', 'plain text'],
    ['USER', 'USER', 'case'],
    ['\u00aa', 'a', 'compatibility'],
    ['\u2168', 'IX', 'compatibility'],
    ['a\u00a0b', 'a b', 'other blanks'],
    ['gr\u0075\u0308n', 'grün', 'composition'],
  ])('%j becomes %j (%s)', (password, prepared) => {
    expect(saslprep(password)).toBe(prepared);
  });

  it.each(['\u0007', '\u0627\u0031', 'a\u0627', '\ue000', '\u200e'])(
    '%j is forbidden, and taken as it is, as PostgreSQL does',
    (password) => {
      expect(saslprep(password)).toBe(password);
    },
  );
});
