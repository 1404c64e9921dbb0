import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { say, sayTable } from '../say.ts';
import { DATA_DIR, type RunningService, startService } from '../service.ts';
import { type AccountStep, instantText } from './accounts.ts';
import { differences } from './compare.ts';
import { generateHistory, type History } from './generate.ts';
import type { HistoryBody } from './outbox.ts';
import { sendBodies } from './send.ts';
import { type Truth, truthJson } from './truth.ts';

const CONFIG = join(DATA_DIR, 'spanledger.yaml');
/** Any number: the same month for whoever runs it at the same time. */
const SEED = 20_261_123;
/** The ledger posts thousands of spans a second; one that stands still for so long has died. */
const PATIENCE_MS = 60_000;
const APPEARS_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 200;
const SHOWN_DIFFERENCES = 12;

/** A month of a made-up shop, in a fresh ledger. True when the ledger says of it what was sent. */
export async function showMonth(days: number): Promise<boolean> {
  const startedAt = performance.now();
  await rm(DATA_DIR, { recursive: true, force: true });
  await mkdir(DATA_DIR, { recursive: true });
  const history = generateHistory({ days, nowMicros: Date.now() * 1000, seed: SEED, size: 1 });
  await writeFile(CONFIG, history.configuration);
  const service = await startService(CONFIG);
  say.step(`Spanledger takes spans at ${service.otlpUrl}; prices, rules and plans are in ${CONFIG}`);
  try {
    await openAccounts(history.accounts, service);
    await sendAll(history, service);
    const { truth } = history;
    await writeFile(join(DATA_DIR, 'truth.json'), truthJson(truth));
    const found = await untilEqual(truth, service);
    await showSums(service);
    sayStory(history);
    return sayOutcome(found, truth, (performance.now() - startedAt) / 1000);
  } finally {
    await service.stop();
    sayWhatNext();
  }
}

async function openAccounts(steps: readonly AccountStep[], service: RunningService): Promise<void> {
  for (const { path, body } of steps) await service.call('POST', path, body);
  const customers = steps.filter(({ path }) => path === '/api/customers').length;
  say.step(
    `${customers} customers have subscribed on days of the past; one changed its plan, some bought credits`,
  );
}

async function sendAll({ bodies, lateBodies }: History, service: RunningService): Promise<void> {
  const progress = new Progress();
  const onSent = (body: HistoryBody) => progress.sent(body);
  const watching = new AbortController();
  const watched = watch(service, progress, watching.signal);
  try {
    await sendBodies(service.otlpUrl, bodies, onSent);
    await untilPosted(progress);
    await sendBodies(service.otlpUrl, lateBodies, onSent);
    await untilPosted(progress);
  } finally {
    watching.abort();
    await watched;
    progress.end();
  }
}

/** Looks every now and then how far the ledger is. One that does not answer is being started again, or stands still. */
async function watch(service: RunningService, progress: Progress, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const [row] = await service.query('SELECT sum(spans) AS spans FROM ingest_health').catch(() => []);
    if (row !== undefined) progress.posted(Number(row.spans ?? 0));
    await delay(LOOK_EVERY_MS);
  }
}

async function untilPosted(progress: Progress): Promise<void> {
  while (progress.waiting > 0) {
    if (progress.standsStillMs > PATIENCE_MS) throw new Error('The ledger posts nothing any more.');
    await delay(LOOK_EVERY_MS);
  }
}

/** How many spans were sent and posted: a line that is written over on a terminal, and nothing elsewhere. */
class Progress {
  #sent = 0;
  #posted = 0;
  #day = 1;
  #movedAt = performance.now();

  get waiting(): number {
    return this.#sent - this.#posted;
  }

  get standsStillMs(): number {
    return performance.now() - this.#movedAt;
  }

  sent({ spans, day }: HistoryBody): void {
    this.#sent += spans;
    this.#day = day;
    this.#show();
  }

  posted(spans: number): void {
    if (spans !== this.#posted) this.#movedAt = performance.now();
    this.#posted = spans;
    this.#show();
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\r\u001b[K');
    say.step(`${grouped(this.#sent)} spans were sent, ${grouped(this.#posted)} posted`);
  }

  #show(): void {
    if (!process.stdout.isTTY) return;
    const text = `day ${this.#day}: ${grouped(this.#sent)} spans sent, ${grouped(this.#posted)} posted`;
    process.stdout.write(`\r  ${text}\u001b[K`);
  }
}

/** Decisions about what came last take a moment. */
async function untilEqual(truth: Truth, service: RunningService): Promise<readonly string[]> {
  const deadline = performance.now() + APPEARS_WITHIN_MS;
  for (;;) {
    const found = await differences(truth, service);
    if (found.length === 0 || performance.now() > deadline) return found;
    await delay(LOOK_EVERY_MS);
  }
}

async function showSums(service: RunningService): Promise<void> {
  say.title('By feature');
  sayTable(
    await service.query(
      `SELECT coalesce(feature, '(none)') AS feature, count(DISTINCT model) AS models, sum(calls) AS calls,
         sum(failed_calls) AS failed, sum(input_tokens) AS input_tokens, sum(cache_read_tokens) AS of_it_cached,
         sum(output_tokens) AS output_tokens, round(sum(cost_usd), 2) AS cost_usd, sum(unpriced_calls) AS unpriced,
         sum(credits) AS credits
       FROM usage_hourly GROUP BY 1 ORDER BY sum(cost_usd) DESC NULLS LAST`,
    ),
  );
  say.title('By customer');
  sayTable(
    await service.query(
      `WITH used AS (
         SELECT customer, sum(calls) AS calls, sum(cost_usd) AS cost_usd, sum(credits) AS credits
         FROM usage_hourly GROUP BY 1
       ), latest AS (
         SELECT customer, arg_max(plan, period) AS plan, sum(fee_usd) AS fee_usd, sum(overage_credits) AS overage,
           sum(overrun_credits) AS overrun
         FROM billing_periods GROUP BY 1
       )
       SELECT coalesce(used.customer, '(unattributed)') AS customer, coalesce(plan, '-') AS plan, calls,
         round(cost_usd, 2) AS cost_usd, credits, coalesce(overage, 0) AS overage, coalesce(overrun, 0) AS overrun,
         coalesce(available_credits, 0) AS available
       FROM used LEFT JOIN latest USING (customer) LEFT JOIN credit_balances USING (customer)
       ORDER BY used.cost_usd DESC`,
    ),
  );
}

function sayStory({ story }: History): void {
  const at = (micros: number) => instantText(micros).slice(0, 16).replace('T', ' ');
  say.title('What happened (UTC)');
  say.plain(
    [
      `  ${at(story.betterCacheMicros)}  the prompts of ticket-summary are put in an order that caches`,
      `  ${at(story.modelSwitchMicros)}  support-chat goes from gpt-4.1 to gpt-5-mini`,
      `  ${at(story.priceCutMicros)}  claude-sonnet-4-5 becomes a fifth cheaper`,
      `  ${at(story.incident.fromMicros)}  most calls to Anthropic fail, for ${(story.incident.toMicros - story.incident.fromMicros) / 3.6e9} hours; most are made good by another attempt`,
      `  ${at(story.unpricedModelMicros)}  desk-router-7b goes live, for which nobody has written down a price`,
      `  ${at(story.cacheCollapse.fromMicros)}  a time stamp in a prompt: hardly anything is found in the cache until ${at(story.cacheCollapse.toMicros)}`,
    ].join('\n'),
  );
}

function sayOutcome(found: readonly string[], { deliveries }: Truth, seconds: number): boolean {
  const { spans, actions, bytes, duplicates, rejected, conflicts, lateRoots } = deliveries;
  say.plain(
    `\n  ${grouped(spans)} spans of ${grouped(actions)} uses, ${(bytes / 1e6).toFixed(1)} MB, in ${seconds.toFixed(0)} s; among them ` +
      `${grouped(duplicates)} sent twice, ${rejected} malformed, ${conflicts} that contradict others, ${lateRoots} that said late for whom a call was.`,
  );
  if (found.length === 0) {
    say.good(
      'The ledger equals what was sent: calls, every token class and cost to the last digit, by customer, model, feature and hour.',
    );
    return true;
  }
  say.bad(`The ledger differs from what was sent in ${found.length} places:`);
  for (const difference of found.slice(0, SHOWN_DIFFERENCES)) say.plain(`  ${difference}`);
  return false;
}

function sayWhatNext(): void {
  say.title('Look at it');
  say.plain(
    [
      `  SPANLEDGER_DATA_DIR=${DATA_DIR} SPANLEDGER_CONFIG=${CONFIG} npm start    runs the service on it; then, beside it:`,
      '  npm run grafana    says how Grafana shows it',
      '  npm run spanledger -- query "SELECT * FROM billing_periods"',
    ].join('\n'),
  );
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
