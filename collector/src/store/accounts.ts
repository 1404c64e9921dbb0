import type { DuckDBConnection } from '@duckdb/node-api';
import type { AccountFact, PlanTerms, UsageSum } from '@spanledger/metering';
import type {
  AccountKey,
  AnsweredCommand,
  CustomerProfile,
  HeldAccount,
  ProfilePosting,
} from '../ledger/account-store.ts';
import { factOf, isOfHold, memberText } from '../ledger/fact-text.ts';
import type { Words } from './words.ts';

/** Everything that accounts are opened from. */
export async function loadAccounts(
  connection: DuckDBConnection,
  words: Words,
): Promise<readonly HeldAccount[]> {
  const accounts = new Map<
    string,
    {
      tenant: string;
      customer: string;
      facts: AccountFact[];
      usage: UsageSum[];
      asOfMicros: number | null;
    }
  >();
  const accountOf = (tenantCode: unknown, customer: unknown) => {
    const key = `${tenantCode} ${customer}`;
    let account = accounts.get(key);
    if (account === undefined) {
      const tenant = words.wordOf(Number(tenantCode));
      account = { tenant, customer: String(customer), facts: [], usage: [], asOfMicros: null };
      accounts.set(key, account);
    }
    return account;
  };
  const facts = await connection.runAndReadAll(
    'SELECT tenant, customer, content FROM ledger.account_fact ORDER BY rowid',
  );
  const termsOfVersions = new Map<string, PlanTerms>();
  for (const [tenant, customer, content] of facts.getRows()) {
    accountOf(tenant, customer).facts.push(withSharedTerms(factOf(String(content)), termsOfVersions));
  }
  const usage = await connection.runAndReadAll(
    `SELECT tenant, customer, epoch_us(max(effective_at)), ${USED}::BIGINT, hold, belongs_to_period, epoch_us(step_at)
     FROM ledger.credit_transfer WHERE ${IS_USE}
     GROUP BY tenant, customer, step_at, hold, belongs_to_period HAVING ${USED} <> 0
     ORDER BY max(effective_at)`,
  );
  for (const [tenant, customer, ...sum] of usage.getRows()) {
    accountOf(tenant, customer).usage.push(usageSumOf(sum));
  }
  const steps = await connection.runAndReadAll(
    'SELECT tenant, customer, epoch_us(max(step_at)) FROM ledger.credit_transfer GROUP BY tenant, customer',
  );
  for (const [tenant, customer, step] of steps.getRows()) {
    accountOf(tenant, customer).asOfMicros = Number(step);
  }
  return [...accounts.values()];
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
    `SELECT epoch_us(effective_at), ${USED}::BIGINT, hold, belongs_to_period
     FROM ledger.credit_transfer WHERE ${IS_USE} AND tenant = $1 AND customer = $2
     GROUP BY effective_at, hold, belongs_to_period HAVING ${USED} <> 0 ORDER BY effective_at`,
    [words.codeOf(tenant), customer],
  );
  return rows.getRows().map(usageSumOf);
}

/** Micro-credits that went to `used`, less those that came back from it. */
const USED = `sum(CASE WHEN to_account = (SELECT code FROM ledger.word WHERE word = 'used')
  THEN amount ELSE -amount END * 1000000)`;
/** What usage has moved, and what counting it anew has; not what a settled hold debits. */
const IS_USE = `kind IN (SELECT code FROM ledger.word WHERE word IN
  ('usage', 'usage_correction', 'usage_reversal', 'capture', 'capture_correction'))
  AND (SELECT code FROM ledger.word WHERE word = 'used') IN (from_account, to_account)`;

function usageSumOf([effective, amount, hold, belongsToPeriod, step]: readonly unknown[]): UsageSum {
  return {
    effectiveMicros: Number(effective),
    amount: BigInt(String(amount)),
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
