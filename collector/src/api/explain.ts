import type { CreditsParts } from './credits.ts';
import type { ApiServer } from './server.ts';

export function explainRoutes(_server: ApiServer, _parts: CreditsParts): void {}
