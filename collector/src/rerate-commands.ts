import { setTimeout as delay } from 'node:timers/promises';
import { type Command, Option } from 'commander';
import type { Static, TSchema } from 'typebox';
import {
  RerateAcceptedSchema,
  type RerateBody,
  type RerateReport,
  RerateReportSchema,
  type WhatIfBody,
  WhatIfReportSchema,
} from './api/rerate.ts';
import { SpanledgerError } from './errors.ts';
import { printRerating, printWhatIf } from './print-comparison.ts';
import type { Output, Paint } from './terminal.ts';

export interface RerateCommandParts {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly paint: Paint;
  readonly readFile: (path: string) => Promise<string>;
  /** Asks the service at a URL, or at that of the configuration; throws what it refuses. */
  readonly ask: <Schema extends TSchema>(
    url: string | undefined,
    path: string,
    body: object | null,
    answer: Schema,
  ) => Promise<Static<Schema>>;
  readonly onFailure: () => void;
}

/** Often enough for a bar that moves. */
const POLL_MS = 200;

interface RerateOptions {
  readonly from: string;
  readonly to: string;
  readonly model?: string;
  readonly policy: 'customer_favourable' | 'neutral';
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly url?: string;
}

interface WhatIfOptions {
  readonly from: string;
  readonly to: string;
  readonly prices?: string;
  readonly rules?: string;
  readonly allowance?: string;
  readonly json?: boolean;
  readonly url?: string;
}

export function addRerateCommands(program: Command, parts: RerateCommandParts): void {
  program
    .command('rerate')
    .description('rate usage of the past again by the prices of today: show what changes, then write it')
    .requiredOption('--from <time>', 'events from here on: a date (from 00:00 UTC) or an instant')
    .requiredOption('--to <time>', 'events before this')
    .option('--model <name>', 'only calls of this model, as the column model of the view usage has it')
    .addOption(
      new Option('--policy <policy>', 'what happens to credits that are settled')
        .choices(['customer_favourable', 'neutral'])
        .default('customer_favourable'),
    )
    .option('--dry-run', 'only show what would change')
    .option('--json', 'print one JSON object, for programs')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .addHelpText(
      'after',
      `
Cost is always corrected. customer_favourable never raises the credits of a call that was charged; neutral lets them
follow the price. Nothing that was booked is changed: the difference is booked. What is interrupted goes on in the
service, also after its next start; running it twice adds nothing.
Exit code 0 when it is done, 1 when it failed, 2 if the command line is wrong.

Example:
  spanledger rerate --from 2026-10-01 --to 2026-11-01 --model gpt-4o --dry-run`,
    )
    .action(async (options: RerateOptions) => {
      const { from, to, model, policy } = options;
      const request: RerateBody = { from, to, policy, ...(model === undefined ? {} : { model }) };
      const isDry = options.dryRun === true;
      const isForPeople = options.json !== true;
      if (isDry || isForPeople) {
        const preview = await runJob({ ...request, dry_run: true }, options.url, parts);
        if (isForPeople) printRerating(parts.stdout, preview, parts.paint);
        else printJson(parts.stdout, preview);
        if (preview.state !== 'done') return parts.onFailure();
        if (isDry || preview.changed_calls === 0) return;
        parts.stdout.write('\n');
      }
      const report = await runJob(request, options.url, parts);
      if (isForPeople) printRerating(parts.stdout, report, parts.paint);
      else printJson(parts.stdout, report);
      if (report.state !== 'done') parts.onFailure();
    });

  program
    .command('whatif')
    .description('run history under other prices or other credit rules, without writing anything')
    .requiredOption('--from <time>', 'events from here on: a date (from 00:00 UTC) or an instant')
    .requiredOption('--to <time>', 'events before this')
    .option('--prices <file>', 'a price file, laid over the prices in use')
    .option('--rules <file>', 'credit rules, as the section credits of spanledger.yaml has them')
    .option('--allowance <credits>', 'list the customers who would burn more in a calendar month')
    .option('--json', 'print what POST /api/whatif answers, for programs')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .addHelpText(
      'after',
      '\nWith neither file the difference is 0, unless there is something to rate again.\n\nExample:\n  spanledger whatif --from 2026-10-01 --to 2026-11-01 --prices new-prices.yaml --allowance 10000',
    )
    .action(async ({ from, to, prices, rules, allowance, json, url }: WhatIfOptions) => {
      const request: WhatIfBody = {
        from,
        to,
        ...(prices === undefined ? {} : { prices: await readGiven(prices, parts) }),
        ...(rules === undefined ? {} : { rules: await readGiven(rules, parts) }),
        ...(allowance === undefined ? {} : { allowance }),
      };
      const report = await parts.ask(url, '/api/whatif', request, WhatIfReportSchema);
      if (json === true) printJson(parts.stdout, report);
      else printWhatIf(parts.stdout, report, parts.paint);
    });
}

async function readGiven(path: string, { readFile }: RerateCommandParts): Promise<string> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SpanledgerError('SL_WHATIF_REQUEST', `The file ${path} cannot be read: ${cause}`, { cause });
  }
}

/** Until the job is no longer running; a job that was replaced is followed to the one that does its work. */
async function runJob(
  request: RerateBody,
  url: string | undefined,
  parts: RerateCommandParts,
): Promise<RerateReport> {
  let { id } = await parts.ask(url, '/api/rerate', request, RerateAcceptedSchema);
  for (;;) {
    const report = await parts.ask(url, `/api/rerate/${encodeURIComponent(id)}`, null, RerateReportSchema);
    showBar(parts.stderr, report);
    if (report.replaced_by !== null) id = report.replaced_by;
    else if (report.state !== 'running') return report;
    else await delay(POLL_MS);
  }
}

const BAR_COLUMNS = 30;

/** A line that is written over, and gone in the end; only for people who watch. */
function showBar(out: Output, { state, examined_calls: examined, total_calls: total }: RerateReport): void {
  if (out.isTTY !== true) return;
  if (state !== 'running') {
    out.write('\r\u001b[K');
    return;
  }
  const done = total === 0 ? 0 : Math.min(examined / total, 1);
  const filled = Math.round(done * BAR_COLUMNS);
  const bar = '#'.repeat(filled).padEnd(BAR_COLUMNS, '.');
  out.write(`\r[${bar}] ${Math.floor(done * 100)} %  ${examined} of ${total} calls\u001b[K`);
}

function printJson(out: Output, report: object): void {
  out.write(`${JSON.stringify(report, null, 2)}\n`);
}
