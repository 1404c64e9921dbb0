import { createHash } from 'node:crypto';
import { SpanledgerError } from '../errors.ts';
import { counted } from '../terminal.ts';
import type { ImportBatch, ImportLabels } from './batch.ts';
import { type Examination, Examiner, type Metering } from './examination.ts';
import { assertUnchanged, type ImportFile, openImportFile } from './file.ts';
import type { ImportCommandParts, ImportOptions } from './import-command.ts';
import { otlpBatches } from './otlp-batches.ts';
import { examinationJson, printExamination, printProblems } from './print-examination.ts';
import { Progress } from './progress.ts';
import { rowBatches } from './row-batches.ts';
import { PATIENCE_MS, sendBatches } from './send.ts';

/** The ledger's own tolerance: what is later it sets aside. */
const FUTURE_TOLERANCE_MS = 5 * 60_000;
const BATCH_CHARACTERS = 16;

/**
 * 1. Read the whole file as it would be sent, and see what it comes to.
 * 2. Say so, with what is wrong; a wrong row ends it here.
 * 3. Read it again and send it.
 *
 * @returns whether all rows were right
 */
export async function importFile(
  path: string,
  options: ImportOptions,
  parts: ImportCommandParts,
): Promise<boolean> {
  const { stdout, stderr, paint } = parts;
  const file = await openImportFile(path);
  const service = await parts.service();
  const { examination, fingerprint } = await examine(file, options, service, parts);
  const labels: ImportLabels = {
    batch: options.batch ?? fingerprint,
    mode: options.costOnly === true ? 'cost_only' : 'charge',
  };
  const isRight = examination.badRows === 0 && examination.rejected === 0;
  const isStopped = examination.badRows > 0 && options.skipBadRows !== true;
  const willSend = options.dryRun !== true && !isStopped;

  if (options.json === true) {
    const report = { ...examinationJson(examination), ...labels, sent: willSend };
    if (willSend) await send(file, options, labels, examination, service, parts);
    stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    printExamination(stdout, examination, paint);
    if (!isRight) printProblems(stderr, examination);
    if (willSend) {
      await send(file, options, labels, examination, service, parts);
      stdout.write(
        `\nSent ${counted(examination.spans, 'span')} as batch ${labels.batch} (${labels.mode}).\n`,
      );
    } else if (options.dryRun === true) stdout.write('\nThis was a dry run: nothing was sent.\n');
  }
  if (isStopped && options.dryRun !== true) {
    throw new SpanledgerError(
      'SL_IMPORT_ROWS',
      `${counted(examination.badRows, 'row')} of ${path} cannot be imported, so nothing was sent. Mend them, or leave them out with --skip-bad-rows.`,
    );
  }
  return isRight;
}

async function examine(
  file: ImportFile,
  options: ImportOptions,
  metering: Metering,
  { stderr, nowMillis }: ImportCommandParts,
): Promise<{ readonly examination: Examination; readonly fingerprint: string }> {
  const hash = createHash('sha256');
  const examiner = new Examiner(metering, nowMillis());
  const progress = new Progress(stderr, 'checked', nowMillis);
  let bytes = 0;
  let rows = 0;
  const onBytes = (chunk: Uint8Array) => {
    hash.update(chunk);
    bytes += chunk.byteLength;
  };
  try {
    for await (const batch of batchesOf(file, options, { batch: '', mode: 'charge' }, nowMillis(), onBytes)) {
      examiner.take(batch);
      rows += batch.rows;
      progress.show(rows, bytes / file.sizeBytes);
    }
  } finally {
    progress.end();
  }
  await assertUnchanged(file);
  return { examination: examiner.examination, fingerprint: hash.digest('hex').slice(0, BATCH_CHARACTERS) };
}

async function send(
  file: ImportFile,
  options: ImportOptions,
  labels: ImportLabels,
  { rows: total }: Examination,
  { otlpUrl }: { readonly otlpUrl: string },
  { stderr, nowMillis }: ImportCommandParts,
): Promise<void> {
  const progress = new Progress(stderr, 'sent', nowMillis);
  let sentRows = 0;
  try {
    const batches = batchesOf(file, options, labels, nowMillis(), () => {});
    await sendBatches(
      batches,
      { url: tracesUrl(options.url ?? otlpUrl), patienceMs: PATIENCE_MS },
      (batch) => {
        sentRows += batch.rows;
        progress.show(sentRows, sentRows / total);
      },
    );
  } finally {
    progress.end();
  }
  await assertUnchanged(file);
}

function batchesOf(
  file: ImportFile,
  options: ImportOptions,
  labels: ImportLabels,
  nowMillis: number,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<ImportBatch> {
  const { format } = options;
  if (format === 'otlp') return otlpBatches(file, labels, onBytes);
  const settings = {
    format,
    // A row means the same in either of our own formats.
    source: options.source ?? (format === 'csv' ? 'jsonl' : format),
    ignoresUnknownFields: options.ignoreUnknownColumns === true,
    customerFrom: options.customerFrom ?? null,
    featureFrom: options.featureFrom ?? null,
    latestMicros: (nowMillis + FUTURE_TOLERANCE_MS) * 1000,
  };
  return rowBatches(file, settings, labels, onBytes);
}

/** A bare address is that of the service. */
function tracesUrl(text: string): URL {
  const url = URL.parse(text);
  if (url === null) {
    throw new SpanledgerError('SL_SERVICE_UNREACHABLE', `${text} is no URL: http://127.0.0.1:4318 is one.`);
  }
  return url.pathname === '/' ? new URL('/v1/traces', url) : url;
}
