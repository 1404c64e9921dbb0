import {
  type DuckDBConnection,
  type DuckDBDataChunk,
  INTEGER,
  LIST,
  listValue,
  VARCHAR,
} from '@duckdb/node-api';
import {
  type AccountFact,
  CREDIT_SCALE,
  type PlanTerms,
  parseDecimal,
  type UsageSum,
} from '@spanledger/metering';
import type {
  AccountDue,
  AccountKey,
  AnsweredCommand,
  BookedAlert,
  CustomerProfile,
  HeldAccount,
  ProfilePosting,
} from '../ledger/account-store.ts';
import { factOf, isOfHold, memberText } from '../ledger/fact-text.ts';
import { Turns } from '../ledger/turns.ts';
import { withKeys } from './key-table.ts';
import { accountLayout } from './layout.ts';
import type { Words } from './words.ts';

/**
 * Everything that accounts are opened from. Both tables are read through once, however many accounts are asked for: their
 * rows are in the order in which they came. On a connection of its own, which sees what is committed.
 */
export async function loadAccounts(
  connection: DuckDBConnection,
  words: Words,
  keys: readonly AccountKey[],
): Promise<readonly HeldAccount[]> {
  const accounts = new Map<string, OpenedAccount>();
  const accountOf = (tenantCode: unknown, customer: unknown): OpenedAccount => {
    const key = `${tenantCode} ${customer}`;
    let account = accounts.get(key);
    if (account === undefined) {
      const tenant = words.wordOf(Number(tenantCode));
      account = { tenant, customer: String(customer), facts: [], usage: [], asOfMicros: null };
      accounts.set(key, account);
    }
    return account;
  };
  const wanted = [
    listValue(keys.map(({ tenant }) => words.codeOf(tenant))),
    listValue(keys.map(({ customer }) => customer)),
  ];
  const types = [LIST(INTEGER), LIST(VARCHAR)];
  const turns = new Turns();
  const facts = await connection.stream(FACTS, wanted, types);
  const termsOfVersions = new Map<string, PlanTerms>();
  for (let chunk = await facts.fetchChunk(); hasRows(chunk); chunk = await facts.fetchChunk()) {
    for (const [tenant, customer, content] of chunk.getRows()) {
      accountOf(tenant, customer).facts.push(withSharedTerms(factOf(String(content)), termsOfVersions));
      if (turns.isOver) await turns.end();
    }
  }
  const usage = await connection.stream(USAGE, wanted, types);
  for (let chunk = await usage.fetchChunk(); hasRows(chunk); chunk = await usage.fetchChunk()) {
    for (const [isUse, tenant, customer, ...sum] of chunk.getRows()) {
      const account = accountOf(tenant, customer);
      if (isUse === true) account.usage.push(usageSumOf(sum));
      else account.asOfMicros = Number(sum[0]);
    }
    if (turns.isOver) await turns.end();
  }
  return [...accounts.values()];
}

interface OpenedAccount extends HeldAccount {
  readonly facts: AccountFact[];
  readonly usage: UsageSum[];
  asOfMicros: number | null;
}

function hasRows(chunk: DuckDBDataChunk | null): chunk is DuckDBDataChunk {
  return chunk !== null && chunk.rowCount > 0;
}

export async function loadAccountDues(
  connection: DuckDBConnection,
  words: Words,
): Promise<readonly AccountDue[]> {
  const rows = await connection.runAndReadAll(
    'SELECT tenant, customer, epoch_us(due_at) FROM ledger.account ORDER BY rowid',
  );
  return rows.getRows().map(([tenant, customer, dueAt]) => ({
    tenant: words.wordOf(Number(tenant)),
    customer: String(customer),
    dueAtMicros: dueAt === null ? null : Number(dueAt),
  }));
}

export async function writeAccountDues(
  connection: DuckDBConnection,
  words: Words,
  dues: readonly AccountDue[],
): Promise<void> {
  if (dues.length === 0) return;
  await withKeys(connection, accountLayout(words), dues, async () => {
    await connection.run(
      'DELETE FROM ledger.account a USING temp.account_due d WHERE a.customer = d.customer AND a.tenant = d.tenant',
    );
    await connection.run('INSERT INTO ledger.account FROM temp.account_due');
  });
}

/** The newest of all facts: the table has them in the order in which they were booked. */
export async function loadAlerts(
  connection: DuckDBConnection,
  words: Words,
  sinceMillis: number,
): Promise<readonly BookedAlert[]> {
  const rows = await connection.runAndReadAll(
    `SELECT tenant, customer, content FROM ledger.account_fact
     WHERE kind = 'alert' AND recorded_at >= make_timestamptz($1::BIGINT * 1000) ORDER BY rowid`,
    [BigInt(sinceMillis)],
  );
  return rows.getRows().flatMap(([tenant, customer, content]) => {
    const alert = factOf(String(content));
    if (alert.kind !== 'alert') return [];
    return [{ tenant: words.wordOf(Number(tenant)), customer: String(customer), alert }];
  });
}

/** Every period has the terms in it that it was opened under: all customers of a plan share them in memory. */
function withSharedTerms(fact: AccountFact, known: Map<string, PlanTerms>): AccountFact {
  if ((fact.kind !== 'period_opened' && fact.kind !== 'plan_changed') || fact.terms === null) return fact;
  // The version is a fingerprint of the terms, but not of their name.
  const key = `${fact.terms.plan} ${fact.terms.version}`;
  const terms = known.get(key);
  if (terms !== undefined) return { ...fact, terms };
  known.set(key, fact.terms);
  return fact;
}

/** What a customer has used, an instant at a time. */
export async function loadUsageOf(
  connection: DuckDBConnection,
  words: Words,
  { tenant, customer }: AccountKey,
): Promise<readonly UsageSum[]> {
  const rows = await connection.runAndReadAll(
    `SELECT epoch_us(effective_at), ${USED}::VARCHAR, hold, belongs_to_period
     FROM ledger.credit_transfer WHERE ${IS_USE} AND tenant = $1 AND customer = $2
     GROUP BY effective_at, hold, belongs_to_period HAVING ${USED} <> 0 ORDER BY effective_at`,
    [words.codeOf(tenant), customer],
  );
  return rows.getRows().map(usageSumOf);
}

/** Credits that went to `used`, less those that came back from it; of 38 digits, where an amount has 18. */
const USED = `sum(CASE WHEN to_account = (SELECT code FROM ledger.word WHERE word = 'used')
  THEN amount ELSE -amount END)`;
/** What usage has moved, and what counting it anew has; not what a settled hold debits. */
const IS_USE = `kind IN (SELECT code FROM ledger.word WHERE word IN
  ('usage', 'usage_correction', 'usage_reversal', 'capture', 'capture_correction'))
  AND (SELECT code FROM ledger.word WHERE word = 'used') IN (from_account, to_account)`;

const WANTED = 'WITH wanted AS (SELECT unnest($1) AS tenant, unnest($2) AS customer)';
const FACTS = `${WANTED}
  SELECT tenant, customer, content FROM ledger.account_fact JOIN wanted USING (tenant, customer)
  ORDER BY account_fact.rowid`;
/** What was used in each step; and up to which step anything has moved. */
const USAGE = `${WANTED},
  step AS MATERIALIZED (
    SELECT tenant, customer, step_at, hold, belongs_to_period,
      max(effective_at) FILTER (${IS_USE}) AS effective_at, ${USED} FILTER (${IS_USE}) AS used
    FROM ledger.credit_transfer JOIN wanted USING (tenant, customer)
    GROUP BY ALL
  )
  SELECT true, tenant, customer, epoch_us(effective_at), used::VARCHAR, hold, belongs_to_period, epoch_us(step_at)
  FROM step WHERE used <> 0
  UNION ALL
  SELECT false, tenant, customer, epoch_us(max(step_at)), NULL, NULL, NULL, NULL FROM step GROUP BY tenant, customer
  ORDER BY 1, 4`;

function usageSumOf([effective, amount, hold, belongsToPeriod, step]: readonly unknown[]): UsageSum {
  const used = parseDecimal(String(amount), CREDIT_SCALE);
  if (used.kind === 'rejected')
    throw new Error(`the ledger file has used credits that are no amount: ${amount}`);
  return {
    effectiveMicros: Number(effective),
    amount: used.value,
    hold: hold === null ? null : String(hold),
    belongsToPeriod: belongsToPeriod === null ? null : Number(belongsToPeriod),
    ...(step === undefined || step === null ? {} : { stepMicros: Number(step) }),
  };
}

export async function loadCommandNumber(connection: DuckDBConnection): Promise<number> {
  const rows = await connection.runAndReadAll('SELECT command FROM ledger.command_position');
  return Number(rows.getRows()[0]?.[0] ?? 0);
}

export async function loadFactsOf(
  connection: DuckDBConnection,
  words: Words,
  { tenant, customer }: AccountKey,
): Promise<readonly AccountFact[]> {
  const rows = await connection.runAndReadAll(
    'SELECT content FROM ledger.account_fact WHERE tenant = $1 AND customer = $2 ORDER BY rowid',
    [words.codeOf(tenant), customer],
  );
  return rows.getRows().map(([content]) => factOf(String(content)));
}

/** The facts of one hold. Its name is looked for as a text first, because reading every fact takes far longer. */
export async function loadHoldOf(
  connection: DuckDBConnection,
  words: Words,
  { tenant, customer }: AccountKey,
  hold: string,
): Promise<readonly AccountFact[]> {
  const rows = await connection.runAndReadAll(
    `SELECT content FROM ledger.account_fact
     WHERE kind IN ('hold', 'heartbeat', 'hold_ended') AND tenant = $1 AND customer = $2 AND contains(content, $3)
     ORDER BY rowid`,
    [words.codeOf(tenant), customer, memberText('hold', hold)],
  );
  return rows
    .getRows()
    .map(([content]) => factOf(String(content)))
    .filter((fact) => isOfHold(fact, hold));
}

export async function writeProfiles(
  connection: DuckDBConnection,
  words: Words,
  profiles: readonly ProfilePosting[],
): Promise<void> {
  for (const { tenant, customer, profile, actor, recordedAtMillis } of profiles) {
    await connection.run(
      'INSERT INTO ledger.customer_profile SELECT $1::INTEGER, $2, make_timestamptz($3::BIGINT * 1000), $4::VARCHAR, $5',
      [words.codeOf(tenant), customer, BigInt(recordedAtMillis), actor, JSON.stringify(profile)],
    );
  }
}

export async function loadProfiles(
  connection: DuckDBConnection,
  words: Words,
): Promise<readonly (AccountKey & { readonly profile: CustomerProfile })[]> {
  const rows = await connection.runAndReadAll(
    `SELECT tenant, customer, content FROM ledger.customer_profile
     QUALIFY row_number() OVER (PARTITION BY tenant, customer ORDER BY rowid DESC) = 1`,
  );
  return rows.getRows().map(([tenant, customer, content]) => ({
    tenant: words.wordOf(Number(tenant)),
    customer: String(customer),
    // Our own writing: only `writeProfiles` makes these texts.
    profile: JSON.parse(String(content)) as CustomerProfile,
  }));
}

export async function writeCommands(
  connection: DuckDBConnection,
  words: Words,
  commands: readonly AnsweredCommand[],
): Promise<void> {
  for (const { tenant, key, fingerprint, status, answer, recordedAtMillis } of commands) {
    await connection.run(
      'INSERT INTO ledger.command SELECT $1::INTEGER, $2, $3, make_timestamptz($4::BIGINT * 1000), $5::INTEGER, $6',
      [words.codeOf(tenant), key, fingerprint, BigInt(recordedAtMillis), status, answer],
    );
  }
}

export async function loadCommands(
  connection: DuckDBConnection,
  words: Words,
  sinceMillis: number,
): Promise<readonly AnsweredCommand[]> {
  const rows = await connection.runAndReadAll(
    `SELECT tenant, command_key, fingerprint, epoch_ms(recorded_at), status, answer FROM ledger.command
     WHERE recorded_at >= make_timestamptz($1::BIGINT * 1000) ORDER BY rowid`,
    [BigInt(sinceMillis)],
  );
  return rows.getRows().map(([tenant, key, fingerprint, recordedAt, status, answer]) => ({
    tenant: words.wordOf(Number(tenant)),
    key: String(key),
    fingerprint: String(fingerprint),
    recordedAtMillis: Number(recordedAt),
    status: Number(status),
    answer: String(answer),
  }));
}
