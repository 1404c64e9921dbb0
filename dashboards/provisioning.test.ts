import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

/** What Grafana reads at its start, beside the rules: written by hand, so its shape is checked here. */
const read = (path: string) => readFile(new URL(path, import.meta.url), 'utf8');

async function yaml(path: string): Promise<Record<string, unknown>> {
  const content = parse(await read(`provisioning/${path}`));
  expect(content.apiVersion, path).toBe(1);
  return content;
}

/** Names of variables of the environment, as Grafana expands them. */
const variablesIn = (text: string) =>
  new Set([...text.replaceAll(/^\s*#.*$/gm, '').matchAll(/\$\{?(\w+)\}?/g)].map(([, name]) => name));

describe('provisioning', () => {
  it('has the data source under the uid that alert rules name', async () => {
    const { datasources } = await yaml('datasources/spanledger.yaml');
    expect(datasources).toEqual([
      expect.objectContaining({
        uid: 'spanledger',
        type: 'grafana-postgresql-datasource',
        jsonData: expect.objectContaining({
          database: 'spanledger',
          timescaledb: true,
          postgresVersion: 1500,
          maxOpenConns: 4,
        }),
      }),
    ]);
  });

  it('finds the dashboards where compose.yml mounts them', async () => {
    const { providers } = await yaml('dashboards/spanledger.yaml');
    expect(providers).toMatchObject([{ folder: 'Spanledger', type: 'file', options: {} }]);
    const [{ options }] = providers as [{ options: { path: string } }];
    const { services } = parse(await read('compose.yml'));
    expect(services.grafana.volumes).toContain(`./generated:${options.path}:ro`);
  });

  it('routes to a contact point that is there, by labels that the rules have', async () => {
    const { contactPoints } = await yaml('alerting/contact-points.yaml');
    const { policies } = await yaml('alerting/policies.yaml');
    const [contact] = contactPoints as [{ name: string; receivers: { uid: string; type: string }[] }];
    const [policy] = policies as [
      { receiver: string; routes: { receiver: string; object_matchers: string[][] }[] },
    ];
    for (const { receiver } of [policy, ...policy.routes]) expect(receiver).toBe(contact.name);
    expect(policy.routes.map(({ object_matchers: matchers }) => matchers[1]?.[2])).toEqual([
      'critical',
      'warning',
      'info',
    ]);
  });

  it('uses no variable that compose.yml does not set, because Grafana takes a missing one for nothing', async () => {
    const { services } = parse(await read('compose.yml'));
    const set = Object.keys(services.grafana.environment);
    for (const path of [
      'datasources/spanledger.yaml',
      'alerting/contact-points.yaml',
      'alerting/policies.yaml',
    ]) {
      for (const name of variablesIn(await read(`provisioning/${path}`))) expect(set, path).toContain(name);
    }
  });
});

describe('compose.yml', () => {
  it('publishes ports on this machine only', async () => {
    const { services } = parse(await read('compose.yml'));
    const ports = Object.values<{ ports?: string[] }>(services).flatMap(
      ({ ports: published = [] }) => published,
    );
    expect(ports.length).toBeGreaterThanOrEqual(3);
    for (const published of ports) expect(published).toMatch(/^127\.0\.0\.1:/);
  });

  it('asks for the password of the reader, and sends alerts nowhere by default', async () => {
    const { services } = parse(await read('compose.yml'));
    expect(services.prepare.environment.SPANLEDGER_SQL_PASSWORD).toMatch(/^\$\{SPANLEDGER_SQL_PASSWORD:\?/);
    expect(services.grafana.environment.SPANLEDGER_ALERT_WEBHOOK).toContain(':-http://127.0.0.1:9/');
  });

  it('pins the version of Grafana', async () => {
    const { services } = parse(await read('compose.yml'));
    expect(services.grafana.image).toMatch(/^grafana\/grafana:\d+\.\d+\.\d+$/);
  });
});
