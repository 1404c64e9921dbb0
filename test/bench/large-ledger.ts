import { stat } from 'node:fs/promises';
import type { DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { openDatabase, STORE_DEFAULTS } from '../../collector/src/store/open.ts';
import { fold } from '../../collector/src/store/rollup.ts';
import { FOLD_ROWS } from '../../collector/src/store/rollup-folds.ts';
import { ROLLUPS } from '../../collector/src/store/rollups.ts';
import { DuckDbStore } from '../../collector/src/store/store.ts';
import { type LargeCustomer, largeCustomers, writeAccounts } from './large-accounts.ts';

export interface LargeLedgerFigure {
  readonly usageRows: number;
  readonly transfers: number;
  readonly days: number;
  readonly writingSeconds: number;
  readonly foldingSeconds: number;
  readonly gigabytes: number;
}

const DAYS = 90;
const CUSTOMERS = 300;
const ROWS_PER_ACTION = 1.3;
const DAY_MICROS = 24 * 3600 * 1_000_000;

/**
 * Makes a ledger file of 90 days up to now: written in the order of time, as posting does, but by the engine itself;
 * then folded by the product's own code. Repeatable but for the instant at which it ends.
 */
export async function makeLargeLedger(
  path: string,
  rows: number,
  nowMillis: number,
): Promise<LargeLedgerFigure> {
  const toMicros = nowMillis * 1000;
  const fromMicros = toMicros - DAYS * DAY_MICROS;
  const customers = largeCustomers(CUSTOMERS, fromMicros, toMicros);
  const writingMs = performance.now();
  const store = await DuckDbStore.open({ ...STORE_DEFAULTS, path, create: true });
  await writeAccounts(store, customers, toMicros);
  await store.close();
  const instance = await openDatabase({ ...STORE_DEFAULTS, path, create: false });
  const connection = await instance.connect();
  try {
    const code = await addWords(connection);
    const slots = await describeTraffic(connection, customers, code);
    let actions = 0;
    for (let day = 0; day < DAYS; day++) {
      // A product that grows: twice as much at the end as at the beginning.
      const ofDay = Math.round((rows / ROWS_PER_ACTION / DAYS) * (2 / 3 + (2 / 3) * (day / (DAYS - 1))));
      await writeDay(connection, code, {
        slots,
        fromMicros: fromMicros + day * DAY_MICROS,
        firstAction: actions,
        actions: ofDay,
      });
      actions += ofDay;
    }
    await writeIngestHealth(connection);
    await connection.run('CHECKPOINT');
    const writingSeconds = secondsSince(writingMs);
    const foldingMs = performance.now();
    await foldEverything(instance);
    await connection.run('CHECKPOINT');
    const counts = await connection.runAndReadAll(
      `SELECT (SELECT count(*) FROM ledger.usage_record), (SELECT count(*) FROM ledger.credit_transfer)`,
    );
    const [usageRows, transfers] = counts.getRows()[0] ?? [];
    return {
      usageRows: Number(usageRows),
      transfers: Number(transfers),
      days: DAYS,
      writingSeconds,
      foldingSeconds: secondsSince(foldingMs),
      gigabytes: Number(((await stat(path)).size / 1e9).toFixed(2)),
    };
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** All that the ledger process would have folded beside the commits, in portions of the same size. */
export async function foldEverything(instance: DuckDBInstance): Promise<void> {
  const connection = await instance.connect();
  for (const rollup of ROLLUPS) while ((await fold(connection, rollup, FOLD_ROWS)) > 0);
  connection.closeSync();
}

/** The shapes of calls: what a feature asks which model for. Names are the providers' own, so that prices are known. */
const FEATURES = [
  ['support-chat', 'chat-api', 0, 1],
  ['document-search', 'chat-api', 2, 1],
  ['summarise', 'chat-api', 1, 3],
  ['translate', 'chat-api', 1, 6],
  ['draft-reply', 'chat-api', 4, 0],
  ['classify-ticket', 'batch-worker', 1, 7],
  ['extract-invoice', 'batch-worker', 5, 0],
  ['sales-assistant', 'chat-api', 4, 8],
  ['code-review', 'batch-worker', 4, 5],
  ['report-writer', 'batch-worker', 3, 4],
  ['voice-notes', 'chat-api', 6, 7],
  ['onboarding-guide', 'chat-api', 8, 9],
] as const;

/** Provider, model, list price of a million uncached input, cached and output tokens in USD; one has no price. */
const MODELS = [
  ['openai', 'gpt-4o-2024-11-20', '2.5', '1.25', '10'],
  ['openai', 'gpt-4o-mini-2024-07-18', '0.15', '0.075', '0.6'],
  ['openai', 'gpt-4.1-2025-04-14', '2', '0.5', '8'],
  ['openai', 'o4-mini-2025-04-16', '1.1', '0.275', '4.4'],
  ['anthropic', 'claude-sonnet-4-5-20250929', '3', '0.3', '15'],
  ['anthropic', 'claude-haiku-4-5-20251001', '1', '0.1', '5'],
  ['gcp.gemini', 'gemini-2.5-flash', '0.3', '0.075', '2.5'],
  ['gcp.gemini', 'gemini-2.5-pro', '1.25', '0.31', '10'],
  ['mistral_ai', 'mistral-large-2411', '2', '0.2', '6'],
  ['mistral_ai', 'house-finetune-7', null, null, null],
] as const;

/** So many parts of the traffic are dealt out among customers, by Zipf's law and at least one to each. */
const SLOTS = 4096;

/** Returns in how many parts the traffic is dealt out. */
async function describeTraffic(
  connection: DuckDBConnection,
  customers: readonly LargeCustomer[],
  code: CodeOf,
): Promise<number> {
  const text = (value: string | null) => (value === null ? 'NULL' : `'${value}'`);
  const harmonic = customers.reduce((sum, _, rank) => sum + 1 / (rank + 1), 0);
  const free = SLOTS - customers.length;
  const slots = customers.flatMap(({ id, usageClass }, rank) =>
    Array.from(
      { length: 1 + Math.round(free / (rank + 1) / harmonic) },
      () => `(${rank}, '${id}', '${usageClass}', ${code(usageClass)})`,
    ),
  );
  await connection.run(
    'CREATE TEMP TABLE slot (slot BIGINT, rank BIGINT, customer VARCHAR, class VARCHAR, class_code INTEGER)',
  );
  await connection.run(
    `INSERT INTO slot SELECT row_number() OVER () - 1, * FROM (VALUES ${slots.join(', ')}) v(rank, customer, class, class_code)`,
  );
  await connection.run(
    `CREATE TEMP TABLE feature AS SELECT * FROM (VALUES ${FEATURES.map(
      ([name, service, usual, other], index) => `(${index}, '${name}', '${service}', ${usual}, ${other})`,
    ).join(', ')}) v(feature_no, feature, service, usual_model, other_model)`,
  );
  await connection.run(
    `CREATE TEMP TABLE model AS SELECT model_no, provider, model, card_code, input_usd::DECIMAL(9, 3) AS input_usd,
       cached_usd::DECIMAL(9, 3) AS cached_usd, output_usd::DECIMAL(9, 3) AS output_usd
     FROM (VALUES ${MODELS.map(
       ([provider, model, input, cached, output], index) =>
         `(${index}, '${provider}', '${model}', ${code(`${provider}/${model}`)}, ${text(input)}, ${text(cached)}, ${text(output)})`,
     ).join(', ')}) v(model_no, provider, model, card_code, input_usd, cached_usd, output_usd)`,
  );
  await connection.run(
    `CREATE TEMP TABLE period AS SELECT customer, period, start_at, end_at FROM (VALUES ${customers
      .flatMap(({ id, periods }) =>
        periods.map(
          ({ startMicros, endMicros }, index) =>
            `('${id}', ${index + 1}, make_timestamptz(${startMicros}), make_timestamptz(${endMicros}))`,
        ),
      )
      .join(', ')}) v(customer, period, start_at, end_at)`,
  );
  return slots.length;
}

type CodeOf = (word: string) => number;

const WORDS = [
  ...['default', 'customer', 'trial', 'internal', 'chat', 'agent', 'reported', 'estimated', 'missing'],
  ...['billed', 'container', 'duplicate', 'pending', 'opentelemetry', 'openinference', 'ok', 'error'],
  ...[
    'priced',
    'unpriced:unknown_model',
    'unpriced:missing_usage',
    'not_billed',
    'exact',
    'book-1',
    'rules-1',
  ],
  ...['charged', 'not_charged:failed', 'not_charged:internal', 'not_charged:not_billed', 'pending:unpriced'],
  ...['gen_ai.operation.name', 'assumed', 'declared', 'span:spanledger.customer.id', 'available', 'used'],
  ...['ancestor:spanledger.feature.name', 'span:user.id', 'overage', 'overdraft', 'issued', 'usage', 'grant'],
  ...['team-1', ...MODELS.map(([provider, model]) => `${provider}/${model}`)],
];

/** Writes the words that are not there yet; returns the code of each. */
async function addWords(connection: DuckDBConnection): Promise<CodeOf> {
  await connection.run(
    `INSERT INTO ledger.word
     SELECT (SELECT coalesce(max(code), 0) FROM ledger.word) + row_number() OVER (), word
     FROM (SELECT unnest([${WORDS.map((word) => `'${word}'`).join(', ')}]) AS word)
     WHERE word NOT IN (SELECT word FROM ledger.word)`,
  );
  const rows = await connection.runAndReadAll('SELECT word, code FROM ledger.word');
  const codes = new Map(rows.getRows().map(([word, code]) => [String(word), Number(code)]));
  return (word) => {
    const code = codes.get(word);
    if (code === undefined) throw new Error(`${word} is no word of this ledger`);
    return code;
  };
}

/** The next so many actions, with their calls, what took their place, and what they burned. */
async function writeDay(connection: DuckDBConnection, code: CodeOf, day: Day): Promise<void> {
  await connection.run('BEGIN TRANSACTION');
  await connection.run(`CREATE OR REPLACE TEMP TABLE day AS ${selectRecords(code, day)}`);
  await connection.run('INSERT INTO ledger.usage_record BY NAME SELECT * FROM temp.day');
  // A container waits for the calls below it: pending in one commit, decided in a later one.
  await connection.run(
    `INSERT INTO ledger.superseded_usage BY NAME
     SELECT d.* REPLACE (1 AS revision, ${code('pending')} AS billing_role, 'waits for calls below' AS role_reason),
       received_at + INTERVAL 5 SECOND AS superseded_at, written_in AS superseded_in
     FROM temp.day d WHERE d.revision = 2`,
  );
  await connection.run(
    `INSERT INTO ledger.credit_transfer BY NAME
     SELECT tenant, trace_id, span_id, d.customer, received_at AS recorded_at, credit_rules_version, d.revision,
       CASE WHEN p.period IS NULL THEN ${code('overdraft')} WHEN rank % 9 = 4 AND day(event_time - p.start_at) > 20
         THEN ${code('overage')} ELSE ${code('available')} END AS from_account,
       ${code('used')} AS to_account, ${code('usage')} AS kind, credits AS amount, event_time AS effective_at,
       CASE WHEN from_account = ${code('available')} THEN d.customer || ':allowance:' || p.period END AS from_lot,
       coalesce(p.start_at, date_trunc('month', event_time)) AS step_at, p.period,
       row_number() OVER (ORDER BY received_at) + (SELECT count(*) FROM ledger.credit_transfer) AS entry
     FROM temp.day d
     JOIN (SELECT DISTINCT customer, rank FROM temp.slot) USING (customer)
     ASOF LEFT JOIN temp.period p ON p.customer = d.customer AND d.event_time >= p.start_at
     WHERE credits > 0
     ORDER BY received_at`,
  );
  await connection.run('COMMIT');
}

/** How many records are in a commit at a busy hour. */
const ROWS_OF_COMMIT = 2000;

interface Day {
  /** So many parts the traffic is dealt out in. */
  readonly slots: number;
  readonly fromMicros: number;
  /** Counts all actions of the ledger. */
  readonly firstAction: number;
  readonly actions: number;
}

function selectRecords(code: CodeOf, { slots, fromMicros, firstAction, actions }: Day): string {
  const part = (salt: number, modulus: number) => `(hash(action, call, ${salt}) % ${modulus})::BIGINT`;
  const ofAction = (salt: number, modulus: number) => `(hash(action, ${salt}) % ${modulus})::BIGINT`;
  return `
WITH
  -- Most of a day's work is done around noon of its customers.
  action AS (
    SELECT ${firstAction} + n AS action,
      make_timestamptz((${fromMicros} + ${DAY_MICROS} * (u - 0.11 * sin(2 * pi() * u)))::BIGINT) AS began_at,
      ${ofAction(1, 100)} AS luck, ${ofAction(2, slots)} AS slot_no, ${ofAction(3, 64)} AS taste
    FROM (SELECT range AS n, (range + 0.5) / ${actions} AS u, ${firstAction} + range AS action FROM range(${actions}))
  ),
  -- 80 in 100 are one call; the others have an agent's span around their calls now and then.
  call AS (
    SELECT *, unnest(range(CASE WHEN luck < 80 THEN 1 WHEN luck < 92 THEN 2 WHEN luck < 98 THEN 3 ELSE 4 END)) AS call
    FROM action
  ),
  drawn AS (
    SELECT c.action, c.call, s.rank, f.feature, f.service, m.*, s.class, s.class_code,
      CASE WHEN luck = 50 THEN NULL ELSE s.customer END AS customer,
      luck >= 92 AND call = 0 AS is_container, ${part(4, 1000)} < 15 AS is_error, ${part(5, 1000)} AS chance,
      ${part(6, 3000)} + ${part(7, 2000)} + 120 AS prompt, ${part(8, 600)} + 20 AS answer,
      began_at + to_microseconds(call * 2100000 + 300000 + ${part(9, 6_000_000)}) AS event_time,
      300000 + ${part(9, 6_000_000)} AS duration_us
    FROM call c
    JOIN temp.slot s ON s.slot = slot_no
    -- Each customer uses seven of the features, and the first of them most.
    JOIN temp.feature f ON f.feature_no = (rank * 5 + taste * taste // 640) % ${FEATURES.length}
    JOIN temp.model m ON m.model_no = CASE WHEN ${part(10, 100)} < 85 THEN usual_model ELSE other_model END
  ),
  counted AS (
    SELECT *, chance >= 990 AND NOT is_error AS is_duplicate,
      CASE WHEN is_error AND chance % 2 = 0 THEN NULL WHEN chance % 10 < 3 THEN prompt * 6 // 10 ELSE 0 END AS cached,
      NOT is_container AND chance < 990 AS is_billed
    FROM drawn
  ),
  rated AS (
    SELECT *,
      CASE WHEN is_billed AND cached IS NOT NULL THEN
        (((prompt - cached) * input_usd + cached * cached_usd + answer * output_usd)::DECIMAL(28, 3)
          * 0.000001::DECIMAL(7, 6))::DECIMAL(38, 15) END AS cost
    FROM counted
  )
SELECT
  ${code('default')} AS tenant,
  (hash(action)::UHUGEINT << 64) | hash(action + 0.5)::UHUGEINT AS trace_id,
  hash(action, call) AS span_id,
  CASE WHEN call > 0 THEN hash(action, 0) END AS parent_span_id,
  event_time,
  duration_us,
  CASE WHEN chance % 5 < 3 THEN duration_us // 7 END AS ttft_us,
  customer,
  feature,
  'user_' || (rank * 50 + hash(action, 11) % 50) AS user_id,
  CASE WHEN class <> 'internal' THEN 'session_' || hash(action // 4) END AS session_id,
  class_code AS usage_class,
  CASE WHEN class = 'internal' OR chance % 200 = 7 THEN 'staging' ELSE 'production' END AS environment,
  service,
  provider,
  model AS request_model,
  CASE WHEN NOT is_error THEN model END AS response_model,
  CASE WHEN NOT is_error THEN 'chatcmpl-' || hash(action, call, 12) END AS response_id,
  CASE WHEN is_container THEN ${code('agent')} ELSE ${code('chat')} END AS operation,
  prompt - cached AS uncached_input_tokens,
  cached AS cache_read_tokens,
  cached * 0 AS cache_write_tokens,
  CASE WHEN cached IS NOT NULL THEN answer - answer // 4 END AS visible_output_tokens,
  CASE WHEN cached IS NOT NULL THEN answer // 4 END AS reasoning_tokens,
  CASE WHEN cached IS NULL THEN ${code('missing')} WHEN chance % 50 = 3 THEN ${code('estimated')} ELSE ${code('reported')} END AS usage_status,
  CASE WHEN is_container THEN ${code('container')} WHEN is_duplicate THEN ${code('duplicate')} ELSE ${code('billed')} END AS billing_role,
  CASE WHEN is_container THEN 'operation agent' ELSE 'operation chat' END AS role_reason,
  CASE WHEN service = 'chat-api' THEN ${code('opentelemetry')} ELSE ${code('openinference')} END AS dialect,
  CASE WHEN is_error THEN ${code('error')} ELSE ${code('ok')} END AS status,
  event_time + to_microseconds(1000000 + chance * 1000) AS received_at,
  cost AS cost_usd,
  CASE WHEN NOT is_billed THEN ${code('not_billed')} WHEN cost IS NOT NULL THEN ${code('priced')}
    WHEN cached IS NULL THEN ${code('unpriced:missing_usage')} ELSE ${code('unpriced:unknown_model')} END AS price_status,
  CASE WHEN cost IS NULL THEN 0 ELSE card_code END AS price_card,
  CASE WHEN cost IS NULL THEN 0 ELSE ${code('exact')} END AS price_match,
  ${code('book-1')} AS book_version,
  CASE WHEN NOT is_billed OR is_error OR class = 'internal' OR customer IS NULL THEN 0
    ELSE round(cost * 2000, 2) END::DECIMAL(18, 6) AS credits,
  CASE WHEN NOT is_billed THEN ${code('not_charged:not_billed')} WHEN is_error THEN ${code('not_charged:failed')}
    WHEN class = 'internal' OR customer IS NULL THEN ${code('not_charged:internal')} WHEN cost IS NULL THEN ${code('pending:unpriced')}
    ELSE ${code('charged')} END AS credit_status,
  ${code('rules-1')} AS credit_rules_version,
  ${code('gen_ai.operation.name')} AS dialect_evidence,
  ${code('assumed')} AS cache_semantics,
  ${code('assumed')} AS reasoning_semantics,
  CASE WHEN chance % 7 = 0 THEN cost::VARCHAR END AS reported_cost_usd,
  ${code('span:spanledger.customer.id')} AS customer_source,
  ${code('ancestor:spanledger.feature.name')} AS feature_source,
  ${code('span:user.id')} AS user_source,
  0 AS session_source,
  0 AS usage_class_source,
  CASE WHEN is_container THEN 2 ELSE 1 END AS revision,
  hash(action, call, 13)::UBIGINT::HUGEINT - 9223372036854775808 AS digest,
  CASE WHEN is_error AND chance % 5 > 0 THEN ${code('ok')} WHEN is_error THEN ${code('error')} ELSE ${code('ok')} END AS outcome,
  ${code('default')} AS credit_rule,
  ${code('team-1')} AS plan_terms,
  1 + (${Math.ceil(firstAction * (ROWS_PER_ACTION + 0.1))} + row_number() OVER (ORDER BY received_at)) // ${ROWS_OF_COMMIT} AS written_in
FROM rated
ORDER BY received_at`;
}

async function writeIngestHealth(connection: DuckDBConnection): Promise<void> {
  await connection.run(
    `INSERT INTO ledger.ingest_hour BY NAME
     SELECT date_trunc('hour', received_at) AS hour, count(*) // 20 AS bodies, count(*) * 2 AS spans, count(*) AS usage_records,
       count(*) AS not_model_calls, 0 AS duplicates, 0 AS quarantined, 0 AS rejected, 0 AS damaged_bytes,
       count(DISTINCT written_in) AS commits, max(received_at) AS last_commit_at, count(*) FILTER (revision = 2) AS corrections
     FROM ledger.usage_record GROUP BY 1
     ON CONFLICT DO NOTHING`,
  );
}

function secondsSince(startMs: number): number {
  return Number(((performance.now() - startMs) / 1000).toFixed(1));
}
