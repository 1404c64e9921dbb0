import type { DuckDBType } from '@duckdb/node-api';
import type { Field, Statement } from '@spanledger/pgwire';
import { OID } from '@spanledger/pgwire';
import { postgresTypeOf, resultNames, rewriteForDuckDb } from '../catalogue/index.ts';
import { mistake, ReaderError } from '../errors.ts';
import { expectReadableLength } from '../examine.ts';
import type { ReaderSession, ReaderStatement, ResultColumn } from '../session.ts';
import {
  castParameters,
  declaredOids,
  expectEveryParameter,
  listParameters,
  replaceParameters,
} from './cast-parameters.ts';
import { boundValue, type Parameter, parameterOf, sampleOf } from './parameters.ts';
import { resultColumns } from './result-columns.ts';
import { asSqlErrors } from './sql-errors.ts';

/**
 * One statement of a PostgreSQL client: turned into what the engine reads, checked and prepared by the session of the
 * reader, and told to the client in PostgreSQL's types.
 *
 * @param clientOids the types that the client knows of its parameters; 0, or too few of them, for the others
 * @param publicSchema where `public` leads this client
 */
export async function prepareStatement(
  session: ReaderSession,
  sql: string,
  clientOids: readonly number[],
  signal: AbortSignal,
  publicSchema: string,
): Promise<Statement> {
  expectReadableLength(sql);
  const { statement, parameters, columns } = await prepareWithTypes(
    session,
    rewriteForDuckDb(sql, { publicSchema }),
    knownOids(sql, clientOids),
    signal,
  );
  const names = resultNames(
    sql,
    columns.map(({ name }) => name),
  );
  const fields = columns.map(({ type }, index) => fieldOf(names[index] ?? '', type));
  return {
    parameterOids: parameters.map(({ oid }) => oid),
    fields,
    command: statement.kind,
    async *execute(values, context) {
      try {
        const bound = values.map((value, index) => boundValue(parameters[index]?.oid ?? OID.text, value));
        const batches = statement.run(
          bound.map(({ value }) => value),
          context.signal,
          bound.map(({ type }) => type),
        );
        for await (const batch of batches) {
          expectAsDescribed(fields, batch.columns);
          if (batch.chunk === null) continue;
          const types = batch.columns.map(({ type }) => type);
          yield { rowCount: batch.chunk.rowCount, columns: resultColumns(batch.chunk, types) };
        }
      } catch (error) {
        throw asSqlErrors(error);
      }
    },
    close: () => statement.close(),
  };
}

/** What a client has left open, its statement may say. */
function knownOids(sql: string, clientOids: readonly number[]): readonly number[] {
  const known = [...clientOids];
  for (const [index, oid] of declaredOids(sql)) if (!known[index]) known[index] = oid;
  return known;
}

interface TypedStatement {
  readonly statement: ReaderStatement;
  readonly parameters: readonly Parameter[];
  readonly columns: readonly ResultColumn[];
}

/** As it is, if engine and client agree on what the parameters are; else once more with casts around them. */
async function prepareWithTypes(
  session: ReaderSession,
  sql: string,
  clientOids: readonly number[],
  signal: AbortSignal,
): Promise<TypedStatement> {
  const statement = await session.prepare(sql, signal);
  const expected = statement.parameterTypes;
  try {
    expectEveryParameter(sql, expected.length);
  } catch (error) {
    await statement.close();
    throw error;
  }
  const parameters = expected.map((type, index) => parameterOf(type, clientOids[index] ?? 0));
  if (parameters.every(({ casts }) => casts.length === 0))
    return withColumns(session, { sql, statement, parameters }, signal);
  await statement.close();
  return prepareWithCasts(session, sql, guesses(sql, expected.length, parameters, clientOids), signal);
}

/** Text is the guess of PostgreSQL too; the others are for statements that would not work with it. */
const OTHER_GUESSES: readonly Parameter[] = [
  { oid: OID.int8, casts: ['BIGINT'] },
  { oid: OID.timestamptz, casts: ['TIMESTAMP WITH TIME ZONE'] },
  { oid: OID.numeric, casts: ['DECIMAL(38, 15)'] },
  { oid: OID.bool, casts: ['BOOLEAN'] },
];
const TEXT_ARRAY: Parameter = { oid: 1009, casts: ['VARCHAR[]'] };
const INT8_ARRAY: Parameter = { oid: 1016, casts: ['BIGINT[]'] };

/** What the parameters may be, the likeliest first: where nobody says, one after the other is taken for something else. */
function* guesses(
  sql: string,
  count: number,
  parameters: readonly Parameter[],
  clientOids: readonly number[],
): Generator<readonly Parameter[]> {
  const lists = listParameters(sql);
  const isOpen = (index: number) => parameters[index]?.oid === OID.text && (clientOids[index] ?? 0) === 0;
  const first = parameters.map((parameter, index) =>
    isOpen(index) && lists.has(index) ? TEXT_ARRAY : parameter,
  );
  yield first;
  for (let index = 0; index < count; index++) {
    if (!isOpen(index)) continue;
    for (const other of lists.has(index) ? [INT8_ARRAY] : OTHER_GUESSES) yield first.with(index, other);
  }
}

async function prepareWithCasts(
  session: ReaderSession,
  sql: string,
  candidates: Iterable<readonly Parameter[]>,
  signal: AbortSignal,
): Promise<TypedStatement> {
  let failure: unknown;
  let tried = 0;
  for (const parameters of candidates) {
    if (tried++ === MAX_TRIES) break;
    const withCasts = castParameters(
      sql,
      parameters.map(({ casts }) => casts),
    );
    try {
      const statement = await session.prepare(withCasts, signal);
      return await withColumns(session, { sql, statement, parameters }, signal);
    } catch (error) {
      // A refusal or a limit is none of the types.
      if (!(error instanceof ReaderError) || error.code !== 'SL_QUERY_FAILED') throw error;
      failure ??= error;
    }
  }
  throw failure;
}

/**
 * With the columns of its result. The engine does not tell those of a function in FROM that has parameters, so it is
 * asked with values of their types in the place of these.
 */
async function withColumns(
  session: ReaderSession,
  { sql, statement, parameters }: { sql: string } & Omit<TypedStatement, 'columns'>,
  signal: AbortSignal,
): Promise<TypedStatement> {
  if (statement.columns !== null) return { statement, parameters, columns: statement.columns };
  try {
    const sample = await session.prepare(
      replaceParameters(
        sql,
        parameters.map(({ oid }) => sampleOf(oid)),
      ),
      signal,
    );
    await sample.close();
    if (sample.columns !== null) return { statement, parameters, columns: sample.columns };
  } catch (error) {
    await statement.close();
    throw error;
  }
  await statement.close();
  throw mistake(
    'indeterminateDatatype',
    'The types of the result cannot be told; cast the parameters, as in $1::text.',
  );
}

/** Each costs as much as to prepare a statement. */
const MAX_TRIES = 10;

function fieldOf(name: string, type: DuckDBType): Field {
  const { oid, typmod } = postgresTypeOf(type);
  return { name, oid, typeModifier: typmod };
}

/** Values that are bound may change what a column is; what the client was told of it must hold. */
function expectAsDescribed(fields: readonly Field[], columns: readonly ResultColumn[]): void {
  const isAsDescribed =
    fields.length === columns.length &&
    columns.every(({ type }, index) => postgresTypeOf(type).oid === fields[index]?.oid);
  if (!isAsDescribed) {
    throw mistake(
      'featureNotSupported',
      'With these values the types of the result are others than those told before. Cast the parameters, as in $1::text.',
    );
  }
}
