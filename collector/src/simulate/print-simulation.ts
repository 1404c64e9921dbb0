import { tableText } from '../table.ts';
import { counted, type Output, type Paint, visible } from '../terminal.ts';
import type { BalanceReport, MovementReport, StatementReport } from './account-reports.ts';
import type { ActionReport, TokensReport } from './actions.ts';
import type { AlertReport, ArrivalReport, OutcomeReport, ScenarioReport, StepReport } from './report.ts';

/** Lines of a table that somebody reads; `--json` has them all. */
const MAX_ROWS = 12;

/** A run for people: each step with what came of it, the statements in the end, and whether all was as expected. */
export function printSimulation(out: Output, report: ScenarioReport, paint: Paint): void {
  if (report.description !== null) out.write(`${paint('bold', visible(report.description))}\n`);
  for (const step of report.steps) printStep(out, step, paint);
  const last = JSON.stringify(report.steps.at(-1)?.statement);
  for (const statement of report.statements) {
    // A story that ends with a statement has shown it.
    if (JSON.stringify(statement) !== last) printStatement(out, statement, paint);
  }
  const { met, unmet } = report.expectations;
  if (unmet > 0) {
    out.write(`\n${paint('red', `${counted(unmet, 'expectation')} not met`)}, ${met} met.\n`);
    for (const step of report.steps.filter((each) => each.unmet.length > 0)) {
      out.write(`  ${visible(step.name)}\n`);
      printUnmet(out, step, paint);
    }
  } else if (met > 0) out.write(`\n${paint('green', `All ${counted(met, 'expectation')} met.`)}\n`);
}

function printStep(out: Output, step: StepReport, paint: Paint): void {
  const whom = step.customer === null ? '' : ` ${visible(step.customer)}`;
  const title = step.number === null ? visible(step.name) : `${step.number}. ${visible(step.name)}`;
  out.write(
    `\n${paint('bold', title)}  ${step.kind}${whom}  ${paint('dim', clock(step.at))}${arrivalText(step.arrival)}\n`,
  );
  if (step.note !== null) out.write(`${indented(paint('italic', visible(step.note)))}\n`);
  for (const line of outcomeLines(step.outcome, paint)) out.write(`${indented(line)}\n`);
  for (const { customer, at, text } of step.facts) {
    out.write(`${indented(`${visible(customer)} ${clock(at)} ${visible(clocked(text))}`)}\n`);
  }
  if (step.actions.length > 0) out.write(`${indented(actionTable(step.actions))}\n`);
  if (step.movements.length > 0) out.write(`${indented(movementTable(step.movements))}\n`);
  for (const [customer, balance] of Object.entries(step.balances)) {
    out.write(`${indented(`${paint('cyan', visible(customer))}: ${balanceText(balance)}`)}\n`);
  }
  for (const alert of step.alerts) out.write(`${indented(paint('yellow', alertText(alert)))}\n`);
  if (step.statement !== null) printStatement(out, step.statement, paint);
  printUnmet(out, step, paint);
}

function printUnmet(out: Output, { unmet }: StepReport, paint: Paint): void {
  for (const { path, expected, found } of unmet) {
    const line = `${visible(path)}: expected ${visible(expected)}, found ${visible(found)}`;
    out.write(`${indented(paint('red', line))}\n`);
  }
}

function arrivalText({ posted, corrected, duplicates, conflicts, set_aside }: ArrivalReport): string {
  const parts = [
    posted > 0 ? `${posted} posted` : null,
    corrected > 0 ? `${corrected} corrected` : null,
    duplicates > 0 ? counted(duplicates, 'duplicate') : null,
    conflicts > 0 ? counted(conflicts, 'conflict') : null,
    ...set_aside.map((span) => `set aside ${visible(span)}`),
  ].filter((part) => part !== null);
  return parts.length === 0 ? '' : `  ${parts.join(', ')}`;
}

function outcomeLines(outcome: OutcomeReport | null, paint: Paint): readonly string[] {
  switch (outcome?.kind) {
    case undefined:
      return [];
    case 'done':
      return outcome.is_repeated ? ['was done before: nothing is done again'] : [];
    case 'refused':
      return [`${paint('yellow', `refused, ${outcome.code}:`)} ${visible(outcome.message)}`];
    case 'checked': {
      const model = outcome.degraded_model === null ? '' : ` Ask ${visible(outcome.degraded_model)} instead.`;
      const answer = paint('bold', outcome.answer ?? 'no answer');
      return [`${answer}, ${outcome.reason}: ${visible(outcome.message)}${model}`];
    }
  }
}

const TOKENS: readonly (readonly [keyof TokensReport, string])[] = [
  ['uncached_input', 'uncached'],
  ['cache_read', 'read'],
  ['cache_write', 'written'],
  ['output', 'output'],
  ['reasoning', 'reasoning'],
];

type Column = readonly [name: string, type: 'VARCHAR' | 'DECIMAL', cell: (action: ActionReport) => string];

function actionTable(actions: readonly ActionReport[]): string {
  const tokens = TOKENS.filter(([name]) => actions.some((action) => (action.tokens?.[name] ?? 0) > 0));
  const columns: readonly Column[] = [
    ['action', 'VARCHAR', ({ action }) => action],
    ['customer', 'VARCHAR', ({ customer }) => customer ?? '-'],
    ['feature', 'VARCHAR', ({ feature }) => feature ?? '-'],
    ['calls', 'DECIMAL', ({ calls }) => String(calls.length)],
    ...tokens.map(
      ([name, title]): Column => [title, 'DECIMAL', (action) => String(action.tokens?.[name] ?? '-')],
    ),
    ['cost USD', 'DECIMAL', ({ cost_usd }) => cost_usd ?? 'unpriced'],
    ['raw', 'DECIMAL', ({ raw_credits }) => raw_credits ?? '-'],
    ['credits', 'DECIMAL', ({ credits }) => credits ?? 'pending'],
    ['status', 'VARCHAR', ({ credit_status }) => credit_status],
    [
      'rule',
      'VARCHAR',
      ({ rule, is_degraded }) => (is_degraded === true ? `${rule}, degraded` : (rule ?? '-')),
    ],
    ['prices', 'VARCHAR', ({ price_cards }) => price_cards.join(', ') || '-'],
    ['plan', 'VARCHAR', ({ plan_version }) => plan_version ?? '-'],
  ];
  const rows = actions.map((action) => columns.map(([, , cell]) => cell(action)));
  return shortTable(
    columns.map(([name, type]) => ({ name, type })),
    rows,
  );
}

function movementTable(movements: readonly MovementReport[]): string {
  const columns = [
    { name: 'customer', type: 'VARCHAR' },
    { name: 'movement', type: 'VARCHAR' },
    { name: 'from', type: 'VARCHAR' },
    { name: 'to', type: 'VARCHAR' },
    { name: 'credits', type: 'DECIMAL' },
    { name: 'at', type: 'VARCHAR' },
  ];
  const rows = movements.map((movement) => [
    movement.customer,
    [
      movement.kind,
      movement.is_correction ? '(correction)' : null,
      movement.hold === null ? null : `of hold ${movement.hold}`,
      movement.belongs_to_period === null ? null : `of period ${movement.belongs_to_period}`,
    ]
      .filter((part) => part !== null)
      .join(' '),
    place(movement.from, movement.from_lot),
    place(movement.to, movement.to_lot),
    movement.credits,
    clock(movement.at),
  ]);
  return shortTable(columns, rows);
}

function place(account: string, lot: string | null): string {
  return lot === null ? account : `${account} ${lot}`;
}

function shortTable(
  columns: readonly { readonly name: string; readonly type: string }[],
  rows: readonly (readonly string[])[],
): string {
  const text = tableText({ columns: [...columns], rows: rows.slice(0, MAX_ROWS).map((row) => [...row]) });
  const more = rows.length - MAX_ROWS;
  return more > 0 ? `${text}\n… and ${more} more, with --json` : text;
}

function balanceText(balance: BalanceReport): string {
  const uncovered = (['overage', 'overrun', 'overdraft', 'expired'] as const).flatMap((name) =>
    balance[name] === '0' ? [] : [`${name} ${balance[name]}`],
  );
  const plan = `${balance.plan ?? 'no plan'}${balance.is_trial ? ' on trial' : ''}, period ${balance.period}`;
  const parts = [
    `available ${balance.available}`,
    ...(balance.held === '0' ? [] : [`held ${balance.held}`]),
    `used ${balance.used}`,
    ...uncovered,
  ];
  return `${parts.join(', ')} (${visible(plan)})`;
}

function alertText({ customer, alert, detail }: AlertReport): string {
  const details = Object.entries(detail).map(([name, value]) => `${name} ${value}`);
  return `alert for ${visible(customer)}: ${alert} (${visible(clocked(details.join(', ')))})`;
}

function printStatement(out: Output, statement: StatementReport, paint: Paint): void {
  const { period, margin } = statement;
  const plan = statement.plan === null ? 'no plan' : `plan ${visible(statement.plan)}`;
  out.write(
    `\n${paint('bold', `Statement of ${visible(statement.customer)}`)}: ${plan}, period ${period.number}, ${clock(period.start)} to ${clock(period.end)}${period.is_trial ? ', trial' : ''}\n`,
  );
  const lines: readonly (readonly [string, string | null])[] = [
    ['allowance', statement.allowance],
    ['used', `${statement.used}, from lots ${statement.used_from_lots}`],
    ['overage', nonZero(statement.overage, ` for ${statement.overage_charge_usd_rounded ?? '?'} USD`)],
    ['overrun', nonZero(statement.overrun)],
    ['overdraft', nonZero(statement.overdraft)],
    ['held', nonZero(statement.held)],
    ['remaining', statement.remaining],
    ['next reset', statement.next_reset === null ? 'none' : clock(statement.next_reset)],
    ['exhausted', statement.exhausted_at === null ? null : `${clock(statement.exhausted_at)} at this pace`],
    ['at zero', statement.at_zero.sentence],
    ['cost', `${margin.cost_usd ?? 'unknown'} USD${unpricedText(margin.unpriced_calls)}`],
    ['revenue', `${margin.revenue_value_usd ?? 'unknown'} USD, the value of the credits used`],
    ['margin', `${margin.margin ?? 'unknown'}, markup ${margin.markup ?? 'unknown'}`],
  ];
  for (const [name, text] of lines) {
    if (text !== null) out.write(`${indented(`${paint('dim', name.padEnd(10))} ${text}`)}\n`);
  }
  if (statement.lots.length > 0) out.write(`${indented(lotTable(statement))}\n`);
  if (statement.by_feature.length > 0) out.write(`${indented(featureTable(statement))}\n`);
}

function nonZero(amount: string, more = ''): string | null {
  return amount === '0' ? null : `${amount}${more}`;
}

function unpricedText(calls: number): string {
  return calls === 0 ? '' : ` and ${counted(calls, 'unpriced call')}`;
}

function lotTable({ lots }: StatementReport): string {
  const names = ['amount', 'consumed', 'expired', 'rolled over', 'available', 'held'];
  const columns = [
    { name: 'lot', type: 'VARCHAR' },
    ...names.map((name) => ({ name, type: 'DECIMAL' })),
    { name: 'expires', type: 'VARCHAR' },
  ];
  return shortTable(
    columns,
    lots.map((lot) => [
      lot.id,
      lot.amount,
      lot.consumed,
      lot.expired,
      lot.rolled_over,
      lot.available,
      lot.held,
      lot.expires === null ? 'never' : clock(lot.expires),
    ]),
  );
}

function featureTable({ by_feature: rows }: StatementReport): string {
  const columns = [
    { name: 'feature', type: 'VARCHAR' },
    { name: 'calls', type: 'DECIMAL' },
    { name: 'credits', type: 'DECIMAL' },
    { name: 'cost USD', type: 'DECIMAL' },
  ];
  return shortTable(
    columns,
    rows.map(({ name, calls, credits, cost_usd, unpriced_calls }) => [
      name ?? '-',
      String(calls),
      credits,
      `${cost_usd ?? 'unknown'}${unpricedText(unpriced_calls)}`,
    ]),
  );
}

/** `2026-11-02 09:00Z`: seconds only where there are any; the milliseconds that steps take tell people nothing. */
function clock(instant: string): string {
  return instant
    .replace('T', ' ')
    .replace(/\.\d+Z$/, 'Z')
    .replace(/:00Z$/, 'Z');
}

function clocked(text: string): string {
  return text.replaceAll(/\d{4}-\d{2}-\d{2}T[\d:.]+Z/g, clock);
}

function indented(text: string): string {
  return text.replaceAll(/^/gm, '   ');
}
