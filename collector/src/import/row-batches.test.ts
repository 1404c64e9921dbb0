import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { readTraces, SCAN_LIMITS, WantedAttributes } from '../otlp/index.ts';
import type { ImportBatch, ImportLabels } from './batch.ts';
import { openImportFile } from './file.ts';
import { type RowFormat, type RowSettings, rowBatches } from './row-batches.ts';

const WANTED = new WantedAttributes([
  'service.name',
  'spanledger.import.batch',
  'spanledger.import.mode',
  'spanledger.customer.id',
  'spanledger.feature.name',
  'gen_ai.response.model',
]);
const LABELS: ImportLabels = { batch: 'october', mode: 'cost_only' };

async function batchesOf(
  content: string | Uint8Array,
  format: RowFormat,
  settings: Partial<RowSettings> = {},
): Promise<ImportBatch[]> {
  const directory = await mkdtemp(join(tmpdir(), 'spanledger-rows-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  const path = join(directory, 'rows');
  await writeFile(path, content);
  const all: RowSettings = {
    format,
    source: format,
    ignoresUnknownFields: false,
    customerFrom: null,
    featureFrom: null,
    latestMicros: Date.UTC(2026, 5) * 1000,
    ...settings,
  };
  const batches: ImportBatch[] = [];
  for await (const batch of rowBatches(await openImportFile(path), all, LABELS, () => {}))
    batches.push(batch);
  return batches;
}

function spansIn(batches: readonly ImportBatch[]) {
  return batches.flatMap(({ body, bodyType }) => readTraces(body, bodyType, WANTED, SCAN_LIMITS).spans);
}

const HEADER = 'id,time,model,input_tokens,output_tokens,service';
const row = (id: number) => `r${id},2026-01-15T12:00:00Z,gpt-4o,10,5,service-${id % 2}`;

describe('the rows of a file', () => {
  it('each bear the batch and the mode, in requests of a bounded size, under their services', async () => {
    const ids = Array.from({ length: 2500 }, (_, index) => index);
    const batches = await batchesOf([HEADER, ...ids.map(row)].join('\n'), 'csv');
    expect(batches.map(({ rows }) => rows)).toEqual([1000, 1000, 500]);
    const spans = spansIn(batches);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(2500);
    const services = new Set(spans.map(({ resource }) => resource.get('service.name')));
    expect(services).toEqual(new Set(['service-0', 'service-1']));
    for (const { attributes } of spans) {
      expect(attributes.get('spanledger.import.batch')).toBe('october');
      expect(attributes.get('spanledger.import.mode')).toBe('cost_only');
    }
  });

  it.each<[string, (text: string) => string | Uint8Array]>([
    ['UTF-8 with a mark', (text) => `\uFEFF${text}`],
    ['UTF-16 as spreadsheets write it', (text) => Buffer.from(`\uFEFF${text}`, 'utf16le')],
    ['gzip', (text) => gzipSync(text)],
  ])('are the same in %s', async (_what, encode) => {
    const text = `${HEADER}\nr1,2026-01-15T12:00:00Z,modèle-Ω,10,5,\n`;
    const [span] = spansIn(await batchesOf(encode(text), 'csv'));
    expect(span?.attributes.get('gen_ai.response.model')).toBe('modèle-Ω');
    expect(span?.traceId).toBe(spansIn(await batchesOf(text, 'csv'))[0]?.traceId);
  });

  it('in another encoding are refused: names would be damaged', async () => {
    const latin = Buffer.from(`${HEADER}\nr1,2026-01-15T12:00:00Z,modèle,10,5,\n`, 'latin1');
    await expect(batchesOf(latin, 'csv')).rejects.toMatchObject({ code: 'SL_IMPORT_UNREADABLE' });
  });

  it('take customer and feature from where they are said to stand', async () => {
    const record = {
      request_id: 'chatcmpl-1234567',
      call_type: 'completion',
      model: 'gpt-4o',
      prompt_tokens: 10,
      completion_tokens: 5,
      endTime: '2026-01-15T12:00:00Z',
      end_user: 'acme',
      metadata: '{"requester_metadata": {"product": "search"}}',
    };
    const settings = { customerFrom: 'end_user', featureFrom: 'metadata.requester_metadata.product' };
    const [span] = spansIn(await batchesOf(JSON.stringify(record), 'litellm', settings));
    expect(span?.attributes.get('spanledger.customer.id')).toBe('acme');
    expect(span?.attributes.get('spanledger.feature.name')).toBe('search');
  });

  it('that are of the future are wrong: the ledger would believe none of them', async () => {
    const late = 'r1,2026-07-01T00:00:00Z,gpt-4o,10,5,';
    const [batch] = await batchesOf(`${HEADER}\n${row(2)}\n${late}`, 'csv');
    expect(batch?.problems).toMatchObject([{ row: 2, line: 3, problems: [{ field: 'time' }] }]);
    expect(spansIn(batch === undefined ? [] : [batch])).toHaveLength(1);
  });

  it('of no file are none', async () => {
    expect(spansIn(await batchesOf('', 'csv'))).toEqual([]);
    expect(spansIn(await batchesOf('\n', 'jsonl'))).toEqual([]);
  });
});
