import type { Dashboard } from '@grafana/grafana-foundation-sdk/dashboard';
import { DATA_SOURCE_UID, FOLDER, ruleOf } from '../alerts/provisioned.ts';
import { alertGroups } from '../alerts/rules.ts';

/**
 * Puts the data source, the folder, the dashboards and the alert rules into a Grafana over its HTTP API. What is there
 * already is replaced, so it can be done again after each update. Contact points and policies are left alone: there is
 * one tree of policies for each organisation, and it is not ours.
 */
export interface Grafana {
  readonly url: URL;
  /** Of a service account with the role Admin: data sources are for admins. */
  readonly token: string;
}

export interface DataSource {
  /** host:port, as Grafana reaches the ledger. */
  readonly address: string;
  readonly user: string;
  /** Null: the data source is there already, or there are no users. */
  readonly password: string | null;
  readonly sslMode: SslMode;
}

export type SslMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

export interface Pushed {
  readonly grafana: Grafana;
  /** Null: the data source with the uid `spanledger` is there already and stays as it is. */
  readonly dataSource: DataSource | null;
  readonly dashboards: readonly Dashboard[];
  /** The address of the folder of runbooks, for the links in alerts. */
  readonly runbooks: string;
  readonly say: (line: string) => void;
}

const FOLDER_UID = 'spanledger';

/** @throws {GrafanaRefused} with what Grafana said; what was done before it stays done. */
export async function push({ grafana, dataSource, dashboards, runbooks, say }: Pushed): Promise<void> {
  const health = await ask(grafana, 'GET', '/api/health');
  say(`Grafana ${textOf(health, 'version')} at ${grafana.url.href}`);

  if (dataSource !== null) {
    const isNew = await createOrUpdate(grafana, {
      exists: `/api/datasources/uid/${DATA_SOURCE_UID}`,
      create: '/api/datasources',
      body: dataSourceBody(dataSource),
    });
    say(`data source Spanledger ${isNew ? 'created' : 'updated'}`);
  }
  await ask(grafana, 'GET', `/api/datasources/uid/${DATA_SOURCE_UID}`);

  const isNewFolder = !(await isThere(grafana, `/api/folders/${FOLDER_UID}`));
  if (isNewFolder) await ask(grafana, 'POST', '/api/folders', { uid: FOLDER_UID, title: FOLDER });
  say(`folder ${FOLDER} ${isNewFolder ? 'created' : 'is there'}`);

  for (const dashboard of dashboards) {
    const answer = await ask(grafana, 'POST', '/api/dashboards/db', {
      dashboard: { ...dashboard, id: null },
      folderUid: FOLDER_UID,
      overwrite: true,
      message: 'npm run grafana',
    });
    say(`dashboard ${dashboard.title}: ${new URL(textOf(answer, 'url'), grafana.url).href}`);
  }

  for (const { name, everyMinutes, rules } of alertGroups) {
    await ask(
      grafana,
      'PUT',
      `/api/v1/provisioning/folder/${FOLDER_UID}/rule-groups/${encodeURIComponent(name)}`,
      {
        title: name,
        folderUid: FOLDER_UID,
        interval: everyMinutes * 60,
        rules: rules.map((rule) => ({
          ...ruleOf(rule, name, dashboards, runbooks),
          folderUID: FOLDER_UID,
          orgID: 1,
        })),
      },
      // So that bounds can be changed in Grafana, too.
      { 'x-disable-provenance': 'true' },
    );
    say(`alerts ${name}: ${rules.length}`);
  }
}

/** As the API wants it; the same as in provisioning/datasources/spanledger.yaml. */
export function dataSourceBody({ address, user, password, sslMode }: DataSource): object {
  return {
    name: 'Spanledger',
    uid: DATA_SOURCE_UID,
    type: 'grafana-postgresql-datasource',
    access: 'proxy',
    url: address,
    user,
    jsonData: {
      database: 'spanledger',
      sslmode: sslMode,
      postgresVersion: 1500,
      timescaledb: true,
      maxOpenConns: 4,
      maxIdleConns: 4,
      connMaxLifetime: 14400,
    },
    ...(password === null ? {} : { secureJsonData: { password } }),
  };
}

async function createOrUpdate(
  grafana: Grafana,
  { exists, create, body }: { exists: string; create: string; body: object },
): Promise<boolean> {
  if (await isThere(grafana, exists)) {
    await ask(grafana, 'PUT', exists, body);
    return false;
  }
  await ask(grafana, 'POST', create, body);
  return true;
}

async function isThere(grafana: Grafana, path: string): Promise<boolean> {
  try {
    await ask(grafana, 'GET', path);
    return true;
  } catch (error) {
    if (error instanceof GrafanaRefused && error.status === 404) return false;
    throw error;
  }
}

/** What Grafana answered when it did not do what was asked. */
export class GrafanaRefused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** A Grafana that does not answer within this time is not there. */
const ANSWERS_WITHIN_MS = 30_000;

async function ask(
  { url, token }: Grafana,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  body?: object,
  headers: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  // Grafana may be served below a path: the URL then has it.
  const target = new URL(`${url.pathname.replace(/\/$/, '')}${path}`, url);
  const response = await fetch(target, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(ANSWERS_WITHIN_MS),
    // A redirect to a page to log in would look like success.
    redirect: 'error',
  }).catch((cause: unknown) => {
    const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    throw new GrafanaRefused(0, `${target.origin} does not answer: ${String(why)}`);
  });
  const text = await response.text();
  const answer = parsed(text);
  if (response.ok) return answer;
  const said = textOf(answer, 'message') || text.slice(0, 200);
  throw new GrafanaRefused(
    response.status,
    `${method} ${target.pathname}: ${response.status} ${said}${hint(response.status)}`,
  );
}

function hint(status: number): string {
  if (status === 401) return ' (the token is not valid, or of another Grafana)';
  if (status === 403) return ' (the service account needs the role Admin)';
  return '';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function textOf(answer: unknown, key: string): string {
  if (typeof answer !== 'object' || answer === null || !(key in answer)) return '';
  const value: unknown = Object.entries(answer).find(([name]) => name === key)?.[1];
  return typeof value === 'string' ? value : '';
}
