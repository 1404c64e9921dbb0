import { SPANLEDGER_IMPORT_BATCH, SPANLEDGER_IMPORT_MODE } from '@spanledger/semconv';
import { SpanledgerError } from '../errors.ts';
import { checkTraces, SCAN_LIMITS } from '../otlp/index.ts';
import { quoteLongIntegers } from '../otlp/json.ts';
import { attributesOf, type ImportBatch, type ImportLabels, type RowProblems } from './batch.ts';
import { bytesOf, type ImportFile, textOfFile } from './file.ts';
import { jsonTexts } from './json-records.ts';
import { isFields, shown } from './record.ts';
import { withResourceAttributes } from './resource-attributes.ts';

/** What the receiver takes in one request by default. */
const MAX_BODY_BYTES = 64 * 1024 * 1024;
/** The Collector writes a line for each of its own small batches; these go together. */
const BYTES_OF_A_BATCH = 1024 * 1024;
const NOTHING_PASSED_OVER: ReadonlyMap<string, number> = new Map();

/**
 * A file of OTLP requests, forwarded as they are, with what the import says of them on their resources:
 *
 * - JSON, one request or one on each line, as the OpenTelemetry Collector's file exporter writes them;
 * - protobuf, one request, or each behind its length in four bytes, as that exporter writes them too.
 */
export function otlpBatches(
  file: ImportFile,
  labels: ImportLabels,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<ImportBatch> {
  const isText = /^[\uFEFF\s]*[[{]/.test(Buffer.from(file.head).toString('utf8'));
  return isText ? jsonBatches(file, labels, onBytes) : protobufBatches(file, labels, onBytes);
}

async function* jsonBatches(
  file: ImportFile,
  labels: ImportLabels,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<ImportBatch> {
  let requests: unknown[] = [];
  let problems: RowProblems[] = [];
  let rows = 0;
  let held = 0;
  const close = (): ImportBatch => {
    const resourceSpans = requests.map((resource) => withJsonAttributes(resource, labels));
    const body = resourceSpans.length === 0 ? '' : JSON.stringify({ resourceSpans });
    const batch: ImportBatch = {
      body: Buffer.from(body),
      bodyType: 'json',
      rows,
      problems,
      passedOver: NOTHING_PASSED_OVER,
    };
    requests = [];
    problems = [];
    rows = 0;
    held = 0;
    return batch;
  };
  let row = 0;
  for await (const { text, line } of jsonTexts(textOfFile(file, onBytes), MAX_BODY_BYTES)) {
    row++;
    if (rows > 0 && held + text.length > BYTES_OF_A_BATCH) yield close();
    rows++;
    const read = jsonRequest(text);
    if (read.kind === 'request') {
      requests.push(...read.resourceSpans);
      held += text.length;
    } else {
      const { expected, found } = read;
      problems.push({ row, line, problems: [{ field: null, expected, found }] });
    }
  }
  yield close();
}

type JsonRequest =
  | { readonly kind: 'request'; readonly resourceSpans: readonly unknown[] }
  | { readonly kind: 'problem'; readonly expected: string; readonly found: string };

function jsonRequest(text: string): JsonRequest {
  // Times are integers of 64 bits: unquoted ones would lose digits here.
  const quoted = quoteLongIntegers(text);
  try {
    checkTraces(Buffer.from(quoted), 'json', SCAN_LIMITS);
  } catch (error) {
    if (!(error instanceof SpanledgerError)) throw error;
    return { kind: 'problem', expected: 'an OTLP request of traces', found: error.message };
  }
  const request: unknown = JSON.parse(quoted);
  if (!isFields(request)) return { kind: 'problem', expected: 'an object', found: shown(request) };
  const { resourceSpans } = request;
  return { kind: 'request', resourceSpans: Array.isArray(resourceSpans) ? resourceSpans : [] };
}

function withJsonAttributes(resourceSpans: unknown, labels: ImportLabels): unknown {
  if (!isFields(resourceSpans)) return resourceSpans;
  const resource = isFields(resourceSpans.resource) ? resourceSpans.resource : {};
  const attributes: readonly unknown[] = Array.isArray(resource.attributes) ? resource.attributes : [];
  const added = attributesOf(attributesFor(labels));
  return { ...resourceSpans, resource: { ...resource, attributes: [...attributes, ...added] } };
}

function attributesFor({ batch, mode }: ImportLabels): Readonly<Record<string, string>> {
  return { [SPANLEDGER_IMPORT_BATCH]: batch, [SPANLEDGER_IMPORT_MODE]: mode };
}

async function* protobufBatches(
  file: ImportFile,
  labels: ImportLabels,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<ImportBatch> {
  const added = attributesFor(labels);
  let bodies: Uint8Array[] = [];
  let problems: RowProblems[] = [];
  let rows = 0;
  let held = 0;
  const close = (): ImportBatch => {
    // Protobuf messages one after the other are one message with the fields of all.
    const batch: ImportBatch = {
      body: Buffer.concat(bodies),
      bodyType: 'protobuf',
      rows,
      problems,
      passedOver: NOTHING_PASSED_OVER,
    };
    bodies = [];
    problems = [];
    rows = 0;
    held = 0;
    return batch;
  };
  let row = 0;
  for await (const request of protobufRequests(file, onBytes)) {
    row++;
    if (rows > 0 && held + request.byteLength > BYTES_OF_A_BATCH) yield close();
    rows++;
    try {
      checkTraces(request, 'protobuf', SCAN_LIMITS);
      const body = withResourceAttributes(request, added);
      bodies.push(body);
      held += body.byteLength;
    } catch (error) {
      if (!(error instanceof SpanledgerError)) throw error;
      const expected = 'an OTLP request of traces';
      problems.push({ row, line: row, problems: [{ field: null, expected, found: error.message }] });
    }
  }
  yield close();
}

const LENGTH_BYTES = 4;

async function* protobufRequests(
  file: ImportFile,
  onBytes: (bytes: Uint8Array) => void,
): AsyncGenerator<Uint8Array> {
  // A request begins with the tag of its only field; a length as large as that would be past the bound.
  const isBare = file.head[0] === RESOURCE_SPANS_TAG;
  let buffer: Buffer = Buffer.alloc(0);
  for await (const chunk of bytesOf(file, onBytes)) {
    buffer = Buffer.concat([buffer, chunk]);
    if (isBare && buffer.length > MAX_BODY_BYTES) throw tooLarge(file.path);
    while (!isBare && buffer.length >= LENGTH_BYTES) {
      const length = buffer.readUInt32BE(0);
      if (length > MAX_BODY_BYTES) throw tooLarge(file.path);
      if (buffer.length < LENGTH_BYTES + length) break;
      yield buffer.subarray(LENGTH_BYTES, LENGTH_BYTES + length);
      buffer = buffer.subarray(LENGTH_BYTES + length);
    }
  }
  if (isBare && buffer.length > 0) yield buffer;
  else if (buffer.length > 0) {
    throw new SpanledgerError(
      'SL_IMPORT_UNREADABLE',
      `The file ${file.path} ends in the middle of a request: it is cut off, or it is no OTLP.`,
    );
  }
}

const RESOURCE_SPANS_TAG = 0x0a;

function tooLarge(path: string): SpanledgerError {
  return new SpanledgerError(
    'SL_IMPORT_UNREADABLE',
    `The file ${path} has a request of more than ${MAX_BODY_BYTES} bytes, or is no OTLP. The receiver takes no larger ones.`,
  );
}
