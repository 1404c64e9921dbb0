import { randomBytes } from 'node:crypto';
import { realpath, rename, rm, stat, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { type Command, Option } from 'commander';
import { type Document, parseDocument } from 'yaml';
import { type Config, readConfig } from './config.ts';
import { SpanledgerError } from './errors.ts';
import { ROLES, type Role } from './reader/roles.ts';
import type { Output } from './terminal.ts';

export interface UserCommandParts {
  readonly stdin: NodeJS.ReadableStream & { isTTY?: boolean };
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Which file, and what is in it; null: it does not exist yet. */
  readonly configFile: () => Promise<{ readonly path: string; readonly text: string | null }>;
}

interface AddOptions {
  readonly role: Role;
  readonly customer?: string;
  readonly replace?: boolean;
  readonly print?: boolean;
}

/** Who may log in with a client of PostgreSQL: written down in the configuration, with a verifier of the password. */
export function addUserCommands(program: Command, parts: UserCommandParts): void {
  const user = program.command('user').description('say who may read the ledger with a client of PostgreSQL');

  user
    .command('add')
    .description(
      'write a user into the configuration; the password is asked for, or read from standard input',
    )
    .argument('<name>', 'the name to log in with: lower-case letters, digits and _ . @ -')
    .addOption(
      new Option('--role <role>', 'what the user may read').choices([...ROLES]).makeOptionMandatory(),
    )
    .option('--customer <id>', 'with the role customer: whose usage and credits the user sees')
    .option('--replace', 'give a user that is there already a new password and role')
    .option('--print', 'print the lines for the configuration, and leave the file as it is')
    .addHelpText(
      'after',
      `
The file has a verifier (SCRAM-SHA-256), from which the password cannot be told. A running service takes the user over on
SIGHUP. As long as there are no users, whoever reaches the port on this machine may read; from the first one on, all need
a password.

Examples:
  spanledger user add grafana --role analyst
  openssl rand -base64 24 | tee grafana.password | spanledger user add grafana --role analyst
  spanledger user add acme --role customer --customer cus_acme`,
    )
    .action(async (name: string, options: AddOptions) => {
      const file = await parts.configFile();
      const config = readConfig(file.text, parts.environment);
      if (config.reader.users.has(name) && options.replace !== true) {
        throw wrong(`There is a user ${name} already. --replace gives it a new password and role.`);
      }
      const { password, isGenerated } = await passwordFor(name, parts);
      // Only here: no other command speaks a word of the protocol.
      const { scramVerifier } = await import('@spanledger/pgwire');
      const verifier = await scramVerifier(password);
      const { role, customer } = options;
      const entry = { role, ...(customer === undefined ? {} : { customer }), password: verifier };
      const changed = changedText(file.text, (document) => document.setIn(['reader', 'users', name], entry));
      // Also what goes against the rules of users is told here, before anything is written.
      const checked = readConfig(changed, parts.environment);
      if (options.print === true) {
        parts.stdout.write(changedText(null, (document) => document.setIn(['reader', 'users', name], entry)));
      } else {
        await replaceFile(file.path, changed);
        parts.stderr.write(`${file.path} has the user ${name} (${role}) now.\n`);
        sayHowTo(parts.stderr, name, checked);
      }
      if (isGenerated) parts.stdout.write(`${password}\n`);
    });

  user
    .command('list')
    .description('print who may log in, a line for each: name, role, customer')
    .action(async () => {
      const { text } = await parts.configFile();
      for (const { name, reader } of readConfig(text, parts.environment).reader.users.values()) {
        const customer = reader.role === 'customer' ? `\t${reader.customer}` : '';
        parts.stdout.write(`${name}\t${reader.role}${customer}\n`);
      }
    });

  user
    .command('remove')
    .description('take a user out of the configuration')
    .argument('<name>')
    .action(async (name: string) => {
      const { path, text } = await parts.configFile();
      const { users } = readConfig(text, parts.environment).reader;
      if (!users.has(name)) {
        throw wrong(`There is no user ${name}. There are: ${[...users.keys()].join(', ') || 'none'}.`);
      }
      const changed = changedText(text, (document) => document.deleteIn(['reader', 'users', name]));
      readConfig(changed, parts.environment);
      await replaceFile(path, changed);
      parts.stderr.write(
        `${path} has no user ${name} any more. A running service takes it over on SIGHUP.\n`,
      );
      if (users.size === 1)
        parts.stderr.write(
          'It was the last one: from then on, whoever reaches the port on this machine may read.\n',
        );
    });
}

function sayHowTo(stderr: Output, name: string, { listen }: Config): void {
  const { host, sql_host: sqlHost = host, sql_port: port } = listen;
  stderr.write(
    `Send the service SIGHUP, or start it, and connect: psql 'host=${sqlHost} port=${port} user=${name} dbname=spanledger'\n`,
  );
}

function wrong(message: string): SpanledgerError {
  return new SpanledgerError('SL_USER_REQUEST', message);
}

const GENERATED_BYTES = 18;
/** Longer ones are no better, and a whole file is a mistake. */
const MAX_PASSWORD_LENGTH = 1000;

/** Asked for twice on a terminal, where nothing makes one up; otherwise the first line of standard input. */
async function passwordFor(
  name: string,
  { stdin, stderr }: UserCommandParts,
): Promise<{ password: string; isGenerated: boolean }> {
  if (stdin.isTTY !== true) {
    const password = await firstLine(stdin);
    if (password === '') throw wrong('No password came on standard input: its first line is the password.');
    return { password, isGenerated: false };
  }
  const password = await askHidden(stdin, stderr, `Password for ${name} (empty: one is made up): `);
  if (password === '')
    return { password: randomBytes(GENERATED_BYTES).toString('base64url'), isGenerated: true };
  if ((await askHidden(stdin, stderr, 'Once more: ')) !== password) throw wrong('These were two passwords.');
  return { password, isGenerated: false };
}

async function firstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  let text = '';
  for await (const chunk of stdin) {
    text += chunk;
    if (text.includes('\n')) break;
    if (text.length > MAX_PASSWORD_LENGTH)
      throw wrong('What came on standard input is too long for a password.');
  }
  return text.split(/\r?\n/)[0] ?? '';
}

async function askHidden(stdin: NodeJS.ReadableStream, stderr: Output, question: string): Promise<string> {
  stderr.write(question);
  // Whatever is typed is swallowed instead of shown.
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: silence, terminal: true });
  try {
    return await lines.question('');
  } finally {
    lines.close();
    stderr.write('\n');
  }
}

/** Comments and order of the file stay as they are. */
function changedText(text: string | null, change: (document: Document) => void): string {
  const document = parseDocument(text ?? '');
  change(document);
  return document.toString({ lineWidth: 0 });
}

/** At once, or not at all; a link stays one. Whoever may read the file before may read it after. */
async function replaceFile(path: string, text: string): Promise<void> {
  const target = await realpath(path).catch(() => path);
  const mode = await stat(target).then(
    (known) => known.mode & 0o777,
    () => 0o600,
  );
  const fresh = `${target}.${process.pid}.new`;
  try {
    await writeFile(fresh, text, { mode, flag: 'wx' });
    await rename(fresh, target);
  } catch (cause) {
    await rm(fresh, { force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SpanledgerError(
      'SL_CONFIG_INVALID',
      `The configuration file ${path} cannot be written: ${reason}`,
      {
        cause,
      },
    );
  }
}
