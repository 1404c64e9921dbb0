import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import type { BodyEncoding } from './content.ts';
import { inflate } from './inflate.ts';

const TEXT = Buffer.from('resource spans '.repeat(40_000));
const WRITTEN: [string, BodyEncoding, Buffer][] = [
  ['plain', 'identity', TEXT],
  ['gzip', 'gzip', gzipSync(TEXT)],
  [
    'gzip in two members',
    'gzip',
    Buffer.concat([gzipSync(TEXT.subarray(0, 1000)), gzipSync(TEXT.subarray(1000))]),
  ],
  ['deflate with zlib header', 'deflate', deflateSync(TEXT)],
  ['raw deflate', 'deflate', deflateRawSync(TEXT)],
];

describe('inflate', () => {
  it.each(WRITTEN)('gives back what was sent as %s, up to exactly the bound', (_, encoding, body) => {
    expect(TEXT.equals(inflate(body, encoding, TEXT.length))).toBe(true);
  });

  it.each(WRITTEN)('refuses %s one byte past the bound', (_, encoding, body) => {
    expect(() => inflate(body, encoding, TEXT.length - 1)).toThrow(
      expect.objectContaining({ code: 'SL_OTLP_TOO_LARGE' }),
    );
  });

  it('refuses a bomb without inflating it past the bound', () => {
    const inner = gzipSync(Buffer.alloc(16 * 1024 * 1024));
    const bomb = Buffer.concat(Array(64).fill(inner));
    const before = process.memoryUsage().arrayBuffers;
    const started = performance.now();
    expect(() => inflate(bomb, 'gzip', 1024 * 1024)).toThrow(
      expect.objectContaining({ code: 'SL_OTLP_TOO_LARGE' }),
    );
    // A gigabyte takes seconds and a gigabyte; a megabyte neither.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
    expect(performance.now() - started).toBeLessThan(1000);
  });

  it('leaves an empty plain body empty', () => {
    expect(inflate(Buffer.alloc(0), 'identity', 10)).toHaveLength(0);
  });

  it.each<[string, BodyEncoding, Buffer]>([
    ['text that is no gzip', 'gzip', Buffer.from('hello')],
    ['gzip cut off', 'gzip', gzipSync(TEXT).subarray(0, 200)],
    ['nothing', 'gzip', Buffer.alloc(0)],
    ['a wrong checksum', 'gzip', Buffer.concat([gzipSync(TEXT).subarray(0, -8), Buffer.alloc(8)])],
    ['gzip called deflate', 'deflate', gzipSync(TEXT)],
    ['deflate cut off', 'deflate', deflateSync(TEXT).subarray(0, 200)],
    ['nothing', 'deflate', Buffer.alloc(0)],
  ])('refuses %s (%s)', (_, encoding, body) => {
    expect(() => inflate(body, encoding, TEXT.length)).toThrow(
      expect.objectContaining({ code: 'SL_OTLP_ENCODING' }),
    );
  });
});
