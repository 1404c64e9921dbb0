import type { Field } from '../backend.ts';
import { malformed } from '../errors.ts';
import type { Value } from '../types/codec.ts';
import { codecOf } from '../types/table.ts';
import { decodeText } from '../wire/body.ts';
import {
  bindComplete,
  closeComplete,
  noData,
  parameterDescription,
  parseComplete,
  rowDescription,
} from '../wire/replies.ts';
import type { Format, Request } from '../wire/requests.ts';
import type { Dialogue } from './dialogue.ts';
import { executePortal } from './execute.ts';
import { failedTransaction, fieldsOf, parameterOidsOf, prepareOne, runsAfterFailure } from './prepared.ts';

/** The steps of the extended query protocol (54.2.3, "Extended Query"). */
export type Step = Extract<Request, { kind: 'parse' | 'bind' | 'describe' | 'execute' | 'close' }>;

/** Takes one step. Its answer stays here until the client asks for it, with Sync or Flush, or there is a lot of it. */
export async function answerStep(dialogue: Dialogue, step: Step): Promise<void> {
  switch (step.kind) {
    case 'parse':
      return parse(dialogue, step);
    case 'bind':
      return bind(dialogue, step);
    case 'describe':
      return step.target === 'statement'
        ? describeStatement(dialogue, step.name)
        : describePortal(dialogue, step.name);
    case 'execute':
      return executePortal(dialogue, dialogue.portals.find(step.portal, 'portal'), step.maxRows);
    case 'close':
      return close(dialogue, step);
  }
}

type StepOf<Kind extends Step['kind']> = Extract<Step, { kind: Kind }>;

async function parse(
  dialogue: Dialogue,
  { statement, sql, parameterOids, bytes }: StepOf<'parse'>,
): Promise<void> {
  const { statements, wire } = dialogue;
  statements.expectFree(statement);
  // Even when the new one fails, the old one is gone.
  if (statement === '') await statements.close('');
  const prepared = await prepareOne(dialogue, sql, parameterOids);
  await statements.add(statement, prepared, bytes);
  parseComplete(wire.out);
}

async function bind(dialogue: Dialogue, step: StepOf<'bind'>): Promise<void> {
  const { statements, portals, transaction, wire } = dialogue;
  const prepared = statements.find(step.statement);
  if (transaction.status === 'E' && !runsAfterFailure(prepared)) throw failedTransaction();
  const values = readParameters(dialogue, step, parameterOidsOf(prepared));
  const fields = fieldsOf(dialogue, prepared);
  await portals.add({
    name: step.portal,
    prepared,
    values,
    fields,
    formats: resultFormats(step.resultFormats, fields),
    bytes: step.bytes,
    isHeld: false,
    controller: new AbortController(),
    running: undefined,
  });
  bindComplete(wire.out);
}

function readParameters(
  { settings }: Dialogue,
  { parameterFormats, parameters, statement }: StepOf<'bind'>,
  oids: readonly number[],
): readonly (Value | null)[] {
  if (parameterFormats.length > 1 && parameterFormats.length !== parameters.length)
    throw malformed(
      `bind message has ${parameterFormats.length} parameter formats but ${parameters.length} parameters`,
    );
  if (parameters.length !== oids.length)
    throw malformed(
      `bind message supplies ${parameters.length} parameters, but prepared statement "${statement}" requires ${oids.length}`,
    );
  const { zone } = settings;
  return parameters.map((bytes, i) => {
    if (bytes === null) return null;
    const format = formatFor(parameterFormats, i);
    const codec = codecOf(oids[i] ?? 0, format);
    return format === 'binary' ? codec.readBinary(bytes) : codec.readText(decodeText(bytes), zone);
  });
}

function resultFormats(asked: readonly Format[], fields: readonly Field[] | null): readonly Format[] {
  if (fields === null) return [];
  if (asked.length > 1 && asked.length !== fields.length)
    throw malformed(`bind message has ${asked.length} result formats but query has ${fields.length} columns`);
  return fields.map(({ oid }, column) => {
    const format = formatFor(asked, column);
    // Refused now rather than at the first row.
    codecOf(oid, format);
    return format;
  });
}

/** None given: text. One: it holds for all. */
function formatFor(formats: readonly Format[], index: number): Format {
  return (formats.length === 1 ? formats[0] : formats[index]) ?? 'text';
}

function describeStatement(dialogue: Dialogue, name: string): void {
  const { wire, statements, transaction } = dialogue;
  const prepared = statements.find(name);
  const fields = fieldsOf(dialogue, prepared);
  // Columns could have changed in what has failed, so nothing is said of them.
  if (fields !== null && transaction.status === 'E') throw failedTransaction();
  parameterDescription(wire.out, parameterOidsOf(prepared));
  describeFields(dialogue, fields, () => 'text');
}

function describePortal(dialogue: Dialogue, name: string): void {
  const { fields, formats } = dialogue.portals.find(name, 'portal');
  describeFields(dialogue, fields, (column) => formats[column] ?? 'text');
}

function describeFields(
  { wire }: Dialogue,
  fields: readonly Field[] | null,
  formatOf: (column: number) => Format,
): void {
  if (fields === null) noData(wire.out);
  else rowDescription(wire.out, fields, formatOf);
}

/** To close what is not there is no mistake. */
async function close(
  { statements, portals, wire }: Dialogue,
  { target, name }: StepOf<'close'>,
): Promise<void> {
  if (target === 'statement') await statements.close(name);
  else await portals.close(name);
  closeComplete(wire.out);
}
