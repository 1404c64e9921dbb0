import { buildApi } from './api/api.ts';
import { NEVER_ASKED } from './api/never-asked.ts';
import { addExportRoute } from './export/route.ts';
import { addSnapshotRoutes } from './snapshot/route.ts';

/** What `GET /api/openapi.json` serves, as it is committed in `collector/openapi.json`. */
export async function openApiJson(): Promise<string> {
  const server = buildApi(NEVER_ASKED);
  const notAskedHere = () => Promise.reject(new Error('not asked here'));
  addExportRoute(server, notAskedHere);
  addSnapshotRoutes(server, {
    folder: '',
    begin: notAskedHere,
    stateOf: notAskedHere,
    list: notAskedHere,
  });
  try {
    const answer = await server.inject({ method: 'GET', url: '/api/openapi.json' });
    return `${JSON.stringify(answer.json(), null, 2)}\n`;
  } finally {
    await server.close();
  }
}
