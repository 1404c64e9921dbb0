import { writeFile } from 'node:fs/promises';
import { generatedFiles } from './files.ts';

/** `npm run dashboards`: writes what Grafana loads. A test checks that what is committed is what this would write. */
for (const { path, text } of generatedFiles()) {
  await writeFile(new URL(`../${path}`, import.meta.url), text);
  process.stdout.write(`dashboards/${path}\n`);
}
