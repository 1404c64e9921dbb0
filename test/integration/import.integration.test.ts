import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aRequest, aRequestSpan, attributes, encodeTraces } from '../../collector/src/otlp/testing/bodies.ts';
import { removeDataDirectory } from '../data-directory.ts';
import { post, send } from '../otlp-client.ts';
import { spanledger } from '../program.ts';
import { type RunningService, startServiceProcess } from '../service.ts';
import { until } from '../until.ts';

const MAIN = fileURLToPath(new URL('../../collector/src/main.ts', import.meta.url));
const HEADER = 'id,time,customer,feature,user,model,provider,input_tokens,cache_read_tokens,output_tokens';

function csvRow(number: number): string {
  const time = 1_760_000_000 + number;
  return `call-${number},${time},"cus, ${number % 7}",chat,u${number % 50},gpt-4o-2024-08-06,openai,1000,400,100`;
}

function csv(first: number, count: number): string {
  return [HEADER, ...Array.from({ length: count }, (_, index) => csvRow(first + index)), ''].join('\r\n');
}

/** 600 uncached at 2.5, 400 cached at 1.25 and 100 out at 10 USD per million. */
const COST_OF_A_ROW = 0.003;

async function totals(service: RunningService, customerLike: string) {
  const [row] = await service.query(
    `SELECT count(*)::VARCHAR AS calls, sum(input_tokens)::VARCHAR AS input,
       sum(cost_usd)::DECIMAL(18, 4)::VARCHAR AS cost, count(DISTINCT usage_id)::VARCHAR AS ids
     FROM usage WHERE billing_role = 'billed' AND customer LIKE '${customerLike}'`,
  );
  return row;
}

let directory = '';
let service: RunningService;
const url = () => ['--url', service.otlpUrl];

async function aFile(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'spanledger-import-'));
  service = await startServiceProcess({ dataDir: join(directory, 'ledger') });
});

afterAll(async () => {
  const exitCode = await service?.stop();
  await removeDataDirectory(join(directory, 'ledger'));
  await rm(directory, { recursive: true, force: true });
  expect(exitCode).toBe(0);
});

describe('spanledger import', () => {
  it('counts each call once: twice the same file, in halves, after a kill in the middle, in either format', async () => {
    const rows = 6000;
    const whole = await aFile('whole.csv', csv(0, rows));

    // The answer to the third request is lost, and with the fifth the sender dies.
    const lossy = await aLossyWay(service.otlpUrl, { losesAnswer: 3, kills: 5 });
    const sender = spawn(
      process.execPath,
      ['--conditions=@spanledger/source', MAIN, 'import', '--format', 'csv', whole, '--url', lossy.url],
      { env: { PATH: process.env.PATH }, stdio: 'ignore' },
    );
    await lossy.isOver;
    sender.kill('SIGKILL');
    await once(sender, 'exit');
    await lossy.close();

    const half = rows / 2;
    const files = [
      ['csv', await aFile('first.csv', csv(0, half))],
      ['csv', await aFile('second.csv.gz', gzipSync(csv(half, rows - half)))],
      ['csv', whole],
      ['jsonl', await aFile('some.jsonl', jsonLines(0, 1000))],
    ] as const;
    for (const [format, path] of files) {
      const { exitCode, stderr, stdout } = await spanledger(['import', '--format', format, path, ...url()]);
      expect(exitCode, stderr).toBe(0);
      expect(stdout).toMatch(/Sent [\d,]+ spans as batch [0-9a-f]{16} \(charge\)\.\n$/);
    }
    await until('all is posted', 60_000, async () => {
      const [row] = await service.query('SELECT sum(spans)::VARCHAR AS spans FROM ingest_health');
      const { calls } = (await totals(service, 'cus, %')) ?? {};
      return calls === String(rows) && Number(row?.spans) >= 2 * rows + 1000 + 3000;
    });
    expect(await totals(service, 'cus, %')).toEqual({
      calls: String(rows),
      ids: String(rows),
      input: String(rows * 1000),
      cost: (rows * COST_OF_A_ROW).toFixed(4),
    });
  });

  it('sends nothing when a row is wrong, and says which and why; with --skip-bad-rows it sends the others', async () => {
    const lines = csv(0, 3).replaceAll('cus, ', 'bad-').split('\r\n');
    lines[2] = lines[2]?.replace(',1000,', ',"1,000",') ?? '';
    const path = await aFile('bad.csv', lines.join('\r\n').replaceAll('call-', 'other-'));
    const refused = await spanledger(['import', '--format', 'csv', path, ...url()]);
    expect(refused.exitCode).toBe(1);
    expect(refused.stderr).toMatch(/^row 2, line 3: input_tokens: expected a whole number.*, found 1,000$/m);
    expect(refused.stderr).toMatch(/^SL_IMPORT_ROWS: 1 row /m);

    const skipped = await spanledger(['import', '--format', 'csv', '--skip-bad-rows', path, ...url()]);
    expect(skipped.exitCode, 'it tells that not all was right').toBe(1);
    await until('the others are posted', 20_000, async () => (await totals(service, 'bad-%'))?.calls === '2');
  });

  it('--dry-run shows what would be sent with its cost, and sends nothing', async () => {
    const path = await aFile('dry.csv', csv(0, 2500).replaceAll('cus, ', 'dry-').replaceAll('call-', 'dry-'));
    const { exitCode, stdout } = await spanledger(['import', '--format', 'csv', '--dry-run', '--json', path]);
    expect(exitCode, 'it needs no service').toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      rows: 2500,
      bad_rows: 0,
      first_event_at: '2025-10-09T08:53:20.000Z',
      sent: false,
      totals: { calls: 2500, input_tokens: 2_500_000, cost_usd: '7.5', unpriced_calls: 0 },
    });
    const table = await spanledger(['import', '--format', 'csv', '--dry-run', path, ...url()]);
    expect(table.stdout).toMatch(/^2,500 rows, 2,500 calls/);
    expect(table.stdout).toMatch(/gpt-4o-2024-08-06 .* 7\.5 /);
    expect((await totals(service, 'dry-%'))?.calls).toBe('0');
  });

  it('forwards OTLP files as they are, in JSON lines and in protobuf, as they come live', async () => {
    const span = (customer: string, index: number) =>
      aRequestSpan({
        traceId: `${index}`.padStart(32, 'a'),
        spanId: `${index}`.padStart(16, 'b'),
        attributes: attributes({
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.response.model': 'gpt-4o-2024-08-06',
          'gen_ai.usage.input_tokens': 10,
          'gen_ai.usage.output_tokens': 5,
          'spanledger.customer.id': customer,
        }),
      });
    const live = aRequest([span('otlp-1', 1)]);
    expect((await post(service.otlpUrl, live)).status).toBe(200);
    const requests = [live, aRequest([span('otlp-2', 2)]), aRequest([span('otlp-3', 3)])];
    const lines = await aFile('spans.jsonl', requests.map((request) => JSON.stringify(request)).join('\n'));
    const framed = requests.map((request) => {
      const body = Buffer.from(encodeTraces(request));
      const length = Buffer.alloc(4);
      length.writeUInt32BE(body.length);
      return Buffer.concat([length, body]);
    });
    const files = [
      lines,
      await aFile('framed.bin', Buffer.concat(framed)),
      await aFile('one.bin', encodeTraces(aRequest([span('otlp-4', 4)]))),
    ];
    for (const path of files) {
      const { exitCode, stderr } = await spanledger(['import', '--format', 'otlp', path, ...url()]);
      expect([exitCode, stderr], path).toEqual([0, '']);
    }
    await until('all are posted', 20_000, async () => (await totals(service, 'otlp-%'))?.calls === '4');
    expect(await totals(service, 'otlp-%')).toMatchObject({ input: '40' });
  });

  it('says what it cannot read, and without a service how to start one', async () => {
    const missing = await spanledger(['import', '--format', 'csv', join(directory, 'nowhere.csv')]);
    expect(missing.exitCode).toBe(2);
    expect(missing.stderr).toMatch(/^SL_IMPORT_UNREADABLE: .*nowhere\.csv/);
    const wrong = await spanledger(['import', '--format', 'xml', 'a.xml']);
    expect(wrong.exitCode).toBe(2);
    const path = await aFile('few.csv', csv(0, 2));
    const alone = await spanledger(['import', '--format', 'csv', path, '--url', 'http://127.0.0.1:1']);
    expect(alone.exitCode).toBe(1);
    expect(alone.stderr).toMatch(/^SL_SERVICE_UNREACHABLE: .*npm start/);
  });
});

function jsonLines(first: number, count: number): string {
  const names = HEADER.split(',');
  return Array.from({ length: count }, (_, index) => {
    const cells = csvRow(first + index)
      .replace(/"(cus), (\d)"/, '$1\u0000 $2')
      .split(',');
    return JSON.stringify(
      Object.fromEntries(names.map((name, at) => [name, (cells[at] ?? '').replace('\u0000', ',')])),
    );
  }).join('\n');
}

/** A way to the service on which one answer is lost, and that says when a request comes that never arrives. */
async function aLossyWay(to: string, { losesAnswer, kills }: { losesAnswer: number; kills: number }) {
  const over = Promise.withResolvers<void>();
  let requests = 0;
  const server = createServer(async (request, response) => {
    const number = ++requests;
    if (number >= kills) return over.resolve();
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { 'content-type': type = '', 'content-encoding': encoding = '' } = request.headers;
    const answer = await send(to, {
      headers: { 'content-type': type, 'content-encoding': encoding },
      body: Buffer.concat(chunks),
    });
    if (number === losesAnswer) response.destroy();
    else response.writeHead(answer.status).end(answer.body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/v1/traces`,
    isOver: over.promise,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
