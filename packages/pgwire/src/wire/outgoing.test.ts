import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Outgoing } from './outgoing.ts';

describe('what is to be sent', () => {
  it('text is UTF-8, short or long, after whatever came before', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme', maxLength: 60 })), (texts) => {
        const out = new Outgoing();
        for (const text of texts) out.text(text);
        expect(out.take().toString('utf8')).toBe(texts.join(''));
      }),
    );
  });

  it('grows as far as one message needs', () => {
    const out = new Outgoing();
    const at = out.begin('D');
    out.text('ü'.repeat(200_000));
    out.end(at);
    const bytes = out.take();
    expect(bytes.readInt32BE(1)).toBe(400_004);
    expect(bytes.length).toBe(400_005);
  });

  it('what was taken is not written to again', () => {
    const out = new Outgoing();
    out.ascii('first');
    const first = out.take();
    out.ascii('other');
    expect([first.toString(), out.take().toString()]).toEqual(['first', 'other']);
  });

  it('a NUL cannot end a text of the protocol early', () => {
    const out = new Outgoing();
    out.cstring('a\0b');
    expect(out.take()).toEqual(Buffer.from('a\uFFFDb\0'));
  });

  it('digits are written with zeros in front', () => {
    const out = new Outgoing();
    out.digits(7, 2);
    out.digits(1234, 6);
    expect(out.take().toString()).toBe('07001234');
  });
});
