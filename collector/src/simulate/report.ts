import type { BalanceReport, FactReport, MovementReport, StatementReport } from './account-reports.ts';
import type { ActionReport } from './actions.ts';
import type { Unmet } from './expectations.ts';
import type { CheckReport } from './preflight-step.ts';

/** What a run of a scenario has come to: the document of `--json`, and what is printed for people. */
export interface ScenarioReport {
  readonly description: string | null;
  readonly starts_at: string;
  readonly ends_at: string;
  /** In the end. */
  readonly versions: { readonly prices: string; readonly rules: string; readonly plans: string };
  readonly steps: readonly StepReport[];
  /** Of the running period of each customer, in the end. */
  readonly statements: readonly StatementReport[];
  readonly expectations: { readonly met: number; readonly unmet: number };
}

export interface StepReport {
  /** In the file; null for the customers of the beginning. */
  readonly number: number | null;
  readonly name: string;
  readonly note: string | null;
  readonly kind: string;
  /** What time it is after the step. */
  readonly at: string;
  readonly customer: string | null;
  /** Of a command or a check; null where there is nothing to answer. */
  readonly outcome: OutcomeReport | null;
  readonly arrival: ArrivalReport;
  /** Those that are new or have changed, as they are after the step. */
  readonly actions: readonly ActionReport[];
  /** What happened to accounts besides usage. */
  readonly facts: readonly FactReport[];
  readonly movements: readonly MovementReport[];
  /** Of the customers that the step has touched, after it. */
  readonly balances: Readonly<Record<string, BalanceReport>>;
  readonly alerts: readonly AlertReport[];
  readonly statement: StatementReport | null;
  /** How many expectations were looked at. */
  readonly expected: number;
  readonly unmet: readonly Unmet[];
}

export type OutcomeReport =
  | { readonly kind: 'done'; readonly is_repeated: boolean }
  | { readonly kind: 'refused'; readonly code: string; readonly message: string }
  | ({ readonly kind: 'checked' } & CheckReport);

export interface ArrivalReport {
  readonly spans: number;
  /** Usage records that are new, and such that took the place of older ones. */
  readonly posted: number;
  readonly corrected: number;
  readonly duplicates: number;
  readonly conflicts: number;
  /** The spans that a person should look at, and why. */
  readonly set_aside: readonly string[];
}

export interface AlertReport {
  readonly customer: string;
  readonly alert: string;
  readonly detail: Readonly<Record<string, string>>;
}
