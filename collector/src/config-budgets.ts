import { parseDecimal, USD_SCALE } from '@spanledger/metering';
import { type Static, Type } from 'typebox';
import { Decimal } from './config-credits.ts';
import { type SettingProblem, shown } from './settings-file.ts';
import type { Budget } from './store/budgets.ts';

/**
 * Readers compare each budget with each combination of keys that usage has; a hundred of them take some tens of
 * milliseconds, and nobody watches more.
 */
const MAX_BUDGETS = 100;
/** As much as a fee may be: 10⁸ USD. */
const TOO_MUCH = 10n ** 23n;

function scope(whose: string) {
  return Type.Optional(Type.String({ minLength: 1, description: `Only usage of this ${whose}.` }));
}

/** The section `budgets` of the configuration: what usage may cost in a month, to be watched and not enforced. */
export const BudgetsSection = Type.Array(
  Type.Object(
    {
      name: Type.String({ minLength: 1, maxLength: 200, description: 'What readers see. Each name once.' }),
      usd_per_month: Type.Unsafe<string>({
        ...Decimal,
        description: 'USD for each calendar month, UTC; above 0, read exactly.',
        examples: ['2500'],
      }),
      customer: scope('customer'),
      feature: scope('feature'),
      environment: scope('environment (deployment.environment.name)'),
      usage_class: Type.Optional(
        Type.Enum(['customer', 'trial', 'internal', 'test', 'demo', 'admin'], {
          description: 'Only usage of this class.',
        }),
      ),
      provider: scope('provider'),
      model: scope('model, by the name that answered'),
      tenant: scope('tenant'),
    },
    { additionalProperties: false },
  ),
  {
    default: [],
    maxItems: MAX_BUDGETS,
    description:
      'What usage may cost in a month: the views budgets and budget_hourly, nothing is stopped. A budget counts the cost of billed calls of all usage classes; each of customer, feature, … narrows it.',
  },
);

/** The budgets whose amounts may be ones; the problems of the others are noted. */
export function readBudgets(
  settings: Static<typeof BudgetsSection>,
  problems: SettingProblem[],
): readonly Budget[] {
  const firstWith = new Map<string, string>();
  const budgets: Budget[] = [];
  for (const [index, written] of settings.entries()) {
    const { name } = written;
    const path = `budgets.${index}`;
    const first = firstWith.get(name);
    if (first === undefined) firstWith.set(name, path);
    else {
      const expected = `must be a name of its own: ${first} has it already`;
      problems.push({ path: `${path}.name`, expected, value: shown(name) });
    }
    const amount = parseDecimal(String(written.usd_per_month), USD_SCALE);
    if (amount.kind === 'rejected' || amount.value <= 0n || amount.value >= TOO_MUCH) {
      problems.push({
        path: `${path}.usd_per_month`,
        expected: `must be an amount of USD above 0 and below 100000000, of at most ${USD_SCALE} decimal places`,
        value: shown(written.usd_per_month),
      });
      continue;
    }
    budgets.push({ name, amount: amount.value, scope: scopeOf(written) });
  }
  return budgets;
}

function scopeOf(written: Static<typeof BudgetsSection>[number]): Budget['scope'] {
  return {
    customer: written.customer ?? null,
    feature: written.feature ?? null,
    environment: written.environment ?? null,
    usageClass: written.usage_class ?? null,
    provider: written.provider ?? null,
    model: written.model ?? null,
    tenant: written.tenant ?? null,
  };
}
