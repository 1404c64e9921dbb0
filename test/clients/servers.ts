import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmod, chown, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { aRequest, aRequestSpan, attributes } from '../../collector/src/otlp/testing/bodies.ts';
import { scramVerifier } from '../../packages/pgwire/src/index.ts';
import { selfSigned } from '../../packages/pgwire/src/testing/certificate.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { post } from '../otlp-client.ts';
import { startServiceProcess } from '../service.ts';
import { until } from '../until.ts';
import { CALLS, CUSTOMERS, FIRST_CALL_AT, PASSWORD, USER } from './cases.ts';
import { GUIDE_PASSWORD, GUIDE_USER } from './guide.ts';

/** Whoever the clients talk to, with the same calls in it and the same user. */
export interface Server {
  readonly port: number;
  readonly certificateFile: string;
  /** Whether it computes nothing that would last. */
  readonly isAtRest: () => Promise<boolean>;
  stop(): Promise<void>;
}

export const DATABASE = 'spanledger';

/** The service as people run it, with a user and a certificate. */
export async function startLedger(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-clients-'));
  const { certificateFile, keyFile } = await writeCertificate(folder);
  const configFile = join(folder, 'spanledger.yaml');
  await writeFile(
    configFile,
    [
      'reader:',
      '  users:',
      `    ${USER}: { role: analyst, password: '${await scramVerifier(PASSWORD)}' }`,
      `    ${GUIDE_USER}: { role: analyst, password: '${await scramVerifier(GUIDE_PASSWORD)}' }`,
      `  tls: { cert_file: ${certificateFile}, key_file: ${keyFile} }`,
    ].join('\n'),
  );
  const service = await startServiceProcess({ dataDir: folder, configFile });
  const answer = await post(service.otlpUrl, aRequest(Array.from({ length: CALLS }, (_, n) => call(n))));
  if (answer.status !== 200) throw new Error(`the calls were answered with ${answer.status}`);
  await until('the calls are in the ledger', 10_000, async () => {
    const [row] = await service.query('SELECT count(*) AS calls FROM usage_hourly, range(calls)');
    return Number(row?.calls) === CALLS;
  });
  return {
    port: Number(new URL(service.sqlUrl).port),
    certificateFile,
    isAtRest: async () => (await busyShare(await service.ledgerPid())) < 0.5,
    async stop() {
      const exitCode = await service.stop();
      await removeDataDirectory(folder);
      if (exitCode !== 0) throw new Error(`the service ended with ${exitCode}: ${service.log()}`);
    },
  };
}

const TICKS_PER_SECOND = 100;

/** Of one core, for a moment. */
async function busyShare(pid: number): Promise<number> {
  const ticks = async () => {
    const [, , ...fields] = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ');
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = await ticks();
  const since = performance.now();
  await delay(300);
  return ((await ticks()) - before) / TICKS_PER_SECOND / ((performance.now() - since) / 1_000);
}

function call(n: number) {
  const endNs = BigInt(Date.parse(FIRST_CALL_AT) + n * 600_000) * 1_000_000n;
  return aRequestSpan({
    traceId: (n + 1).toString(16).padStart(32, 'a'),
    spanId: (n + 1).toString(16).padStart(16, 'b'),
    attributes: attributes({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.response.model': 'gpt-4o-2024-08-06',
      'gen_ai.usage.input_tokens': 100 * (n + 1),
      'gen_ai.usage.output_tokens': 20,
      'spanledger.customer.id': CUSTOMERS[n % CUSTOMERS.length] ?? '',
      'spanledger.feature.name': n % 2 === 0 ? 'support-chat' : 'search',
    }),
    startTimeUnixNano: String(endNs - 1_000_000_000n),
    endTimeUnixNano: String(endNs),
  });
}

async function writeCertificate(folder: string): Promise<{ certificateFile: string; keyFile: string }> {
  const { cert, key } = selfSigned();
  const certificateFile = join(folder, 'server.crt');
  const keyFile = join(folder, 'server.key');
  await writeFile(certificateFile, cert);
  await writeFile(keyFile, key, { mode: 0o600 });
  return { certificateFile, keyFile };
}

const BINARIES = '/usr/lib/postgresql/15/bin';

/** Debian's PostgreSQL 15 with tables that stand for the views, to see that what is expected is right. */
export async function startPostgres(): Promise<Server> {
  const folder = await mkdtemp(join(tmpdir(), 'spanledger-postgresql-'));
  const { certificateFile, keyFile } = await writeCertificate(folder);
  const data = join(folder, 'data');
  await mkdir(data);
  // It does not run as root.
  const owner = process.getuid?.() === 0 ? await ownedBy('postgres', [folder, data, keyFile]) : {};
  const socket = folder;
  run('initdb', ['-D', data, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '-U', 'postgres']);
  await writeFile(
    join(data, 'pg_hba.conf'),
    'local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  );
  const port = await freePort();
  const settings = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: socket,
    ssl: 'on',
    ssl_cert_file: certificateFile,
    ssl_key_file: keyFile,
    timezone: 'UTC',
    fsync: 'off',
    log_min_messages: 'fatal',
  };
  const server = spawn(
    join(BINARIES, 'postgres'),
    ['-D', data, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])],
    { stdio: ['ignore', 'ignore', 'inherit'], ...owner },
  );
  const asSuperuser = (sql: string, database: string) =>
    run('psql', [
      '-h',
      socket,
      '-p',
      String(port),
      '-U',
      'postgres',
      '-qXd',
      database,
      '-v',
      'ON_ERROR_STOP=1',
      '-c',
      sql,
    ]);
  await until('PostgreSQL listens', 20_000, () => {
    asSuperuser('SELECT 1', 'postgres');
    return true;
  });
  asSuperuser(`CREATE DATABASE ${DATABASE}`, 'postgres');
  asSuperuser(tables(await scramVerifier(PASSWORD)), DATABASE);
  return {
    port,
    certificateFile,
    isAtRest: async () => true,
    async stop() {
      server.kill('SIGINT');
      await once(server, 'exit');
      await rm(folder, { recursive: true });
    },
  };

  function run(program: string, args: readonly string[]): void {
    const { status, stderr } = spawnSync(join(BINARIES, program), args, { encoding: 'utf8', ...owner });
    if (status !== 0) throw new Error(`${program}: ${stderr}`);
  }
}

function tables(verifier: string): string {
  const rows = Array.from({ length: CALLS }, (_, n) => {
    const at = new Date(Date.parse(FIRST_CALL_AT) + n * 600_000).toISOString();
    const customer = (CUSTOMERS[n % CUSTOMERS.length] ?? '').replaceAll("'", "''");
    const units = 250 * (n + 1) + 200;
    return `('${at}', '${customer}', '${n % 2 === 0 ? 'support-chat' : 'search'}', ${100 * (n + 1)}, ${units} * 0.000001)`;
  });
  return `
    CREATE TABLE usage (event_time timestamptz, customer text, feature text, input_tokens bigint, cost_usd numeric(38, 15));
    INSERT INTO usage VALUES ${rows.join(', ')};
    CREATE VIEW usage_hourly AS
      SELECT customer, date_trunc('hour', event_time, 'UTC') AS hour, count(*) AS calls FROM usage GROUP BY 1, 2;
    CREATE ROLE ${USER} LOGIN PASSWORD '${verifier}';
    GRANT ALL ON usage, usage_hourly TO ${USER};
    GRANT ALL ON SCHEMA public TO ${USER};
    ALTER ROLE ${USER} SET default_transaction_read_only = on;`;
}

async function ownedBy(user: string, paths: readonly string[]): Promise<{ uid: number; gid: number }> {
  const idOf = (flag: string) => Number(spawnSync('id', [flag, user], { encoding: 'utf8' }).stdout);
  const owner = { uid: idOf('-u'), gid: idOf('-g') };
  for (const path of paths) await chown(path, owner.uid, owner.gid);
  await chmod(paths[0] ?? '', 0o755);
  return owner;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  if (address === null || typeof address === 'string') throw new Error('a port is a number');
  return address.port;
}
