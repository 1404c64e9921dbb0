import { type Backend, type Client, SQLSTATE, SqlError } from '@spanledger/pgwire';
import { type ConnectedClient, type Reader, schemaOf } from '../roles.ts';
import type { ReaderSession } from '../session.ts';
import { DATABASE } from './database.ts';
import { asSqlErrors } from './sql-errors.ts';
import { prepareStatement } from './statement.ts';

/** Somebody who may log in. */
export interface KnownUser {
  readonly reader: Reader;
  /** `SCRAM-SHA-256$…`, as PostgreSQL stores it. */
  readonly verifier: string;
}

export interface LedgerBackendOptions {
  /** Who may log in, as it is now. While it is empty, whoever reaches the port is believed, and is `otherwise`. */
  readonly users: () => ReadonlyMap<string, KnownUser>;
  readonly otherwise: Reader;
  /** Resolves as soon as clients find what they look for before they read anything. */
  readonly isReady: () => Promise<void>;
  /** @throws {ReaderError} SL_QUERY_BUSY */
  readonly openSession: (reader: Reader, client: ConnectedClient) => ReaderSession;
}

/** The ledger as PostgreSQL's clients see it: they log in, and read what their role may. */
export function ledgerBackend(options: LedgerBackendOptions): Backend {
  const { users, otherwise, isReady, openSession } = options;
  return {
    async credentialOf({ user }) {
      if (users().size === 0) return { kind: 'trust' };
      const known = users().get(user);
      return known === undefined ? null : { kind: 'scram-sha-256', verifier: known.verifier };
    },

    async openSession(client) {
      expectDatabase(client);
      const reader = readerOf(client.user, users(), otherwise);
      await isReady();
      const session = beginSession(() =>
        openSession(reader, { user: client.user, processId: client.processId }),
      );
      return {
        async prepare(sql, parameterOids, { signal }) {
          try {
            return await prepareStatement(session, sql, parameterOids, signal, schemaOf(reader.role));
          } catch (error) {
            session.noteUnprepared(error);
            throw asSqlErrors(error);
          }
        },
        close: () => session.close(),
      };
    },
  };
}

function expectDatabase({ database }: Client): void {
  if (database === DATABASE) return;
  throw new SqlError(SQLSTATE.invalidCatalogName, `database "${database}" does not exist`, {
    severity: 'FATAL',
    hint: `The ledger is the database "${DATABASE}".`,
  });
}

/** The users may have changed since the client has proved who it is. */
function readerOf(user: string, users: ReadonlyMap<string, KnownUser>, otherwise: Reader): Reader {
  if (users.size === 0) return otherwise;
  const known = users.get(user);
  if (known !== undefined) return known.reader;
  throw new SqlError(SQLSTATE.invalidAuthorizationSpecification, `role "${user}" may not log in any more`, {
    severity: 'FATAL',
  });
}

function beginSession(open: () => ReaderSession): ReaderSession {
  try {
    return open();
  } catch (error) {
    throw asSqlErrors(error);
  }
}
