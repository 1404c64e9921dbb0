import type { Field } from '../backend.ts';
import type { Notice, ReportDetails, SqlError } from '../errors.ts';
import { sizeOfType } from '../types/table.ts';
import type { Outgoing } from './outgoing.ts';
import type { Format } from './requests.ts';

/** The messages of a server that carry no rows (54.7, "Message Formats"), one function for each. */

export type TransactionStatus = 'I' | 'T' | 'E';

export function authenticationOk(out: Outgoing): void {
  authentication(out, 0);
}

export function authenticationSasl(out: Outgoing, mechanisms: readonly string[]): void {
  const at = out.begin('R');
  out.int32(10);
  for (const mechanism of mechanisms) out.cstring(mechanism);
  out.byte(0);
  out.end(at);
}

export function authenticationSaslContinue(out: Outgoing, message: string): void {
  authentication(out, 11, message);
}

export function authenticationSaslFinal(out: Outgoing, message: string): void {
  authentication(out, 12, message);
}

function authentication(out: Outgoing, code: number, message = ''): void {
  const at = out.begin('R');
  out.int32(code);
  out.text(message);
  out.end(at);
}

/** Sent when the client asks for a newer minor version, or for options that nobody here knows. */
export function negotiateProtocolVersion(
  out: Outgoing,
  newestVersion: number,
  unknownOptions: readonly string[],
): void {
  const at = out.begin('v');
  out.int32(newestVersion);
  out.int32(unknownOptions.length);
  for (const option of unknownOptions) out.cstring(option);
  out.end(at);
}

export function parameterStatus(out: Outgoing, name: string, value: string): void {
  const at = out.begin('S');
  out.cstring(name);
  out.cstring(value);
  out.end(at);
}

export function backendKeyData(out: Outgoing, processId: number, secret: Uint8Array): void {
  const at = out.begin('K');
  out.int32(processId);
  out.bytes(secret);
  out.end(at);
}

export function readyForQuery(out: Outgoing, status: TransactionStatus): void {
  const at = out.begin('Z');
  out.ascii(status);
  out.end(at);
}

export function emptyQueryResponse(out: Outgoing): void {
  bare(out, 'I');
}

export function parseComplete(out: Outgoing): void {
  bare(out, '1');
}

export function bindComplete(out: Outgoing): void {
  bare(out, '2');
}

export function closeComplete(out: Outgoing): void {
  bare(out, '3');
}

export function noData(out: Outgoing): void {
  bare(out, 'n');
}

export function portalSuspended(out: Outgoing): void {
  bare(out, 's');
}

function bare(out: Outgoing, type: string): void {
  out.end(out.begin(type));
}

export function commandComplete(out: Outgoing, tag: string): void {
  const at = out.begin('C');
  out.cstring(tag);
  out.end(at);
}

export function parameterDescription(out: Outgoing, oids: readonly number[]): void {
  const at = out.begin('t');
  out.count(oids.length);
  for (const oid of oids) out.uint32(oid);
  out.end(at);
}

/** `formatOf` by the index of the column; before a portal is bound, all are text. */
export function rowDescription(
  out: Outgoing,
  fields: readonly Field[],
  formatOf: (column: number) => Format,
): void {
  const at = out.begin('T');
  out.count(fields.length);
  for (const [column, field] of fields.entries()) {
    out.cstring(field.name);
    out.uint32(field.tableOid ?? 0);
    out.int16(field.tableColumn ?? 0);
    out.uint32(field.oid);
    out.int16(sizeOfType(field.oid));
    out.int32(field.typeModifier ?? -1);
    out.int16(formatOf(column) === 'binary' ? 1 : 0);
  }
  out.end(at);
}

export function errorResponse(out: Outgoing, error: SqlError): void {
  report(out, 'E', error.severity, error.code, error.message, error.details);
}

export function noticeResponse(out: Outgoing, notice: Notice): void {
  report(out, 'N', notice.severity, notice.code, notice.message, notice);
}

/** The letters of 54.8, "Error and Notice Message Fields". */
const DETAIL_LETTERS: readonly (readonly [string, keyof ReportDetails])[] = [
  ['D', 'detail'],
  ['H', 'hint'],
  ['P', 'position'],
  ['p', 'internalPosition'],
  ['q', 'internalQuery'],
  ['W', 'where'],
  ['s', 'schema'],
  ['t', 'table'],
  ['c', 'column'],
  ['d', 'dataType'],
  ['n', 'constraint'],
  ['F', 'file'],
  ['L', 'line'],
  ['R', 'routine'],
];

function report(
  out: Outgoing,
  type: 'E' | 'N',
  severity: string,
  code: string,
  message: string,
  details: ReportDetails,
): void {
  const at = out.begin(type);
  part(out, 'S', severity);
  // The same word, never translated: what programs look at.
  part(out, 'V', severity);
  part(out, 'C', code);
  part(out, 'M', message);
  for (const [letter, name] of DETAIL_LETTERS) {
    const value = details[name];
    if (value !== undefined) part(out, letter, String(value));
  }
  out.byte(0);
  out.end(at);
}

function part(out: Outgoing, letter: string, value: string): void {
  out.ascii(letter);
  out.cstring(value);
}
