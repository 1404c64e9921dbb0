import { mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateHistory, type History } from '../../collector/src/demo/history/generate.ts';
import { usdText } from '../../collector/src/demo/history/prices.ts';
import { sendBodies } from '../../collector/src/demo/history/send.ts';
import { type Dimension, type Sums, sumsBy } from '../../collector/src/demo/history/truth.ts';
import {
  aRequest,
  aRequestSpan,
  attributes,
  type PlainValue,
} from '../../collector/src/otlp/testing/bodies.ts';
import { alertQueriesIn, runAlertQuery } from '../../dashboards/grafana/alert-rules.ts';
import { type Dashboard, parseDashboard } from '../../dashboards/grafana/dashboard.ts';
import type { FieldValue, Frame } from '../../dashboards/grafana/frames.ts';
import {
  type DashboardOutcome,
  type DashboardView,
  openPool,
  runDashboardOn,
} from '../../dashboards/grafana/run.ts';
import { ALL } from '../../dashboards/grafana/variables.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

/**
 * Every query of every dashboard and alert, asked as Grafana asks it, of ledgers with nothing, little and much in them:
 * none may fail, and none may answer what Grafana would draw wrong.
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Ledger {
  readonly service: RunningService;
  readonly pool: pg.Pool;
  readonly dataDir: string;
}

const ledgers: Ledger[] = [];

async function aLedger(configuration: string): Promise<Ledger> {
  const dataDir = await mkdtemp(join(tmpdir(), 'spanledger-dashboards-'));
  const configFile = join(dataDir, 'spanledger.yaml');
  await writeFile(configFile, configuration);
  const service = await startServiceProcess({ dataDir, configFile });
  const ledger = { service, pool: openPool(service.sqlUrl), dataDir };
  ledgers.push(ledger);
  return ledger;
}

afterAll(async () => {
  for (const { pool, service, dataDir } of ledgers) {
    await pool.end();
    await service.stop();
    await removeDataDirectory(dataDir);
  }
});

const FOLDER = new URL('../../dashboards/', import.meta.url);

async function readDashboards(): Promise<readonly Dashboard[]> {
  const files = (await readdir(new URL('generated/', FOLDER))).filter((file) => file.endsWith('.json'));
  return Promise.all(
    files.map(async (file) =>
      parseDashboard(JSON.parse(await readFile(new URL(`generated/${file}`, FOLDER), 'utf8'))),
    ),
  );
}

const dashboards = await readDashboards();
const alertQueries = alertQueriesIn(
  await readFile(new URL('provisioning/alerting/rules.yaml', FOLDER), 'utf8'),
);

/** With a budget that is used up in part, and one that nothing falls under. */
const CONFIGURATION = `
plans:
  small: { fee_usd: 5, allowance: 100, overage: { policy: charge, price_usd: 0.01 } }
credits:
  features:
    chat: { fixed: { credits: 10 } }
budgets:
  - { name: all, usd_per_month: 100 }
  - { name: nothing of it, usd_per_month: 10, feature: never-used }
`;

const QUOTED = "O'Neil & Sons";

/** What a viewer may look at: the last hour up to a year without anything, with all values, some, or one. */
function viewsOf(now: Date): Readonly<Record<string, DashboardView>> {
  const from = (fromMs: number, toMs = 0) => ({
    from: new Date(now.getTime() + fromMs),
    to: new Date(now.getTime() + toMs),
  });
  return {
    'the last hour': { range: from(-HOUR_MS) },
    'the last day, one customer': { range: from(-DAY_MS), choices: { customer: [QUOTED] } },
    'the last month': { range: from(-30 * DAY_MS) },
    'a day a year ago, on a telephone, what has quotes': {
      range: from(-366 * DAY_MS, -365 * DAY_MS),
      choices: { customer: [QUOTED, "''"], feature: ["it's"], model: ['a"b'] },
      maxDataPoints: 50,
    },
    'a week to come, two features and nobody': {
      range: from(DAY_MS, 8 * DAY_MS),
      choices: { feature: ['chat', 'support-chat'], customer: ['(none)'], model: ALL },
    },
  };
}

/** Opens the dashboards one after the other, as one viewer would. */
async function openAll(pool: pg.Pool, view: DashboardView): Promise<readonly DashboardOutcome[]> {
  const outcomes: DashboardOutcome[] = [];
  for (const dashboard of dashboards) outcomes.push(await runDashboardOn(pool, dashboard, view));
  return outcomes;
}

/** Of many places with one problem the first are enough to find it. */
function told(outcomes: readonly DashboardOutcome[]): readonly string[] {
  return outcomes.flatMap(({ problems }) => problems).map(({ place, problem }) => `${place}: ${problem}`);
}

/** Each view of one ledger: what a view asks is the same of all, and what is in them differs. */
function itAnswersEveryQuery(ledgerOf: () => Ledger, views: readonly string[]): void {
  it.each(views)('every query is answered: %s', async (name) => {
    const view = orThrow(viewsOf(new Date())[name], name);
    const outcomes = await openAll(ledgerOf().pool, view);
    expect(outcomes.flatMap(({ panels }) => panels.flatMap(({ queries }) => queries)).length).toBeGreaterThan(
      0,
    );
    expect(told(outcomes)).toEqual([]);
  });

  it('every alert has a value', async () => {
    expect(alertQueries.length).toBeGreaterThan(0);
    const problems: string[] = [];
    for (const query of alertQueries) {
      const outcome = await runAlertQuery(ledgerOf().pool, query, new Date());
      problems.push(...outcome.problems.map((problem) => `${query.rule}, ${query.refId}: ${problem}`));
    }
    expect(problems).toEqual([]);
  });
}

describe('of a ledger', () => {
  let ledger: Ledger;
  beforeAll(async () => {
    ledger = await aLedger(CONFIGURATION);
  });

  describe('with nothing in it', () => {
    itAnswersEveryQuery(() => ledger, ['the last month']);
  });

  describe('with a handful of calls', () => {
    beforeAll(() => sendAHandful(ledger.service));

    itAnswersEveryQuery(
      () => ledger,
      ['the last hour', 'the last day, one customer', 'a day a year ago, on a telephone, what has quotes'],
    );
  });
});

async function sendAHandful(service: RunningService): Promise<void> {
  const now = Date.now();
  const spans = [
    aCall(now - 10 * 60_000, { 'spanledger.customer.id': QUOTED, 'spanledger.feature': 'chat' }),
    aCall(now - 5 * HOUR_MS, { 'spanledger.customer.id': 'cus_acme' }),
    aCall(now - 6 * HOUR_MS, { 'gen_ai.request.model': 'house-model-7b' }),
    {
      ...aCall(now - 9 * DAY_MS, { 'error.type': 'timeout' }),
      status: { code: 2 },
    },
    anOpenInferenceCall(now - 2 * HOUR_MS),
  ];
  expect((await post(service.otlpUrl, aRequest(spans))).status).toBe(200);
  await until('all calls are decided', 20_000, async () => {
    const [row] = await service.query("SELECT count(*) FILTER (billing_role = 'billed') AS calls FROM usage");
    return row?.calls === String(spans.length);
  });
}

function aCall(endedAtMs: number, more: Readonly<Record<string, PlainValue>>) {
  return aRequestSpan({
    ...endingAt(endedAtMs),
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.request.model': 'gpt-4o',
      'gen_ai.usage.input_tokens': 1000,
      'gen_ai.usage.output_tokens': 100,
      ...more,
    }),
  });
}

function anOpenInferenceCall(endedAtMs: number) {
  return aRequestSpan({
    ...endingAt(endedAtMs),
    attributes: attributes({
      'openinference.span.kind': 'LLM',
      'llm.provider': 'anthropic',
      'llm.model_name': 'claude-sonnet-4-5',
      'llm.token_count.prompt': 700,
      'llm.token_count.completion': 70,
    }),
  });
}

let spansMade = 0;

/** Each in a trace of its own, a second long. */
function endingAt(endedAtMs: number) {
  const number = ++spansMade;
  return {
    traceId: number.toString(16).padStart(32, '0'),
    spanId: number.toString(16).padStart(16, '0'),
    startTimeUnixNano: `${endedAtMs - 1000}000000`,
    endTimeUnixNano: `${endedAtMs}000000`,
  };
}

describe('of a ledger with some days of the demo', () => {
  /** Whole days, and how much of the demo's usage: some thousand spans, so that the test takes seconds. */
  const DAYS = 5;
  const SIZE = 0.2;
  /** Sending, deciding and opening every dashboard once, on a machine that has other things to do. */
  const HISTORY_WITHIN_MS = 240_000;
  let ledger: Ledger;
  let history: History;
  let outcomes: ReadonlyMap<string, DashboardOutcome>;

  beforeAll(async () => {
    history = generateHistory({ days: DAYS, nowMicros: Date.now() * 1000, seed: 7, size: SIZE });
    ledger = await aLedger(history.configuration);
    const { service, pool } = ledger;
    for (const { path, body } of history.accounts) await postAccount(new URL(path, service.apiUrl), body);
    await sendHistory(service, history);
    const to = new Date();
    const view = { range: { from: new Date(to.getTime() - (DAYS + 2) * DAY_MS), to } };
    const opened = await openAll(pool, view);
    outcomes = new Map(dashboards.map(({ uid }, index) => [uid, orThrow(opened[index], uid)]));
  }, HISTORY_WITHIN_MS);

  itAnswersEveryQuery(() => ledger, ['a week to come, two features and nobody']);

  it('every query is answered: all of it', () => {
    expect(told([...outcomes.values()])).toEqual([]);
  });

  it('every query is answered: some features, and nobody', async () => {
    const to = new Date();
    const outcomesOfSome = await openAll(ledger.pool, {
      range: { from: new Date(to.getTime() - DAYS * DAY_MS), to },
      choices: { feature: ['support-chat', 'ticket-summary'], customer: ['(none)', 'cus_acme'] },
    });
    expect(told(outcomesOfSome)).toEqual([]);
  });

  it('every panel shows something, or says why it cannot here', () => {
    const empty = [...outcomes].flatMap(([uid, { panels }]) =>
      panels
        .filter(
          ({ panel, frames }) =>
            panel.type !== 'row' && panel.type !== 'text' && frames.every(({ length }) => length === 0),
        )
        .map(({ panel }) => `${uid}: ${panel.title}`),
    );
    expect(empty.filter((place) => !Object.hasOwn(NOTHING_TO_SHOW, place))).toEqual([]);
  });

  const framesOf = (uid: string, title: string): readonly Frame[] =>
    framesIn(orThrow(outcomes.get(uid), uid), title);
  const truth = (dimensions: readonly Dimension[]) => sumsBy(history.truth.rows, dimensions);
  const total = () => totalOf(history);
  const usd = (femto: bigint) => Number(usdText(femto));

  it.each<[string, string, string, (sums: Sums) => number]>([
    ['overview', 'Spend', 'Time range', ({ costFemto }) => usd(costFemto)],
    ['features', 'Of the time range', 'Spend', ({ costFemto }) => usd(costFemto)],
    ['models', 'Of the time range', 'Spend', ({ costFemto }) => usd(costFemto)],
    ['calls', 'Of the time range', 'Spend', ({ costFemto }) => usd(costFemto)],
    ['features', 'Of the time range', 'Calls', ({ calls }) => calls],
    ['calls', 'Of the time range', 'Calls', ({ calls }) => calls],
    ['features', 'Of the time range', 'Failed calls', ({ failedCalls, calls }) => failedCalls / calls],
    [
      'features',
      'Of the time range',
      'Cost per call',
      ({ costFemto, calls, unpricedCalls }) => usd(costFemto) / (calls - unpricedCalls),
    ],
    [
      'models',
      'Of the time range',
      'Input read from caches',
      ({ cacheReadTokens, inputTokens }) => cacheReadTokens / inputTokens,
    ],
    [
      'models',
      'Of the time range',
      'Reasoning in output',
      ({ reasoningTokens, outputTokens }) => reasoningTokens / outputTokens,
    ],
  ])('%s, %s: %s is what was sent', (name, title, figure, of) => {
    const expected = of(total());
    expect(expected).toBeGreaterThan(0);
    expect(figureOf(framesOf(`spanledger-${name}`, title), figure)).toBeCloseTo(expected, 9);
  });

  it('the spend of two days, of the two before and of the month is that of their hours', async () => {
    const to = new Date();
    const from = new Date(to.getTime() - 2 * DAY_MS);
    const dashboard = orThrow(
      dashboards.find(({ uid }) => uid === 'spanledger-overview'),
      'overview',
    );
    const opened = await runDashboardOn(ledger.pool, dashboard, { range: { from, to } });
    const first = Math.floor(from.getTime() / HOUR_MS) * HOUR_MS;
    const before = first - (to.getTime() - first);
    const month = Date.UTC(to.getUTCFullYear(), to.getUTCMonth());
    const spent = (fromMs: number, untilMs: number) =>
      history.truth.rows
        .filter(({ hour }) => Date.parse(hour) >= fromMs && Date.parse(hour) < untilMs)
        .reduce((sum, { sums }) => sum + usd(sums.costFemto), 0);
    const frames = framesIn(opened, 'Spend');
    const now = spent(first, to.getTime());
    expect(now).toBeGreaterThan(0);
    expect(figureOf(frames, 'Time range')).toBeCloseTo(now, 9);
    expect(figureOf(frames, 'Against the time before')).toBeCloseTo(now / spent(before, first) - 1, 9);
    expect(figureOf(frames, 'This month')).toBeCloseTo(spent(month, to.getTime()), 9);
  });

  it('what the ledger does not go back for is not compared', () => {
    expect(figureOf(framesOf('spanledger-overview', 'Spend'), 'Against the time before')).toBeNull();
  });

  it('the credits burned are those that the calls have', async () => {
    const [row] = await ledger.service.query('SELECT sum(credits) AS credits FROM usage');
    const burned = figureOf(framesOf('spanledger-overview', 'Used'), 'Credits burned');
    expect(burned).toBeCloseTo(Number(row?.credits), 6);
  });

  it.each<[string, string, string, string, Dimension]>([
    ['features', 'Features', 'Feature', 'Spend', 'feature'],
    ['features', 'Top customers', 'Customer', 'Spend', 'customer'],
    ['customers', 'Customers', 'Customer', 'Cost', 'customer'],
    ['models', 'Speed against cost', 'Model', 'Calls', 'model'],
    ['features', 'Features', 'Feature', 'Calls', 'feature'],
  ])('%s, %s: each %s has the %s that was sent', (name, title, key, column, dimension) => {
    const [frame] = framesOf(`spanledger-${name}`, title);
    const shown = byKey(orThrow(frame, title), key, column);
    expect(shown.size).toBeGreaterThan(1);
    for (const [one, value] of shown) {
      const sums = orThrow(truth([dimension]).get(one), `${dimension} ${one}`);
      const expected = column === 'Calls' ? sums.calls : usd(sums.costFemto);
      expect([one, rounded(value)]).toEqual([one, rounded(expected)]);
    }
  });

  it.each<[string, string, Dimension]>([
    ['overview', 'Spend by feature', 'feature'],
    ['overview', 'Spend by model', 'model'],
  ])('%s, %s: the series add up to what was sent', (name, title) => {
    const series = framesOf(`spanledger-${name}`, title).flatMap(({ fields }) =>
      fields.filter(({ type }) => type === 'number'),
    );
    expect(series.length).toBeGreaterThan(1);
    const sum = series
      .flatMap(({ values }) => values)
      .reduce<number>((all, value) => all + Number(value ?? 0), 0);
    expect(sum).toBeCloseTo(usd(total().costFemto), 9);
  });

  it.each<[string, string, Dimension]>([
    ['overview', 'Spend by feature', 'feature'],
    ['overview', 'Spend by model', 'model'],
  ])('%s, %s: each series that has a name adds up to what was sent of it', (name, title, dimension) => {
    const [frame] = framesOf(`spanledger-${name}`, title);
    const named = orThrow(frame, title).fields.filter(
      (field) => field.type === 'number' && field.name !== '(others)',
    );
    expect(named.length).toBeGreaterThan(1);
    for (const field of named) {
      const sum = field.values.reduce<number>((all, value) => all + Number(value ?? 0), 0);
      const sent = usd(orThrow(truth([dimension]).get(field.name), field.name).costFemto);
      expect([field.name, rounded(sum)]).toEqual([field.name, rounded(sent)]);
    }
  });
});

/** All of it, and then until the ledger has decided about all of it. */
async function sendHistory(service: RunningService, history: History): Promise<void> {
  const url = new URL('/v1/traces', service.otlpUrl).href;
  let sent = 0;
  const onSent = ({ spans }: { readonly spans: number }) => {
    sent += spans;
  };
  await sendBodies(url, history.bodies, onSent);
  const isRead = async () => {
    const [row] = await service.query('SELECT sum(spans) AS spans FROM ingest_health');
    return row?.spans === String(sent);
  };
  await until('everything is read', 120_000, isRead);
  await sendBodies(url, history.lateBodies, onSent);
  await until('what came late is read', 30_000, isRead);
  const { calls, costFemto } = totalOf(history);
  const expected = { calls: String(calls), cost: usdText(costFemto) };
  await until('all calls are decided', 20_000, async () => {
    const [row] = await service.query('SELECT sum(calls) AS calls, sum(cost_usd) AS cost FROM usage_hourly');
    return row?.calls === expected.calls && row.cost === expected.cost;
  });
}

function totalOf({ truth }: History): Sums {
  return orThrow(sumsBy(truth.rows, []).get(''), 'the truth');
}

/** Panels that may have nothing for the few days of the test, and why; on the demo's month they have. */
const NOTHING_TO_SHOW: Readonly<Record<string, string>> = Object.fromEntries([
  [
    'spanledger-calls: Actions that were tried again',
    'the last day may be one on which everything went well',
  ],
  ['spanledger-customers: Alerts of accounts', 'what is told of days ago fires no alerts'],
  ...['Waiting', 'Requests', 'Lag', 'Journal and ledger file', 'Queries', 'Restarts', 'Memory'].map(
    (title) => [
      `spanledger-quality: ${title}`,
      'the first sample of the pipeline is taken when the service has run for a minute',
    ],
  ),
]);

async function postAccount(
  url: URL,
  body: Readonly<Record<string, string | number | boolean>>,
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${url.pathname} answers ${response.status}: ${await response.text()}`);
}

function framesIn({ panels }: DashboardOutcome, title: string): readonly Frame[] {
  return orThrow(
    panels.find(({ panel }) => panel.title === title),
    title,
  ).frames;
}

/** The value of the first row in the column of a name. */
function figureOf(frames: readonly Frame[], name: string): FieldValue {
  const field = frames.flatMap(({ fields }) => fields).find((one) => one.name === name);
  return orThrow(field, name).values[0] ?? null;
}

function byKey({ fields }: Frame, key: string, column: string): ReadonlyMap<string, FieldValue> {
  const keys = orThrow(
    fields.find(({ name }) => name === key),
    key,
  ).values;
  const values = orThrow(
    fields.find(({ name }) => name === column),
    column,
  ).values;
  return new Map(keys.map((one, row) => [String(one), values[row] ?? null]));
}

/** What a sum of floats in another order may differ in. Where nothing is priced there is no cost. */
function rounded(value: FieldValue): number {
  return Number(Number(value ?? 0).toFixed(9));
}

function orThrow<Value>(value: Value | undefined, what: string): Value {
  if (value === undefined) throw new Error(`there is no ${what}`);
  return value;
}
