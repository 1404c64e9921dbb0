import { type Backend, OID, PgServer, SQLSTATE, SqlError, scramVerifier } from '@spanledger/pgwire';

/** Answers `select squares`, a thousand rows at a time, to whoever knows Ada's password. */
const ada = await scramVerifier('correct-horse');

const backend: Backend = {
  async credentialOf({ user }) {
    return user === 'ada' ? { kind: 'scram-sha-256', verifier: ada } : null;
  },

  async openSession(client) {
    return {
      async prepare(sql) {
        if (sql.trim().toLowerCase() !== 'select squares')
          throw new SqlError(SQLSTATE.syntaxError, 'only squares here', { hint: 'Try: select squares' });
        return {
          parameterOids: [],
          fields: [
            { name: 'n', oid: OID.int4 },
            { name: 'square', oid: OID.int8 },
          ],
          command: 'SELECT',
          async *execute(_values, { signal }) {
            for (let from = 0; from < 100_000; from += 1_000) {
              signal.throwIfAborted();
              const n = Int32Array.from({ length: 1_000 }, (_, i) => from + i);
              yield { rowCount: n.length, columns: [n, BigInt64Array.from(n, (x) => BigInt(x) ** 2n)] };
            }
          },
        };
      },
      async close() {
        console.log(`${client.user} has left`);
      },
    };
  },
};

export const server = new PgServer({ backend, onUnexpected: console.error });
await server.listen({ port: 0 });
console.log(`psql 'host=127.0.0.1 port=${server.address.port} user=ada password=correct-horse'`);
