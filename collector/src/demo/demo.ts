import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ServedCall, startStandInProvider } from './provider.ts';
import { say, sayTable } from './say.ts';

/**
 * The demo: a stand-in for the OpenAI API, the service, and a small app between them; then what the ledger says, held
 * against what the provider served. Everything on this machine, no key needed.
 */
const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const SOURCES = '--conditions=@spanledger/source';
/** Fresh at every run; kept afterwards, so that it can be looked at. */
const DATA_DIR = join('.spanledger', 'demo');
const APPEARS_WITHIN_MS = 20_000;
/** Who buys what; the staff has no plan. */
const PLANS = { cus_acme: 'pro', cus_globex: 'starter', cus_initech: 'business' } as const;

const HELP = `npm run demo -- [--real] [--rounds N]

Runs a small app with three customers, the staff and three features through the whole pipeline, prints cost and
credits for each and everyone's statement, and checks them against what the provider served.

  --real      call the real OpenAI API (costs a fraction of a cent; needs OPENAI_API_KEY)
  --rounds N  rounds of traffic (default 12)
`;

const options = readOptions();
if (options === null) {
  process.exitCode = 2;
} else if (options.help) {
  process.stdout.write(HELP);
} else {
  process.exitCode = (await demo(options)) ? 0 : 1;
}

interface Options {
  readonly real: boolean;
  readonly rounds: string;
  readonly help: boolean;
}

/** Null when the command line is wrong; what is wrong has been said. */
function readOptions(): Options | null {
  try {
    const { values } = parseArgs({
      options: {
        real: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '12' },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    });
    if (!/^[1-9]\d{0,5}$/.test(values.rounds))
      throw new Error(`--rounds takes a whole number, not ${values.rounds}`);
    if (values.real && !process.env.OPENAI_API_KEY && !values.help) {
      throw new Error('--real calls the OpenAI API and needs OPENAI_API_KEY in the environment');
    }
    return values;
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}\n\n${HELP}`);
    return null;
  }
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
  const service = await startService();
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

interface RunningService {
  readonly otlpUrl: string;
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<Readonly<Record<string, unknown>>>;
  query(sql: string): Promise<Record<string, string | null>[]>;
  stop(): Promise<void>;
}

/** The service as `npm start` runs it, on ports that are free and with data of its own. */
async function startService(): Promise<RunningService> {
  const child = spawn(
    process.execPath,
    [SOURCES, here('../main.ts'), '--config', here('spanledger.yaml'), 'start'],
    {
      env: {
        ...process.env,
        SPANLEDGER_DATA_DIR: DATA_DIR,
        SPANLEDGER_OTLP_HTTP_PORT: '0',
        SPANLEDGER_API_PORT: '0',
        SPANLEDGER_SQL_PORT: '0',
        SPANLEDGER_LOG_LEVEL: 'warn',
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const greeting = await readUntil(child, /API +(http:\S+)/);
  const otlpUrl = /OTLP +(http:\S+)/.exec(greeting)?.[1] ?? '';
  const apiUrl = /API +(http:\S+)/.exec(greeting)?.[1] ?? '';
  return {
    otlpUrl,
    async call(method, path, body) {
      const response = await fetch(new URL(path, apiUrl), {
        method,
        ...(body === undefined
          ? {}
          : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
      });
      if (!response.ok) throw new Error(`${path} was answered ${response.status}: ${await response.text()}`);
      return (await response.json()) as Record<string, unknown>;
    },
    async query(sql) {
      const response = await fetch(apiUrl, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ sql }),
      });
      const { columns, rows } = (await response.json()) as {
        columns: { name: string }[];
        rows: (string | null)[][];
      };
      return rows.map((row) =>
        Object.fromEntries(columns.map(({ name }, index) => [name, row[index] ?? null])),
      );
    },
    async stop() {
      if (child.exitCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}

async function readUntil(child: ChildProcess, pattern: RegExp): Promise<string> {
  let text = '';
  for await (const chunk of child.stdout ?? []) {
    text += chunk;
    if (pattern.test(text)) return text;
  }
  throw new Error(`The service ended before it was running. It said: ${text}`);
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
