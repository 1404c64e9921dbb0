import type { DuckDBInstance } from '@duckdb/node-api';
import { type CreditRules, creditRules, type RulesConfiguration } from '@spanledger/metering';

/** Notes the credit rules that are in use, once for each version, so that usage charged by them can be charged again. */
export async function noteRules(
  instance: DuckDBInstance,
  version: string,
  configuration: RulesConfiguration,
  nowMillis: number,
): Promise<void> {
  const connection = await instance.connect();
  try {
    await connection.run(
      `INSERT INTO ledger.credit_rules
       SELECT $1, $2, make_timestamptz($3::BIGINT * 1000)
       WHERE NOT EXISTS (FROM ledger.credit_rules WHERE version = $1)`,
      [version, JSON.stringify(configuration), BigInt(nowMillis)],
    );
  } finally {
    connection.closeSync();
  }
}

/** All credit rules that were ever in use, by their version. */
export async function loadRules(instance: DuckDBInstance): Promise<ReadonlyMap<string, CreditRules>> {
  const connection = await instance.connect();
  try {
    const rows = await connection.runAndReadAll('SELECT version, configuration FROM ledger.credit_rules');
    const rules = new Map<string, CreditRules>();
    for (const [version, configuration] of rows.getRows()) {
      // Only `noteRules` writes here, and only what was accepted before.
      const parsed = creditRules(JSON.parse(String(configuration)) as RulesConfiguration);
      if (parsed.kind === 'rules') rules.set(String(version), parsed.rules);
    }
    return rules;
  } finally {
    connection.closeSync();
  }
}
