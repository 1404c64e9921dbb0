import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SqlError } from '../errors.ts';
import { type Frame, FrameReader, type FrameRule } from './frames.ts';
import { Outgoing } from './outgoing.ts';

const ANY: FrameRule = { typed: true, maxBytes: () => 1_000_000 };

function encode(frames: readonly Frame[]): Buffer {
  const out = new Outgoing();
  for (const { type, body } of frames) {
    const at = out.begin(type);
    out.bytes(body);
    out.end(at);
  }
  return out.take();
}

function readAll(reader: FrameReader, rule = ANY): Frame[] {
  const frames: Frame[] = [];
  for (let frame = reader.next(rule); frame !== undefined; frame = reader.next(rule)) frames.push(frame);
  return frames;
}

const aFrame = fc.record({
  type: fc.constantFrom('Q', 'P', 'B', 'S'),
  body: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
});

describe('cutting bytes into messages', () => {
  it('gives the same messages, whatever pieces they come in', () => {
    fc.assert(
      fc.property(
        fc.array(aFrame, { maxLength: 20 }),
        fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }),
        (frames, sizes) => {
          const bytes = encode(frames);
          const reader = new FrameReader();
          const read: Frame[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = sizes[i % sizes.length] ?? 1;
            reader.push(bytes.subarray(at, at + size));
            at += size;
            read.push(...readAll(reader));
          }
          expect(read).toEqual(frames);
          expect(reader.bufferedBytes).toBe(0);
        },
      ),
    );
  });

  it('keeps a message as it was, whatever comes after it', () => {
    const reader = new FrameReader();
    reader.push(encode([{ type: 'Q', body: Buffer.from('first') }]));
    const first = reader.next(ANY);
    reader.push(encode([{ type: 'Q', body: Buffer.from('other') }]));
    reader.next(ANY);
    expect(first?.body.toString()).toBe('first');
  });

  it('refuses a type that may not come at its first byte', () => {
    const reader = new FrameReader();
    reader.push(Buffer.from('G'));
    expect(() => reader.next({ typed: true, maxBytes: () => undefined })).toThrow(SqlError);
  });

  it('refuses a message that is too long by its header, before its body is there', () => {
    const reader = new FrameReader();
    reader.push(Buffer.from('Q\x7f\xff\xff\xff', 'latin1'));
    expect(() => reader.next(ANY)).toThrow('invalid message length');
  });

  it.each([0, 3, -1])('refuses a length of %i, which does not even count itself', (length) => {
    const reader = new FrameReader();
    const header = Buffer.from('Q\0\0\0\0');
    header.writeInt32BE(length, 1);
    reader.push(header);
    expect(() => reader.next(ANY)).toThrow('invalid message length');
  });

  it('takes a message without a type where none may have one', () => {
    const reader = new FrameReader();
    reader.push(Buffer.from('\0\0\0\x08abcd'));
    expect(reader.next({ typed: false, maxBytes: () => 100 })).toEqual({
      type: '',
      body: Buffer.from('abcd'),
    });
  });
});
