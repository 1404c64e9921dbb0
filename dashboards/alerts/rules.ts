import { budgetRules } from './budget-rules.ts';
import { customerRules } from './customer-rules.ts';
import { pipelineRules } from './pipeline-rules.ts';
import { qualityRules } from './quality-rules.ts';
import type { AlertGroup } from './rule.ts';
import { spendRules } from './spend-rules.ts';

/** All alerts, in the order in which Grafana lists their groups. */
export const alertGroups: readonly AlertGroup[] = [
  budgetRules,
  spendRules,
  customerRules,
  qualityRules,
  pipelineRules,
];

export const alertRules = alertGroups.flatMap(({ rules }) => rules);
