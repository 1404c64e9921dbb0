import { formatDecimal, instantMicros, parseDecimal, USD_SCALE } from '@spanledger/metering';
import type { BalanceReport } from './account-reports.ts';
import type { ActionReport } from './actions.ts';
import type { ActionExpectation, BalanceExpectation, Expectation } from './format.ts';
import type { ArrivalReport, OutcomeReport } from './report.ts';

/** Something that a scenario expects and that is not so. */
export interface Unmet {
  /** Where it stands in the expectations of the step. */
  readonly path: string;
  readonly expected: string;
  readonly found: string;
}

/** What is true after a step. */
export interface Findings {
  readonly actions: readonly ActionReport[];
  readonly balanceOf: (customer: string) => BalanceReport;
  readonly alertsOf: (customer: string) => readonly string[];
  readonly outcome: OutcomeReport | null;
  readonly arrival: ArrivalReport;
}

interface Comparison extends Unmet {
  readonly isSame: boolean;
}

/** A refusal that nobody expects is a failure, too: a story in which something is refused must say so. */
export function unmetOf(
  expectation: Expectation | null,
  findings: Findings,
): { readonly expected: number; readonly unmet: readonly Unmet[] } {
  const compared = comparisons(expectation ?? {}, findings);
  return {
    expected: compared.length,
    unmet: compared.filter(({ isSame }) => !isSame).map(({ isSame: _, ...unmet }) => unmet),
  };
}

function comparisons(expectation: Expectation, findings: Findings): readonly Comparison[] {
  const { balances = {}, actions = {}, answer, estimate, refused, repeated, ...counts } = expectation;
  const { outcome, arrival } = findings;
  const checked = outcome?.kind === 'checked' ? outcome : null;
  const refusedWith = outcome?.kind === 'refused' ? outcome.code : null;
  const isRepeated = outcome?.kind === 'done' && outcome.is_repeated;
  return [
    ...Object.entries(balances).flatMap(([customer, each]) => balanceComparisons(customer, each, findings)),
    ...Object.entries(actions).flatMap(([name, each]) => actionComparisons(name, each, findings.actions)),
    ...(answer === undefined ? [] : [sameText('answer', answer, checked?.answer ?? null)]),
    ...(estimate === undefined ? [] : [sameAmount('estimate', estimate, checked?.estimate ?? null)]),
    ...(refused === undefined && refusedWith === null
      ? []
      : [sameText('refused', refused ?? 'no refusal', refusedWith ?? 'no refusal')]),
    ...(repeated === undefined ? [] : [sameText('repeated', String(repeated), String(isRepeated))]),
    ...(['posted', 'duplicates', 'conflicts'] as const).flatMap((count) =>
      counts[count] === undefined ? [] : [sameText(count, String(counts[count]), String(arrival[count]))],
    ),
  ];
}

const AMOUNTS = [
  'available',
  'held',
  'remaining',
  'used',
  'granted',
  'expired',
  'overage',
  'overrun',
  'overdraft',
  'period_used',
  'period_cost_usd',
  'period_revenue_usd',
  'period_margin',
] as const;

const NONE = 'none';

function balanceComparisons(
  customer: string,
  expectation: BalanceExpectation,
  { balanceOf, alertsOf }: Findings,
): readonly Comparison[] {
  const found = balanceOf(customer);
  const at = (name: string) => `balances.${customer}.${name}`;
  const { lots = {}, plan, period, period_start: start, period_end: end, alerts } = expectation;
  return [
    ...AMOUNTS.flatMap((name) => {
      const expected = expectation[name];
      return expected === undefined ? [] : [sameAmount(at(name), expected, found[name])];
    }),
    ...Object.entries(lots).map(([kind, expected]) => {
      const available = found.lots.filter((lot) => lot.kind === kind).map((lot) => lot.available);
      return sameAmount(at(`lots.${kind}`), expected, total(available));
    }),
    ...(plan === undefined ? [] : [sameText(at('plan'), plan, found.plan ?? NONE)]),
    ...(period === undefined ? [] : [sameText(at('period'), String(period), String(found.period ?? NONE))]),
    ...(start === undefined ? [] : [sameInstant(at('period_start'), start, found.period_start)]),
    ...(end === undefined ? [] : [sameInstant(at('period_end'), end, found.period_end)]),
    ...(alerts === undefined ? [] : [sameText(at('alerts'), listed(alerts), listed(alertsOf(customer)))]),
  ];
}

function actionComparisons(
  name: string,
  expectation: ActionExpectation,
  actions: readonly ActionReport[],
): readonly Comparison[] {
  const at = (place: string) => `actions.${name}.${place}`;
  const found = actions.filter(
    ({ action, feature }) => action === name || `${action}/${feature ?? ''}` === name,
  );
  const [action] = found;
  if (action === undefined || found.length > 1) {
    const names = found.map(({ action: of, feature }) => `${of}/${feature ?? ''}`);
    const known = action === undefined ? 'no such action' : names.join(' and ');
    return [sameText(`actions.${name}`, 'one action', known)];
  }
  const { credits, raw_credits: raw, cost_usd: cost, calls, status, rule, price_cards: cards } = expectation;
  return [
    ...(credits === undefined ? [] : [sameAmount(at('credits'), credits, action.credits)]),
    ...(raw === undefined ? [] : [sameAmount(at('raw_credits'), raw, action.raw_credits)]),
    ...(cost === undefined ? [] : [sameAmount(at('cost_usd'), cost, action.cost_usd ?? 'unpriced')]),
    ...(calls === undefined ? [] : [sameText(at('calls'), String(calls), String(action.calls.length))]),
    ...(status === undefined ? [] : [sameText(at('status'), status, action.credit_status)]),
    ...(rule === undefined ? [] : [sameText(at('rule'), rule, action.rule ?? NONE)]),
    ...(cards === undefined ? [] : [sameText(at('price_cards'), listed(cards), listed(action.price_cards))]),
    ...(['uncached_input', 'cache_read', 'cache_write', 'output', 'reasoning'] as const).flatMap((tokens) => {
      const expected = expectation[tokens];
      if (expected === undefined) return [];
      return [sameText(at(tokens), String(expected), String(action.tokens?.[tokens] ?? NONE))];
    }),
  ];
}

function sameText(path: string, expected: string, found: string | null): Comparison {
  return { path, expected, found: found ?? NONE, isSame: expected === (found ?? NONE) };
}

/** `25` and `25.00` are the same amount; words stand for what is no amount. */
function sameAmount(path: string, expected: string, found: string | null): Comparison {
  const isSame = canonical(String(expected)) === canonical(found ?? NONE);
  return { path, expected: String(expected), found: found ?? NONE, isSame };
}

function canonical(text: string): bigint | string {
  const parsed = parseDecimal(text, USD_SCALE);
  return parsed.kind === 'decimal' ? parsed.value : text;
}

function sameInstant(path: string, expected: string, found: string | null): Comparison {
  const isSame = found !== null && instantMicros(expected) === instantMicros(found);
  return { path, expected, found: found ?? NONE, isSame };
}

function total(amounts: readonly string[]): string {
  const sum = amounts.reduce((before, text) => {
    const parsed = parseDecimal(text, USD_SCALE);
    return before + (parsed.kind === 'decimal' ? parsed.value : 0n);
  }, 0n);
  return formatDecimal(sum, USD_SCALE);
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? NONE : [...names].sort().join(', ');
}
