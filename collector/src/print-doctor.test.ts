import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { CaseReport } from './doctor/doctor.ts';
import { printDoctorJson, printDoctorTable } from './print-doctor.ts';
import { type Output, painter } from './terminal.ts';

const same = (count: number) => ({ expected: count, found: count });

const AS_SERVED: CaseReport = {
  kind: 'compared',
  name: 'one',
  arrangement: { encoding: 'captured', order: 'forwards' },
  comparison: {
    calls: same(2),
    tokens: {
      input: same(1200),
      cacheRead: same(800),
      cacheWrite: same(0),
      output: same(300),
      reasoning: same(100),
    },
    customers: same(1),
    differences: [],
  },
};

const DIFFERENT: CaseReport = {
  ...AS_SERVED,
  name: 'two\u001b[2J',
  arrangement: { encoding: 'json', order: 'backwards' },
  comparison: {
    ...AS_SERVED.comparison,
    calls: { expected: 2, found: 1 },
    differences: ['call 2 (gpt-4o, acme): one billed record was expected, none came', 'another'],
  },
};

const UNREADABLE: CaseReport = { kind: 'unreadable', name: 'three', problem: 'three.bin cannot be read' };

function printed(print: (out: Output) => void, isTTY = false): string {
  const out = Object.assign(new PassThrough(), { isTTY });
  print(out);
  return String(out.read());
}

describe('the table of the doctor', () => {
  const table = (reports: readonly CaseReport[], isTTY = false) =>
    printed((out) => printDoctorTable(out, reports, painter(out, {})), isTTY);

  it('has a line for each case with its first difference, and totals', () => {
    const lines = table([AS_SERVED, DIFFERENT, UNREADABLE]).split('\n');
    expect(lines[0]).toMatch(/^case +calls +input +cached +cache writes +output +reasoning +customers$/);
    expect(lines[1]).toMatch(/^one +2 +1,200 +800 +0 +300 +100 +1 {2}ok$/);
    expect(lines[2]).toMatch(
      /^two\\u001b\[2J +2≠1 +1,200 .* 1 {2}\[json, backwards\] call 2 \(gpt-4o, acme\): one billed record was expected, none came \(and 1 more\)$/,
    );
    expect(lines[3]).toMatch(/^three +three\.bin cannot be read$/);
    expect(lines[4]).toMatch(/^3 cases +4≠3 +2,400 .* {2}2 not as served$/);
  });

  it('says when all is as served', () => {
    expect(table([AS_SERVED])).toMatch(/^1 case .*all as served$/m);
  });

  it('has colours on a terminal only', () => {
    expect(table([AS_SERVED, DIFFERENT])).not.toContain('\u001b');
    const coloured = table([AS_SERVED, DIFFERENT], true);
    expect(coloured).toContain('\u001b[32mok');
    expect(coloured).toContain('\u001b[31m  2≠1');
  });
});

describe('the same for programs', () => {
  it('is one JSON object', () => {
    const text = printed((out) => printDoctorJson(out, [AS_SERVED, DIFFERENT, UNREADABLE]));
    expect(JSON.parse(text)).toMatchObject({
      cases: [
        { name: 'one', ok: true, calls: { expected: 2, found: 2 }, differences: [] },
        { name: 'two\u001b[2J', ok: false, encoding: 'json', order: 'backwards' },
        { name: 'three', ok: false, problem: 'three.bin cannot be read' },
      ],
      totals: { cases: 3, failed: 2, calls: { expected: 4, found: 3 } },
    });
  });
});
