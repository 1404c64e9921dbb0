import { describe, expect, it } from 'vitest';
import { Outgoing } from '../wire/outgoing.ts';
import type { Value } from './codec.ts';
import { codecOf, TYPES } from './table.ts';
import golden from './testing/postgres-15.json' with { type: 'json' };
import { UTC } from './zone.ts';

/** What PostgreSQL 15 itself has answered: `x::type::text`, `encode(typsend(x::type), 'hex')`, and its `pg_type`. */

function asText(oid: number, value: Value): string {
  const out = new Outgoing();
  codecOf(oid, 'text').writeText(out, value, UTC);
  return out.take().toString('utf8');
}

function asBinary(oid: number, value: Value): string {
  const out = new Outgoing();
  codecOf(oid, 'binary').writeBinary(out, value);
  return out.take().toString('hex');
}

describe('what PostgreSQL 15 makes of a text', () => {
  for (const { type, oid, input, text, binary } of golden.values) {
    it(`${type} ${JSON.stringify(input)}: is what is made of it here, as text and in binary, both ways`, () => {
      const value = codecOf(oid, 'text').readText(input, UTC);
      expect({ text: asText(oid, value), binary: asBinary(oid, value) }).toEqual({ text, binary });

      const received = codecOf(oid, 'binary').readBinary(Buffer.from(binary, 'hex'));
      expect(asText(oid, received)).toBe(text);
    });
  }
});

describe('the table of types', () => {
  it('has the oids, sizes and array types of PostgreSQL', () => {
    const known = new Map(TYPES.map((codec) => [codec.oid, codec]));
    const ours = golden.types.map(({ oid }) => {
      const codec = known.get(oid);
      return { oid, size: codec?.size, arrayOid: codec?.arrayOid, name: codec?.name };
    });
    expect(ours).toEqual(golden.types);
  });

  it('has every type once', () => {
    expect(new Set(TYPES.map(({ oid }) => oid)).size).toBe(TYPES.length);
  });
});
