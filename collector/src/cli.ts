import { observeSettings } from '@spanledger/metering';
import { Command, CommanderError, Option } from 'commander';
import { Value } from 'typebox/value';
import { ApiErrorSchema, type QueryAnswer, QueryAnswerSchema } from './api/api.ts';
import { type TraceReport, TraceReportSchema } from './api/trace.ts';
import { type Config, readConfig } from './config.ts';
import { type Arrangement, type Encoding, ORDERS, type Order } from './doctor/arrange.ts';
import { type CaseReport, examineCorpus, isAsServed } from './doctor/doctor.ts';
import { isErrorCode, SpanledgerError } from './errors.ts';
import { printDoctorJson, printDoctorTable } from './print-doctor.ts';
import { printTrace } from './print-trace.ts';
import { type Service, type ServiceOptions, startService } from './service.ts';
import { printRows } from './table.ts';
import { createLogger } from './telemetry.ts';
import { type Output, painter } from './terminal.ts';

/** What the commands need of the process around them; only `main.ts` has it. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly readFile: (path: string) => Promise<string>;
  readonly ledgerProgram: ServiceOptions['ledgerProgram'];
  readonly onStopSignal: (listener: (signal: string) => void) => void;
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
        return error.code === 'SL_CORPUS_UNREADABLE' ? WRONG_USAGE : FAILED;
      }
    },
  };
}

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
    .description('run the service until it is told to stop (SIGTERM, Ctrl-C)')
    .option(
      '--new-ledger',
      'begin an empty ledger although the ledger file of this data directory is missing',
    )
    .action(async (options: { newLedger?: boolean }) => {
      const { config, text } = await loadConfig(around, program.opts());
      const log = createLogger(config.log_level, 'receiver');
      // Before anything is started: a signal that comes meanwhile must not cut the start in half.
      const stopSignal = new Promise<string>((resolve) => around.onStopSignal(resolve));
      const service = await startService({
        config,
        configText: text,
        environment: around.environment,
        ledgerProgram: around.ledgerProgram,
        newLedger: options.newLedger === true,
        log,
      });
      sayWhereItIs(around, config, service);
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
      const { config } = await loadConfig(around, program.opts());
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
  return program;
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

async function loadConfig(
  around: Surroundings,
  options: { config?: string },
): Promise<{ config: Config; text: string | null }> {
  const path = options.config ?? DEFAULT_CONFIG_FILE;
  let text: string | null = null;
  try {
    text = await around.readFile(path);
  } catch (cause) {
    const isAbsent = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
    if (!isAbsent || options.config !== undefined) {
      throw new SpanledgerError(
        'SL_CONFIG_INVALID',
        `The configuration file ${path} cannot be read: ${cause}`,
        { cause },
      );
    }
  }
  return { config: readConfig(text, around.environment), text };
}

function sayWhereItIs({ stdout }: Surroundings, config: Config, { otlpPort, apiPort }: Service): void {
  const { host } = config.listen;
  stdout.write(
    [
      'Spanledger is running.',
      `  OTLP    http://${host}:${otlpPort}/v1/traces   send spans here; log events to /v1/logs`,
      `  API     http://${host}:${apiPort}/api/query   also /healthz, /readyz, /metrics`,
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
  const { config } = await loadConfig(around, options);
  return given ?? `http://${config.listen.host}:${config.listen.api_port}`;
}

async function postQuery(url: string, sql: string): Promise<QueryAnswer> {
  const { isOk, answer } = await ask(url, '/api/query', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ sql }),
  });
  if (isOk && Value.Check(QueryAnswerSchema, answer)) return answer;
  if (Value.Check(ApiErrorSchema, answer)) {
    throw new SpanledgerError('SL_QUERY_FAILED', `${answer.error.message} (${answer.error.code})`);
  }
  throw notAnApi(url);
}

async function getTrace(url: string, traceId: string): Promise<TraceReport> {
  const { isOk, answer } = await ask(url, `/api/traces/${encodeURIComponent(traceId)}`);
  if (isOk && Value.Check(TraceReportSchema, answer)) return answer;
  if (Value.Check(ApiErrorSchema, answer)) {
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
