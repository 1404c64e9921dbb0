import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { QueryAnswer } from './api/query-answer.ts';
import { printRows } from './table.ts';

function printed(answer: QueryAnswer, asJson = false): string {
  const out = new PassThrough();
  printRows(out, answer, asJson);
  return String(out.read());
}

function anAnswer(columns: Record<string, string>, ...rows: unknown[][]): QueryAnswer {
  return { columns: Object.entries(columns).map(([name, type]) => ({ name, type })), rows };
}

/** The cells of a printed line, with the spaces that align them. */
function cells(text: string, line: number): string[] {
  return (text.split('\n')[line] ?? '').split('|');
}

describe('a printed table', () => {
  it('has a head, the rows, and their number', () => {
    const text = printed(
      anAnswer({ customer: 'VARCHAR', calls: 'BIGINT' }, ['cus_acme', '12'], ['cus_b', '7']),
    );
    expect(text).toMatch(/customer.*\|.*calls/);
    expect(text).toMatch(/cus_acme.*\|.*12/);
    expect(text).toMatch(/cus_b {4}.*\|.*7/);
    expect(text).toMatch(/\n\(2 rows\)\n$/);
  });

  it.each([
    [0, '(0 rows)'],
    [1, '(1 row)'],
  ])('of %d rows says so', (count, words) => {
    const rows = Array.from({ length: count }, () => ['x']);
    const text = printed(anAnswer({ customer: 'VARCHAR' }, ...rows));
    expect(text).toContain('customer');
    expect(text).toContain(`${words}\n`);
  });

  it('says NULL, which is not the empty text', () => {
    const text = printed(anAnswer({ a: 'VARCHAR', b: 'VARCHAR' }, [null, ''], [undefined, 'NULLs']));
    expect(text.match(/NULL\b/g)).toHaveLength(2);
  });

  it.each(['BIGINT', 'INTEGER', 'UTINYINT', 'HUGEINT', 'DOUBLE', 'FLOAT', 'DECIMAL(38,15)'])(
    'aligns %s to the right and texts to the left',
    (type) => {
      const text = printed(
        anAnswer({ label: 'VARCHAR', amount: type }, ['x', '5'], ['long label', '12345678.5']),
      );
      const [label = '', amount = ''] = cells(text, 2);
      expect(label).toMatch(/^ ?x +$/);
      expect(amount).toMatch(/^ {6,}5 ?$/);
    },
  );

  it('shows numbers that came as text exactly as they came', () => {
    const text = printed(
      anAnswer({ cost_usd: 'DECIMAL(38,15)' }, ['0.000000000000001'], ['12345678901.000001000000000']),
    );
    expect(text).toContain('0.000000000000001');
    expect(text).toContain('12345678901.000001000000000');
  });

  it('shows what is in control characters instead of obeying them', () => {
    const text = printed(anAnswer({ customer: 'VARCHAR' }, ['\u001b[31mred\u0007\r\nnext\u0000\u009b']));
    expect(text).toContain('\\u001b[31mred\\u0007\\r\\nnext\\u0000\\u009b');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it looks for
    expect(text.replaceAll('\n', '')).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    expect(text.trimEnd().split('\n')).toHaveLength(4);
  });

  it('does the same with the names of columns', () => {
    expect(printed(anAnswer({ '\u001b[2J': 'INTEGER' }, [1]))).toContain('\\u001b[2J');
  });

  it('has no colours', () => {
    expect(printed(anAnswer({ n: 'INTEGER', text: 'VARCHAR' }, [1, 'x']))).not.toContain('\u001b');
  });

  it('shows values with parts as JSON', () => {
    expect(printed(anAnswer({ parts: 'STRUCT(a INTEGER)', on: 'BOOLEAN' }, [{ a: 1 }, true]))).toMatch(
      /\{"a":1\}.*\|.*true/,
    );
  });
});

describe('rows printed as JSON', () => {
  it('are one array, with a row on each line', () => {
    const text = printed(anAnswer({ customer: 'VARCHAR', n: 'INTEGER' }, ['a\n"b"', 1], [null, 2]), true);
    expect(JSON.parse(text)).toEqual([
      { customer: 'a\n"b"', n: 1 },
      { customer: null, n: 2 },
    ]);
    expect(text.split('\n')).toHaveLength(5);
  });

  it('are an empty array when there are none', () => {
    expect(printed(anAnswer({ n: 'INTEGER' }), true)).toBe('[]\n');
  });
});
