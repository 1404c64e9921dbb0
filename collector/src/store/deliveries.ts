import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api';
import {
  type DeliveryKey,
  type DeliveryStore,
  type NewDelivery,
  NOT_CONFIGURED,
  type PendingDelivery,
  type Progress,
} from '../webhooks/index.ts';

/**
 * Deliveries in the ledger file, over a connection of their own: each change is a small transaction beside the long
 * one of the ledger's writer, whose rows are others, so neither waits for nor fails the other. One statement runs at a
 * time, so changes of one row never meet.
 */
export class DuckDbDeliveries implements DeliveryStore {
  private readonly connection: DuckDBConnection;
  private last: Promise<unknown> = Promise.resolve();

  private constructor(connection: DuckDBConnection) {
    this.connection = connection;
  }

  static async open(instance: DuckDBInstance): Promise<DuckDbDeliveries> {
    return new DuckDbDeliveries(await instance.connect());
  }

  add(deliveries: readonly NewDelivery[]): Promise<void> {
    return this.inTurn(() => insertDeliveries(this.connection, deliveries));
  }

  async pending(endpoint: string, limit: number): Promise<readonly PendingDelivery[]> {
    const rows = await this.run(
      `SELECT message_id, endpoint, payload, failures, epoch_ms(next_attempt_at) FROM ledger.webhook_delivery
       WHERE state = 'pending' AND endpoint = $1
       ORDER BY next_attempt_at, created_at, message_id LIMIT $2::INTEGER`,
      [endpoint, limit],
    );
    return rows.map(([messageId, of, payload, failures, nextAttemptMillis]) => ({
      messageId: String(messageId),
      endpoint: String(of),
      payload: String(payload),
      failures: Number(failures),
      nextAttemptMillis: Number(nextAttemptMillis),
    }));
  }

  async record({ messageId, endpoint }: DeliveryKey, progress: Progress): Promise<void> {
    const { state, atMillis, status, problem, nextAttemptMillis } = progress;
    await this.run(
      `UPDATE ledger.webhook_delivery SET
         state = $3, attempts = attempts + 1, failures = failures + ($3 != 'delivered')::INTEGER,
         last_attempt_at = make_timestamptz($4::BIGINT * 1000), last_status = $5::INTEGER, problem = $6::VARCHAR,
         next_attempt_at = make_timestamptz($7::BIGINT * 1000)
       WHERE message_id = $1 AND endpoint = $2 AND state = 'pending'`,
      [messageId, endpoint, state, atMillis, status, problem, nextAttemptMillis],
    );
  }

  async retire(endpoints: readonly string[]): Promise<void> {
    await this.run(
      `UPDATE ledger.webhook_delivery SET state = 'dead', problem = $2, next_attempt_at = NULL
       WHERE state = 'pending' AND NOT list_contains(${listOf('$1')}, endpoint)`,
      [JSON.stringify(endpoints), NOT_CONFIGURED],
    );
  }

  async revive(
    endpoints: readonly string[],
    messageIds: readonly string[] | null,
    nowMillis: number,
  ): Promise<number> {
    const rows = await this.run(
      `UPDATE ledger.webhook_delivery
       SET state = 'pending', failures = 0, next_attempt_at = make_timestamptz($3::BIGINT * 1000)
       WHERE state = 'dead' AND list_contains(${listOf('$1')}, endpoint)
         AND ($2::VARCHAR IS NULL OR list_contains(${listOf('$2')}, message_id))`,
      [JSON.stringify(endpoints), messageIds === null ? null : JSON.stringify(messageIds), nowMillis],
    );
    return Number(rows[0]?.[0] ?? 0);
  }

  /** After the last answer; the instance stays open. */
  async close(): Promise<void> {
    await this.inTurn(async () => this.connection.closeSync());
  }

  private run(sql: string, values: DuckDBValue[]): Promise<DuckDBValue[][]> {
    return this.inTurn(async () => (await this.connection.runAndReadAll(sql, values)).getRows());
  }

  private inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.last.then(work);
    this.last = result.catch(() => {});
    return result;
  }
}

/**
 * Adds deliveries in whatever transaction the connection is in: with the alerts themselves, so that neither is there
 * without the other. One that is known stays as it is.
 */
export async function insertDeliveries(
  connection: DuckDBConnection,
  deliveries: readonly NewDelivery[],
): Promise<void> {
  if (deliveries.length === 0) return;
  await connection.run(
    `INSERT INTO ledger.webhook_delivery
       (message_id, endpoint, url_host, tenant, customer, alert_id, event, payload, created_at, state, attempts, failures, next_attempt_at)
     SELECT DISTINCT ON (messageId, endpoint)
       messageId, endpoint, urlHost, tenant, customer, alertId, event, payload,
       make_timestamptz(createdMillis * 1000) AS created_at, 'pending', 0, 0, make_timestamptz(createdMillis * 1000)
     FROM (SELECT unnest(from_json($1::JSON, '${NEW_DELIVERIES}'), recursive := true)) added
     WHERE NOT EXISTS (
       FROM ledger.webhook_delivery known
       WHERE known.message_id = added.messageId AND known.endpoint = added.endpoint
     )`,
    [JSON.stringify(deliveries)],
  );
}

const NEW_DELIVERIES = JSON.stringify([
  {
    messageId: 'VARCHAR',
    endpoint: 'VARCHAR',
    urlHost: 'VARCHAR',
    tenant: 'VARCHAR',
    customer: 'VARCHAR',
    alertId: 'VARCHAR',
    event: 'VARCHAR',
    payload: 'VARCHAR',
    createdMillis: 'BIGINT',
  },
]);

/** A list of texts that came as JSON. */
function listOf(parameter: string): string {
  return `from_json(${parameter}::JSON, '["VARCHAR"]')`;
}
