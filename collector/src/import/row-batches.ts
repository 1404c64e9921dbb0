import { SPANLEDGER_CUSTOMER_ID, SPANLEDGER_FEATURE_NAME } from '@spanledger/semconv';
import { bodyOf, type ImportBatch, type ImportLabels, type RowProblems } from './batch.ts';
import { csvRecords } from './csv.ts';
import { type ImportFile, textOfFile } from './file.ts';
import { jsonRecords } from './json-records.ts';
import { readLangfuseObservation } from './langfuse.ts';
import { readLiteLlmRow } from './litellm.ts';
import type { OutgoingSpan } from './outgoing-span.ts';
import { type Fields, type FileRecord, problem, textOf, type Understood, valueAt } from './record.ts';
import { readUsageRow } from './usage-row.ts';

export type RowFormat = 'csv' | 'jsonl' | 'langfuse' | 'litellm';

export interface RowSettings {
  readonly format: RowFormat;
  /** The system that the rows come from, within which their ids are unique. */
  readonly source: string;
  readonly ignoresUnknownFields: boolean;
  /** Where in a row the customer and the feature stand, instead of where they would be looked for. */
  readonly customerFrom: string | null;
  readonly featureFrom: string | null;
  /** The ledger believes no event that is later: microseconds since the Unix epoch. */
  readonly latestMicros: number;
}

/** Rows in one request: enough that requests cost little, and few enough that a request is some hundred kilobytes. */
const ROWS_OF_A_BATCH = 1000;
/** Prompts in metadata may make rows long; a request stays far below what the receiver takes. */
const CHARACTERS_OF_A_BATCH = 4 * 1024 * 1024;

/** The rows of a file as spans, in batches; never more than one batch is held. */
export async function* rowBatches(
  file: ImportFile,
  settings: RowSettings,
  labels: ImportLabels,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<ImportBatch> {
  let open = new OpenBatch();
  for await (const record of recordsOf(file, settings.format, onBytes)) {
    open.add(record, understand(record, settings));
    if (open.isFull) {
      yield open.close(labels);
      open = new OpenBatch();
    }
  }
  yield open.close(labels);
}

function recordsOf(
  file: ImportFile,
  format: RowFormat,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<FileRecord> {
  const text = textOfFile(file, onBytes);
  switch (format) {
    case 'csv':
      return csvRecords(text);
    case 'jsonl':
      return jsonRecords(text);
    case 'langfuse':
    case 'litellm':
      return beginsWithJson(file.head) ? jsonRecords(text) : csvRecords(text);
  }
}

/** Exports come in both; no name of a column begins with a bracket. */
function beginsWithJson(head: Uint8Array): boolean {
  return /^[\uFEFF\s]*[[{]/.test(Buffer.from(head).toString('utf8'));
}

function understand({ content }: FileRecord, settings: RowSettings): Understood {
  if (content.kind === 'broken') {
    return { kind: 'problems', problems: [{ field: null, ...content }] };
  }
  const { fields } = content;
  const understood = readRow(fields, settings);
  if (understood.kind !== 'span') return understood;
  if (understood.span.endMicros > settings.latestMicros) {
    const when = new Date(understood.span.endMicros / 1000).toISOString();
    return problem('time', 'a time that is not more than five minutes ahead', when);
  }
  return { kind: 'span', span: withLabels(understood.span, fields, settings) };
}

function readRow(fields: Fields, settings: RowSettings): Understood {
  switch (settings.format) {
    case 'csv':
    case 'jsonl':
      return readUsageRow(fields, settings);
    case 'langfuse':
      return readLangfuseObservation(fields, settings.source);
    case 'litellm':
      return readLiteLlmRow(fields, settings.source);
  }
}

function withLabels(
  span: OutgoingSpan,
  fields: Fields,
  { customerFrom, featureFrom }: RowSettings,
): OutgoingSpan {
  const labels: Record<string, string> = {};
  const customer = customerFrom === null ? null : textOf(valueAt(fields, customerFrom));
  const feature = featureFrom === null ? null : textOf(valueAt(fields, featureFrom));
  if (customer !== null) labels[SPANLEDGER_CUSTOMER_ID] = customer;
  if (feature !== null) labels[SPANLEDGER_FEATURE_NAME] = feature;
  return { ...span, attributes: { ...span.attributes, ...labels } };
}

class OpenBatch {
  private readonly spans: OutgoingSpan[] = [];
  private readonly problems: RowProblems[] = [];
  private readonly passedOver = new Map<string, number>();
  private rows = 0;
  private characters = 0;

  get isFull(): boolean {
    return this.rows >= ROWS_OF_A_BATCH || this.characters >= CHARACTERS_OF_A_BATCH;
  }

  add({ row, line }: FileRecord, understood: Understood): void {
    this.rows++;
    switch (understood.kind) {
      case 'span':
        this.spans.push(understood.span);
        for (const value of Object.values(understood.span.attributes))
          if (typeof value === 'string') this.characters += value.length;
        return;
      case 'passed_over':
        this.passedOver.set(understood.reason, (this.passedOver.get(understood.reason) ?? 0) + 1);
        return;
      case 'problems':
        this.problems.push({ row, line, problems: understood.problems });
    }
  }

  close(labels: ImportLabels): ImportBatch {
    const { rows, problems, passedOver } = this;
    return { body: bodyOf(this.spans, labels), bodyType: 'json', rows, problems, passedOver };
  }
}
