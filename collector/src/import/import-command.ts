import { createHash } from 'node:crypto';
import { type Command, Option } from 'commander';
import { SpanledgerError } from '../errors.ts';
import { counted, type Output, type Paint } from '../terminal.ts';
import type { ImportBatch, ImportLabels } from './batch.ts';
import { type Examination, Examiner, type Metering } from './examination.ts';
import { assertUnchanged, type ImportFile, openImportFile } from './file.ts';
import { otlpBatches } from './otlp-batches.ts';
import { examinationJson, printExamination, printProblems } from './print-examination.ts';
import { Progress } from './progress.ts';
import { type RowFormat, rowBatches } from './row-batches.ts';
import { PATIENCE_MS, sendBatches } from './send.ts';

export interface ImportCommandParts {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly paint: Paint;
  /** How the service of the configuration understands and prices spans, and where it takes them. */
  readonly service: () => Promise<Metering & { readonly otlpUrl: string }>;
  readonly nowMillis: () => number;
  readonly onFailure: () => void;
}

const FORMATS = ['csv', 'jsonl', 'otlp', 'langfuse', 'litellm'] as const;

interface ImportOptions {
  readonly format: RowFormat | 'otlp';
  readonly batch?: string;
  readonly source?: string;
  readonly dryRun?: boolean;
  readonly costOnly?: boolean;
  readonly skipBadRows?: boolean;
  readonly ignoreUnknownColumns?: boolean;
  readonly customerFrom?: string;
  readonly featureFrom?: string;
  readonly json?: boolean;
  readonly url?: string;
}

/** The ledger's own tolerance: what is later it sets aside. */
const FUTURE_TOLERANCE_MS = 5 * 60_000;
const BATCH_CHARACTERS = 16;

export function addImportCommand(program: Command, parts: ImportCommandParts): void {
  program
    .command('import')
    .description('send usage of the past from a file to the running service, each call once')
    .argument('<file>', 'the file; gzip is unpacked')
    .addOption(new Option('--format <format>', 'what the file holds').choices(FORMATS).makeOptionMandatory())
    .option('--dry-run', 'read and check everything, show what would be sent, and send nothing')
    .option('--cost-only', 'record what the calls cost, and burn no credits for them')
    .option('--skip-bad-rows', 'send the rows that are right, and list the others')
    .option('--ignore-unknown-columns', 'pass over columns that the format does not have (csv, jsonl)')
    .option(
      '--batch <id>',
      "the name of this import on its spans; default: a fingerprint of the file's content",
    )
    .option(
      '--source <name>',
      'the system whose rows these are: its ids are unique within it; default: the format',
    )
    .option('--customer-from <field>', 'the field that names the customer, such as metadata.customer')
    .option('--feature-from <field>', 'the field that names the feature')
    .option('--json', 'print one JSON object, for programs')
    .option('--url <url>', 'where the service takes spans; default: the address in the configuration')
    .addHelpText(
      'after',
      `
The whole file is checked before anything is sent: a row that is wrong stops the import, unless --skip-bad-rows.
A row has its id from the file, so the same row, in whatever file and however often it is sent, counts once; after an
interruption import the file again.

  csv, jsonl  our own fields: id, time, customer, feature, model, input_tokens, output_tokens, … (import-row.schema.json)
  otlp        requests of OTLP traces in JSON or protobuf, such as the OpenTelemetry Collector's file exporter writes
  langfuse    observations from Langfuse: JSON array, JSON lines or CSV
  litellm     rows of LiteLLM's table LiteLLM_SpendLogs: CSV or JSON lines

Exit code 0 when all is sent, 1 when rows are wrong or the service does not take them, 2 if the command line is wrong.

Examples:
  spanledger import --format csv --dry-run usage-2026-10.csv
  spanledger import --format litellm --cost-only --customer-from end_user spend-logs.jsonl`,
    )
    .action(async (path: string, options: ImportOptions) => {
      const isRight = await importFile(path, options, parts);
      if (!isRight) parts.onFailure();
    });
}

/**
 * 1. Read the whole file as it would be sent, and see what it comes to.
 * 2. Say so, with what is wrong; a wrong row ends it here.
 * 3. Read it again and send it.
 *
 * @returns whether all rows were right
 */
async function importFile(path: string, options: ImportOptions, parts: ImportCommandParts): Promise<boolean> {
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
