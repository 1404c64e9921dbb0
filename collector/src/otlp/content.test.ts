import { describe, expect, it } from 'vitest';
import { bodyEncodingOf, bodyTypeOf } from './content.ts';

describe('the content type', () => {
  it.each([
    ['application/x-protobuf', 'protobuf'],
    ['application/json', 'json'],
    ['Application/JSON; charset=utf-8', 'json'],
    [' application/x-protobuf ;messageType="x"', 'protobuf'],
    ['text/plain', undefined],
    ['application/jsonl', undefined],
    ['', undefined],
    [undefined, undefined],
  ])('%s is %s', (header, type) => {
    expect(bodyTypeOf(header)).toBe(type);
  });
});

describe('the content encoding', () => {
  it.each([
    [undefined, 'identity'],
    ['', 'identity'],
    ['identity', 'identity'],
    ['gzip', 'gzip'],
    [' GZIP ', 'gzip'],
    ['x-gzip', 'gzip'],
    ['deflate', 'deflate'],
    ['br', undefined],
    ['gzip, gzip', undefined],
  ])('%s is %s', (header, encoding) => {
    expect(bodyEncodingOf(header)).toBe(encoding);
  });
});
