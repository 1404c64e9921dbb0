import { observeSettings } from '@spanledger/metering';
import { Command, CommanderError, Option } from 'commander';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { type QueryAnswer, QueryAnswerSchema } from './api/query-answer.ts';
import { ErrorSchema } from './api/schemas.ts';
import { type TraceReport, TraceReportSchema } from './api/trace.ts';
import { FEED_FORMATS, importPrices, renderPriceFile } from './catalogue/import/index.ts';
import type { PriceCatalogue } from './catalogue/index.ts';
import { type Config, readConfig, readServiceConfig } from './config.ts';
import type { Arrangement, Encoding } from './doctor/arrange.ts';
import type { CaseReport } from './doctor/doctor.ts';
import { ORDERS, type Order } from './doctor/orders.ts';
import { type ErrorCode, isErrorCode, SpanledgerError } from './errors.ts';
import { addExportCommand } from './export/export-command.ts';
import { addImportCommand } from './import/import-command.ts';
import {
  countArgument,
  type PriceOptions,
  priceLines,
  printPrice,
  questionOf,
} from './pricing/price-command.ts';
import { answerOf, ratingOf } from './pricing/priced-line.ts';
import { datedContent, printSearch, searchPrices } from './pricing/search.ts';
import { printTrace } from './print-trace.ts';
import { DATABASE } from './reader/postgres/database.ts';
import { addRerateCommands } from './rerate-commands.ts';
import type { Service, ServiceOptions } from './service.ts';
import { addSimulateCommand } from './simulate/simulate-command.ts';
import { addSnapshotCommand } from './snapshot/snapshot-command.ts';
import { printRows } from './table.ts';
import { counted, type Output, painter, visible } from './terminal.ts';
import { addUserCommands } from './user-commands.ts';

/** What the commands need of the process around them; only `main.ts` has it. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly readFile: (path: string) => Promise<string>;
  readonly ledgerProgram: ServiceOptions['ledgerProgram'];
  readonly onStopSignal: (listener: (signal: string) => void) => void;
  readonly onReloadSignal: (listener: () => void) => void;
}

/** Exit codes: 0 done, 1 failed, 2 the command line itself was wrong. */
const FAILED = 1;
const WRONG_USAGE = 2;

export function buildCli(around: Surroundings): { run(args: readonly string[]): Promise<number> } {
  return {
    async run(args) {
      let exitCode = 0;
      const program = commands(around, () => {
        exitCode = FAILED;
      });
      try {
        await program.parseAsync([...args], { from: 'user' });
        return exitCode;
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
        if (!(error instanceof SpanledgerError)) throw error;
        around.stderr.write(`${error.code}: ${error.message}\n`);
        return WRONG_USAGE_CODES.has(error.code) ? WRONG_USAGE : FAILED;
      }
    },
  };
}

const WRONG_USAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  'SL_CORPUS_UNREADABLE',
  'SL_EXPORT_REQUEST',
  'SL_IMPORT_UNREADABLE',
  'SL_PRICE_QUESTION',
  'SL_PRICES_UNREADABLE',
  'SL_RERATE_REQUEST',
  'SL_SCENARIO_INVALID',
  'SL_USER_REQUEST',
  'SL_WHATIF_REQUEST',
]);

/** `onFailure`: the command has done and said all it can, but not everything is well. */
function commands(around: Surroundings, onFailure: () => void): Command {
  const program = new Command('spanledger')
    .description('Turns the OpenTelemetry spans of AI calls into a ledger of usage, cost and credits.')
    .exitOverride()
    .showHelpAfterError('(spanledger --help lists the commands)')
    .configureOutput({
      writeOut: (text) => around.stdout.write(text),
      writeErr: (text) => around.stderr.write(text),
    })
    .addOption(
      new Option('-c, --config <file>', 'configuration file; default: spanledger.yaml if it exists').env(
        'SPANLEDGER_CONFIG',
      ),
    );

  program
    .command('start', { isDefault: true })
    .description(
      'run the service until it is told to stop (SIGTERM, Ctrl-C); SIGHUP takes over changed prices and rules',
    )
    .option(
      '--new-ledger',
      'begin an empty ledger although the ledger file of this data directory is missing',
    )
    .action(async (options: { newLedger?: boolean }) => {
      const text = await configText(around, program.opts());
      const config = readServiceConfig(text, around.environment);
      // Before anything is started: a signal that comes meanwhile must not cut the start in half.
      const stopSignal = new Promise<string>((resolve) => around.onStopSignal(resolve));
      // Only here: no other command needs the servers, and loading them takes longer than most commands do.
      const { createLogger } = await import('./log.ts');
      const { startService } = await import('./service.ts');
      const log = createLogger(config.log_level, 'receiver');
      const service = await startService({
        config,
        configText: text,
        environment: around.environment,
        ledgerProgram: around.ledgerProgram,
        newLedger: options.newLedger === true,
        log,
      });
      sayWhereItIs(around, config, service);
      around.onReloadSignal(() => void reload(around, program.opts(), service, log));
      const signal = await stopSignal;
      log.info({ signal }, 'stopping: what was accepted is posted first; a second signal ends at once');
      if (!(await service.stop())) {
        throw new SpanledgerError(
          'SL_INTERNAL',
          'The ledger process did not end in time and was killed; the next start replays the journal.',
        );
      }
      log.info('stopped');
    });

  program
    .command('query')
    .description('run one SELECT on the ledger of the running service and print the result')
    .argument('[sql]', 'the statement; read from standard input when left out or -')
    .option('--json', 'print a JSON array with an object per row, for programs')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .action(async (sql: string | undefined, options: { json?: boolean; url?: string }) => {
      const url = await apiUrl(around, program.opts(), options.url);
      const statement = sql === undefined || sql === '-' ? await readAll(around.stdin) : sql;
      printRows(around.stdout, await postQuery(url, statement), options.json === true);
    });

  program
    .command('explain')
    .description('show who bills in one trace, with which tokens, at what cost, for whom, and why')
    .argument('<trace-id>', '32 hexadecimal digits')
    .option('--all', 'show also the spans that have nothing to do with a model call')
    .option('--json', 'print what GET /api/traces/TRACE_ID answers, for programs')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .addHelpText(
      'after',
      '\nExample:\n  spanledger explain 4bf92f3577b34da6a3ce929d0e0e4736\n\nTrace ids are in the column trace_id of the view usage.',
    )
    .action(async (traceId: string, options: { all?: boolean; json?: boolean; url?: string }) => {
      const report = await getTrace(await apiUrl(around, program.opts(), options.url), traceId);
      if (options.json === true) {
        around.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
        return;
      }
      const paint = painter(around.stdout, around.environment);
      printTrace(around.stdout, report, { paint, isWhole: options.all === true });
    });

  program
    .command('doctor')
    .description('compare what metering makes of captured request bodies with what the provider served')
    .requiredOption(
      '--corpus <folder>',
      'folder with a NAME.meta.json for each case and the bodies that it names',
    )
    .addOption(
      new Option('--encoding <encoding>', 'send the bodies so; default: as they were captured').choices([
        'protobuf',
        'json',
        'both',
      ]),
    )
    .addOption(
      new Option('--order <order>', 'send the spans so').choices([...ORDERS, 'all']).default('forwards'),
    )
    .option('--json', 'print one JSON object, for programs')
    .addHelpText(
      'after',
      `
Each case goes through the same reading and metering as what is received, with the labels and the attribution of the
configuration; no service is needed, nothing is stored.
Exit code 0 if every case is as served, 1 if some differ or cannot be read, 2 if there is nothing to compare.

Example:
  spanledger doctor --corpus test/corpus --encoding both --order all`,
    )
    .action(async (options: DoctorOptions) => {
      const { examineCorpus, isAsServed } = await import('./doctor/doctor.ts');
      const { printDoctorJson, printDoctorTable } = await import('./print-doctor.ts');
      const config = await loadConfig(around, program.opts());
      const settings = { observing: observeSettings(config.labels), attribution: config.attribution };
      const arrangements = arrangementsOf(options);
      const reports: CaseReport[] = [];
      for await (const { report, caseCount } of examineCorpus(options.corpus, arrangements, settings)) {
        reports.push(report);
        showProgress(around.stderr, reports.length, caseCount);
      }
      if (options.json === true) printDoctorJson(around.stdout, reports);
      else printDoctorTable(around.stdout, reports, painter(around.stdout, around.environment));
      if (!reports.every(isAsServed)) onFailure();
    });

  addUserCommands(program, {
    ...around,
    configFile: async () => {
      const options: { config?: string } = program.opts();
      return { path: options.config ?? DEFAULT_CONFIG_FILE, text: await configText(around, options, true) };
    },
  });
  addPriceCommands(program, around, onFailure);
  addFileCommands(program, around, onFailure);
  addSimulateCommand(program, {
    stdout: around.stdout,
    paint: painter(around.stdout, around.environment),
    readFile: around.readFile,
    onFailure,
  });
  return program;
}

function addPriceCommands(program: Command, around: Surroundings, onFailure: () => void): void {
  const count = (flags: string, text: string) => new Option(flags, text).argParser(countArgument);
  program
    .command('price')
    .description('say what a call costs, and which price of which list makes it so')
    .argument(
      '[model]',
      'the model; left out, questions are read from standard input, a JSON object on each line',
    )
    .option('--provider <name>', 'whose model it is (openai, aws.bedrock, …); default: what its name tells')
    .addOption(count('--input <tokens>', 'input tokens, cached ones included'))
    .addOption(count('--output <tokens>', 'output tokens, reasoning included'))
    .addOption(count('--cache-read <tokens>', 'of the input, read from the cache'))
    .addOption(count('--cache-write <tokens>', 'of the input, written to the cache'))
    .addOption(count('--cache-write1h <tokens>', 'of those, to be kept for an hour'))
    .addOption(count('--reasoning <tokens>', 'of the output, reasoning'))
    .addOption(count('--input-audio <tokens>', 'of the input, audio'))
    .addOption(count('--output-audio <tokens>', 'of the output, audio'))
    .addOption(count('--input-image <tokens>', 'of the input, images'))
    .addOption(count('--output-image <tokens>', 'of the output, images'))
    .addOption(count('--requests <number>', 'requests, where there is a fee for each; default 1'))
    .addOption(count('--web-searches <number>', 'searches by the model'))
    .addOption(count('--images <number>', 'images, where they are priced by the piece'))
    .addOption(count('--seconds <number>', 'seconds of sound, where it is priced by time'))
    .addOption(count('--pages <number>', 'pages, where they are priced by the piece'))
    .option('--at <instant>', 'when the call ended (2026-01-15T12:00:00Z); default: now')
    .option('--service-tier <name>', 'batch, flex, priority, …')
    .option('--region <name>', 'where the provider served it')
    .option('--inference-geo <name>', "Anthropic's inference_geo")
    .option('--customer <id>', 'at the contract prices of this customer')
    .option('--tenant <id>', 'at the contract prices of this tenant')
    .option('--json', 'print one JSON object, for programs')
    .addHelpText(
      'after',
      `
The prices are those of the built-in list under those of the configuration; no service is needed.
Exit code 0 if there is a price, 1 if not (of lines: if one could not be read), 2 if the question is wrong.

Examples:
  spanledger price gpt-4o --input 1200 --output 300
  spanledger price claude-sonnet-4-5 --provider anthropic --input 250_000 --cache-read 200_000 --output 800
  echo '{"provider":"openai","model":"gpt-4o","timestamp":"2026-01-15T12:00:00Z","usage":{"input_tokens":1200,"output_tokens":300}}' | spanledger price`,
    )
    .action(
      async (model: string | undefined, options: PriceOptions & { json?: boolean }, command: Command) => {
        const catalogue = await configuredCatalogue(around, program.opts());
        if (model === undefined) {
          if (around.stdin.isTTY === true) command.help({ error: true });
          if (!(await priceLines(around.stdin, around.stdout, catalogue))) onFailure();
          return;
        }
        const question = questionOf(model, options, Date.now());
        if (options.json === true) {
          const rating = ratingOf(question, catalogue);
          around.stdout.write(
            `${JSON.stringify({ model, provider: question.provider, ...answerOf(rating) }, null, 2)}\n`,
          );
          if (rating.kind !== 'priced') onFailure();
          return;
        }
        const paint = painter(around.stdout, around.environment);
        if (!printPrice(around.stdout, question, catalogue, paint)) onFailure();
      },
    );

  const prices = program.command('prices').description('look into the price book');
  prices
    .command('search')
    .description('show what models cost and have cost')
    .argument('<words...>', 'parts of provider and model name, all of which must occur')
    .option('--json', 'print a JSON array of rate cards, for programs')
    .addHelpText('after', '\nExample:\n  spanledger prices search claude sonnet')
    .action(async (words: string[], options: { json?: boolean }) => {
      const found = searchPrices(await configuredCatalogue(around, program.opts()), words);
      if (options.json === true) {
        const cards = [...found.values()].flat().map(datedContent);
        around.stdout.write(`${JSON.stringify(cards, null, 2)}\n`);
      } else printSearch(around.stdout, found, painter(around.stdout, around.environment));
      if (found.size === 0) onFailure();
    });

  prices
    .command('import')
    .description(
      "turn somebody's price list into cards to look through, and to put under prices of the configuration",
    )
    .argument('<file>', 'the list as JSON')
    .addOption(
      new Option('--format <format>', 'whose list it is').choices(['auto', ...FEED_FORMATS]).default('auto'),
    )
    .addHelpText(
      'after',
      `
Known are the JSON of genai-prices (v2), LiteLLM (model_prices_and_context_window.json) and models.dev (api.json).
The cards are printed as YAML; what cannot be said in it is left out, and listed on standard error with the reason.

Example:
  spanledger prices import model_prices_and_context_window.json > cards.yaml`,
    )
    .action(async (path: string, { format }: { format: 'auto' | (typeof FEED_FORMATS)[number] }) => {
      const imported = importPrices(await readGivenFile(around, path), format);
      if (imported.kind === 'unreadable') {
        throw new SpanledgerError('SL_PRICES_UNREADABLE', `${path}: ${imported.detail}`);
      }
      const { file, skipped, modelCount } = imported;
      around.stdout.write(renderPriceFile(file));
      for (const { path: place, reason } of skipped)
        around.stderr.write(`${visible(place)}: ${visible(reason)}\n`);
      around.stderr.write(
        `${counted((file.cards ?? []).length, 'card')} of ${counted(modelCount, 'model')} (${imported.format}), ${skipped.length} left out\n`,
      );
    });

  addRerateCommands(program, {
    stdout: around.stdout,
    stderr: around.stderr,
    paint: painter(around.stdout, around.environment),
    readFile: around.readFile,
    ask: asker(around, program),
    onFailure,
  });
}

/** Usage out of files and into them. */
function addFileCommands(program: Command, around: Surroundings, onFailure: () => void): void {
  addImportCommand(program, {
    stdout: around.stdout,
    stderr: around.stderr,
    paint: painter(around.stdout, around.environment),
    service: async () => {
      const { labels, attribution, listen } = await loadConfig(around, program.opts());
      return {
        observing: observeSettings(labels),
        attribution,
        catalogue: await configuredCatalogue(around, program.opts()),
        otlpUrl: `http://${listen.host}:${listen.otlp_http_port}`,
      };
    },
    nowMillis: Date.now,
    onFailure,
  });
  addExportCommand(program, {
    stdout: around.stdout,
    stderr: around.stderr,
    apiUrl: (given) => apiUrl(around, program.opts(), given),
  });
  addSnapshotCommand(program, {
    stdout: around.stdout,
    stderr: around.stderr,
    ask: asker(around, program),
  });
}

/** Asks the service at a URL, or at that of the configuration. */
function asker(around: Surroundings, program: Command) {
  return async <Schema extends TSchema>(
    url: string | undefined,
    path: string,
    body: object | null,
    schema: Schema,
  ) => {
    const request = body === null ? undefined : jsonRequest(body);
    return await askFor(await apiUrl(around, program.opts(), url), path, request, schema);
  };
}

function jsonRequest(body: object): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

async function readGivenFile({ readFile }: Surroundings, path: string): Promise<string> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new SpanledgerError('SL_PRICES_UNREADABLE', `The file ${path} cannot be read: ${cause}`, { cause });
  }
}

async function configuredCatalogue(
  around: Surroundings,
  options: { config?: string },
): Promise<PriceCatalogue> {
  const { prices } = await loadConfig(around, options);
  // Only here: the service's main process runs this file too, and needs no price lists.
  const { catalogueWith, overlay } = await import('./catalogue/index.ts');
  return catalogueWith([overlay(), prices.layer], prices.similarModels);
}

/** A configuration with mistakes changes nothing: the last good one holds on. */
async function reload(
  around: Surroundings,
  options: { config?: string },
  service: Service,
  log: ServiceOptions['log'],
): Promise<void> {
  try {
    const text = await configText(around, options);
    // Here, so that a mistake is told at once and the ledger process hears only of what is right.
    readConfig(text, around.environment);
    service.reload(text);
  } catch (error) {
    log.error({ err: error }, 'the changed configuration is not taken over; the last good one holds on');
  }
}

interface DoctorOptions {
  readonly corpus: string;
  readonly encoding?: 'protobuf' | 'json' | 'both';
  readonly order: Order | 'all';
  readonly json?: boolean;
}

function arrangementsOf({ encoding, order }: DoctorOptions): readonly Arrangement[] {
  const encodings: readonly Encoding[] =
    encoding === 'both' ? ['protobuf', 'json'] : [encoding ?? 'captured'];
  const orders = order === 'all' ? ORDERS : [order];
  return encodings.flatMap((encoding) => orders.map((order) => ({ encoding, order })));
}

/** A line that is written over, and gone in the end; only for people who watch. */
function showProgress(out: Output, done: number, total: number): void {
  if (out.isTTY !== true) return;
  out.write(done === total ? '\r\u001b[K' : `\r${done} of ${total} cases`);
}

const DEFAULT_CONFIG_FILE = 'spanledger.yaml';

async function loadConfig(around: Surroundings, options: { config?: string }): Promise<Config> {
  return readConfig(await configText(around, options), around.environment);
}

/** Null: there is no file, and nobody named one. */
/** Null: there is no file, and none was named, or it may be new. */
async function configText(
  around: Surroundings,
  options: { config?: string },
  mayBeNew = false,
): Promise<string | null> {
  const path = options.config ?? DEFAULT_CONFIG_FILE;
  try {
    return await around.readFile(path);
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (isAbsent && (mayBeNew || options.config === undefined)) return null;
    throw new SpanledgerError(
      'SL_CONFIG_INVALID',
      `The configuration file ${path} cannot be read: ${cause}`,
      {
        cause,
      },
    );
  }
}

function sayWhereItIs(
  { stdout }: Surroundings,
  config: Config,
  { otlpPort, apiPort, sqlPort }: Service,
): void {
  const { host, sql_host: sqlHost = host } = config.listen;
  const [user] = config.reader.users.keys();
  // Clients want a user to be named, even where any will do.
  const sqlUrl = `postgresql://${user ?? 'reader'}@${sqlHost}:${sqlPort}/${DATABASE}`;
  const how = user === undefined ? 'psql and other PostgreSQL clients read here' : 'with its password';
  stdout.write(
    [
      'Spanledger is running.',
      `  OTLP    http://${host}:${otlpPort}/v1/traces   send spans here; log events to /v1/logs`,
      `  API     http://${host}:${apiPort}/api/query   also /healthz, /readyz, /metrics`,
      `  SQL     ${sqlUrl}   ${how}`,
      `  data    ${config.data_dir}`,
      '',
    ].join('\n'),
  );
}

async function apiUrl(
  around: Surroundings,
  options: { config?: string },
  given: string | undefined,
): Promise<string> {
  const config = await loadConfig(around, options);
  return given ?? `http://${config.listen.host}:${config.listen.api_port}`;
}

async function postQuery(url: string, sql: string): Promise<QueryAnswer> {
  const { isOk, answer } = await ask(url, '/api/query', jsonRequest({ sql }));
  if (isOk && Value.Check(QueryAnswerSchema, answer)) return answer;
  if (Value.Check(ErrorSchema, answer)) {
    throw new SpanledgerError('SL_QUERY_FAILED', `${answer.error.message} (${answer.error.code})`);
  }
  throw notAnApi(url);
}

async function getTrace(url: string, traceId: string): Promise<TraceReport> {
  return await askFor(url, `/api/traces/${encodeURIComponent(traceId)}`, undefined, TraceReportSchema);
}

/** @throws {SpanledgerError} what the service refuses, by its own code */
async function askFor<Schema extends TSchema>(
  url: string,
  path: string,
  request: RequestInit | undefined,
  schema: Schema,
): Promise<Static<Schema>> {
  const { isOk, answer } = await ask(url, path, request);
  if (isOk && Value.Check(schema, answer)) return answer;
  if (Value.Check(ErrorSchema, answer)) {
    const { code, message } = answer.error;
    throw new SpanledgerError(isErrorCode(code) ? code : 'SL_INTERNAL', message);
  }
  throw notAnApi(url);
}

async function ask(
  url: string,
  path: string,
  request?: RequestInit,
): Promise<{ readonly isOk: boolean; readonly answer: unknown }> {
  let response: Response;
  try {
    response = await fetch(new URL(path, url), request);
  } catch (cause) {
    throw new SpanledgerError(
      'SL_SERVICE_UNREACHABLE',
      `No service answers at ${url}. Start it with: npm start`,
      { cause },
    );
  }
  try {
    return { isOk: response.ok, answer: await response.json() };
  } catch (cause) {
    throw notAnApi(url, cause);
  }
}

function notAnApi(url: string, cause?: unknown): SpanledgerError {
  return new SpanledgerError('SL_SERVICE_UNREACHABLE', `What answers at ${url} is not a Spanledger API.`, {
    cause,
  });
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
