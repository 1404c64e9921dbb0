import { readFile } from 'node:fs/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import { aLedgerPath, NOON } from './stores.ts';

const FIRST = new URL('../migrations/0001_ledger.sql', import.meta.url);

/**
 * A file as the first version left it: two calls at noon, in traces 1 and 2 and with these span ids, the first of them
 * booked; no spans, no digests.
 */
export async function anOldLedger(): Promise<string> {
  const path = await aLedgerPath();
  const noonMicros = NOON * 1000;
  const instance = await DuckDBInstance.create(path);
  const connection = await instance.connect();
  const words = [
    'default',
    'customer',
    'chat',
    'reported',
    'billed',
    'opentelemetry',
    'ok',
    'priced',
    'card',
  ];
  words.push('exact', 'book-0', 'charged', 'rules-0', 'overdraft', 'used', 'usage');
  const code = (word: string) => words.indexOf(word) + 1;
  const usage = (span: number) => `
    INSERT INTO ledger.usage_record BY NAME SELECT ${code('default')} AS tenant, ${span}::UHUGEINT AS trace_id,
      ${span}::UBIGINT AS span_id, make_timestamptz(${noonMicros}::BIGINT) AS event_time, 1000 AS duration_us,
      'cus_acme' AS customer, ${code('customer')} AS usage_class, 'openai' AS provider, 'gpt-4o' AS request_model,
      ${code('chat')} AS operation, 100 AS uncached_input_tokens, 0 AS cache_read_tokens, 0 AS cache_write_tokens,
      10 AS visible_output_tokens, 0 AS reasoning_tokens, ${code('reported')} AS usage_status,
      ${code('billed')} AS billing_role, 'operation chat' AS role_reason, ${code('opentelemetry')} AS dialect,
      ${code('ok')} AS status, make_timestamptz(${noonMicros}::BIGINT) AS received_at, 0.5 AS cost_usd,
      ${code('priced')} AS price_status, ${code('card')} AS price_card, ${code('exact')} AS price_match,
      ${code('book-0')} AS book_version, 7 AS credits, ${code('charged')} AS credit_status,
      ${code('rules-0')} AS credit_rules_version`;
  for (const statement of [
    'CREATE TABLE main.schema_migration (version INTEGER PRIMARY KEY, name VARCHAR NOT NULL)',
    await readFile(FIRST, 'utf8'),
    "INSERT INTO main.schema_migration VALUES (1, '0001_ledger.sql')",
    ...words.map((word) => `INSERT INTO ledger.word VALUES (${code(word)}, '${word}')`),
    usage(1),
    usage(2),
    `INSERT INTO ledger.credit_transfer VALUES (${code('default')}, 1, 1, 'cus_acme', ${code('overdraft')},
       ${code('used')}, ${code('usage')}, 7, make_timestamptz(${noonMicros}::BIGINT),
       make_timestamptz(${noonMicros}::BIGINT), ${code('rules-0')})`,
    'INSERT INTO ledger.journal_position VALUES (3, 4096)',
    `INSERT INTO ledger.ingest_hour VALUES (make_timestamptz(${noonMicros}::BIGINT), 1, 2, 2, 0, 0, 0, 0, 0, 1,
       make_timestamptz(${noonMicros}::BIGINT))`,
  ]) {
    await connection.run(statement);
  }
  connection.closeSync();
  instance.closeSync();
  return path;
}
