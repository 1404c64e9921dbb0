import { writeFile } from 'node:fs/promises';
import { JOINED_OVERLAY_FILE, joinedOverlay } from './catalogue/overlay.ts';
import { configJsonSchema } from './config.ts';
import { openApiJson } from './describe-api.ts';
import { usageRowJsonSchema } from './import/usage-row.ts';
import { scenarioJsonSchema } from './simulate/format.ts';
import { viewsPage } from './store/views-page.ts';

/** `npm run generate`: writes what is derived from declarations and committed; a test checks that it is current. */
await writeFile(new URL('../spanledger.schema.json', import.meta.url), configJsonSchema());
await writeFile(new URL('../scenario.schema.json', import.meta.url), scenarioJsonSchema());
await writeFile(JOINED_OVERLAY_FILE, joinedOverlay());
await writeFile(new URL('../import-row.schema.json', import.meta.url), usageRowJsonSchema());
await writeFile(new URL('../openapi.json', import.meta.url), await openApiJson());
await writeFile(new URL('../views.md', import.meta.url), await viewsPage());
