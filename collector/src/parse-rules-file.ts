import { creditRules, type ParsedRules } from '@spanledger/metering';
import { Value } from 'typebox/value';
import { ConfigSchema } from './config.ts';
import { collectProblems, parseYaml, type SettingProblem, withScalars } from './settings-file.ts';

/** Credit rules as a file of their own, as the section `credits` of `spanledger.yaml` has them. */
export function parseRulesFile(text: string, name: string): ParsedRules {
  const schema = ConfigSchema.properties.credits;
  const problems: SettingProblem[] = [];
  const tree = withScalars(schema, parseYaml(text, name, problems));
  if (problems.length === 0) collectProblems(schema, tree, name, problems);
  if (problems.length > 0 || !Value.Check(schema, tree)) return { kind: 'problems', problems };
  return creditRules(tree);
}
