import type { FastifyInstance } from 'fastify';
import type { Static } from 'typebox';
import type { ExportedFile } from './exporter.ts';
import {
  type ExportFormat,
  ExportParams,
  ExportQuery,
  type ExportRequest,
  exportRequest,
} from './request.ts';

/** How many rows the file has. */
export const ROWS_HEADER = 'x-spanledger-rows';
/** A client that fetches nothing for this long has gone, and its file is in the way of the next. */
const IDLE_MS = 60_000;

const CONTENT_TYPES: Readonly<Record<ExportFormat, string>> = {
  csv: 'text/csv; charset=utf-8; header=present',
  parquet: 'application/vnd.apache.parquet',
};

/** GET /api/export/{usage,ledger,statements,focus}: the file itself, whole or with an error instead. */
export function addExportRoute(
  server: FastifyInstance,
  make: (request: ExportRequest) => Promise<ExportedFile>,
): void {
  server.get<{ Params: Static<typeof ExportParams>; Querystring: Static<typeof ExportQuery> }>(
    '/api/export/:what',
    {
      schema: {
        summary: 'Usage, ledger, statements or FOCUS rows as a file',
        tags: ['export'],
        params: ExportParams,
        querystring: ExportQuery,
      },
    },
    async (request, reply) => {
      const asked = exportRequest(request.params, request.query);
      const { file, sizeBytes, rows, release } = await make(asked);
      const content = file.createReadStream({ autoClose: false });
      content.once('close', () => void release());
      reply.raw.setTimeout(IDLE_MS, () => reply.raw.destroy());
      reply.raw.once('close', () => content.destroy());
      return reply
        .header('content-type', CONTENT_TYPES[asked.format])
        .header('content-length', sizeBytes)
        .header('content-disposition', `attachment; filename="spanledger-${asked.what}.${asked.format}"`)
        .header(ROWS_HEADER, rows)
        .send(content);
    },
  );
}
