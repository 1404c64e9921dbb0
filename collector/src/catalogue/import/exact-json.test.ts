import { describe, expect, it } from 'vitest';
import { readExactJson } from './exact-json.ts';

describe('JSON with exact numbers', () => {
  it('keeps the digits that a float would lose', () => {
    expect(readExactJson('{"a": 0.10000000000000000001, "b": [12345678901234567890]}')).toEqual({
      kind: 'json',
      value: { a: '0.10000000000000000001', b: ['12345678901234567890'] },
    });
  });

  it('keeps the notation', () => {
    expect(readExactJson('[3e-06, 1.50, -0]')).toEqual({ kind: 'json', value: ['3e-06', '1.50', '-0'] });
  });

  it('leaves texts, truth values and null as they are', () => {
    expect(readExactJson('["3", true, null]')).toEqual({ kind: 'json', value: ['3', true, null] });
  });

  it('is not followed into any depth', () => {
    const text = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    expect(readExactJson(text)).toMatchObject({ kind: 'not_json' });
  });

  it.each(['', '{', '{"a": NaN}', '<html>'])('is none in %j', (text) => {
    expect(readExactJson(text)).toMatchObject({ kind: 'not_json' });
  });
});
