import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Command, Option } from 'commander';
import { isErrorCode, SpanledgerError } from '../errors.ts';
import { counted, grouped, type Output } from '../terminal.ts';
import { EXPORT_FORMATS, EXPORTS, type ExportFormat } from './request.ts';

export interface ExportCommandParts {
  readonly stdout: Output;
  readonly stderr: Output;
  /** The API of the service: at a URL, or at that of the configuration. */
  readonly apiUrl: (given: string | undefined) => Promise<string>;
}

interface ExportOptions {
  readonly format: ExportFormat;
  readonly from?: string;
  readonly to?: string;
  readonly out?: string;
  readonly issuer?: string;
  readonly url?: string;
}

export function addExportCommand(program: Command, parts: ExportCommandParts): void {
  program
    .command('export')
    .description('write a part of the ledger of the running service into a file')
    .argument('<what>', `one of ${EXPORTS.join(', ')}`)
    .addOption(new Option('--format <format>', 'of the file').choices(EXPORT_FORMATS).default('csv'))
    .option('--from <time>', 'from here on: a date (from 00:00 UTC) or an instant')
    .option('--to <time>', 'before this')
    .option('--out <file>', 'where to write; default: standard output')
    .option('--issuer <name>', 'who bills the customers (focus)')
    .option('--url <url>', 'the API of the service; default: the address in the configuration')
    .addHelpText(
      'after',
      `
  usage       the view usage, by event time
  ledger      the view credit_ledger, by effective time
  statements  the view statements, by the beginning of the period
  focus       what customers are charged, in the columns of FOCUS 1.2, by the hour

All rows are of one state of the ledger. Decimals are written with all their digits, times in UTC; in CSV NULL is an
empty field, and an empty text is "".
Exit code 0 when the file is whole, 1 when it is not (then nothing is left), 2 if the command line is wrong.

Examples:
  spanledger export focus --from 2026-10-01 --to 2026-11-01 --out october.csv
  spanledger export usage --format parquet --out usage.parquet`,
    )
    .action(async (what: string, options: ExportOptions) => {
      if (!EXPORTS.some((known) => known === what)) {
        throw new SpanledgerError('SL_EXPORT_REQUEST', `${what} is none of ${EXPORTS.join(', ')}.`);
      }
      if (options.out === undefined && options.format === 'parquet' && parts.stdout.isTTY === true) {
        throw new SpanledgerError(
          'SL_EXPORT_REQUEST',
          'Parquet is nothing for a terminal: give a file with --out.',
        );
      }
      const url = await parts.apiUrl(options.url);
      const response = await fetchExport(url, what, options);
      const rows = counted(Number(response.headers.get('x-spanledger-rows') ?? 0), 'row');
      if (options.out === undefined) {
        await pipeline(contentOf(response, url), parts.stdout, { end: false });
        return;
      }
      const bytes = await writeWhole(contentOf(response, url), options.out);
      parts.stderr.write(`${rows}, ${grouped(bytes)} bytes written to ${options.out}\n`);
    });
}

async function fetchExport(
  url: string,
  what: string,
  { format, from, to, issuer }: ExportOptions,
): Promise<Response> {
  const address = new URL(`/api/export/${what}`, url);
  for (const [name, value] of Object.entries({ format, from, to, issuer }))
    if (value !== undefined) address.searchParams.set(name, value);
  let response: Response;
  try {
    response = await fetch(address);
  } catch (cause) {
    throw new SpanledgerError(
      'SL_SERVICE_UNREACHABLE',
      `No service answers at ${url}. Start it with: npm start`,
      {
        cause,
      },
    );
  }
  if (response.ok) return response;
  const [, code = '', message = ''] = REFUSAL.exec(await response.text()) ?? [];
  throw isErrorCode(code)
    ? new SpanledgerError(code, JSON.parse(`"${message}"`))
    : new SpanledgerError(
        'SL_SERVICE_UNREACHABLE',
        `What answers at ${url} is not a Spanledger API that exports.`,
      );
}

/** How the API says no; its message is a text of JSON. */
const REFUSAL = /^\{"error":\{"code":"([A-Z_]+)","message":"((?:[^"\\]|\\.)*)"\}\}$/;

async function* contentOf(response: Response, url: string): AsyncGenerator<Uint8Array> {
  try {
    if (response.body !== null) yield* Readable.fromWeb(response.body);
  } catch (cause) {
    throw new SpanledgerError(
      'SL_EXPORT_FAILED',
      `The service at ${url} went away before the file was whole.`,
      {
        cause,
      },
    );
  }
}

/** Under its name a file is whole or not there. */
async function writeWhole(content: AsyncIterable<Uint8Array>, path: string): Promise<number> {
  const partial = `${path}.part`;
  const file = createWriteStream(partial);
  try {
    await pipeline(content, file);
    await rename(partial, path);
    return file.bytesWritten;
  } catch (cause) {
    await rm(partial, { force: true });
    if (cause instanceof SpanledgerError) throw cause;
    throw new SpanledgerError('SL_EXPORT_FAILED', `The file ${path} cannot be written: ${cause}`, { cause });
  }
}
