import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { alertFiles } from '../alerts/files.ts';
import { budgets } from './budgets.ts';
import { calls } from './calls.ts';
import { customers } from './customers.ts';
import { features } from './features.ts';
import { models } from './models.ts';
import { overview } from './overview.ts';
import { quality } from './quality.ts';

/** A file that is written by `npm run dashboards`; the path is within the folder `dashboards`. */
export interface GeneratedFile {
  readonly path: string;
  readonly text: string;
}

/** In the order of the links at the top of each. */
export function dashboards(): readonly Dashboard[] {
  return [overview(), features(), customers(), models(), budgets(), calls(), quality()].map((dashboard) =>
    dashboard.build(),
  );
}

export function generatedFiles(): readonly GeneratedFile[] {
  const built = dashboards();
  const written = built.map((dashboard) => ({
    path: `generated/${dashboard.uid?.replace(/^spanledger-/, '')}.json`,
    text: `${JSON.stringify(dashboard, null, 2)}\n`,
  }));
  return [...written, ...alertFiles(built)];
}
