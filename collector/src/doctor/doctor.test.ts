import { copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEFAULT_OBSERVE_SETTINGS } from '@spanledger/metering';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Arrangement } from './arrange.ts';
import { type CaseReport, examineCorpus, isAsServed, type MeteringSettings } from './doctor.ts';
import { ORDERS } from './orders.ts';

const CORPUS = fileURLToPath(new URL('../../../test/corpus/', import.meta.url));
const AS_CAPTURED: Arrangement = { encoding: 'captured', order: 'forwards' };
const EVERY_WAY = (['captured', 'protobuf', 'json'] as const).flatMap((encoding) =>
  ORDERS.map((order) => ({ encoding, order })),
);

async function examined(
  folder: string,
  arrangements: readonly Arrangement[] = [AS_CAPTURED],
  settings?: MeteringSettings,
): Promise<readonly CaseReport[]> {
  const reports: CaseReport[] = [];
  for await (const { report } of examineCorpus(folder, arrangements, settings)) reports.push(report);
  return reports;
}

async function aFolder(files: Readonly<Record<string, string>> = {}): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-corpus-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}

/** A folder with one capture, of which the truth was changed. */
async function withTruth(name: string, change: (truth: string) => string): Promise<string> {
  const truth = await readFile(join(CORPUS, `${name}.meta.json`), 'utf8');
  const changed = change(truth);
  expect(changed).not.toBe(truth);
  const folder = await aFolder({ [`${name}.meta.json`]: changed });
  await copyFile(join(CORPUS, `${name}.bin`), join(folder, `${name}.bin`));
  return folder;
}

describe('the doctor', () => {
  it('finds every capture as served, in every order and encoding', async () => {
    const reports = await examined(CORPUS, EVERY_WAY);
    expect(reports).toHaveLength(22);
    expect(reports.filter((report) => !isAsServed(report))).toEqual([]);
  });

  it('says the first difference when the truth is another', async () => {
    const folder = await withTruth('langsmith-otel', (truth) =>
      truth.replace(/("n": 2,[\s\S]*?"attainable_from_spans": \{\s*"input_total": )\d+/, '$1 777'),
    );
    const [report] = await examined(folder);
    expect(report).toMatchObject({ kind: 'compared', arrangement: AS_CAPTURED });
    expect(report?.kind === 'compared' && report.comparison.differences).toEqual([
      expect.stringMatching(/^call 2 \(.*\): input 777 was expected, \d+ came \(span [0-9a-f]{16}\)$/),
    ]);
  });

  it('compares by sums where the calls are not known', async () => {
    const withoutCalls = (truth: string, input?: number) => {
      const { calls_made, expected, ...rest } = JSON.parse(truth);
      const attainable_totals = {
        ...expected.attainable_totals,
        ...(input === undefined ? {} : { input_total: input }),
      };
      return JSON.stringify({ ...rest, expected: { ...expected, attainable_totals } });
    };
    const [same] = await examined(await withTruth('ai-sdk-7-mixed', (truth) => withoutCalls(truth)));
    expect(same).toMatchObject({ kind: 'compared', comparison: { calls: { expected: 6 }, differences: [] } });
    const [other] = await examined(await withTruth('ai-sdk-7-mixed', (truth) => withoutCalls(truth, 1)));
    expect(other).toMatchObject({
      comparison: { differences: ['input of 1 was expected in all, 23661 came'] },
    });
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '{', /broken\.meta\.json is not JSON/],
    ['another shape', '{"bodies":"x"}', /broken\.meta\.json does not fit: .*bodies/],
    ['no truth', '{"bodies":[{"file":"a.bin"}]}', /content type|neither calls_made nor expected/],
    [
      'a body that is not there',
      '{"bodies":[{"file":"gone.bin","content_type":"application/json"}],"calls_made":[]}',
      /gone\.bin cannot be read/,
    ],
    [
      'a body that is no request',
      '{"bodies":[{"file":"broken.meta.json","content_type":"application/x-protobuf"}],"calls_made":[]}',
      /broken\.meta\.json cannot be read: The body is not an OTLP traces request/,
    ],
    [
      'a body of another signal',
      '{"bodies":[{"file":"x.bin","path":"/v1/logs","content_type":"application/json"}],"calls_made":[]}',
      /x\.bin was sent to \/v1\/logs/,
    ],
  ])('names a case with %s, and goes on with the others', async (_what, text, words) => {
    const folder = await aFolder({
      'broken.meta.json': text,
      'empty.meta.json':
        '{"bodies":[{"file":"empty.bin","content_type":"application/json"}],"calls_made":[]}',
      'empty.bin': '',
    });
    const [broken, empty, ...others] = await examined(folder);
    expect(broken).toEqual({ kind: 'unreadable', name: 'broken', problem: expect.stringMatching(words) });
    expect(empty?.name).toBe('empty');
    expect(others).toEqual([]);
  });

  it('attributes as the service is configured to', async () => {
    const folder = await withTruth('google-adk', (truth) =>
      truth
        .replaceAll('"customer": "nowhere"', '"customer": "on the sender"')
        .replace(/cus_[a-z]+/g, 'cus_house'),
    );
    const settings: MeteringSettings = {
      observing: DEFAULT_OBSERVE_SETTINGS,
      attribution: { usageClassRules: [], defaults: { customer: { value: 'cus_house', key: 'default' } } },
    };
    expect((await examined(folder)).map(isAsServed)).toEqual([false]);
    expect((await examined(folder, [AS_CAPTURED], settings)).map(isAsServed)).toEqual([true]);
  });

  it('refuses a folder without cases, or that is none, and says what was expected', async () => {
    await expect(examined(await aFolder())).rejects.toMatchObject({
      code: 'SL_CORPUS_UNREADABLE',
      message: expect.stringMatching(/has no cases\. Expected .*NAME\.meta\.json/),
    });
    await expect(examined(join(CORPUS, 'nowhere'))).rejects.toMatchObject({ code: 'SL_CORPUS_UNREADABLE' });
  });
});
