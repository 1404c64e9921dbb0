import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { alertGroups, alertRules } from '../alerts/rules.ts';
import { dashboards } from '../src/files.ts';
import { type DataSource, GrafanaRefused, push } from './push.ts';

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  // biome-ignore lint/suspicious/noExplicitAny: what a body holds is what tests claim
  readonly body: any;
}

interface StandIn {
  readonly url: URL;
  readonly asked: Asked[];
}

const TOKEN = 'glsa_test';

/** Answers as Grafana does, and remembers what was put there. */
async function aGrafana(): Promise<StandIn> {
  const asked: Asked[] = [];
  const there = new Map<string, unknown>();
  const answerTo = ({ method, path, headers, body }: Asked): readonly [status: number, body: object] => {
    if (path === '/api/health') return [200, { database: 'ok', version: '13.2.3', commit: 'abc' }];
    if (headers.authorization !== `Bearer ${TOKEN}`) return [401, { message: 'Invalid API key' }];
    switch (method) {
      case 'GET':
        return there.has(path) ? [200, { uid: 'x' }] : [404, { message: 'Not found' }];
      case 'PUT':
        there.set(path, body);
        return [200, { message: 'updated', ...body }];
      default: {
        if (path === '/api/dashboards/db') {
          const { uid, title } = body.dashboard;
          return [
            200,
            { id: 1, uid, status: 'success', version: 1, url: `/d/${uid}/${encodeURIComponent(title)}` },
          ];
        }
        const exists = path === '/api/datasources' ? `${path}/uid/${body.uid}` : `${path}/${body.uid}`;
        if (there.has(exists)) return [409, { message: 'already exists' }];
        there.set(exists, body);
        return [200, { message: 'created', ...body }];
      }
    }
  };
  const server = createServer((incoming, outgoing) => {
    const chunks: Buffer[] = [];
    incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
    incoming.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const { method = '', url: path = '', headers } = incoming;
      const request = { method, path, headers, body: text === '' ? null : JSON.parse(text) };
      asked.push(request);
      const [status, body] = answerTo(request);
      outgoing.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { url: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`), asked };
}

const LEDGER: DataSource = {
  address: '127.0.0.1:5433',
  user: 'grafana',
  password: 's3cret',
  sslMode: 'disable',
};

const pushed = (
  url: URL,
  { token = TOKEN, dataSource = LEDGER as DataSource | null } = {},
  said: string[] = [],
) =>
  push({
    grafana: { url, token },
    dataSource,
    dashboards: dashboards(),
    runbooks: 'https://git.example.com/runbooks',
    say: (line) => said.push(line),
  });

describe('what is put into a Grafana', () => {
  it('is the data source, a folder, all dashboards, and all alerts', async () => {
    const { url, asked } = await aGrafana();
    const said: string[] = [];
    await pushed(url, {}, said);
    const bodies = (method: string, path: string) =>
      asked.filter((request) => request.method === method && request.path === path).map(({ body }) => body);

    expect(bodies('POST', '/api/datasources')).toMatchObject([
      {
        uid: 'spanledger',
        type: 'grafana-postgresql-datasource',
        url: '127.0.0.1:5433',
        jsonData: { database: 'spanledger', sslmode: 'disable', timescaledb: true },
        secureJsonData: { password: 's3cret' },
      },
    ]);
    expect(bodies('POST', '/api/folders')).toEqual([{ uid: 'spanledger', title: 'Spanledger' }]);
    expect(bodies('POST', '/api/dashboards/db').map(({ dashboard }) => dashboard.uid)).toEqual(
      dashboards().map(({ uid }) => uid),
    );
    for (const body of bodies('POST', '/api/dashboards/db'))
      expect(body).toMatchObject({ dashboard: { id: null }, folderUid: 'spanledger', overwrite: true });

    const groups = asked.filter(({ path }) => path.includes('/rule-groups/'));
    expect(groups.map(({ path }) => decodeURIComponent(path.split('/').at(-1) ?? ''))).toEqual(
      alertGroups.map(({ name }) => name),
    );
    const rules = groups.flatMap(({ body }) => body.rules);
    expect(rules.map(({ uid }) => uid)).toEqual(alertRules.map(({ name }) => `spanledger-${name}`));
    for (const { body, headers } of groups) {
      expect(headers['x-disable-provenance']).toBe('true');
      expect(body.interval % 60).toBe(0);
      for (const rule of body.rules)
        expect(rule).toMatchObject({
          folderUID: 'spanledger',
          ruleGroup: body.title,
          orgID: 1,
          condition: 'C',
        });
    }
    expect(rules[0].annotations.runbook_url).toBe('https://git.example.com/runbooks/budget-50.md');
    expect(said.join('\n')).toContain('data source Spanledger created');
    expect(said.join('\n')).toContain(`${url.origin}/d/spanledger-overview`);
  });

  it('takes the place of what is there, at the second time', async () => {
    const { url, asked } = await aGrafana();
    await pushed(url);
    const said: string[] = [];
    await pushed(url, {}, said);
    expect(said.join('\n')).toMatch(/data source Spanledger updated\nfolder Spanledger is there/);
    expect(asked.filter(({ method, path }) => method === 'POST' && path === '/api/folders')).toHaveLength(1);
    expect(
      asked.filter(({ method, path }) => method === 'PUT' && path === '/api/datasources/uid/spanledger'),
    ).toHaveLength(1);
  });

  it('is never contact points or policies', async () => {
    const { url, asked } = await aGrafana();
    await pushed(url);
    expect(asked.map(({ path }) => path).filter((path) => /contact-points|policies/.test(path))).toEqual([]);
  });

  it('leaves a data source alone that is not given, and says so when there is none', async () => {
    const { url, asked } = await aGrafana();
    await expect(pushed(url, { dataSource: null })).rejects.toThrow('/api/datasources/uid/spanledger: 404');
    expect(asked.some(({ method }) => method !== 'GET')).toBe(false);
  });
});

describe('a Grafana that refuses', () => {
  it('is quoted, with what to do', async () => {
    const { url } = await aGrafana();
    await expect(pushed(url, { token: 'glsa_other' })).rejects.toThrow(
      /401 Invalid API key \(the token is not valid/,
    );
  });

  it('or does not answer is named', async () => {
    const gone = createServer();
    gone.listen(0, '127.0.0.1');
    await once(gone, 'listening');
    const { port } = gone.address() as AddressInfo;
    gone.close();
    await once(gone, 'close');
    const failure = pushed(new URL(`http://127.0.0.1:${port}`));
    await expect(failure).rejects.toThrow(GrafanaRefused);
    await expect(failure).rejects.toThrow(`http://127.0.0.1:${port} does not answer`);
  });
});
