import { Command, CommanderError, Option } from 'commander';
import { Value } from 'typebox/value';
import { ApiErrorSchema, type QueryAnswer, QueryAnswerSchema } from './api/api.ts';
import { type Config, readConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';
import { type Service, type ServiceOptions, startService } from './service.ts';
import { printRows } from './table.ts';
import { createLogger } from './telemetry.ts';

/** What the commands need of the process around them; only `main.ts` has it. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  readonly stdout: NodeJS.WritableStream & { isTTY?: boolean; columns?: number };
  readonly stderr: NodeJS.WritableStream;
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
      const program = commands(around);
      try {
        await program.parseAsync([...args], { from: 'user' });
        return 0;
      } catch (error) {
        if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
        if (!(error instanceof SpanledgerError)) throw error;
        around.stderr.write(`${error.code}: ${error.message}\n`);
        return FAILED;
      }
    },
  };
}

function commands(around: Surroundings): Command {
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
      const { config } = await loadConfig(around, program.opts());
      const url = options.url ?? `http://${config.listen.host}:${config.listen.api_port}`;
      const statement = sql === undefined || sql === '-' ? await readAll(around.stdin) : sql;
      printRows(around.stdout, await postQuery(url, statement), options.json === true);
    });
  return program;
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
      `  OTLP    http://${host}:${otlpPort}/v1/traces   send spans here`,
      `  API     http://${host}:${apiPort}/api/query   also /healthz, /readyz, /metrics`,
      `  data    ${config.data_dir}`,
      '',
    ].join('\n'),
  );
}

async function postQuery(url: string, sql: string): Promise<QueryAnswer> {
  let response: Response;
  try {
    response = await fetch(new URL('/api/query', url), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ sql }),
    });
  } catch (cause) {
    throw new SpanledgerError(
      'SL_SERVICE_UNREACHABLE',
      `No service answers at ${url}. Start it with: npm start`,
      {
        cause,
      },
    );
  }
  const answer: unknown = await response.json();
  if (response.ok && Value.Check(QueryAnswerSchema, answer)) return answer;
  if (Value.Check(ApiErrorSchema, answer)) {
    throw new SpanledgerError('SL_QUERY_FAILED', `${answer.error.message} (${answer.error.code})`);
  }
  throw new SpanledgerError('SL_SERVICE_UNREACHABLE', `What answers at ${url} is not a Spanledger API.`);
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stream) text += chunk;
  return text;
}
