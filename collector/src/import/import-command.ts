import { type Command, Option } from 'commander';
import type { Output, Paint } from '../terminal.ts';
import type { Metering } from './examination.ts';
import type { RowFormat } from './row-batches.ts';

export interface ImportCommandParts {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly paint: Paint;
  /** How the service of the configuration understands and prices spans, and where it takes them. */
  readonly service: () => Promise<Metering & { readonly otlpUrl: string }>;
  readonly nowMillis: () => number;
  readonly onFailure: () => void;
}

const FORMATS = ['csv', 'jsonl', 'otlp', 'langfuse', 'litellm'] as const;

export interface ImportOptions {
  readonly format: RowFormat | 'otlp';
  readonly batch?: string;
  readonly source?: string;
  readonly dryRun?: boolean;
  readonly costOnly?: boolean;
  readonly skipBadRows?: boolean;
  readonly ignoreUnknownColumns?: boolean;
  readonly customerFrom?: string;
  readonly featureFrom?: string;
  readonly json?: boolean;
  readonly url?: string;
}

export function addImportCommand(program: Command, parts: ImportCommandParts): void {
  program
    .command('import')
    .description('send usage of the past from a file to the running service, each call once')
    .argument('<file>', 'the file; gzip is unpacked')
    .addOption(new Option('--format <format>', 'what the file holds').choices(FORMATS).makeOptionMandatory())
    .option('--dry-run', 'read and check everything, show what would be sent, and send nothing')
    .option('--cost-only', 'record what the calls cost, and burn no credits for them')
    .option('--skip-bad-rows', 'send the rows that are right, and list the others')
    .option('--ignore-unknown-columns', 'pass over columns that the format does not have (csv, jsonl)')
    .option(
      '--batch <id>',
      "the name of this import on its spans; default: a fingerprint of the file's content",
    )
    .option(
      '--source <name>',
      'the system whose rows these are: its ids are unique within it; default: the format',
    )
    .option('--customer-from <field>', 'the field that names the customer, such as metadata.customer')
    .option('--feature-from <field>', 'the field that names the feature')
    .option('--json', 'print one JSON object, for programs')
    .option('--url <url>', 'where the service takes spans; default: the address in the configuration')
    .addHelpText(
      'after',
      `
The whole file is checked before anything is sent: a row that is wrong stops the import, unless --skip-bad-rows.
A row has its id from the file, so the same row, in whatever file and however often it is sent, counts once; after an
interruption import the file again.

  csv, jsonl  our own fields: id, time, customer, feature, model, input_tokens, output_tokens, … (import-row.schema.json)
  otlp        requests of OTLP traces in JSON or protobuf, such as the OpenTelemetry Collector's file exporter writes
  langfuse    observations from Langfuse: JSON array, JSON lines or CSV
  litellm     rows of LiteLLM's table LiteLLM_SpendLogs: CSV or JSON lines

Exit code 0 when all is sent, 1 when rows are wrong or the service does not take them, 2 if the command line is wrong.

Examples:
  spanledger import --format csv --dry-run usage-2026-10.csv
  spanledger import --format litellm --cost-only --customer-from end_user spend-logs.jsonl`,
    )
    .action(async (path: string, options: ImportOptions) => {
      // Only here: all commands, and the service, describe this one, and only it reads files.
      const { importFile } = await import('./import-file.ts');
      const isRight = await importFile(path, options, parts);
      if (!isRight) parts.onFailure();
    });
}
