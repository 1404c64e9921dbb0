import { execFile, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { CANCELLED_WITHIN_MS, type Expected } from './cases.ts';
import type { Ask } from './conversation.ts';

/** A client of PostgreSQL as people have it, and how its program (of `programs/`) is run. */
export interface Client {
  readonly name: string;
  /** What installs it, for whoever is told that it is missing. */
  readonly installedBy: string;
  readonly isInstalled: () => boolean;
  /** How its program is run. What must be compiled is compiled into the folder. */
  readonly program: (folder: string) => Promise<Program>;
  /** In `collector/clients.md`, whose program is run in the same way. */
  readonly guide: {
    readonly heading: string;
    readonly run: (source: string, folder: string) => Promise<Program>;
  };
  readonly traits: Traits;
}

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
}

/** Where a client differs from others by its own making, whichever server it talks to. */
export interface Traits {
  /** Cases that it cannot do, by name, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
  /** The only things that it does, where it stands on another client that does the rest. */
  readonly asks?: readonly Ask['do'][];
  /** Of a fraction of a second: JavaScript's dates keep three. */
  readonly fractionDigits?: number;
  /** Instants come as times without a zone. */
  readonly losesZone?: boolean;
  /** Whether it tells of which types columns are. */
  readonly tellsTypes?: false;
  /** Of several statements in one text it shows all results, the last one, or none. */
  readonly shows?: 'last' | 'none';
  /** Other answers than those in `cases.ts`, by the names of the cases. */
  readonly instead?: Readonly<Record<string, Expected>>;
}

const PROGRAMS = fileURLToPath(new URL('./programs/', import.meta.url));
const JDBC = '/usr/share/java/postgresql.jar';
/** It runs for seconds, in which compiling thoroughly does not pay. */
const JAVA = ['-XX:TieredStopAtLevel=1', '-cp', JDBC];
/** Where Debian puts the sources of Go packages. */
const GO_SOURCES = '/usr/share/gocode';

/** Where the guide names more than the client. */
const GUIDE_HEADINGS: Readonly<Record<string, string>> = {
  psycopg2: 'psycopg 2',
  SQLAlchemy: 'SQLAlchemy, pandas, Superset',
  psqlODBC: 'ODBC: Excel, Power BI',
};

export const CLIENTS: readonly Client[] = [
  {
    name: 'psql',
    installedBy: 'apt-get install postgresql-client',
    isInstalled: () => runs('psql', ['--version']),
    program: async () => typeScript('psql.ts'),
    guide: { heading: 'psql', run: async (source) => ({ command: 'sh', args: ['-c', source] }) },
    traits: {
      cannot: {
        'an array of numbers as a parameter, without a cast':
          'its values become literals, and the ledger takes one without a cast for an array of texts',
      },
    },
  },
  {
    name: 'node-postgres',
    installedBy: 'npm install',
    isInstalled: () => true,
    program: async () => typeScript('node-postgres.ts'),
    guide: { heading: 'node-postgres', run: javaScript },
    traits: { fractionDigits: 3 },
  },
  {
    name: 'postgres.js',
    installedBy: 'npm install',
    isInstalled: () => true,
    program: async () => typeScript('postgres-js.ts'),
    guide: { heading: 'postgres.js', run: javaScript },
    traits: { fractionDigits: 3 },
  },
  python('psycopg2', 'python3-psycopg2', 'psycopg2', { shows: 'last' }),
  python('psycopg 3', 'python3-psycopg', 'psycopg', {}, 'psycopg3'),
  python('asyncpg', 'python3-asyncpg', 'asyncpg', {
    shows: 'none',
    // Its timeout, which cancels at the server, is told as Python's own.
    instead: { 'cancel a statement that runs': { fails: 'TimeoutError', withinMs: CANCELLED_WITHIN_MS } },
  }),
  python(
    'SQLAlchemy',
    'python3-sqlalchemy python3-psycopg2',
    'sqlalchemy, psycopg2',
    { asks: ['ask', 'ping', 'look around'], tellsTypes: false },
    'sqlalchemy',
  ),
  python(
    'psqlODBC',
    'odbc-postgresql python3-pyodbc',
    'pyodbc; assert "PostgreSQL Unicode" in pyodbc.drivers()',
    {
      losesZone: true,
      tellsTypes: false,
      cannot: {
        'an array': 'ODBC has no arrays',
        'an array as a parameter': 'ODBC has no arrays',
        'an array of numbers as a parameter, without a cast': 'ODBC has no arrays',
      },
      // It puts a savepoint before each statement, and goes back to it.
      instead: {
        'read-only transactions, one with a savepoint, one that failed': {
          outcomes: ['1', '42P01', '2', '42P01', '3', '4'],
        },
        'a transaction in SQL, with writes refused': { outcomes: ['done', 'on', '25006', '1', 'done', '1'] },
      },
    },
    'pyodbc',
  ),
  {
    name: 'PgJDBC',
    installedBy: 'apt-get install libpostgresql-jdbc-java openjdk-17-jdk-headless',
    // A source file is run by a JDK only, which has the compiler.
    isInstalled: () => existsSync(JDBC) && runs('javac', ['-version']),
    program: async () => ({
      command: 'java',
      args: [...JAVA, join(PROGRAMS, 'PgJdbc.java')],
    }),
    guide: {
      heading: 'PgJDBC: DBeaver, Metabase, Tableau',
      async run(source, folder) {
        const file = join(folder, 'Cost.java');
        await writeFile(file, source);
        return { command: 'java', args: [...JAVA, file] };
      },
    },
    traits: {},
  },
  go('lib/pq', 'golang-github-lib-pq-dev', 'github.com/lib/pq', 'libpq.go'),
  go('pgx', 'golang-github-jackc-pgx-v4-dev', 'github.com/jackc/pgx/v4', 'pgx.go', {
    instead: {
      'cancel a statement that runs': { fails: 'context deadline exceeded', withinMs: CANCELLED_WITHIN_MS },
    },
  }),
];

function typeScript(file: string): Program {
  return { command: process.execPath, args: ['--conditions=@spanledger/source', join(PROGRAMS, file)] };
}

async function javaScript(source: string): Promise<Program> {
  return { command: process.execPath, args: ['--input-type=module', '--eval', source] };
}

/** Debian's modules are of Debian's interpreter, which need not be the first one on the path. */
function python(name: string, packages: string, modules: string, traits: Traits, file = name): Client {
  const interpreter = () =>
    ['/usr/bin/python3', 'python3'].find((command) => runs(command, ['-c', `import ${modules}`]));
  return {
    name,
    installedBy: `apt-get install ${packages}`,
    isInstalled: () => interpreter() !== undefined,
    program: async () => ({ command: interpreter() ?? '', args: [join(PROGRAMS, `${file}_client.py`)] }),
    guide: {
      heading: GUIDE_HEADINGS[name] ?? name,
      run: async (source) => ({ command: interpreter() ?? '', args: ['-c', source] }),
    },
    traits,
  };
}

/** Compiled from Debian's sources, which needs no network. */
function go(name: string, packages: string, library: string, file: string, traits: Traits = {}): Client {
  return {
    name,
    installedBy: `apt-get install golang-go ${packages}`,
    isInstalled: () => existsSync(join(GO_SOURCES, 'src', library)) && runs('go', ['version']),
    traits,
    program: async (folder) => ({
      command: await compile(join(folder, `${file}.out`), [
        join(PROGRAMS, 'go', 'shared.go'),
        join(PROGRAMS, 'go', file),
      ]),
      args: [],
    }),
    guide: {
      heading: `Go: ${name}`,
      async run(source, folder) {
        const guideFile = join(folder, `guide-${file}`);
        await writeFile(guideFile, source);
        return { command: await compile(join(folder, `guide-${file}.out`), [guideFile]), args: [] };
      },
    },
  };
}

async function compile(binary: string, files: readonly string[]): Promise<string> {
  // A file that cannot be compiled rejects with what the compiler says.
  await promisify(execFile)('go', ['build', '-p', '2', '-o', binary, ...files], {
    env: { ...process.env, GO111MODULE: 'off', GOTOOLCHAIN: 'local', GOPATH: GO_SOURCES, CGO_ENABLED: '0' },
  });
  return binary;
}

function runs(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0;
}
