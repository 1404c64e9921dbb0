import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { SpanledgerError } from '../errors.ts';
import type { Progress } from './make.ts';
import type { Published, SnapshotState, Snapshots } from './snapshots.ts';

const Name = Type.String({ description: 'When it was asked for; names sort by time.' });

const MakingSchema = Type.Object({
  name: Name,
  state: Type.Literal('making'),
  phase: Type.Enum(['copying', 'writing_parquet', 'publishing']),
  done_rows: Type.Integer({ description: 'Of this phase.' }),
  total_rows: Type.Integer({ description: 'Of this phase; 0 while that is not known.' }),
});

const PublishedSchema = Type.Object({
  name: Name,
  state: Type.Literal('published'),
  path: Type.String({ description: 'The folder, on the machine of the service.' }),
  taken_at: Type.String({ description: 'When its state of the ledger held. RFC 3339.' }),
  journal: Type.Union([Type.Object({ segment: Type.String(), offset: Type.String() }), Type.Null()]),
  database: Type.Object({ file: Type.String(), bytes: Type.String() }),
  parquet: Type.Union([
    Type.Object({
      files: Type.Integer(),
      carried_over: Type.String({ description: 'Of them, files that are those of the snapshot before.' }),
      rows: Type.Record(Type.String(), Type.String(), { description: 'Of views with a file a day.' }),
    }),
    Type.Null(),
  ]),
});

const FailedSchema = Type.Object({
  name: Name,
  state: Type.Literal('failed'),
  error: Type.Object({ code: Type.String(), message: Type.String() }),
});

export const SnapshotStateSchema = Type.Union([MakingSchema, PublishedSchema, FailedSchema]);
export const SnapshotListSchema = Type.Object({
  folder: Type.String({ description: 'On the machine of the service; `latest` in it leads to the newest.' }),
  making: Type.Union([MakingSchema, Type.Null()]),
  snapshots: Type.Array(PublishedSchema, { description: 'The newest first.' }),
});
export const SnapshotAcceptedSchema = Type.Object({ name: Name });

export type PublishedAnswer = Static<typeof PublishedSchema>;
export type SnapshotAnswer = Static<typeof SnapshotStateSchema>;

const ErrorSchema = Type.Object({ error: Type.Object({ code: Type.String(), message: Type.String() }) });
const Params = Type.Object({ name: Name });

/** POST /api/snapshots begins one, GET lists them, GET /api/snapshots/{name} says what has become of one. */
export function addSnapshotRoutes(
  server: FastifyInstance,
  snapshots: Pick<Snapshots, 'folder' | 'begin' | 'stateOf' | 'list'>,
): void {
  server.post(
    '/api/snapshots',
    {
      schema: {
        summary: 'Begin a snapshot: a database file and Parquet files for other readers',
        tags: ['snapshots'],
        response: { 202: SnapshotAcceptedSchema, '4xx': ErrorSchema, '5xx': ErrorSchema },
      },
    },
    async (_request, reply) => reply.code(202).send({ name: await snapshots.begin() }),
  );
  server.get(
    '/api/snapshots',
    {
      schema: {
        summary: 'The snapshots that there are, and the one that is being made',
        tags: ['snapshots'],
        response: { 200: SnapshotListSchema },
      },
    },
    async () => {
      const { making, published } = await snapshots.list();
      return {
        folder: snapshots.folder,
        making: making === null ? null : makingAnswer(making.name, making.progress),
        snapshots: published.map(publishedAnswer),
      };
    },
  );
  server.get<{ Params: Static<typeof Params> }>(
    '/api/snapshots/:name',
    {
      schema: {
        summary: 'What has become of a snapshot',
        tags: ['snapshots'],
        params: Params,
        response: { 200: SnapshotStateSchema, '4xx': ErrorSchema },
      },
    },
    async ({ params: { name } }) => {
      const state = await snapshots.stateOf(name);
      if (state !== null) return answerOf(state);
      throw new SpanledgerError(
        'SL_SNAPSHOT_UNKNOWN',
        `There is no snapshot ${name}: it was taken away for newer ones, or was broken off when the ledger process ended.`,
      );
    },
  );
}

function answerOf(state: SnapshotState): SnapshotAnswer {
  switch (state.state) {
    case 'making':
      return makingAnswer(state.name, state.progress);
    case 'published':
      return publishedAnswer(state);
    case 'failed': {
      const { code, message } = state.error;
      return { name: state.name, state: 'failed', error: { code, message } };
    }
  }
}

function makingAnswer(name: string, { phase, doneRows, totalRows }: Progress) {
  return { name, state: 'making', phase, done_rows: doneRows, total_rows: totalRows } as const;
}

function publishedAnswer({ path, manifest }: Published): PublishedAnswer {
  const { name, taken_at, journal, database, parquet } = manifest;
  return {
    name,
    state: 'published',
    path,
    taken_at,
    journal,
    database,
    parquet:
      parquet === null
        ? null
        : {
            files: parquet.files.length,
            carried_over: parquet.carried_over,
            rows: Object.fromEntries(Object.entries(parquet.totals).map(([view, { rows }]) => [view, rows])),
          },
  };
}
