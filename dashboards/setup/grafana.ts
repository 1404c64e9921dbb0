import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { readConfig } from '../../collector/src/config.ts';
import { painter } from '../../collector/src/terminal.ts';
import { RUNBOOKS } from '../alerts/provisioned.ts';
import { dashboards } from '../src/files.ts';
import { GrafanaRefused, push, type SslMode } from './push.ts';
import { type Place, sections } from './steps.ts';

/** `npm run grafana`: says how to get the dashboards into a Grafana, or puts them there. */
const HELP = `npm run grafana [-- --url URL [--sql HOST:PORT [--user NAME] [--sslmode MODE]] [--runbooks URL]]

Without --url: prints the steps, with the ports and paths of this checkout, for a Grafana that you have, for one in
containers and for Grafana Cloud.

  --url URL        put the data source, the dashboards and the alert rules into the Grafana at this address, over its
                   API; what is there already under the same uids is replaced
  --sql HOST:PORT  where Grafana reaches the SQL port; without it the data source spanledger must be there already
  --user NAME      whom it logs in as (default grafana)
  --sslmode MODE   disable (default), require, verify-ca or verify-full
  --runbooks URL   the address of dashboards/runbooks in your copy of the repository, for links in alerts

From the environment, because others see the arguments of programs:
  GRAFANA_TOKEN            token of a service account with the role Admin; needed with --url
  SPANLEDGER_SQL_PASSWORD  the password of the user; none where the service has no users

Ends with 0 when all is done, 1 when Grafana refused something, 2 when the command line is wrong.
`;

const SSL_MODES: readonly SslMode[] = ['disable', 'require', 'verify-ca', 'verify-full'];

class WrongUse extends Error {}

const paint = painter(process.stdout, process.env);
process.exitCode = await run(process.argv.slice(2)).catch((error: unknown) => {
  if (error instanceof WrongUse) {
    process.stderr.write(`${error.message}\n\n${HELP}`);
    return 2;
  }
  if (!(error instanceof GrafanaRefused)) throw error;
  process.stderr.write(`${error.message}\n`);
  return 1;
});

async function run(args: readonly string[]): Promise<number> {
  const options = read(args);
  if (options.help) process.stdout.write(HELP);
  else if (options.url === undefined) print(await thisPlace());
  else await pushTo(options.url, options);
  return 0;
}

function read(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        url: { type: 'string' },
        sql: { type: 'string' },
        user: { type: 'string', default: 'grafana' },
        sslmode: { type: 'string', default: 'disable' },
        runbooks: { type: 'string', default: RUNBOOKS },
        help: { type: 'boolean', default: false, short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

async function pushTo(address: string, options: ReturnType<typeof read>): Promise<void> {
  const url = URL.parse(address);
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new WrongUse(`--url takes an http(s) address, not ${address}`);
  const token = process.env.GRAFANA_TOKEN ?? '';
  if (token === '') throw new WrongUse('GRAFANA_TOKEN is not set: the token of a service account of Grafana');
  const sslMode = SSL_MODES.find((mode) => mode === options.sslmode);
  if (sslMode === undefined)
    throw new WrongUse(`--sslmode is one of ${SSL_MODES.join(', ')}, not ${options.sslmode}`);
  if (options.sql !== undefined && !/^.+:\d{1,5}$/.test(options.sql))
    throw new WrongUse(`--sql takes HOST:PORT, not ${options.sql}`);
  await push({
    grafana: { url, token },
    dataSource:
      options.sql === undefined
        ? null
        : {
            address: options.sql,
            user: options.user,
            password: process.env.SPANLEDGER_SQL_PASSWORD || null,
            sslMode,
          },
    dashboards: dashboards(),
    runbooks: options.runbooks.replace(/\/$/, ''),
    say: (line) => process.stdout.write(`${line}\n`),
  });
}

/** As the service would be started from here. A configuration with mistakes says so itself. */
async function thisPlace(): Promise<Place> {
  const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
  const configFile = resolve(root, process.env.SPANLEDGER_CONFIG ?? 'spanledger.yaml');
  const text = await readFile(configFile, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  const { listen, reader } = readConfig(text, process.env);
  return {
    root,
    configFile,
    sqlHost: listen.sql_host ?? listen.host,
    sqlPort: listen.sql_port,
    otlpPort: listen.otlp_http_port,
    readers: [...reader.users.values()]
      .filter(({ reader }) => reader.role !== 'customer')
      .map(({ name }) => name),
    hasTls: reader.tls !== null,
  };
}

function print(place: Place): void {
  sections(place).forEach(({ title, steps }, index) => {
    process.stdout.write(`${index === 0 ? '' : '\n'}${paint('bold', title)}\n`);
    steps.forEach(({ text, copy }, step) => {
      process.stdout.write(`\n  ${step + 1}. ${text}\n`);
      if (copy !== undefined) process.stdout.write(`\n${paint('cyan', copy.replace(/^/gm, '     '))}\n`);
    });
  });
}
