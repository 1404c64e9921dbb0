import type { DuckDBInstance } from '@duckdb/node-api';
import { formatDecimal, USD_SCALE, type UsdFemto } from '@spanledger/metering';

/** What usage may cost in a month. */
export interface Budget {
  readonly name: string;
  /** For each calendar month, UTC. */
  readonly amount: UsdFemto;
  /** It counts usage with all of these; null: with any. */
  readonly scope: {
    readonly customer: string | null;
    readonly feature: string | null;
    readonly environment: string | null;
    readonly usageClass: string | null;
    readonly provider: string | null;
    readonly model: string | null;
    readonly tenant: string | null;
  };
}

/** Puts the budgets of the configuration in the place of those before: readers see all of the one or of the other. */
export async function writeBudgets(instance: DuckDBInstance, budgets: readonly Budget[]): Promise<void> {
  const connection = await instance.connect();
  try {
    await connection.run('BEGIN TRANSACTION');
    await connection.run('DELETE FROM ledger.budget');
    for (const { name, amount, scope } of budgets) {
      await connection.run(
        `INSERT INTO ledger.budget
           (budget, amount_usd, customer, feature, environment, usage_class, provider, model, tenant)
         VALUES ($1, $2::DECIMAL(38, 15), $3, $4, $5, $6, $7, $8, $9)`,
        [
          name,
          formatDecimal(amount, USD_SCALE),
          scope.customer,
          scope.feature,
          scope.environment,
          scope.usageClass,
          scope.provider,
          scope.model,
          scope.tenant,
        ],
      );
    }
    await connection.run('COMMIT');
  } finally {
    // An open transaction ends with it.
    connection.closeSync();
  }
}
