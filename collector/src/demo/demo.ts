import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { showMonth } from './history/show-month.ts';
import { type ServedCall, startStandInProvider } from './provider.ts';
import { say, sayTable } from './say.ts';
import { DATA_DIR, type RunningService, SOURCES, startService } from './service.ts';

/**
 * The demo: a stand-in for the OpenAI API, the service, and a small app between them; then what the ledger says, held
 * against what the provider served. Everything on this machine, no key needed.
 */
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const APPEARS_WITHIN_MS = 20_000;
/** Who buys what; the staff has no plan. */
const PLANS = { cus_acme: 'pro', cus_globex: 'starter', cus_initech: 'business' } as const;

/** Beyond a quarter nobody sees more in it. */
const MAX_DAYS = 90;

const HELP = `npm run demo -- [--real] [--rounds N] | --history Nd

Runs a small app with three customers, the staff and three features through the whole pipeline, prints cost and
credits for each and everyone's statement, and checks them against what the provider served.

  --real      call the real OpenAI API (costs a fraction of a cent; needs OPENAI_API_KEY)
  --rounds N  rounds of traffic (default 12)
  --history Nd
              instead of the app: fills the ledger with N days (1d to 90d) of made-up usage of a shop with a dozen
              customers, sent as its services would have sent it, so that dashboards have something to show; 30d is
              some 75,000 spans
`;

const options = readOptions();
if (options === null) {
  process.exitCode = 2;
} else if (options.help) {
  process.stdout.write(HELP);
} else {
  const isRight = options.historyDays === null ? demo(options) : showMonth(options.historyDays);
  process.exitCode = (await isRight) ? 0 : 1;
}

interface Options {
  readonly real: boolean;
  readonly rounds: string;
  /** Null: the app is run. */
  readonly historyDays: number | null;
  readonly help: boolean;
}

/** Null when the command line is wrong; what is wrong has been said. */
function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        real: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '12' },
        history: { type: 'string' },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (!/^[1-9]\d{0,5}$/.test(values.rounds))
      throw new Error(`--rounds takes a whole number, not ${values.rounds}`);
    if (values.real && !process.env.OPENAI_API_KEY && !values.help) {
      throw new Error('--real calls the OpenAI API and needs OPENAI_API_KEY in the environment');
    }
    return { ...values, historyDays: daysOf(values.history) };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return null;
  }
}

function daysOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  const days = Number(/^([1-9]\d?)d$/.exec(text)?.[1] ?? 0);
  if (days < 1 || days > MAX_DAYS)
    throw new Error(`--history takes a number of days from 1d to ${MAX_DAYS}d, not ${text}`);
  return days;
}

/** True when the ledger equals what was served. */
async function demo(options: Options): Promise<boolean> {
  await rm(DATA_DIR, { recursive: true, force: true });
  const provider = options.real ? null : await startStandInProvider({ chunkDelayMs: 5 });
  say.step(
    provider === null
      ? 'Calling the real OpenAI API'
      : `A stand-in for the OpenAI API answers at ${provider.url}`,
  );
  const service = await startService(here('spanledger.yaml'));
  say.step(`Spanledger takes spans at ${service.otlpUrl}`);
  try {
    await signUp(service);
    say.step(
      'A small app runs: 3 customers and the staff, 3 features, the real OpenAI SDK, node --import @spanledger/instrumentation/register',
    );
    await runApp(provider?.url ?? null, service.otlpUrl, options.rounds);
    const served = (provider?.served() ?? []).filter((call) => call.usage !== undefined);
    const isThere = await untilPosted(service, provider === null ? null : served.length);
    await showLedger(service);
    await showStatements(service);
    const isRight = provider === null ? isThere : await checkAgainst(served, service);
    return isRight;
  } finally {
    await service.stop();
    await provider?.close();
    sayWhatNext();
  }
}

async function signUp(service: RunningService): Promise<void> {
  for (const [customer, plan] of Object.entries(PLANS)) {
    await service.call('POST', '/api/customers', { id: customer });
    await service.call('POST', `/api/customers/${customer}/subscription`, { plan });
  }
  say.step('Three customers have subscribed, each to another plan');
}

async function runApp(providerUrl: string | null, otlpUrl: string, rounds: string): Promise<void> {
  const app = spawn(
    process.execPath,
    [
      SOURCES,
      '--import',
      import.meta.resolve('@spanledger/instrumentation/register'),
      here('app.ts'),
      rounds,
    ],
    {
      env: {
        ...process.env,
        ...(providerUrl === null ? {} : { OPENAI_BASE_URL: providerUrl, OPENAI_API_KEY: 'sk-demo' }),
        OTEL_SERVICE_NAME: 'bicycle-shop',
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: otlpUrl,
        // The SDK asks the provider for the usage of streams, which this app does not do by itself.
        SPANLEDGER_REQUEST_STREAM_USAGE: 'true',
      },
      stdio: 'inherit',
    },
  );
  const [exitCode] = await once(app, 'exit');
  if (exitCode !== 0) throw new Error(`The app ended with exit code ${exitCode}.`);
}

/** Rows appear within a second of their spans; this waits for the last ones and says when they do not come. */
async function untilPosted(service: RunningService, calls: number | null): Promise<boolean> {
  const deadline = performance.now() + APPEARS_WITHIN_MS;
  for (;;) {
    const [row] = await service.query("SELECT count(*) AS calls FROM usage WHERE billing_role = 'billed'");
    const posted = Number(row?.calls ?? 0);
    if (calls === null ? posted > 0 : posted >= calls) return true;
    if (performance.now() > deadline) return false;
    await delay(100);
  }
}

async function showLedger(service: RunningService): Promise<void> {
  say.title('Cost and credits, by customer and feature');
  sayTable(
    await service.query(
      `SELECT coalesce(customer, '(unattributed)') AS customer, coalesce(feature, '(none)') AS feature,
         string_agg(DISTINCT model, ', ') AS model, count(*) AS calls,
         sum(input_tokens) AS input_tokens, sum(cache_read_tokens) AS of_it_cached, sum(output_tokens) AS output_tokens,
         sum(cost_usd) AS cost_usd, count(*) FILTER (cost_usd IS NULL) AS unpriced_calls, sum(credits) AS credits
       FROM usage WHERE billing_role = 'billed' GROUP BY 1, 2 ORDER BY 1, 2`,
    ),
  );
}

/** What each customer sees, and what the shop's own use cost. */
async function showStatements(service: RunningService): Promise<void> {
  say.title("Each customer's statement: what was given, what is left, what happens at zero");
  const rows: Record<string, string | null>[] = [];
  for (const customer of Object.keys(PLANS)) {
    const statement = await service.call('GET', `/api/customers/${customer}/statement`);
    const text = (name: string) => String(statement[name] ?? '');
    rows.push({
      customer,
      plan: text('plan'),
      allowance: text('allowance'),
      used: text('used'),
      remaining: text('remaining'),
      overage: text('overage'),
      overage_usd: text('overage_charge_usd_rounded'),
      refused_but_used: text('overrun'),
      next_reset: text('next_reset').slice(0, 10),
      at_zero: (statement.at_zero as { readonly code: string }).code,
    });
  }
  sayTable(rows);
  const [staff] = await service.query(
    `SELECT count(*) AS calls, sum(cost_usd) AS cost_usd, sum(credits) AS credits
     FROM usage WHERE billing_role = 'billed' AND usage_class = 'internal'`,
  );
  say.plain(
    `  The staff (usage class internal) made ${staff?.calls} calls for ${trimmed(staff?.cost_usd)} USD: cost, but nobody's credits.`,
  );
}

/** A decimal without the zeros at its end. */
function trimmed(decimal: string | null | undefined): string {
  return (decimal ?? '0').replace(/\.?0+$/, '');
}

/** The provider's own log is the truth: calls and tokens of every customer and model must be the same. */
async function checkAgainst(served: readonly ServedCall[], service: RunningService): Promise<boolean> {
  const truth = new Map<string, number[]>();
  for (const { user, model, usage } of served) {
    if (usage === undefined) continue;
    const key = `${user} ${model}`;
    const sums = truth.get(key) ?? [0, 0, 0, 0, 0];
    const counts = [1, usage.inputTokens, usage.cachedTokens, usage.outputTokens, usage.reasoningTokens];
    truth.set(
      key,
      sums.map((sum, index) => sum + (counts[index] ?? 0)),
    );
  }
  const rows = await service.query(
    `SELECT customer || ' ' || model AS key, count(*) AS calls, sum(input_tokens) AS input, sum(cache_read_tokens) AS cached,
       sum(output_tokens) AS output, sum(reasoning_tokens) AS reasoning
     FROM usage WHERE billing_role = 'billed' GROUP BY 1 ORDER BY 1`,
  );
  const ledger = rows.map(({ key, ...sums }) => `${key}: ${Object.values(sums).join(' ')}`);
  const expected = [...truth].map(([key, sums]) => `${key}: ${sums.join(' ')}`).sort();
  if (JSON.stringify(ledger) === JSON.stringify(expected)) {
    say.good(
      `The ledger equals what the provider served: ${served.length} calls, every token class, every customer and model.`,
    );
    return true;
  }
  say.bad('The ledger differs from what the provider served (calls, input, cached, output, reasoning):');
  say.plain(`  served: ${expected.join('\n          ')}\n  ledger: ${ledger.join('\n          ')}`);
  return false;
}

function sayWhatNext(): void {
  say.title('What to try next');
  say.plain(
    [
      `  SPANLEDGER_DATA_DIR=${DATA_DIR} npm start    runs the service on what the demo left behind; then, beside it:`,
      '  npm run spanledger -- query "SELECT customer, sum(cost_usd) AS cost_usd, sum(credits) AS credits FROM usage GROUP BY 1"',
      '  npm run spanledger -- query "SELECT * FROM credit_ledger LIMIT 10"',
      '  curl http://127.0.0.1:4319/api/customers/cus_acme/statement',
      '',
      '  http://127.0.0.1:4318/v1/traces   where your own app or OpenTelemetry Collector sends its spans',
      '  http://127.0.0.1:4319/api/query   the same queries over HTTP; /readyz and /metrics beside it',
    ].join('\n'),
  );
}
