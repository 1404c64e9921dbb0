import { SpanledgerError } from '../errors.ts';
import { checkRoutes } from './check.ts';
import { ledgerSources } from './check-sources.ts';
import { type CreditsParts, Customers } from './credits.ts';
import { customerRoutes } from './customers.ts';
import { entryRoutes } from './entries.ts';
import { explainRoutes } from './explain.ts';
import { holdRoutes } from './holds.ts';
import { lotRoutes } from './lots.ts';
import { marginRoutes } from './margin.ts';
import { RecentActions } from './recent-actions.ts';
import type { ApiServer } from './server.ts';
import { statementRoutes } from './statement.ts';
import { subscriptionRoutes } from './subscriptions.ts';

/** All routes about customers and their credits. What is asked while accounts are being loaded waits for them. */
export function creditRoutes(server: ApiServer, given: CreditsParts): void {
  const parts: CreditsParts = {
    ...given,
    query: (sql, params) => given.query(sql, params).catch(ourMistake),
    sums: (question) => given.sums(question).catch(ourMistake),
  };
  server.register(async (scope: ApiServer) => {
    scope.addHook('onRequest', async () => {
      await parts.ledger.whenReady;
    });
    // A POST that says nothing more is one whose fields are all left out.
    scope.addHook('preValidation', async (request) => {
      if (request.method !== 'GET') request.body ??= {};
    });
    const customers = new Customers(parts);
    customerRoutes(scope, parts, customers);
    subscriptionRoutes(scope, parts, customers);
    lotRoutes(scope, parts, customers);
    holdRoutes(scope, parts, customers);
    checkRoutes(scope, ledgerSources(parts, customers, new RecentActions(parts)));
    statementRoutes(scope, parts, customers);
    entryRoutes(scope, parts, customers);
    explainRoutes(scope, parts);
    marginRoutes(scope, parts);
  });
}

/** Whoever asks these routes has written no SQL. */
function ourMistake(error: unknown): never {
  const isMistake = error instanceof SpanledgerError && error.code === 'SL_QUERY_FAILED';
  throw isMistake ? new Error('a question of ours to the ledger has a mistake', { cause: error }) : error;
}
